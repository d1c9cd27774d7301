"""Conversations of residents, from messaging channels into case systems, and findable there.

The names below are loaded when they are first used: importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gemeente_connect.config import Config as Config
    from gemeente_connect.config import load as load
    from gemeente_connect.contracts import CaseSystem as CaseSystem
    from gemeente_connect.contracts import Channel as Channel
    from gemeente_connect.contracts import Connector as Connector
    from gemeente_connect.contracts import Findable as Findable
    from gemeente_connect.contracts import Page as Page
    from gemeente_connect.contracts import Receipt as Receipt
    from gemeente_connect.errors import AuthError as AuthError
    from gemeente_connect.errors import ConfigError as ConfigError
    from gemeente_connect.errors import GemeenteConnectError as GemeenteConnectError
    from gemeente_connect.errors import PluginError as PluginError
    from gemeente_connect.errors import RejectedError as RejectedError
    from gemeente_connect.errors import RemoteError as RemoteError
    from gemeente_connect.errors import StorageError as StorageError
    from gemeente_connect.errors import TemporaryError as TemporaryError
    from gemeente_connect.files import FileStore as FileStore
    from gemeente_connect.hookspecs import hookimpl as hookimpl
    from gemeente_connect.ledger import Ledger as Ledger
    from gemeente_connect.models import Attachment as Attachment
    from gemeente_connect.models import Conversation as Conversation
    from gemeente_connect.models import Identity as Identity
    from gemeente_connect.models import Message as Message
    from gemeente_connect.models import Participant as Participant
    from gemeente_connect.models import Turn as Turn
    from gemeente_connect.plugins import discover as discover
    from gemeente_connect.replying import reply as reply
    from gemeente_connect.syncing import Report as Report
    from gemeente_connect.syncing import collect as collect
    from gemeente_connect.syncing import deliver as deliver
    from gemeente_connect.syncing import plan as plan
    from gemeente_connect.syncing import sync as sync
    from gemeente_connect.syncing.adopting import adopt as adopt
    from gemeente_connect.syncing.detaching import detach as detach
    from gemeente_connect.syncing.reconciling import reconcile as reconcile

_HOMES = {
    "config": ("Config", "load"),
    "contracts": ("CaseSystem", "Channel", "Connector", "Findable", "Page", "Receipt"),
    "errors": (
        "AuthError", "ConfigError", "GemeenteConnectError", "PluginError", "RejectedError", "RemoteError",
        "StorageError", "TemporaryError",
    ),
    "files": ("FileStore",),
    "hookspecs": ("hookimpl",),
    "ledger": ("Ledger",),
    "models": ("Attachment", "Conversation", "Identity", "Message", "Participant", "Turn"),
    "plugins": ("discover",),
    "replying": ("reply",),
    "syncing": ("Report", "collect", "deliver", "plan", "sync"),
    "syncing.adopting": ("adopt",),
    "syncing.detaching": ("detach",),
    "syncing.reconciling": ("reconcile",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - the one table above says it
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})

"""From the configuration to what is open: syncs by name, plugins, the ledger, connectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from gemeente_connect.cli.drawing import warn
from gemeente_connect.cli.options import Wishes
from gemeente_connect.config import Config, SyncEntry
from gemeente_connect.config import load as load_config
from gemeente_connect.contracts import CaseSystem, Channel
from gemeente_connect.errors import ConfigError
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.database import exists
from gemeente_connect.plugins import Plugins, discover
from gemeente_connect.syncing import Start
from gemeente_connect.syncing.report import guarded


class _Closable(Protocol):
    def close(self) -> None: ...


ClosableT = TypeVar("ClosableT", bound=_Closable)


@dataclass(frozen=True, slots=True)
class Job:
    """A sync that was asked for."""

    name: str
    entry: SyncEntry
    start: Start | None
    """None: it has none, and nothing will be delivered."""


def load(wishes: Wishes) -> Config:
    """Read the configuration."""
    return load_config(wishes.config)


def jobs(config: Config, wishes: Wishes, names: Sequence[str], *, everything: bool, delivers: bool) -> list[Job]:
    """Choose the syncs that are named, or all. Raises ConfigError where one to deliver has no start."""
    if not config.syncs:
        message = f"{wishes.config} has no syncs: add a table [syncs.NAME] with `channel`, `case_system` and `start`"
        raise ConfigError(message)
    chosen = {name: config.sync(name) for name in names or config.syncs}
    if not delivers:
        return [Job(name, entry, None) for name, entry in chosen.items()]
    return [Job(name, entry, _start(name, entry, everything=everything)) for name, entry in chosen.items()]


def _start(name: str, entry: SyncEntry, *, everything: bool) -> Start:
    if entry.start:
        return entry.start
    if everything:
        return "all"
    message = (
        f"the sync {name!r} has no start: set `start = DATE` (such as 2026-01-01) in [syncs.{name}] to deliver "
        "conversations from that day on, or say --all to deliver everything there is"
    )
    raise ConfigError(message)


def installed(used: Iterable[str] = ()) -> Plugins:
    """Discover the plugins. A broken one is a warning, unless it is used: then using it is the error."""
    plugins = discover()
    needed = set(used)
    for broken in plugins.broken:
        if broken.plugin not in needed:
            warn(f"warning: the plugin {broken.plugin!r} of {broken.distribution} is broken: {broken.reason}")
    return plugins


def used_plugins(config: Config, chosen: Iterable[Job]) -> set[str]:
    """Name the plugins that syncs need."""
    return {
        plugin
        for job in chosen
        for plugin in (config.channels[job.entry.channel].plugin, config.case_systems[job.entry.case_system].plugin)
    }


def named(config: Config) -> str:
    """Name the ledger, without the secrets of a URL."""
    return str(config.ledger) if isinstance(config.ledger, Path) else "on PostgreSQL"


def existing_ledger(config: Config) -> Ledger:
    """Open the ledger, where there is one. Raises ConfigError where there is none."""
    if not exists(config.ledger):
        message = f"there is no ledger {named(config)} yet: `gemeente-connect sync` or `collect` makes it"
        raise ConfigError(message)
    return Ledger(config.ledger)


def open_channel(config: Config, plugins: Plugins, name: str) -> AbstractContextManager[Channel]:
    """Open a channel by name, and close it."""
    return _opened(f"the channel {name!r}", partial(config.open_channel, name, plugins))


def open_case_system(config: Config, plugins: Plugins, name: str) -> AbstractContextManager[CaseSystem]:
    """Open a case system by name, and close it."""
    return _opened(f"the case system {name!r}", partial(config.open_case_system, name, plugins))


@contextmanager
def _opened(what: str, connect: Callable[[], ClosableT]) -> Iterator[ClosableT]:
    with guarded(what):
        thing = connect()
    try:
        yield thing
    finally:
        with guarded(what):
            thing.close()

"""What can go wrong, named by what to do about it.

    GemeenteConnectError
    ├── ConfigError            correct the configuration
    ├── PluginError            install, upgrade or repair a plugin
    ├── StorageError           make room, or wait: disk full, ledger locked or read-only
    └── RemoteError            the other side
        ├── AuthError          renew the credentials
        ├── TemporaryError     try later
        └── RejectedError      this record needs a person

A message never holds what a resident wrote, an address, a BSN, a token or the query of a URL.
"""

from __future__ import annotations


class GemeenteConnectError(Exception):
    """The base of every error this library raises on purpose."""


class ConfigError(GemeenteConnectError):
    """The configuration, or an argument, has to be corrected. Trying again changes nothing."""


class PluginError(GemeenteConnectError):
    """A plugin is missing, too old, or broken."""


class StorageError(GemeenteConnectError):
    """The ledger or the attachment store cannot be written now. What was stored before is safe."""


class RemoteError(GemeenteConnectError):
    """A channel or a case system did not do what was asked."""


class AuthError(RemoteError):
    """The credentials were refused. Renew them before the next run."""


class TemporaryError(RemoteError):
    """The other side cannot do it now, or its answer was unclear.

    `retry_after` is the number of seconds the other side asks to wait; None: it did not say. `nothing_done`: it is
    certain that the request was not carried out, so that it may be repeated without looking first.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, nothing_done: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.nothing_done = nothing_done


class RejectedError(RemoteError):
    """The other side will not take this record as it is: a person has to look at it."""

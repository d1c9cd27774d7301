"""The errors of PostgreSQL in words that say what to do: its own hold values, and the names of users and hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gemeente_connect.errors import AuthError, ConfigError, GemeenteConnectError, StorageError

LEDGER = "ledger on PostgreSQL"
_UNREACHABLE = "the server cannot be reached. Check that it runs, and the host and port of the URL"
_MANY = "the server has too many connections. Run again later, or with fewer workers"
_STARTING = "the server is starting or stopping. Run again later"
_LOST = "the connection was lost. Run again: what was stored before is safe"
_OTHERS = "another run is changing the same. Run again when that one is done"
_ADVICE: Mapping[str, tuple[type[GemeenteConnectError], str]] = {
    "": (StorageError, _LOST),
    "08": (StorageError, _LOST),
    "22": (StorageError, "a value does not fit. Report this as a bug"),
    "23": (StorageError, _OTHERS),
    "25006": (StorageError, "it can only be read now. Point the URL at the server that is written to"),
    "25P03": (StorageError, _LOST),
    "28": (AuthError, "the server refuses this user. Correct the user and the password of the URL"),
    "3F": (ConfigError, "its schema is not there. Make it, or correct `search_path`"),
    "40": (StorageError, _OTHERS),
    "42501": (ConfigError, "this user may not do that. Grant it what the documentation lists"),
    "42P01": (ConfigError, "one of its tables is gone. Restore a backup"),
    "53100": (StorageError, "the disk of the server is full. Make room and run again: what was stored before is safe"),
    "53": (StorageError, "the server is short of memory or of connections. Run again later"),
    "53300": (StorageError, _MANY),
    "55": (StorageError, _OTHERS),
    "57014": (StorageError, "the server stopped a statement that took too long. Run again later"),
    "57": (StorageError, _LOST),
    "58": (StorageError, "the disk of the server reports an error. Check it, and restore a backup if it goes on"),
    "XX001": (ConfigError, "its data is damaged. Restore a backup"),
    "XX002": (ConfigError, "one of its indexes is damaged. Run REINDEX, or restore a backup"),
}
_REFUSALS: Sequence[tuple[str, type[GemeenteConnectError], str]] = (
    ("database .* does not exist", ConfigError, "there is no such database. Make it, or correct the URL"),
    (r"permission denied for database", ConfigError, "this user may not use this database. Grant it CONNECT"),
    (r"too many connections|connection slots", StorageError, _MANY),
    (r"is starting up|shutting down|in recovery|not accepting|not yet accepting", StorageError, _STARTING),
    (
        r"invalid (integer|port|connection option|value)|too long",
        ConfigError,
        "its URL has a part that cannot be right",
    ),
    (
        r"authentication|password|role .* does not exist|pg_hba\.conf|not permitted to log in|certificate",
        AuthError,
        "the server refuses this user. Correct the user and the password of the URL",
    ),
)


def of_code(code: str) -> GemeenteConnectError:
    """Tell an error by its SQLSTATE. Empty: the server said nothing any more."""
    kind, advice = _ADVICE.get(code) or _ADVICE.get(code[:2]) or (StorageError, f"it cannot be used ({code})")
    return kind(f"{LEDGER}: {advice}")


def of_refusal(text: str) -> GemeenteConnectError:
    """Tell why no connection was made. There is no code then, only words: English ones, as no server speaks Dutch."""
    for pattern, kind, advice in _REFUSALS:
        if re.search(pattern, text):
            return kind(f"{LEDGER}: {advice}")
    return StorageError(f"{LEDGER}: {_UNREACHABLE}")

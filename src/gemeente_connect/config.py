"""Channels, case systems and syncs from a TOML file, opened by name.

ledger = "ledger.sqlite"            # relative paths start at the folder of this file; or { env = "LEDGER_URL" }
files = "attachments"               # optional; a folder, or any fsspec URL

[channels.whatsapp]
plugin = "whatsapp-export"          # which connector; the rest are its settings
quiet_gap_hours = 24                # optional
path = "chats"

[case_systems.loket]
plugin = "loket"
database = "loket.sqlite"
workers = 1                         # optional; how many conversations are delivered at the same time
offer_again_hours = 23              # optional; when what no resident finds yet is tried again
token = { env = "LOKET_TOKEN" }     # a secret: from the environment, or { file = "/run/secrets/token" }

[syncs.daily]
channel = "whatsapp"
case_system = "loket"
start = 2026-01-01                  # the first day that is delivered
skip = ["Mama"]                     # chats that are not the municipality's business
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, SecretStr, ValidationError

from gemeente_connect.contracts import CaseSystem, Channel, Settings, did_you_mean, problem
from gemeente_connect.errors import ConfigError
from gemeente_connect.plugins import Plugins
from gemeente_connect.privacy import Personal

EntryT = TypeVar("EntryT")


class _Connection(Settings):
    """A table that names a plugin; what else stands in it are the plugin's own settings."""

    model_config = ConfigDict(extra="allow")
    plugin: str

    @property
    def values(self) -> Mapping[str, object]:
        return self.model_extra or {}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "plugin", self.plugin  # the values may be secrets


class ChannelEntry(_Connection):
    """A `[channels.NAME]` table."""

    quiet_gap_hours: Annotated[float, Field(gt=0, le=8784)] = 24
    """Hours of silence after which a thread starts a new conversation."""


class CaseSystemEntry(_Connection):
    """A `[case_systems.NAME]` table."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """How many conversations are delivered at the same time."""
    offer_again_hours: Annotated[float, Field(gt=0, lt=48)] = 23
    """How long a conversation that no resident finds yet waits before it is offered again: once a day, with an hour to
    spare for a run that starts at the same time every day."""


class SyncEntry(Settings):
    """A `[syncs.NAME]` table."""

    channel: str
    case_system: str
    start: date | None = None
    """The first day that is delivered; None: whoever runs it has to say `--all`."""
    skip: Annotated[tuple[str, ...], Personal("name")] = ()
    """Threads of which nothing is kept, by id or by the name people know them by."""


class _File(Settings):
    ledger: str = "ledger.sqlite"
    files: str = "attachments"
    channels: Mapping[str, ChannelEntry] = {}
    case_systems: Mapping[str, CaseSystemEntry] = {}
    syncs: Mapping[str, SyncEntry] = {}


@dataclass(frozen=True, slots=True)
class Config:
    """What stands in a configuration file, with its secrets filled in."""

    folder: Path
    ledger: Path | SecretStr
    """The path of a SQLite file, or the URL of a PostgreSQL database."""
    files: str
    """Where attachments are kept: a folder, or an fsspec URL."""
    channels: Mapping[str, ChannelEntry]
    case_systems: Mapping[str, CaseSystemEntry]
    syncs: Mapping[str, SyncEntry]

    def sync(self, name: str) -> SyncEntry:
        """Give a sync by name. Raises ConfigError that names the choices."""
        return _choose("sync", name, self.syncs)

    def quiet_gap(self, channel: str) -> timedelta:
        """Say after how much silence a channel starts a new conversation."""
        return timedelta(hours=_choose("channel", channel, self.channels).quiet_gap_hours)

    def case_system(self, name: str) -> CaseSystemEntry:
        """Give a case system by name. Raises ConfigError that names the choices."""
        return _choose("case system", name, self.case_systems)

    def open_channel(self, name: str, plugins: Plugins) -> Channel:
        """Open a channel by name. Raises ConfigError, PluginError."""
        entry = _choose("channel", name, self.channels)
        where, beside = f"[channels.{name}]", ChannelEntry.model_fields
        return plugins.channel(entry.plugin).connect(entry.values, folder=self.folder, where=where, beside=beside)

    def open_case_system(self, name: str, plugins: Plugins) -> CaseSystem:
        """Open a case system by name. Raises ConfigError, PluginError."""
        entry = self.case_system(name)
        where, beside = f"[case_systems.{name}]", CaseSystemEntry.model_fields
        return plugins.case_system(entry.plugin).connect(entry.values, folder=self.folder, where=where, beside=beside)


def load(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError that says what to correct, without values."""
    folder = path.absolute().parent
    try:
        with path.open("rb") as stream:
            tables = tomllib.load(stream)
    except FileNotFoundError:
        message = f"there is no configuration file {path}: make one, or name another with --config"
        raise ConfigError(message) from None
    except OSError as error:
        message = f"the configuration file {path} cannot be read: {error.strerror}"
        raise ConfigError(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is no TOML: {error}"
        raise ConfigError(message) from None
    try:
        file = _File.model_validate(_filled_in(tables, folder, ()), context={"folder": folder})
    except ValidationError as error:
        problems = "; ".join(problem(each, _fields_at(each["loc"])) for each in error.errors(include_input=False))
        message = f"{path}: {problems}"
        raise ConfigError(message) from None
    for name, entry in file.syncs.items():
        _choose(f"channel for the sync {name!r},", entry.channel, file.channels)
        _choose(f"case system for the sync {name!r},", entry.case_system, file.case_systems)
    _refuse_different_skips(file.syncs)
    files = file.files if "://" in file.files else str(folder / Path(file.files).expanduser())
    ledger = _ledger(file.ledger, folder, secret=not isinstance(tables.get("ledger"), str))
    return Config(folder, ledger, files, file.channels, file.case_systems, file.syncs)


def _ledger(place: str, folder: Path, *, secret: bool) -> Path | SecretStr:
    if not place or (secret and "@" in place and "://" not in place):
        message = "ledger: this is neither the path of a file nor a URL that begins with postgresql://"
        raise ConfigError(message)
    if "://" not in place:
        return folder / Path(place).expanduser()
    from gemeente_connect.ledger.database import has_password, is_url

    if not is_url(place):
        message = "ledger: this is neither the path of a file nor a URL that begins with postgresql://"
        raise ConfigError(message)
    if not secret and has_password(place):
        message = 'ledger: keep a URL with a password out of this file: write { env = "NAME" } or { file = "PATH" }'
        raise ConfigError(message)
    return SecretStr(place)


def _refuse_different_skips(syncs: Mapping[str, SyncEntry]) -> None:
    """What one sync skips is not kept, so another sync of the same channel would never see it."""
    first: dict[str, str] = {}
    for name, entry in syncs.items():
        other = first.setdefault(entry.channel, name)
        if set(entry.skip) != set(syncs[other].skip):
            message = (
                f"the syncs {other!r} and {name!r} read the same channel and skip different threads, of which nothing "
                "is kept: give both the same `skip`"
            )
            raise ConfigError(message)


def _fields_at(place: tuple[int | str, ...]) -> Iterable[str]:
    entries: Mapping[str, type[Settings]] = {
        "channels": ChannelEntry,
        "case_systems": CaseSystemEntry,
        "syncs": SyncEntry,
    }
    model = entries.get(str(place[0]), _File) if len(place) > 1 else _File
    return model.model_fields


def _filled_in(value: Any, folder: Path, place: tuple[str, ...]) -> Any:
    """Put secrets in the place of `{ env = … }` and `{ file = … }`."""
    if isinstance(value, list):
        return [_filled_in(item, folder, place) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (len(place) > 2 or place == ("ledger",)):  # noqa: PLR2004 - a setting stands at table.name.setting
        match value:
            case {"env": str(name)}:
                return _from_environment(name, place)
            case {"file": str(name)}:
                return _from_file(folder / Path(name).expanduser(), place)
    return {key: _filled_in(item, folder, (*place, key)) for key, item in value.items()}


def _from_environment(name: str, place: tuple[str, ...]) -> str:
    if name not in os.environ:
        message = f"{'.'.join(place)}: the environment variable {name} is not set"
        raise ConfigError(message)
    return os.environ[name]


def _from_file(path: Path, place: tuple[str, ...]) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        message = f"{'.'.join(place)}: the file {path} cannot be read"
        raise ConfigError(message) from None


def _choose(what: str, name: str, choices: Mapping[str, EntryT]) -> EntryT:
    if name in choices:
        return choices[name]
    message = f"there is no {what} {name!r} in the configuration{did_you_mean(name, choices)}"
    raise ConfigError(message)

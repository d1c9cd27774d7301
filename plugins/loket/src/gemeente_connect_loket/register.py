"""The municipality's register of residents: read from a CSV file, checked whole, put in the place of what was there."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, Final, cast, get_args

from gemeente_connect.addresses import is_bsn, normalise
from gemeente_connect.contracts import did_you_mean
from gemeente_connect.errors import ConfigError
from gemeente_connect.models import IdentityKind
from gemeente_connect.residents import Holder
from gemeente_connect_loket.finding import holder as holder_of
from gemeente_connect_loket.store import AMSTERDAM, Store, maybe_text

COLUMNS: Final = ("bsn", "name", "kind", "address", "verified_at", "valid_from", "valid_until")
KINDS: Final = tuple(kind for kind in get_args(IdentityKind) if kind != "bsn")
_NO_BSN: Final = "nine digits that pass the eleven-test are needed (a spreadsheet drops a first zero)"
_SHOWN: Final = 50  # mistakes; a file with more has something else wrong with it


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """A line of the file that was found right."""

    line: int
    name: str
    holder: Holder


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are now, and how many came, changed and went."""

    total: int
    new: int
    changed: int
    gone: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    residents: Counts
    addresses: Counts
    overlapping: tuple[tuple[int, int], ...]
    """Pairs of lines that give one address to two residents at the same time: nobody finds those messages."""


class _WrongError(Exception):
    """A column of a line is wrong. Says what to do, without the value."""

    def __init__(self, *, column: str, what: str) -> None:
        super().__init__(f"{column}: {what}")


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_register(path: Path) -> list[Row]:
    """Read the whole file. Raises ConfigError with a line for each mistake: line number and column, never a value."""
    return parse_register(_text(path), path)


def parse_register(text: str, path: Path) -> list[Row]:
    """Do the same with the text of a file. `path` is only for the messages."""
    lines = _lines(text, path)
    _, header = next(lines, (0, None))
    if header is None:
        message = f"{path} is empty: the first line names the columns {', '.join(COLUMNS)}"
        raise ConfigError(message)
    _check_header([name.strip() for name in header], path)
    rows, mistakes = [], []
    names: dict[str, tuple[int, str]] = {}
    for line, cells in lines:
        try:
            row = _row(line, [name.strip() for name in header], cells)
            first, name = names.setdefault(row.holder.bsn, (line, row.name))
            if name != row.name:
                raise _WrongError(  # noqa: TRY301 - collected like the others
                    column="name", what=f"is another than on line {first}, for the same bsn"
                )
            rows.append(row)
        except _WrongError as wrong:
            mistakes.append(f"{path}, line {line}: {wrong}")
    if mistakes:
        more = [f"… and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
        raise ConfigError("\n".join([*mistakes[:_SHOWN], *more, "nothing was imported"]))
    if not rows:
        message = f"{path} holds no residents, so importing it would remove them all: nothing was imported"
        raise ConfigError(message)
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"{path} is not UTF-8: save it as 'CSV UTF-8'"
        raise ConfigError(message) from None
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise ConfigError(message) from None


def _lines(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield lines that hold something, with their numbers. The header tells the separator."""
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        message = f"{path}, line {line}: this is no CSV: a quote is missing or stands in the middle of a cell"
        raise ConfigError(message) from None


def _check_header(header: list[str], path: Path) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if len(unknown) > len(COLUMNS) // 2:  # a file without a header has personal data here: repeat nothing of it
        message = f"{path}, line 1: this is no header; the first line names the columns {', '.join(COLUMNS)}"
        raise ConfigError(message)
    if unknown:
        message = f"{path}, line 1: there is no column {unknown[0]!r}{did_you_mean(unknown[0], COLUMNS)}"
        raise ConfigError(message)
    if wrong := [name for name in COLUMNS if header.count(name) != 1]:
        message = f"{path}, line 1: each of these columns is needed once: {', '.join(wrong)}"
        raise ConfigError(message)


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise _WrongError(column="the line", what=f"has {len(cells)} cells, and the header has {len(header)}")
    value = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if not is_bsn(value["bsn"]):
        raise _WrongError(column="bsn", what=_NO_BSN)
    if not value["name"]:
        raise _WrongError(column="name", what="is empty")
    if value["kind"] not in KINDS:
        raise _WrongError(column="kind", what=f"choose from: {', '.join(KINDS)}")
    try:
        address = normalise(cast("IdentityKind", value["kind"]), value["address"])
    except ValueError as error:
        raise _WrongError(column="address", what=str(error)) from None
    verified_at, valid_from, valid_until = (_moment(name, value[name]) for name in COLUMNS[4:])
    start = valid_from or verified_at
    if start and valid_until and valid_until <= start:
        raise _WrongError(column="valid_until", what="is not after " + ("valid_from" if valid_from else "verified_at"))
    holder = Holder(value["bsn"], value["kind"], address, verified_at, valid_from, valid_until)
    return Row(line, value["name"], holder)


def _moment(column: str, text: str) -> datetime | None:
    """Read a date or a time; without a zone it is Dutch local time, a date alone is its first moment."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=AMSTERDAM)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _WrongError(column=column, what="write a date like 2026-11-02 or a time like 2026-11-02T16:08") from None


# ---- importing -------------------------------------------------------------------------------------------------------


def import_register(store: Store, rows: Iterable[Row], *, before_verification_days: int = 0) -> Imported:
    """Put these rows in the place of the register that was there, in one transaction.

    `before_verification_days`: how long before its verification an address already ties its holder.
    """
    rows = list(rows)
    names = {row.holder.bsn: row.name for row in rows}
    addresses = {row.holder for row in rows}
    with store.writing(durable=True) as connection:
        old_names = dict(connection.execute("SELECT bsn, name FROM resident"))
        old_addresses = set(_holders(connection))
        connection.execute("DELETE FROM address")
        connection.execute("DELETE FROM resident")
        connection.executemany("INSERT INTO resident VALUES (?, ?)", names.items())
        connection.executemany(
            "INSERT INTO address (kind, value, bsn, verified_at, valid_from, valid_until) VALUES (?, ?, ?, ?, ?, ?)",
            map(_columns, addresses),
        )
        connection.execute(
            "UPDATE setting SET value = ? WHERE name = 'before_verification_days'", (str(before_verification_days),)
        )
    return Imported(
        residents=_counts(old_names, names),
        addresses=_counts(_by_address(old_addresses), _by_address(addresses)),
        overlapping=tuple(_overlapping(rows)),
    )


def residents(store: Store) -> list[tuple[str, str, list[Holder]]]:
    """Read the register: BSN, name, addresses; by name."""
    with store.reading() as connection:
        held: dict[str, list[Holder]] = defaultdict(list)
        for holder in _holders(connection):
            held[holder.bsn].append(holder)
        people = connection.execute("SELECT bsn, name FROM resident ORDER BY name, bsn").fetchall()
    return [(bsn, name, held[bsn]) for bsn, name in people]


def _holders(connection: sqlite3.Connection) -> Iterator[Holder]:
    columns = "bsn, kind, value, verified_at, valid_from, valid_until"
    rows = connection.execute(f"SELECT {columns} FROM address ORDER BY kind, value, verified_at")  # noqa: S608 - ours
    return (holder_of(*row) for row in rows)


def _columns(held: Holder) -> tuple[str | None, ...]:
    return held.kind, held.value, held.bsn, *map(maybe_text, (held.verified_at, held.valid_from, held.valid_until))


def _by_address(holders: Iterable[Holder]) -> dict[object, set[object]]:
    found: dict[object, set[object]] = defaultdict(set)
    for each in holders:
        found[each.bsn, each.kind, each.value].add((each.verified_at, each.valid_from, each.valid_until))
    return found


def _counts(old: Mapping[Any, object], new: Mapping[Any, object]) -> Counts:
    changed = sum(1 for key in new.keys() & old.keys() if new[key] != old[key])
    return Counts(len(new), len(new.keys() - old.keys()), changed, len(old.keys() - new.keys()))


def _overlapping(rows: Iterable[Row]) -> Iterator[tuple[int, int]]:
    verified: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        if row.holder.verified_at:
            verified[row.holder.kind, row.holder.value].append(row)
    for group in verified.values():
        for one, other in combinations(group, 2):
            if one.holder.bsn != other.holder.bsn and one.holder.overlaps(other.holder):
                yield one.line, other.line

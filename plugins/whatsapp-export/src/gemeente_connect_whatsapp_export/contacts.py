"""The contacts file: which telephone number a saved name stands for."""

from __future__ import annotations

import csv
import io
import quopri
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from gemeente_connect.errors import ConfigError

_INVISIBLE = dict.fromkeys([0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
_COLUMNS = {
    "name": {"name", "naam", "weergavenaam", "display name"},
    "number": {"number", "nummer", "telefoon", "telefoonnummer", "mobiel", "phone", "phone number"},
}

Contacts = Mapping[str, frozenset[str]]
"""By name, the numbers (E.164) that it may stand for."""


def clean(name: str) -> str:
    """Take out of a name what cannot be seen, so that equal names are equal."""
    return " ".join(unicodedata.normalize("NFC", name).translate(_INVISIBLE).split())


def shown_number(name: str) -> str | None:
    """Read a number as WhatsApp shows it in place of a name, with its country code. None: it is no number."""
    digits = re.sub(r"[\s()./\u2010-\u2015-]", "", clean(name))
    return digits if _NUMBER.fullmatch(digits) else None


def number(text: str, region: str) -> str | None:
    """Read a number that somebody wrote, with or without its country code. None: it is no number."""
    text = clean(text)
    if not re.fullmatch(r"\+?[0-9][0-9 ()./-]{5,24}", text):
        return None
    from gemeente_connect.addresses import normalise

    try:
        return normalise("phone", text, region=region)
    except ValueError:
        return None


def read_contacts(path: Path, region: str) -> Contacts:
    """Read a CSV file (columns `name` and `number`, with `,` or `;`) or a vCard file.

    Raises ConfigError that names the line, and never what stands there.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError:
        message = "contacts: the file cannot be opened; correct `contacts`"
        raise ConfigError(message) from None
    except UnicodeDecodeError:
        message = "contacts: the file is not text in UTF-8; save it as CSV UTF-8, or as vCard"
        raise ConfigError(message) from None
    pairs = (
        _from_vcard(content, region) if content.lstrip()[:11].upper() == "BEGIN:VCARD" else _from_csv(content, region)
    )
    numbers: defaultdict[str, set[str]] = defaultdict(set)
    for name, known in pairs:
        numbers[clean(name)].add(known)
        if ": " in clean(name):  # in an export it cannot be told from a shorter name and a text
            numbers[clean(name).partition(": ")[0]] |= {known, "?"}
    return {name: frozenset(known) for name, known in numbers.items() if name}


def _from_csv(content: str, region: str) -> Iterator[tuple[str, str]]:
    first = content.partition("\n")[0]
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    header = [column.strip().lower() for column in next(rows, [])]
    at = {wanted: i for i, column in enumerate(header) for wanted, known in _COLUMNS.items() if column in known}
    if set(at) != set(_COLUMNS):
        message = "contacts: line 1 must name the columns `name` and `number` (or `naam` and `nummer`)"
        raise ConfigError(message)
    try:
        for row in filter(any, rows):
            known = number(row[at["number"]], region) if len(row) > max(at.values()) else None
            if known is None:
                message = f"contacts: line {rows.line_num} has no telephone number; write it like +31 6 12345678"
                raise ConfigError(message)
            yield row[at["name"]], known
    except csv.Error:
        message = f"contacts: line {rows.line_num} is not CSV: look for a quote that is not closed"
        raise ConfigError(message) from None


def _from_vcard(content: str, region: str) -> Iterator[tuple[str, str]]:
    """Read every name of a card with every number of it. What is no number (a short code) is passed over."""
    content = re.sub(r"=\r?\n(?=[^\r\n]*=)", "", content)  # vCard 2.1 of Android: quoted-printable goes on
    content = re.sub(r"\r?\n[ \t]", "", content)
    names: set[str] = set()
    numbers: set[str] = set()
    for line in content.splitlines():
        field, _, value = line.partition(":")
        name, *parameters = field.upper().rpartition(".")[2].split(";")
        if "ENCODING=QUOTED-PRINTABLE" in parameters or "QUOTED-PRINTABLE" in parameters:
            value = quopri.decodestring(value.encode()).decode("utf-8", errors="replace")
        if name == "FN":
            names.add(re.sub(r"\\(.)", r"\1", value))
        elif name == "TEL":
            numbers |= {known} if (known := number(value.removeprefix("tel:"), region)) else set()
        elif name == "END":
            yield from ((each, known) for each in names for known in numbers)
            names, numbers = set(), set()

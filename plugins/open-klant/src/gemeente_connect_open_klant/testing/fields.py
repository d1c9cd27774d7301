"""How the loopback Open Klant reads a body: kinds of fields, each with its limits and its words for what is wrong."""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from gemeente_connect_open_klant.testing.checks import Check, Version
from gemeente_connect_open_klant.testing.moments import as_kept, parse_moment
from gemeente_connect_open_klant.testing.problems import Crash, Fault, Invalid, refuse

Values = dict[str, Any]
REQUIRED = Fault("", "required", "Dit veld is vereist.")
NULL = Fault("", "null", "Dit veld mag niet leeg zijn.")


class Around(Protocol):
    """What a field or a rule may want to know of the request that it is read for."""

    partial: bool
    """Whether this is a PATCH: then nothing is required."""
    row: Values | None
    """The row that is changed. None: it is a new one."""

    def exists(self, collection: str, key: str) -> bool:
        """Tell whether there is such a row."""

    def row_of(self, collection: str, key: str | None) -> Values | None:
        """Give a row of another collection."""

    def taken(self, field: str, value: str) -> bool:
        """Tell whether another row has this value."""

    def another(self, same: Values, *, itself: bool = False) -> bool:
        """Tell whether another row has all these values, or with `itself` this one."""

    def sent(self, name: str) -> bool:
        """Tell whether the body has the field."""

    def given(self, name: str) -> Any:
        """Give what the body has in a field, as it is, or else what is kept."""

    def now(self, values: Values, name: str) -> Any:
        """Give the value that a field will have."""


@dataclass(frozen=True, kw_only=True)
class Field(ABC):
    """A field of a body. `empty` is what is kept when it is not sent."""

    required: bool = False
    null: bool = False
    empty: Any = None
    resets: bool = False
    """Whether a PUT without the field sets it to `empty`; others keep what they had."""
    since: Version = ()
    """The first API-version that knows this field; before, it is dropped without a word."""
    required_before: Version = ()
    """The first API-version in which the field may be left out."""

    def read(self, given: Any, around: Around) -> Any:
        """Give what is kept for `given`. Raises `Invalid`."""
        if given is None:
            if self.null:
                return None
            raise Invalid([NULL])
        return self.value(given, around)

    @abstractmethod
    def value(self, given: Any, around: Around) -> Any:
        """Give what is kept for a value that is not null."""


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text without the blanks around it, of at most `longest` characters. A number is taken as its digits."""

    longest: int
    blank: bool = False
    checks: tuple[Check, ...] = ()
    nature: Check | None = None
    """What the text is: an e-mail address, say. This is checked after its length."""
    unique: str = ""
    """The name of the field if no other row may have the same value."""
    empty: Any = ""

    def value(self, given: Any, around: Around) -> str:
        """Give the text without the blanks around it."""
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            refuse("invalid", "Dit is geen tekst.")
        text = str(given).strip()
        if text:
            return self._checked(text, around)
        if not self.blank:
            refuse("blank", "Dit veld mag niet leeg zijn.")
        return ""

    def _checked(self, text: str, around: Around) -> str:
        faults = [each for check in self.checks for each in _faults(check, text)]
        if self.unique and around.taken(self.unique, text):
            faults.append(Fault("", "unique", f"Er bestaat al een rij met dit {self.unique}."))
        if len(text) > self.longest:
            faults.append(Fault("", "max_length", f"Dit veld mag niet meer dan {self.longest} tekens hebben."))
        if "\x00" in text:
            faults.append(Fault("", "null_characters_not_allowed", "Een NUL-teken mag niet."))
        faults += _faults(self.nature, text) if self.nature else []
        if faults:
            raise Invalid(faults)
        return text


def _faults(check: Check, text: str) -> list[Fault]:
    try:
        check(text)
    except Invalid as error:
        return error.faults
    return []


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of a few words, to the letter."""

    options: tuple[str, ...]
    empty: Any = ""

    def value(self, given: Any, around: Around) -> str:
        """Give the word."""
        if str(given) not in self.options:
            refuse("invalid_choice", f'"{given}" is geen keuze.')
        return str(given)


YES = {"t", "y", "yes", "true", "on", "1"}
NO = {"f", "n", "no", "false", "off", "0", "0.0"}


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    """True or false; the words for it are taken too."""

    def value(self, given: Any, around: Around) -> bool | None:
        """Give the truth value, or None for a word that says so."""
        word = str(given).strip().lower() if isinstance(given, bool | str | int | float) else ""
        none = self.null and given in ("", "null", "Null", "NULL")
        if not none and word not in YES | NO:
            refuse("invalid", "Dit is geen boolean.")
        return None if none else word in YES


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A whole number between two others."""

    least: int
    most: int

    def value(self, given: Any, around: Around) -> int:
        """Give the number."""
        if isinstance(given, bool) or not re.fullmatch(r"[+-]?\d+(\.0*)?", str(given).strip()):
            refuse("invalid", "Dit is geen geheel getal.")
        number = int(str(given).split(".")[0])
        if number > self.most:
            refuse("max_value", f"Dit mag niet meer zijn dan {self.most}.")
        if number < self.least:
            refuse("min_value", f"Dit mag niet minder zijn dan {self.least}.")
        return number


@dataclass(frozen=True, kw_only=True)
class Moment(Field):
    """A date and time. One without an offset is taken as UTC; what is kept ends in Z."""

    def value(self, given: Any, around: Around) -> str:
        """Give the moment as it is kept."""
        moment = parse_moment(given)
        if moment is None:
            refuse("invalid", "Schrijf datum en tijd als YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].")
        return as_kept(moment)


@dataclass(frozen=True, kw_only=True)
class Day(Field):
    """A date; one with a time is refused."""

    def value(self, given: Any, around: Around) -> str:
        """Give the date as it is kept."""
        try:
            return date.fromisoformat(given).isoformat()
        except (TypeError, ValueError):
            refuse("invalid", "Schrijf een datum als YYYY-MM-DD.")


@dataclass(frozen=True, kw_only=True)
class Reference(Field):
    """An object with the uuid of a row of another collection; what is kept is the uuid."""

    to: str

    def value(self, given: Any, around: Around) -> str:
        """Give the uuid. Of an empty object in a PATCH the real one makes an error of its own."""
        read = read_object({"uuid": Key(required=True, to=self.to)}, given, around)
        if not read:
            raise Crash
        return str(read["uuid"])


@dataclass(frozen=True, kw_only=True)
class Key(Field):
    """The uuid of a row of another collection."""

    to: str

    def value(self, given: Any, around: Around) -> str:
        """Give the uuid in its usual form."""
        key = as_uuid(given)
        if key is None:
            refuse("invalid", "Dit is geen geldige UUID.")
        if not around.exists(self.to, key):
            refuse("invalid", f"In {self.to} staat dit niet.")
        return key


def as_uuid(given: Any) -> str | None:
    """Write a uuid in its usual form. None: it is none."""
    try:
        return str(uuid.UUID(given)) if isinstance(given, str) else None
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class Several(Field):
    """A list of values that are each read by `each`."""

    each: Field

    def value(self, given: Any, around: Around) -> list[Any]:
        """Give what is kept of each."""
        if not isinstance(given, list):
            refuse("not_a_list", f"Verwachtte een lijst, kreeg {type(given).__name__}.", "nonFieldErrors")
        read, faults = [], []
        for number, value in enumerate(given):
            try:
                read.append(self.each.value(value, around))
            except Invalid as error:
                faults += [each.below(str(number)) for each in error.faults]
        if faults:
            raise Invalid(faults)
        return read


@dataclass(frozen=True, kw_only=True)
class Pairs(Field):
    """A flat object of texts, as `metadata` is. A PATCH replaces it whole."""

    each: Field

    def value(self, given: Any, around: Around) -> Values:
        """Give the object; numbers have become texts."""
        if not isinstance(given, Mapping):
            refuse("not_a_dict", f"Verwachtte een object, kreeg {type(given).__name__}.")
        return _read_all(dict.fromkeys(given, self.each), given, around)


@dataclass(frozen=True, kw_only=True)
class Group(Field):
    """An object within the object, that is kept whole: what is not sent of it becomes empty."""

    fields: Mapping[str, Field]
    whole: bool = True
    """Whether a PATCH must send what is required of it."""

    def read(self, given: Any, around: Around) -> Values | None:
        """Give the object; null empties all its fields."""
        return self.nothing() if given is None and self.null else super().read(given, around)

    def value(self, given: Any, around: Around) -> Values:
        """Give the object with all its fields."""
        if self.whole and around.partial and isinstance(given, Mapping):
            missing = [name for name, field in self.fields.items() if field.required and name not in given]
            if missing:
                raise Invalid(REQUIRED.below(name) for name in missing)
        return self.nothing() | read_object(self.fields, given, around)

    def nothing(self) -> Values:
        """Give the object with all its fields empty."""
        return {name: field.empty for name, field in self.fields.items()}


def read_object(fields: Mapping[str, Field], given: Any, around: Around) -> Values:
    """Read an object: give what was sent of its fields, and drop what is unknown. Raises `Invalid`."""
    if given is None:
        refuse("null", "Er zijn geen gegevens.", "nonFieldErrors")
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        refuse("invalid", f"Ongeldige gegevens. Verwachtte een object, kreeg {kind}.", "nonFieldErrors")
    return _read_all(fields, given, around)


def _read_all(fields: Mapping[str, Field], given: Mapping[str, Any], around: Around) -> Values:
    read: Values = {}
    faults: list[Fault] = []
    for name, field in fields.items():
        try:
            if name in given:
                read[name] = field.read(given[name], around)
            elif field.required and not around.partial:
                raise Invalid([REQUIRED])  # noqa: TRY301 - a fault as any other
        except Invalid as error:
            faults += [each.below(name) for each in error.faults]
    if faults:
        raise Invalid(faults)
    return read

"""Building blocks for what the collections of the loopback Open Klant keep, and how a version has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gemeente_connect_open_klant.testing import checks
from gemeente_connect_open_klant.testing.checks import Version
from gemeente_connect_open_klant.testing.fields import Around, Field, Group, Number, Reference, Several, Text, Values
from gemeente_connect_open_klant.testing.problems import refuse

UNNUMBERED = (0, 7)
"""The API-version that brought `metadata`, `reactie` and `referentienummer`, and leaves numbering to the client."""
LOOSE = (0, 1)
"""The first API-version (0.3.0 of those known here) that lets references be left out, and knows whole addresses."""


@dataclass(frozen=True)
class Related:
    """Rows of another collection that refer to this one, as references; `whole`: with all that is in them."""

    collection: str
    by: str
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Linked(Several):
    """A list of references in a body that is kept by the other side: `shown` tells how it is answered."""

    shown: Related


@dataclass(frozen=True, kw_only=True)
class First(Reference):
    """A reference that a body may give, and that is answered with the first of another field."""


@dataclass(frozen=True)
class Computed:
    """What is made from the row when it is answered, by the function of this name in `answers`."""

    how: str


Part = Field | Related | Computed
Rule = Callable[[Values, Around], None]
"""Checks an object whose fields are each right. Raises `Invalid`."""


@dataclass(frozen=True)
class Shape:
    """What one collection keeps, in the order of its answers."""

    parts: Mapping[str, Part]
    expands: Mapping[str, str] | None = None
    """Paths that `expand` takes, and the collection of what they bring. None: this collection knows no `expand`."""
    kinds: tuple[str, str] = ("", "")
    """The field that tells the kind of a row, and the field whose shape follows from it."""
    variants: Mapping[str, Group] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    @property
    def fields(self) -> dict[str, Field]:
        """What is read from a body."""
        return {name: part for name, part in self.parts.items() if isinstance(part, Field)}


def in_version(shape: Shape, version: Version) -> Shape:
    """Give the shape as a version has it: without what it does not know, with what it requires."""
    parts = {name: part for name, part in shape.parts.items() if not _is_later(part, version)}
    return Shape(
        {name: _as_required(part, version) for name, part in parts.items()},
        shape.expands,
        shape.kinds,
        shape.variants,
        shape.rules,
    )


def _is_later(part: Part, version: Version) -> bool:
    return isinstance(part, Field) and version < part.since


def _as_required(part: Part, version: Version) -> Part:
    if isinstance(part, Field) and version < part.required_before:
        return type(part)(**(vars(part) | {"required": True}))
    return part


def kind_again(version: Version, name: str) -> tuple[Rule, ...]:
    """Give the rule of the oldest version: a PATCH tells again which kind of row it is for."""

    def rule(_values: Values, around: Around) -> None:
        if not around.sent(name):
            refuse("invalid", "Dit veld is vereist.", name)

    return () if version >= LOOSE else (rule,)


def code(longest: int = 200) -> Text:
    """Give a text that may be empty."""
    return Text(longest=longest, blank=True)


def group(fields: Mapping[str, Field], **more: Any) -> Group:
    """Give an object within the object, that may be null: then all in it is empty."""
    return Group(fields=fields, null=True, empty={name: each.empty for name, each in fields.items()}, **more)


OBJECT = {"objectId": code(), "codeObjecttype": code(), "codeRegister": code(), "codeSoortObjectId": code()}
"""The four parts by which a thing in another register is known."""
NAME = {"voorletters": code(10), "voornaam": code(), "voorvoegselAchternaam": code(10), "achternaam": code()}


def adres(version: Version) -> Group:
    """Give the shape of a postal address."""
    lines: dict[str, Field] = {f"adresregel{number}": code(80) for number in (1, 2, 3)}
    if version < LOOSE:
        old = Text(longest=4, blank=True, checks=(checks.old_country,))
        return group({"nummeraanduidingId": code(255), **lines, "land": old})
    return group(
        {
            "nummeraanduidingId": Text(longest=16, blank=True, checks=(checks.bag_id,)),
            "straatnaam": code(255),
            "huisnummer": Number(least=1, most=99999, null=True),
            "huisnummertoevoeging": code(20),
            "postcode": Text(longest=7, blank=True, checks=(checks.postcode,)),
            "stad": code(255),
            **lines,
            "land": Text(longest=2, blank=True, checks=(checks.country,)),
        }
    )


def nummer(version: Version) -> Text:
    """Give the unique number of a row. Before 0.7.0 the server makes one when it is not sent."""
    null = version >= UNNUMBERED
    return Text(
        longest=10,
        blank=True,
        null=null,
        empty=None if null else "",
        checks=(checks.whole_number,),
        unique="nummer",
    )


def referentienummer() -> Text:
    """Give the other unique number of a row."""
    return Text(
        longest=10,
        blank=True,
        null=True,
        empty=None,
        checks=(checks.whole_number,),
        unique="referentienummer",
        since=UNNUMBERED,
    )

"""What the loopback Open Klant keeps of parties: partijen, the numbers they are known by, and their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gemeente_connect_open_klant.testing import checks
from gemeente_connect_open_klant.testing.checks import Check, Version
from gemeente_connect_open_klant.testing.fields import (
    REQUIRED,
    Around,
    Choice,
    Day,
    Field,
    Flag,
    Group,
    Key,
    Reference,
    Text,
    Values,
    read_object,
)
from gemeente_connect_open_klant.testing.problems import Invalid, refuse
from gemeente_connect_open_klant.testing.shape import (
    LOOSE,
    NAME,
    OBJECT,
    Computed,
    Linked,
    Part,
    Related,
    Shape,
    adres,
    code,
    group,
    kind_again,
    nummer,
)

KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "brp": {"natuurlijk_persoon": ("bsn",)},
    "hr": {"niet_natuurlijk_persoon": ("rsin", "kvk_nummer"), "vestiging": ("vestigingsnummer",)},
}
"""The kinds of number of each type of thing in each register."""
STRICT = (0, 8)
"""The first API-version in which an identificator must have all its parts."""


def parties(version: Version) -> dict[str, Shape]:
    """Give the collections that hold parties and their addresses."""
    return {
        "partijen": _partij(version),
        "partij-identificatoren": _identificator(version),
        "digitaleadressen": _adres(version),
    }


def _partij(version: Version) -> Shape:
    identifiers = Related("partij-identificatoren", "identificeerdePartij", whole=version >= LOOSE)
    addresses = Related("digitaleadressen", "verstrektDoorPartij")
    accounts = Related("rekeningnummers", "partij")
    each = Identifier(fields={"uuid": Key(to="partij-identificatoren")} | _identificator(version).fields)
    preferred = Reference(to="digitaleadressen", null=True, required_before=LOOSE)
    parts: dict[str, Part] = {
        "nummer": nummer(version),
        "interneNotitie": Text(longest=1000, blank=True),
        "betrokkenen": Related("betrokkenen", "wasPartij"),
        "categorieRelaties": Related("categorie-relaties", "partij"),
        "digitaleAdressen": Linked(
            each=Reference(to=addresses.collection), shown=addresses, null=True, required_before=LOOSE
        ),
        "voorkeursDigitaalAdres": preferred,
        "vertegenwoordigden": Related("vertegenwoordigingen", "vertegenwoordigendePartij"),
        "rekeningnummers": Linked(
            each=Reference(to=accounts.collection), shown=accounts, null=True, required_before=LOOSE
        ),
        "voorkeursRekeningnummer": Reference(to=accounts.collection, null=True, required_before=LOOSE),
        "partijIdentificatoren": Linked(each=each, shown=identifiers, null=True) if identifiers.whole else identifiers,
        "soortPartij": Choice(options=("persoon", "organisatie", "contactpersoon"), required=True),
        "indicatieGeheimhouding": Flag(null=True),
        "voorkeurstaal": code(3),
        "indicatieActief": Flag(required=True),
        "bezoekadres": adres(version),
        "correspondentieadres": adres(version),
        "partijIdentificatie": Computed("variant"),
    }
    expands = {
        "digitaleAdressen": "digitaleadressen",
        "betrokkenen": "betrokkenen",
        "betrokkenen.hadKlantcontact": "klantcontacten",
        "categorieRelaties": "categorie-relaties",
    }
    variants = {
        "persoon": Group(fields={"contactnaam": group(NAME, required=version < LOOSE)}, whole=False),
        "organisatie": Group(fields={"naam": code()}, whole=False),
        "contactpersoon": Group(
            fields={"werkteVoorPartij": Employer(to="partijen", null=True), "contactnaam": group(NAME)}, whole=False
        ),
    }
    return Shape(parts, expands, ("soortPartij", "partijIdentificatie"), variants, kind_again(version, "soortPartij"))


def _identificator(version: Version) -> Shape:
    strict = version >= STRICT
    whole: dict[str, Field] = {
        name: OBJECT[name] for name in ("codeObjecttype", "codeSoortObjectId", "objectId", "codeRegister")
    }
    if version >= LOOSE:
        types = tuple(kind for register in KINDS.values() for kind in register)
        numbers = tuple(number for register in KINDS.values() for each in register.values() for number in each)
        whole = {
            "codeObjecttype": Code(options=types, blank=not strict, required=True),
            "codeSoortObjectId": Code(options=numbers, blank=not strict, required=True),
            "objectId": Text(longest=200, blank=True, required=True),
            "codeRegister": Code(options=tuple(KINDS), blank=not strict, required=True),
        }
    empty = dict.fromkeys(whole, "")
    parts: dict[str, Part] = {
        "identificeerdePartij": Reference(to="partijen", null=True, required_before=LOOSE),
        "anderePartijIdentificator": code(),
        "partijIdentificator": Group(fields=whole, required=strict, null=not strict, empty=empty),
        "subIdentificatorVan": Reference(to="partij-identificatoren", null=True, since=LOOSE),
    }
    return Shape(parts, rules=(_one_of_the_kinds, _branch_of_a_company) if version >= LOOSE else ())


@dataclass(frozen=True, kw_only=True)
class Employer(Reference):
    """A reference to a partij that is an organisatie."""

    def value(self, given: Any, around: Around) -> str:
        """Give the uuid."""
        key = super().value(given, around)
        row = around.row_of(self.to, key)
        if not row or row["soortPartij"] != "organisatie":
            refuse("invalid", "Deze partij is geen organisatie.", "uuid")
        return key


@dataclass(frozen=True, kw_only=True)
class Code(Choice):
    """One of a few words, or with `blank` none."""

    blank: bool

    def value(self, given: Any, around: Around) -> str:
        """Give the word."""
        return "" if self.blank and given == "" else super().value(given, around)


@dataclass(frozen=True, kw_only=True)
class Identifier(Field):
    """An identificator within a partij; its partij is not told again."""

    fields: dict[str, Field]

    def value(self, given: Any, around: Around) -> Values:
        """Give what was sent, checked as an identificator by itself."""
        values = read_object(self.fields, given, around)
        if "partijIdentificator" in values:
            for rule in (_one_of_the_kinds, _branch_of_a_company):
                rule(values, around)
        if not around.partial and values.get("identificeerdePartij"):
            refuse("invalid", "Deze partij volgt vanzelf, geef hem niet.", "identificeerdePartij")
        return values


def _one_of_the_kinds(values: Values, around: Around) -> None:
    parts = around.now(values, "partijIdentificator") or {}
    register, kind, number = (parts.get(name) for name in ("codeRegister", "codeObjecttype", "codeSoortObjectId"))
    if kind and register and kind not in KINDS[register]:
        refuse("invalid", f"Register {register} heeft geen {kind}.", "partijIdentificatorCodeObjecttype")
    known = {name: each for types in KINDS.values() for name, each in types.items()}
    if number and kind and number not in known[kind]:
        refuse("invalid", f"Een {kind} heeft geen {number}.", "partijIdentificatorCodeSoortObjectId")
    if number and parts["objectId"]:
        try:
            checks.identifier(number, parts["objectId"])
        except Invalid as error:
            raise Invalid([each.below("partijIdentificatorObjectId") for each in error.faults]) from None


def _branch_of_a_company(values: Values, around: Around) -> None:
    parts = around.now(values, "partijIdentificator") or {}
    if parts.get("codeSoortObjectId") != "vestigingsnummer":
        return
    company = around.row_of("partij-identificatoren", around.now(values, "subIdentificatorVan"))
    if company is None or company["partijIdentificator"]["codeSoortObjectId"] != "kvk_nummer":
        refuse("invalid", "Een vestiging hoort bij een kvk_nummer.", "subIdentificatorVan")


def _adres(version: Version) -> Shape:
    phone = checks.telephone(version)
    parts: dict[str, Part] = {
        "verstrektDoorBetrokkene": Reference(to="betrokkenen", null=True, required_before=LOOSE),
        "verstrektDoorPartij": Reference(to="partijen", null=True, required_before=LOOSE),
        "adres": Address(longest=80, required=True, rules={"email": checks.email, "telefoonnummer": phone}),
        "soortDigitaalAdres": Choice(options=("email", "telefoonnummer", "overig"), required=True),
        "isStandaardAdres": Flag(empty=False),
        "omschrijving": Text(longest=40, blank=version >= LOOSE, required_before=LOOSE),
        "referentie": Text(longest=50, blank=True, nature=checks.slug, since=LOOSE),
        "verificatieDatum": Day(null=True, since=LOOSE),
    }
    expands = {
        "verstrektDoorBetrokkene": "betrokkenen",
        "verstrektDoorBetrokkene.hadKlantcontact": "klantcontacten",
        "verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken": "internetaken",
    }
    return Shape(parts, expands, rules=(_tells_its_partij, _standard_of_a_partij, _one_of_its_reference))


@dataclass(frozen=True, kw_only=True)
class Address(Text):
    """An address that is checked by the kind that it is said to be, or was kept as."""

    rules: dict[str, Check]

    def value(self, given: Any, around: Around) -> str:
        """Give the address."""
        text = super().value(given, around)
        rule = self.rules.get(str(around.given("soortDigitaalAdres")))
        if rule:
            rule(text)
        return text


def _tells_its_partij(_values: Values, around: Around) -> None:
    """Refuse a new address without the key, null is fine: the real one needs it for its check on doubles."""
    if not around.sent("verstrektDoorPartij") and around.row is None:
        raise Invalid([REQUIRED.below("verstrektDoorPartij")])


def _standard_of_a_partij(values: Values, around: Around) -> None:
    if around.now(values, "isStandaardAdres") and not around.now(values, "verstrektDoorPartij"):
        refuse("invalid", "Alleen een adres van een partij kan het standaardadres zijn.", "isStandaardAdres")


def _one_of_its_reference(values: Values, around: Around) -> None:
    same = {name: around.now(values, name) for name in ("verstrektDoorPartij", "soortDigitaalAdres")}
    referentie = values.get("referentie")
    if same["verstrektDoorPartij"] and referentie and around.another(same | {"referentie": referentie}, itself=True):
        refuse("unique", "Deze partij heeft zo'n adres al met deze referentie.", "nonFieldErrors")

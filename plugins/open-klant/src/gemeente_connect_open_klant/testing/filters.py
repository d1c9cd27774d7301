"""What can be asked of the lists of the loopback Open Klant, and how often a row is found by it.

Some filters join tables, and then a row is found once for each row that matches on the other side: a klantcontact with
two betrokkenen of one partij comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from gemeente_connect_open_klant.testing.asking import Read, choice, contains, day, flag, key, link, moment, text
from gemeente_connect_open_klant.testing.checks import Version
from gemeente_connect_open_klant.testing.naming import snake
from gemeente_connect_open_klant.testing.parties import KINDS
from gemeente_connect_open_klant.testing.problems import Crash
from gemeente_connect_open_klant.testing.rows import Row, View
from gemeente_connect_open_klant.testing.shape import LOOSE


@dataclass(frozen=True)
class Filter:
    """A parameter. `path` leads from a row to the values that are compared with it.

    Steps of a path: `<collection.field` goes to the rows that refer to this one, `>collection.field` to the one that
    this row refers to; the last step is a field, or a field in a group after a dot.
    """

    path: str
    read: Read
    matches: Callable[[Any, Any], bool] = lambda kept, asked: bool(kept == asked)
    once: bool = False
    """Whether a row is found once, however many values match."""
    whether: bool = False
    """Whether is asked if there is any value at all."""
    since: Version = ()

    def found(self, rows: list[Row], asked: Any, view: View) -> list[Row]:
        """Give the rows that are found, each as often as it is."""
        steps, name, part = _steps(self.path)
        if steps or part or self.whether:
            return [row for row in rows for _ in range(self._times(row, asked, view))]
        return [row for row in rows if self.matches(row.get(name), asked)]

    def _times(self, row: Row, asked: Any, view: View) -> int:
        if self.whether:
            return int(any(kept is not None for kept in _values(row, self.path, view)) is asked)
        found = sum(self.matches(kept, asked) for kept in _values(row, self.path, view))
        return min(found, 1) if self.once else found


@cache
def _steps(path: str) -> tuple[list[tuple[str, str, str]], str, str]:
    """Take a path apart: its steps, the field at its end, and the part of that field."""
    *steps, last = path.split()
    name, _, part = last.partition(".")
    taken = [(step[0], *step[1:].partition(".")) for step in steps]
    return [(way, collection, field) for way, collection, _, field in taken], name, part


def _values(row: Row, path: str, view: View) -> list[Any]:
    steps, name, part = _steps(path)
    rows = [row]
    for way, collection, field in steps:
        if way == "<":
            rows = [other for each in rows for other in view.referring(collection, field, each["uuid"])]
        else:
            keys = [key for each in rows for key in (each[field] if isinstance(each[field], list) else [each[field]])]
            rows = [other for key in keys if (other := view.row(collection, key))]
    values = [each.get(name) for each in rows]
    return [value.get(part) if isinstance(value, Mapping) else None for value in values] if part else values


def _object(path: str, group: str, prefix: str, **more: Any) -> dict[str, Filter]:
    """Give the four filters on the parts of an object in another register."""
    parts = ("ObjectId", "CodeObjecttype", "CodeRegister", "CodeSoortObjectId")
    names = {f"{prefix}{part}": f"{path} {group}.{part[0].lower()}{part[1:]}".strip() for part in parts}
    return {name: Filter(to, text, **more) for name, to in names.items()}


def _number_of(path: str, prefix: str, version: Version) -> dict[str, Filter]:
    """Give the four filters on the number of a partij. Since 0.9.0 each looks whether there is one."""
    parts = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")
    path = f"{path} <partij-identificatoren.identificeerdePartij partijIdentificator".strip()
    since: Version = (0, 1) if prefix.startswith(("hadBetrokkene", "wasPartij", "verstrekt")) else ()
    return {f"{prefix}{part}": Filter(f"{path}.{part}", text, once=version >= (0, 9), since=since) for part in parts}


def _either(path: str, prefix: str) -> dict[str, Filter]:
    """Give the filters on the uuid and on the URL of what a row refers to."""
    return {f"{prefix}__uuid": Filter(path, key), f"{prefix}__url": Filter(path, link)}


def filters(version: Version) -> dict[str, dict[str, Filter]]:
    """Give the parameters of each list as an API-version has them, without those for pages and `expand`."""
    made = _of_contacts(version) | _of_parties(version)
    if version < LOOSE:  # these lists pass over what is not in the style of Python
        made |= {name: {snake(each): made[name][each] for each in made[name]} for name in _PLAIN}
        made["digitaleadressen"] |= {
            "adres__icontains": Filter("adres", _crash),
            "soortDigitaalAdres": Filter("soortDigitaalAdres", text),
            "verstrektDoorBetrokkene__rol": Filter("adres", choice()),  # no word is a choice
            "verstrektDoorPartij__soortPartij": Filter("adres", choice()),
        }
    return {
        collection: {name: each for name, each in known.items() if version >= each.since}
        for collection, known in made.items()
    }


def _of_contacts(version: Version) -> dict[str, dict[str, Filter]]:
    betrokkene, latest = "<betrokkenen.hadKlantcontact", (0, 9)
    tasks = "<internetaken.aanleidinggevendKlantcontact"
    about, was = "<onderwerpobjecten.klantcontact", "<onderwerpobjecten.wasKlantcontact"
    contact = {
        "nummer": Filter("nummer", text),
        "referentienummer": Filter("referentienummer", text, since=(0, 7)),
        "kanaal": Filter("kanaal", text),
        "onderwerp": Filter("onderwerp", text, contains),
        "inhoud": Filter("inhoud", text, contains),
        "reactie": Filter("reactie", text, contains, since=(0, 7)),
        "indicatieContactGelukt": Filter("indicatieContactGelukt", flag),
        "vertrouwelijk": Filter("vertrouwelijk", flag),
        "plaatsgevondenOp": Filter("plaatsgevondenOp", moment),
        **_either(f"{betrokkene} uuid", "hadBetrokkene"),
        "hadBetrokkene__wasPartij": Filter(f"{betrokkene} wasPartij", flag, whether=True, since=latest),
        **_either(f"{betrokkene} wasPartij", "hadBetrokkene__wasPartij"),
        **_number_of(f"{betrokkene} >partijen.wasPartij", "hadBetrokkene__wasPartij__partijIdentificator__", version),
        "hadBetrokkene__digitaaladres__adres__icontains": Filter(
            f"{betrokkene} <digitaleadressen.verstrektDoorBetrokkene adres", text, contains, once=True, since=latest
        ),
        "leiddeTotInterneTaken": Filter(f"{tasks} uuid", flag, whether=True, since=latest),
        **_either(f"{about} uuid", "onderwerpobject"),
        **_object(about, "onderwerpobjectidentificator", "onderwerpobject__onderwerpobjectidentificator"),
        **_either(f"{was} uuid", "wasOnderwerpobject"),
        **_object(was, "onderwerpobjectidentificator", "wasOnderwerpobject__onderwerpobjectidentificator"),
    }
    person = {name: Filter(f"contactnaam.{name[11].lower()}{name[12:]}", text) for name in _NAMES}
    address = "<digitaleadressen.verstrektDoorBetrokkene"
    betrokkenen = {
        **person,
        "organisatienaam": Filter("organisatienaam", text),
        "hadKlantcontact__nummer": Filter(">klantcontacten.hadKlantcontact nummer", text),
        "hadKlantcontact__referentienummer": Filter(
            ">klantcontacten.hadKlantcontact referentienummer", text, since=(0, 7)
        ),
        **_either("hadKlantcontact", "hadKlantcontact"),
        "verstrektedigitaalAdres__adres": Filter(f"{address} adres", text, once=version >= latest),
        **_either(f"{address} uuid", "verstrektedigitaalAdres"),
        "wasPartij__nummer": Filter(">partijen.wasPartij nummer", text),
        **_either("wasPartij", "wasPartij"),
        **_number_of(">partijen.wasPartij", "wasPartij__partijIdentificator__", version),
    }
    links = {name: Filter(each.path, each.read, since=(0, 5)) for name, each in _LINKS.items()}
    return {
        "klantcontacten": contact,
        "betrokkenen": betrokkenen,
        "onderwerpobjecten": links | _object("", "onderwerpobjectidentificator", "onderwerpobjectidentificator"),
        "bijlagen": {
            **_object("", "bijlageidentificator", "bijlageidentificator"),
            "klantcontact__uuid": Filter("wasBijlageVanKlantcontact", key, since=(0, 8)),
        },
        "actorklantcontacten": _either("actor", "actor") | _either("klantcontact", "klantcontact"),
        "internetaken": _of_tasks(),
    }


_PLAIN = ("bijlagen", "onderwerpobjecten", "partij-identificatoren")


def _crash(_given: str) -> NoReturn:
    raise Crash


_NAMES = (
    "contactnaamVoorletters",
    "contactnaamVoornaam",
    "contactnaamVoorvoegselAchternaam",
    "contactnaamAchternaam",
)
_LINKS = _either("klantcontact", "klantcontact") | _either("wasKlantcontact", "wasKlantcontact")


def _of_tasks() -> dict[str, Filter]:
    contact = ">klantcontacten.aanleidinggevendKlantcontact"
    return {
        "nummer": Filter("nummer", text),
        "referentienummer": Filter("referentienummer", text, since=(0, 7)),
        "status": Filter("status", choice("te_verwerken", "verwerkt")),
        "toegewezenOp": Filter("toegewezenOp", moment),
        "klantcontact__uuid": Filter("aanleidinggevendKlantcontact", key),
        "klantcontact__nummer": Filter(f"{contact} nummer", text),
        "klantcontact__referentienummer": Filter(f"{contact} referentienummer", text, since=(0, 7)),
        **_either("aanleidinggevendKlantcontact", "aanleidinggevendKlantcontact"),
        "actoren__naam": Filter(">actoren.toegewezenAanActoren naam", text),
        "toegewezenAanActor__uuid": Filter("toegewezenAanActoren", key, _among),
        "toegewezenAanActor__url": Filter("toegewezenAanActoren", link, _among),
    }


def _among(kept: list[str], asked: str) -> bool:
    return asked in kept


def _of_parties(version: Version) -> dict[str, dict[str, Filter]]:
    persons = choice("persoon", "organisatie", "contactpersoon")
    partij = {
        "nummer": Filter("nummer", text),
        "indicatieGeheimhouding": Filter("indicatieGeheimhouding", flag),
        "indicatieActief": Filter("indicatieActief", flag),
        "soortPartij": Filter("soortPartij", persons),
        **_number_of("", "partijIdentificator__", version),
        **_either("<vertegenwoordigingen.vertegenwoordigdePartij uuid", "vertegenwoordigdePartij"),
        "categorierelatie__categorie__naam": Filter("<categorie-relaties.partij uuid", text),
    }
    above = "<partij-identificatoren.identificeerdePartij >partij-identificatoren.subIdentificatorVan"
    for part in ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId"):
        path = f"{above} partijIdentificator.{part}"
        partij[f"subIdentificatorVan__{part}"] = Filter(path, text, once=True, since=(0, 7))
    for kind in ("bezoekadres", "correspondentieadres"):
        for part in ("NummeraanduidingId", "Land"):
            partij[f"{kind}{part}"] = Filter(f"{kind}.{part[0].lower()}{part[1:]}", text)
        for line in (1, 2, 3):  # known, but the real one passes over them
            partij[f"{kind}Adresregel{line}"] = Filter(kind, lambda _given: None)
    addresses = {
        "adres": Filter("adres", text),
        "adres__icontains": Filter("adres", text, contains),
        "soortDigitaalAdres": Filter("soortDigitaalAdres", choice("email", "telefoonnummer", "overig")),
        "isStandaardAdres": Filter("isStandaardAdres", flag, since=(0, 1)),
        "omschrijving": Filter("omschrijving", text, contains),
        "referentie": Filter("referentie", text, since=(0, 1)),
        "isGeverifieerd": Filter("verificatieDatum", flag, whether=True, since=(0, 1)),
        **_either("verstrektDoorBetrokkene", "verstrektDoorBetrokkene"),
        "verstrektDoorBetrokkene__rol": Filter(
            ">betrokkenen.verstrektDoorBetrokkene rol", choice("vertegenwoordiger", "klant")
        ),
        **_either("verstrektDoorPartij", "verstrektDoorPartij"),
        "verstrektDoorPartij__soortPartij": Filter(">partijen.verstrektDoorPartij soortPartij", persons),
        **_number_of(">partijen.verstrektDoorPartij", "verstrektDoorPartij__partijIdentificator__", version),
    }
    for name, matches in _DAYS.items():
        addresses[f"verificatieDatum{name}"] = Filter("verificatieDatum", day, matches, since=(0, 1))
    return {
        "partijen": partij,
        "partij-identificatoren": {
            "anderePartijIdentificator": Filter("anderePartijIdentificator", text),
            **_object("", "partijIdentificator", "partijIdentificator"),
            **(_of_kinds() if version >= LOOSE else {}),
        },
        "digitaleadressen": addresses,
        "actoren": {
            "naam": Filter("naam", text, contains),
            "soortActor": Filter(
                "soortActor", choice("medewerker", "geautomatiseerde_actor", "organisatorische_eenheid")
            ),
            "indicatieActief": Filter("indicatieActief", flag),
            **_object("", "actoridentificator", "actoridentificator"),
        },
    }


def _of_kinds() -> dict[str, Filter]:
    types = [kind for register in KINDS.values() for kind in register]
    numbers = [number for register in KINDS.values() for each in register.values() for number in each]
    options = {"CodeObjecttype": types, "CodeSoortObjectId": numbers, "CodeRegister": list(KINDS)}
    return {
        f"partijIdentificator{part}": Filter(f"partijIdentificator.{part[0].lower()}{part[1:]}", choice(*words))
        for part, words in options.items()
    }


_DAYS: dict[str, Callable[[Any, Any], bool]] = {
    "": lambda kept, asked: bool(kept == asked),
    "__gt": lambda kept, asked: bool(kept) and kept > asked,
    "__gte": lambda kept, asked: bool(kept) and kept >= asked,
    "__lt": lambda kept, asked: bool(kept) and kept < asked,
    "__lte": lambda kept, asked: bool(kept) and kept <= asked,
}

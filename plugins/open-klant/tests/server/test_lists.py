"""Lists: pages, their order, filters, and rows that are found twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from gemeente_connect_open_klant.testing.server import OpenKlantServer

Ask = Callable[..., tuple[int, Any]]
Make = Callable[..., dict[str, Any]]
CONTACT: dict[str, Any] = {"kanaal": "WhatsApp", "onderwerp": "a", "taal": "nld", "vertrouwelijk": False}
NUMBER = {"codeObjecttype": "natuurlijk_persoon", "codeSoortObjectId": "bsn", "codeRegister": "brp"}


def _found(ask: Ask, collection: str, field: str = "uuid", **query: str) -> list[Any]:
    status, page = ask("GET", f"{collection}?{urlencode(query)}")
    assert status == 200, page
    assert page["count"] == len(page["results"])
    return [row[field] for row in page["results"]]


def test_klantcontacten_come_with_the_newest_moment_first_and_others_in_order_of_making(ask: Ask, make: Make) -> None:
    for day in ("02", "03", "01"):
        make("klantcontacten", **CONTACT, plaatsgevondenOp=f"2026-01-{day}T00:00:00Z")
        make("actoren", naam=day, soortActor="medewerker")

    assert [each[8:10] for each in _found(ask, "klantcontacten", "plaatsgevondenOp")] == ["03", "02", "01"]
    assert _found(ask, "actoren", "naam") == ["01", "03", "02"]


def test_pages_are_of_a_hundred_and_link_to_each_other(ask: Ask, server: OpenKlantServer) -> None:
    for _ in range(201):
        server._add("actoren", naam="a", soortActor="medewerker")

    _, first = ask("GET", "actoren?naam=a")
    _, second = ask("GET", "actoren?page=2&naam=a")
    _, last = ask("GET", "actoren?page=last&naam=a")

    root = f"{server.url}/klantinteracties/api/v1/actoren?naam=a"
    assert (first["count"], len(first["results"])) == (201, 100)
    assert (first["previous"], first["next"]) == (None, f"{root}&page=2")
    assert (second["previous"], second["next"]) == (root, f"{root}&page=3")
    assert (last["previous"], last["next"], len(last["results"])) == (f"{root}&page=2", None, 1)


@pytest.mark.parametrize(
    ("size", "given"), [("2", 2), ("500", 500), ("1000", 500), ("0", 100), ("-1", 100), ("x", 100)]
)
def test_the_size_of_a_page_ends_at_500_without_a_word(
    ask: Ask, server: OpenKlantServer, size: str, given: int
) -> None:
    for _ in range(501):
        server._add("actoren", naam="a", soortActor="medewerker")

    assert len(ask("GET", f"actoren?pageSize={size}")[1]["results"]) == given


@pytest.mark.parametrize("page", ["2", "0", "-1", "x"])
def test_a_page_that_is_not_there_is_404(ask: Ask, page: str) -> None:
    status, answer = ask("GET", f"klantcontacten?page={page}")
    assert (status, answer["code"]) == (404, "not_found")
    assert ask("GET", "klantcontacten?page=")[0] == 200


def test_an_empty_list_is_a_page_too(ask: Ask) -> None:
    assert ask("GET", "bijlagen") == (200, {"count": 0, "next": None, "previous": None, "results": []})


def test_filters_on_texts_are_exact_or_look_inside(ask: Ask, make: Make) -> None:
    one = make("klantcontacten", **CONTACT | {"onderwerp": "Container"}, inhoud="100% vol", nummer="1")["uuid"]
    make("klantcontacten", **CONTACT | {"kanaal": "whatsapp"}, nummer="2")

    assert _found(ask, "klantcontacten", kanaal=" WhatsApp ") == [one]
    assert _found(ask, "klantcontacten", onderwerp="CONTAIN") == [one]
    assert _found(ask, "klantcontacten", inhoud="0%") == [one]
    assert _found(ask, "klantcontacten", nummer="1") == [one]
    assert len(_found(ask, "klantcontacten", nummer="")) == 2


def test_flags_that_are_not_true_or_false_are_passed_over(ask: Ask, make: Make) -> None:
    yes = make("klantcontacten", **CONTACT, indicatieContactGelukt=True)["uuid"]
    no = make("klantcontacten", **CONTACT, indicatieContactGelukt=False)["uuid"]

    assert _found(ask, "klantcontacten", indicatieContactGelukt="true") == [yes]
    assert _found(ask, "klantcontacten", indicatieContactGelukt="0") == [no]
    assert len(_found(ask, "klantcontacten", indicatieContactGelukt="x")) == 2


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-01-01T00:00:00.123456Z", 1),
        ("2026-01-01T01:00:00.123456+01:00", 1),
        ("2026-01-01T00:00:00.123456", 1),
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01", 0),
    ],
)
def test_a_moment_is_found_to_the_microsecond_only(ask: Ask, make: Make, asked: str, found: int) -> None:
    make("klantcontacten", **CONTACT, plaatsgevondenOp="2026-01-01T00:00:00.123456Z")

    assert len(_found(ask, "klantcontacten", plaatsgevondenOp=asked)) == found


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("klantcontacten?hadBetrokkene__uuid=x", "hadBetrokkene__uuid", "invalid"),
        ("klantcontacten?hadBetrokkene__url=x", "hadBetrokkene__url", "invalid"),
        ("klantcontacten?plaatsgevondenOp=x", "plaatsgevondenOp", "invalid"),
        ("klantcontacten?plaatsgevondenOp=2026-01-01T00:00:00+01:00", "plaatsgevondenOp", "invalid"),
        ("digitaleadressen?soortDigitaalAdres=whatsapp", "soortDigitaalAdres", "invalid_choice"),
        ("digitaleadressen?verificatieDatum=x", "verificatieDatum", "invalid"),
        (
            "partij-identificatoren?partijIdentificatorCodeObjecttype=inp",
            "partijIdentificatorCodeObjecttype",
            "invalid_choice",
        ),
        ("klantcontacten?metadata=x", "nonFieldErrors", "unknown-parameters"),
        ("klantcontacten?plaatsgevondenOp__gte=2026", "nonFieldErrors", "unknown-parameters"),
        ("onderwerpobjecten?expand=klantcontact", "nonFieldErrors", "unknown-parameters"),
    ],
)
def test_a_parameter_that_is_wrong_or_unknown_is_400(ask: Ask, query: str, name: str, code: str) -> None:
    status, answer = ask("GET", query)

    assert status == 400
    assert [(each["name"], each["code"]) for each in answer["invalidParams"]] == [(name, code)]


def test_a_single_row_refuses_unknown_parameters_too_and_is_filtered_where_there_is_no_expand(
    ask: Ask, make: Make
) -> None:
    contact = make("klantcontacten", **CONTACT)["uuid"]
    link = make("onderwerpobjecten", klantcontact={"uuid": contact})["uuid"]

    assert ask("GET", f"klantcontacten/{contact}?kanaal=WhatsApp")[0] == 400
    assert ask("GET", f"klantcontacten/{contact}?page=7")[0] == 200
    assert ask("GET", f"onderwerpobjecten/{link}?klantcontact__uuid={contact}")[0] == 200
    assert ask("GET", f"onderwerpobjecten/{link}?onderwerpobjectidentificatorObjectId=x")[0] == 404
    assert ask("GET", f"onderwerpobjecten/{link}?nothing=x")[0] == 400


@pytest.mark.parametrize("server", ["0.0.3", "0.3.0"], indirect=True)
def test_before_0_5_0_an_unknown_parameter_gives_everybodys_rows(ask: Ask, server: OpenKlantServer) -> None:
    for bsn in ("999990676", "999993653"):
        server.add_partij(bsn=bsn)

    assert len(_found(ask, "partijen", bsn="999990676")) == 2
    assert ask("GET", f"partijen/{server.rows['partijen'][0]['uuid']}?bsn=1")[0] == 200


@pytest.fixture
def anna(server: OpenKlantServer) -> str:
    """A partij with a number and two addresses, one of them verified."""
    adressen = [("telefoonnummer", "+31612345678", "2026-01-10"), ("email", "Anna@example.nl", None)]
    return server.add_partij(bsn="999990676", naam="Anna de Vries", adressen=adressen)


@pytest.fixture
def contact(server: OpenKlantServer, make: Make, anna: str) -> str:
    """A klantcontact of Anna, with all that can hang on it."""
    key: str = make("klantcontacten", **CONTACT, nummer="100")["uuid"]
    to = {"uuid": key}
    actor = make("actoren", naam="Fatima", soortActor="medewerker", actoridentificator={"objectId": "a1"})
    betrokkene = make(
        "betrokkenen",
        hadKlantcontact=to,
        wasPartij={"uuid": anna},
        rol="klant",
        initiator=True,
        organisatienaam="Org",
        contactnaam={"voornaam": "Anna"},
    )
    adres = {"adres": "+31612345679", "soortDigitaalAdres": "telefoonnummer", "verstrektDoorPartij": None}
    make("digitaleadressen", **adres, verstrektDoorBetrokkene={"uuid": betrokkene["uuid"]})
    about = {"objectId": "o1", "codeRegister": "r", "codeObjecttype": "t", "codeSoortObjectId": "s"}
    make("onderwerpobjecten", klantcontact=to, wasKlantcontact=to, onderwerpobjectidentificator=about)
    make("bijlagen", wasBijlageVanKlantcontact=to, bijlageidentificator={"objectId": "d1"})
    make("actorklantcontacten", actor={"uuid": actor["uuid"]}, klantcontact=to)
    task = {"gevraagdeHandeling": "a", "status": "te_verwerken", "toegewezenAanActoren": [{"uuid": actor["uuid"]}]}
    make("internetaken", **task, aanleidinggevendKlantcontact=to)
    make("klantcontacten", **CONTACT | {"kanaal": "Balie"}, nummer="101")  # another, that is never to be found
    server.add_partij(soort="organisatie", naam="Bakker")
    return key


def _links(contact: str, server: OpenKlantServer) -> dict[str, str]:
    return {name: server.rows[name][0]["uuid"] for name in ("actoren", "betrokkenen", "onderwerpobjecten")} | {
        "k": contact
    }


@pytest.mark.parametrize(
    "query",
    [
        "hadBetrokkene__uuid={betrokkenen}",
        "hadBetrokkene__url=http://x.nl/{betrokkenen}/",
        "hadBetrokkene__wasPartij=true",
        "hadBetrokkene__wasPartij__uuid={anna}",
        "hadBetrokkene__wasPartij__partijIdentificator__objectId=999990676",
        "hadBetrokkene__wasPartij__partijIdentificator__codeSoortObjectId=bsn",
        "hadBetrokkene__digitaaladres__adres__icontains=61234567",
        "leiddeTotInterneTaken=true",
        "onderwerpobject__uuid={onderwerpobjecten}",
        "onderwerpobject__onderwerpobjectidentificatorObjectId=o1",
        "onderwerpobject__onderwerpobjectidentificatorCodeRegister=r",
        "wasOnderwerpobject__onderwerpobjectidentificatorCodeObjecttype=t",
        "wasOnderwerpobject__onderwerpobjectidentificatorCodeSoortObjectId=s",
    ],
)
def test_klantcontacten_are_found_by_what_hangs_on_them(
    ask: Ask, server: OpenKlantServer, contact: str, anna: str, query: str
) -> None:
    name, value = query.format(anna=anna, **_links(contact, server)).split("=")

    assert _found(ask, "klantcontacten", **{name: value}) == [contact]


@pytest.mark.parametrize(
    "query",
    [
        "betrokkenen?hadKlantcontact__uuid={k}",
        "betrokkenen?hadKlantcontact__nummer=100",
        "betrokkenen?wasPartij__uuid={anna}",
        "betrokkenen?wasPartij__partijIdentificator__objectId=999990676",
        "betrokkenen?organisatienaam=Org",
        "betrokkenen?contactnaamVoornaam=Anna",
        "betrokkenen?verstrektedigitaalAdres__adres=%2B31612345679",
        "onderwerpobjecten?klantcontact__uuid={k}",
        "onderwerpobjecten?wasKlantcontact__url=http://x.nl/{k}",
        "onderwerpobjecten?onderwerpobjectidentificatorObjectId=o1",
        "bijlagen?bijlageidentificatorObjectId=d1",
        "bijlagen?klantcontact__uuid={k}",
        "actorklantcontacten?actor__uuid={actoren}&klantcontact__uuid={k}",
        "internetaken?aanleidinggevendKlantcontact__uuid={k}",
        "internetaken?klantcontact__nummer=100&status=te_verwerken",
        "internetaken?toegewezenAanActor__uuid={actoren}",
        "internetaken?actoren__naam=Fatima",
        "actoren?actoridentificatorObjectId=a1&naam=FAT&soortActor=medewerker",
        "digitaleadressen?adres=%2B31612345678",
        "digitaleadressen?adres__icontains=ANNA",
        "digitaleadressen?verstrektDoorPartij__uuid={anna}&soortDigitaalAdres=email",
        "digitaleadressen?verstrektDoorBetrokkene__uuid={betrokkenen}",
        "digitaleadressen?verstrektDoorBetrokkene__rol=klant",
        "digitaleadressen?verstrektDoorPartij__soortPartij=persoon&isGeverifieerd=true",
        "digitaleadressen?isGeverifieerd=false&verstrektDoorPartij__partijIdentificator__objectId=999990676",
        "digitaleadressen?verificatieDatum=10-01-2026",
        "digitaleadressen?verificatieDatum__gt=2026-01-09",
        "digitaleadressen?verificatieDatum__gte=2026-01-10&verificatieDatum__lte=2026-01-10",
        "digitaleadressen?verificatieDatum__lt=2026-01-11",
        "partijen?partijIdentificator__objectId=999990676&partijIdentificator__codeRegister=brp&soortPartij=persoon",
        "partijen?soortPartij=organisatie",
        "partij-identificatoren?partijIdentificatorObjectId=999990676&partijIdentificatorCodeRegister=brp",
    ],
)
def test_each_list_has_filters_of_its_own(
    ask: Ask, server: OpenKlantServer, contact: str, anna: str, query: str
) -> None:
    status, page = ask("GET", query.format(anna=anna, **_links(contact, server)))

    assert (status, page["count"]) == (200, 1)


@pytest.mark.parametrize(
    "query",
    [
        "klantcontacten?leiddeTotInterneTaken=true&hadBetrokkene__wasPartij=false",
        "klantcontacten?hadBetrokkene__wasPartij__url=http://x.nl/y",
        "digitaleadressen?adres=+31612345678",
        "digitaleadressen?adres=anna@example.nl",
        "digitaleadressen?isStandaardAdres=true",
        "partijen?vertegenwoordigdePartij__uuid={anna}",
        "partijen?categorierelatie__categorie__naam=x",
        "partijen?subIdentificatorVan__objectId=1",
        "partijen?bezoekadresLand=NL",
    ],
)
def test_a_filter_may_find_nothing(ask: Ask, contact: str, anna: str, query: str) -> None:
    assert contact
    assert ask("GET", query.format(anna=anna))[1]["count"] == 0


def test_three_filters_of_partijen_are_known_but_do_nothing(ask: Ask, contact: str) -> None:
    assert contact
    assert len(_found(ask, "partijen", bezoekadresAdresregel1="x")) == 2


def test_a_klantcontact_is_found_once_for_each_row_that_matches(ask: Ask, make: Make, server: OpenKlantServer) -> None:
    anna = server.add_partij(bsn="999990676")
    key = make("klantcontacten", **CONTACT)["uuid"]
    for _ in range(2):
        make("betrokkenen", hadKlantcontact={"uuid": key}, wasPartij={"uuid": anna}, rol="klant", initiator=True)
        make("onderwerpobjecten", klantcontact={"uuid": key}, onderwerpobjectidentificator={"objectId": "o"})

    assert _found(ask, "klantcontacten", hadBetrokkene__wasPartij__uuid=anna) == [key, key]
    both = {"onderwerpobject__onderwerpobjectidentificatorObjectId": "o", "hadBetrokkene__wasPartij__uuid": anna}
    assert _found(ask, "klantcontacten", **both) == [key] * 4
    number = {"hadBetrokkene__wasPartij__partijIdentificator__objectId": "999990676"}
    assert _found(ask, "klantcontacten", **number) == [key]
    page = ask("GET", f"klantcontacten?hadBetrokkene__wasPartij__uuid={anna}&expand=hadBetrokkenen")[1]
    assert page["results"][0] == page["results"][1]


@pytest.mark.parametrize("server", ["0.7.0"], indirect=True)
def test_before_0_9_0_the_number_of_a_partij_is_joined_too(ask: Ask, server: OpenKlantServer) -> None:
    anna = server.add_partij(bsn="999990676")
    company = {"codeObjecttype": "niet_natuurlijk_persoon", "codeSoortObjectId": "rsin", "codeRegister": "brp"}
    server._add("partij-identificatoren", identificeerdePartij=anna, partijIdentificator=company | {"objectId": "1"})

    assert _found(ask, "partijen", partijIdentificator__codeRegister="brp") == [anna, anna]


def test_a_filter_on_what_is_above_a_number_finds_the_branch(ask: Ask, server: OpenKlantServer) -> None:
    parts = {"codeObjecttype": "niet_natuurlijk_persoon", "codeSoortObjectId": "kvk_nummer", "codeRegister": "hr"}
    above = server._add("partij-identificatoren", partijIdentificator=parts | {"objectId": "12345678"})
    branch = server.add_partij(soort="organisatie", naam="Bakker")
    server._add(
        "partij-identificatoren",
        identificeerdePartij=branch,
        partijIdentificator=parts | {"codeSoortObjectId": "vestigingsnummer", "objectId": "000012345678"},
        subIdentificatorVan=above,
    )

    assert _found(ask, "partijen", subIdentificatorVan__objectId="12345678") == [branch]

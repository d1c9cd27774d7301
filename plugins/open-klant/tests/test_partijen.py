"""The right resident, or nobody: which partij a conversation is tied to, on servers of several versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from gemeente_connect.contracts import Findable
from gemeente_connect.models import Identity, Message, Participant
from gemeente_connect.testing.builders import START, message, participant
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer

ANNAS, BRAMS = "999990676", "999993653"
KVK = "12345678"
PHONE, MAIL = "+31612345671", "anna@example.nl"
BEFORE, AFTER = "2026-01-10", "2026-03-10"  # the messages are of 2 March 2026
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
VERIFYING = ["0.3.0", "0.9.0"]
"""Versions that keep that an address was verified: one that ignores filters it does not know, one that refuses them."""


class Town:
    """An Open Klant of one version, and what becomes of a conversation there."""

    def __init__(self, server: OpenKlantServer, desk: Any) -> None:
        self.server, self.desk = server, desk
        desk.server = server

    def add(self, bsn: str | None, *adressen: tuple[str, str, str | None], **fields: Any) -> str:
        """Keep a partij."""
        return self.server.add_partij(bsn=bsn, naam="Anna de Vries", adressen=adressen, **fields)

    def post(self, collection: str, body: dict[str, Any]) -> Any:
        """Keep something, the way another program does."""
        answer = requests.post(
            f"{self.server.url}/klantinteracties/api/v1/{collection}",
            json=body,
            headers={"Authorization": f"Token {self.server.token}"},
            timeout=5,
        )
        answer.raise_for_status()
        return answer.json()["uuid"]

    def add_company(self, kvk: str = KVK) -> str:
        """Keep a company with its number."""
        partij = self.add(None, soort="organisatie")
        codes = {"codeObjecttype": "niet_natuurlijk_persoon", "codeSoortObjectId": "kvk_nummer", "codeRegister": "hr"}
        number = {"identificeerdePartij": {"uuid": partij}, "partijIdentificator": codes | {"objectId": kvk}}
        self.post("partij-identificatoren", number)
        return partij

    def ask(self, *messages: Message, **settings: Any) -> tuple[Findable, str | None]:
        """Deliver, and tell what the receipt says and which partij all betrokkenen have."""
        self.desk.settings = settings
        self.desk.say(*(messages or (message(1), message(2, direction="out"), message(3))))
        receipt = self.desk.deliver()
        tied = {row["wasPartij"] for row in self.server.rows["betrokkenen"]}
        assert len(tied) == 1, "question and answers belong to one"
        return receipt.findable, tied.pop()


@pytest.fixture
def version() -> str:
    return "0.9.0"


@pytest.fixture
def town(version: str, desk: Any) -> Iterator[Town]:
    with OpenKlantServer(version) as server:
        yield Town(server, desk)


def every(versions: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("version", versions)


def phone(adres: str = PHONE, verified: str | None = BEFORE) -> tuple[str, str, str | None]:
    return "telefoonnummer", adres, verified


def mail(adres: str = MAIL, verified: str | None = BEFORE) -> tuple[str, str, str | None]:
    return "email", adres, verified


def with_number(kind: str, value: str, *, verified_at: datetime | None = AS_OF, **fields: Any) -> Participant:
    known = {"kind": kind, "value": value, "verified_at": verified_at}
    return participant(identities=(Identity.model_validate(known), *fields.pop("beside", ())))


def by(sender: Participant) -> tuple[Message, ...]:
    return (message(1, sender=sender), message(2, direction="out"), message(3, sender=sender))


BY_MAIL = participant(identities=(Identity(kind="email", value=MAIL),))


# -- by an address


@every(VERIFYING)
@pytest.mark.parametrize("adres", ["+31612345671", "0031612345671", "0612345671"])
def test_a_number_ties_its_holder_however_it_is_written_there(town: Town, adres: str) -> None:
    anna = town.add(ANNAS, phone(adres))
    assert town.ask() == (Findable.YES, anna)


@every(VERIFYING)
@pytest.mark.parametrize("adres", ["+32470123456", "0032470123456"])
def test_a_foreign_number_ties_its_holder_however_it_is_written_there(town: Town, adres: str) -> None:
    anna = town.add(ANNAS, phone(adres))
    abroad = participant(identities=(Identity(kind="phone", value="+32470123456"),))
    assert town.ask(*by(abroad)) == (Findable.YES, anna)


@every(VERIFYING)
def test_a_number_that_only_holds_the_number_is_another_one(town: Town) -> None:
    town.add(ANNAS, phone("+3161234567199"), phone("0031612345672"), ("overig", PHONE, BEFORE))
    assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)


@every(VERIFYING)
def test_an_e_mail_address_ties_its_holder(town: Town) -> None:
    anna = town.add(ANNAS, mail())
    assert town.ask(*by(BY_MAIL)) == (Findable.YES, anna)


def test_capitals_in_an_e_mail_address_make_no_difference(town: Town) -> None:
    anna = town.add(ANNAS, mail("Anna@Example.nl"))
    assert town.ask(*by(BY_MAIL)) == (Findable.YES, anna)


@every(VERIFYING)
def test_an_e_mail_address_that_only_holds_the_address_is_another_one(town: Town) -> None:
    town.add(ANNAS, mail(f"johanna{MAIL.removeprefix('anna')}"))
    assert town.ask(*by(BY_MAIL)) == (Findable.NO_RESIDENT_KNOWN, None)


@every(VERIFYING)
def test_an_address_that_was_never_verified_proves_nothing(town: Town) -> None:
    town.add(ANNAS, phone(verified=None))
    assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)


@every(VERIFYING)
def test_an_address_ties_its_holder_to_nothing_that_was_written_before_its_verification(town: Town) -> None:
    town.add(ANNAS, phone(verified=AFTER))
    assert town.ask() == (Findable.NOT_VALID_THEN, None)


@pytest.mark.parametrize(
    ("sent_at", "findable"),
    [
        ("2026-03-01T22:59:59Z", Findable.NOT_VALID_THEN),
        ("2026-03-01T23:00:00Z", Findable.YES),  # midnight of 2 March in Amsterdam
    ],
)
def test_the_day_of_verification_begins_at_midnight_in_amsterdam(town: Town, sent_at: str, findable: Findable) -> None:
    town.add(ANNAS, phone(verified="2026-03-02"))
    assert town.ask(message(1, sent_at=datetime.fromisoformat(sent_at)))[0] is findable


@pytest.mark.parametrize(("days", "findable"), [(7, Findable.NOT_VALID_THEN), (9, Findable.YES)])
def test_the_setting_lets_an_address_tie_from_so_many_days_before(town: Town, days: int, findable: Findable) -> None:
    town.add(ANNAS, phone(verified=AFTER))
    assert town.ask(before_verification_days=days)[0] is findable


@every(VERIFYING)
@pytest.mark.parametrize("verified", [None, BEFORE])
def test_the_setting_never_reaches_into_the_time_of_another_holder(town: Town, verified: str | None) -> None:
    town.add(ANNAS, phone(verified=AFTER))
    town.add(BRAMS, phone("0612345671", verified), actief=False)
    assert town.ask(before_verification_days=3_650) == (Findable.NOT_VALID_THEN, None)


@every(VERIFYING)
@pytest.mark.parametrize("soort", ["organisatie", "contactpersoon"])
def test_whoever_else_has_the_number_stops_the_setting_also_when_it_is_no_resident(town: Town, soort: str) -> None:
    town.add(ANNAS, phone(verified=AFTER))
    town.add(None, phone("0612345671"), soort=soort)
    assert town.ask(before_verification_days=3_650) == (Findable.NOT_VALID_THEN, None)


@every(VERIFYING)
def test_an_address_of_two_residents_ties_neither(town: Town) -> None:
    town.add(ANNAS, phone())
    town.add(BRAMS, phone("0612345671"))
    assert town.ask() == (Findable.MORE_THAN_ONE_RESIDENT, None)


@every(VERIFYING)
def test_a_foreign_number_of_two_residents_ties_neither_however_it_is_written(town: Town) -> None:
    town.add(ANNAS, phone("+32470123456"))
    town.add(BRAMS, phone("0032470123456"))
    abroad = participant(identities=(Identity(kind="phone", value="+32470123456"),))
    assert town.ask(*by(abroad)) == (Findable.MORE_THAN_ONE_RESIDENT, None)


@every(VERIFYING)
def test_another_holder_who_was_not_verified_yet_takes_nothing_away(town: Town) -> None:
    anna = town.add(ANNAS, phone())
    town.add(BRAMS, phone(verified=AFTER))
    town.add(None, phone(verified=None))
    assert town.ask() == (Findable.YES, anna)


def test_the_same_resident_with_the_address_twice_is_one(town: Town) -> None:
    anna = town.add(ANNAS, phone(), phone("0612345671", "2026-02-01"))
    assert town.ask() == (Findable.YES, anna)


def test_two_addresses_that_lead_to_two_residents_tie_neither(town: Town) -> None:
    town.add(ANNAS, phone())
    town.add(BRAMS, mail())
    both = (Identity(kind="phone", value=PHONE), Identity(kind="email", value=MAIL))
    assert town.ask(*by(participant(identities=both))) == (Findable.MORE_THAN_ONE_RESIDENT, None)


def test_several_residents_in_one_conversation_tie_nobody(town: Town) -> None:
    town.add(ANNAS, phone())
    other = participant(2, id="another")
    assert town.ask(message(1), message(2, sender=other)) == (Findable.MORE_THAN_ONE_RESIDENT, None)


@every(VERIFYING)
def test_a_partij_that_is_not_active_proves_nothing(town: Town) -> None:
    town.add(ANNAS, phone(), actief=False)
    assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)


@every(VERIFYING)
def test_a_partij_without_a_bsn_proves_nothing(town: Town) -> None:
    town.add(None, phone())
    assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)


@every(VERIFYING)
@pytest.mark.parametrize("soort", ["organisatie", "contactpersoon"])
def test_a_partij_that_is_no_person_proves_nothing(town: Town, soort: str) -> None:
    town.add(None, phone(), soort=soort)
    assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)


@every(list(VERSIONS))
def test_the_address_of_who_wrote_before_is_nobodys(town: Town) -> None:
    """Addresses that we kept with betrokkenen ourselves, or that KISS did: they say nothing of who somebody is."""
    assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)
    kept = town.server.rows["digitaleadressen"]
    assert len(kept) == 1
    if "verificatieDatum" in kept[0]:
        kept[0]["verificatieDatum"] = BEFORE
    town.desk.say(message(9, sent_at=START + timedelta(days=9)))
    assert town.desk.deliver().findable is Findable.NO_RESIDENT_KNOWN


def test_an_id_of_a_channel_ties_nobody(town: Town) -> None:
    town.add(ANNAS, ("overig", "messenger:psid-1", BEFORE), ("overig", "psid-1", BEFORE))
    by_messenger = participant(identities=(Identity(kind="messenger", value="psid-1"),))
    assert town.ask(*by(by_messenger)) == (Findable.NO_RESIDENT_KNOWN, None)


# -- by a number that the conversation carries


@every(list(VERSIONS))
def test_a_bsn_that_the_channel_verified_ties_its_partij(town: Town) -> None:
    town.add(BRAMS)
    anna = town.add(ANNAS)
    assert town.ask(*by(with_number("bsn", ANNAS)))[1] == anna


def test_a_bsn_counts_for_more_than_the_addresses_beside_it(town: Town) -> None:
    anna = town.add(ANNAS)
    town.add(BRAMS, phone())
    both = with_number("bsn", ANNAS, beside=(Identity(kind="phone", value=PHONE),))
    assert town.ask(*by(both)) == (Findable.YES, anna)


def test_a_bsn_that_nobody_verified_proves_nothing(town: Town) -> None:
    town.add(ANNAS)
    assert town.ask(*by(with_number("bsn", ANNAS, verified_at=None))) == (Findable.NO_RESIDENT_KNOWN, None)


def test_a_number_that_is_no_bsn_proves_nothing(town: Town) -> None:
    town.add(ANNAS)
    assert town.ask(*by(with_number("bsn", "123456789"))) == (Findable.NO_RESIDENT_KNOWN, None)


@every(VERIFYING)
def test_a_bsn_that_no_partij_has_makes_none(town: Town) -> None:
    town.add(BRAMS, phone("0612345672"))
    assert town.ask(*by(with_number("bsn", ANNAS))) == (Findable.NO_RESIDENT_KNOWN, None)
    assert len(town.server.rows["partijen"]) == 1


@every(VERIFYING)
def test_the_number_of_a_company_ties_the_company(town: Town) -> None:
    company = town.add_company()
    assert town.ask(*by(with_number("kvk", KVK))) == (Findable.YES, company)


def test_the_number_of_a_company_that_nobody_verified_proves_nothing(town: Town) -> None:
    town.add_company()
    assert town.ask(*by(with_number("kvk", KVK, verified_at=None))) == (Findable.NO_RESIDENT_KNOWN, None)


def test_the_numbers_of_two_companies_tie_neither(town: Town) -> None:
    town.add_company()
    town.add_company("87654321")
    beside = (Identity(kind="kvk", value="87654321", verified_at=AS_OF),)
    assert town.ask(*by(with_number("kvk", KVK, beside=beside))) == (Findable.MORE_THAN_ONE_RESIDENT, None)


def test_a_person_who_signed_in_beside_a_company_is_the_resident(town: Town) -> None:
    town.add_company()
    anna = town.add(ANNAS)
    beside = (Identity(kind="kvk", value=KVK, verified_at=AS_OF),)
    assert town.ask(*by(with_number("bsn", ANNAS, beside=beside))) == (Findable.YES, anna)


def test_a_company_and_a_resident_in_one_conversation_tie_nobody(town: Town) -> None:
    town.add_company()
    company, other = with_number("kvk", KVK), participant(2, id="another")
    assert town.ask(message(1, sender=company), message(2, sender=other)) == (Findable.MORE_THAN_ONE_RESIDENT, None)


# -- servers that ignore what they do not know


class Forgetful:
    """An Open Klant that passes over every filter on numbers and addresses, as old ones do with what they not know."""

    def __init__(self, server: OpenKlantServer) -> None:
        lists = server._api.lists
        lists.known = {
            collection: {} if collection in {"partijen", "digitaleadressen"} else its
            for collection, its in lists.known.items()
        }


@every(["0.0.3", "0.3.0"])
@pytest.mark.parametrize("kind", ["phone", "email", "bsn", "kvk"])
def test_a_server_that_ignores_filters_never_leads_to_a_strangers_partij(town: Town, kind: str) -> None:
    town.add(BRAMS, phone("0612345672"), mail("bram@example.nl"))
    town.add(None, phone("0612345673"))
    Forgetful(town.server)
    values = {"phone": PHONE, "email": MAIL, "bsn": ANNAS, "kvk": KVK}
    assert town.ask(*by(with_number(kind, values[kind]))) == (Findable.NO_RESIDENT_KNOWN, None)
    asked = [each for each in town.server.requests if each.path in {"partijen", "digitaleadressen"}]
    assert town.server.version == "0.0.3" or asked, "it was asked for all that"


@pytest.mark.parametrize(("version", "kind"), [("0.3.0", "phone"), ("0.3.0", "email"), ("0.3.0", "bsn")])
def test_a_server_that_ignores_filters_still_leads_to_the_right_partij(town: Town, kind: str) -> None:
    town.add(BRAMS, phone("0612345672"), mail("bram@example.nl"))
    anna = town.add(ANNAS, phone(), mail())
    town.add("999991723", phone("0612345673"))
    Forgetful(town.server)
    values = {"phone": PHONE, "email": MAIL, "bsn": ANNAS}
    assert town.ask(*by(with_number(kind, values[kind]))) == (Findable.YES, anna)


def test_a_server_of_old_that_keeps_no_verification_is_not_asked_for_addresses(desk: Any) -> None:
    with OpenKlantServer("0.0.3") as server:
        town = Town(server, desk)
        town.add(ANNAS, phone())
        assert town.ask() == (Findable.NO_RESIDENT_KNOWN, None)
        filters = [each.query for each in server.requests if each.path == "digitaleadressen" and each.method == "GET"]
        assert not any("adres=" in each for each in filters)


# -- what becomes known later


@every(VERIFYING)
def test_when_the_resident_becomes_known_the_question_and_every_answer_are_tied(town: Town) -> None:
    town.desk.say(message(1), message(2, direction="out", text="woord " * 500), message(3))
    town.desk.sync(offer_again=timedelta(0))
    assert {row["wasPartij"] for row in town.server.rows["betrokkenen"]} == {None}
    anna = town.add(ANNAS, phone())
    (delivery,) = town.desk.sync(offer_again=timedelta(0)).delivered
    assert delivery.receipt.findable is Findable.YES
    betrokkenen = town.server.rows["betrokkenen"]
    assert len(betrokkenen) == 6
    assert {row["wasPartij"] for row in betrokkenen} == {anna}


def test_when_a_second_holder_becomes_known_it_is_nobodys_again(town: Town) -> None:
    anna = town.add(ANNAS, phone())
    assert town.ask() == (Findable.YES, anna)
    town.add(BRAMS, phone())
    town.desk.say(message(4, direction="out"))
    assert town.desk.deliver().findable is Findable.MORE_THAN_ONE_RESIDENT
    assert {row["wasPartij"] for row in town.server.rows["betrokkenen"]} == {None}


# -- how much is asked


@every(["0.3.0", "0.9.0"])
def test_an_address_is_looked_up_once_in_a_run(town: Town) -> None:
    town.add(ANNAS, phone())
    town.desk.say(*(message(n, sent_at=START + timedelta(days=3 * n)) for n in range(5)))
    report = town.desk.sync()
    assert report.findable == 5
    asked = [each.query for each in town.server.requests if each.method == "GET" and "12345671" in each.query]
    assert len(asked) == len(set(asked)) == (1 if town.server.version == "0.9.0" else 3)
    assert sum(each.path.startswith("partijen/") for each in town.server.requests) == 1


def test_what_is_asked_anew_in_the_next_run_is_what_may_have_changed(town: Town) -> None:
    anna = town.add(ANNAS, phone())
    assert town.ask() == (Findable.YES, anna)
    town.server.rows["partijen"][0]["indicatieActief"] = False
    town.desk.say(message(4, direction="out"))
    assert town.desk.deliver().findable is Findable.NO_RESIDENT_KNOWN

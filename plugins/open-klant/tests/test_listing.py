"""What Open Klant holds of our conversations, compared with the ledger, and a ledger that was lost and found again."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from gemeente_connect import Ledger
from gemeente_connect.contracts import Findable
from gemeente_connect.errors import PluginError
from gemeente_connect.ledger.adopting import Outcome
from gemeente_connect.models import Identity
from gemeente_connect.syncing import collect
from gemeente_connect.syncing.adopting import adopt
from gemeente_connect.syncing.detaching import detach
from gemeente_connect.syncing.reconciling import Kind, reconcile
from gemeente_connect.testing.builders import START, message, participant
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer

FATIMA = participant(employee=True, identities=(Identity(kind="email", value="fatima@example.nl"),))
LONG = "Mijn container is niet geleegd. " * 60
TALK = (message(1, text=LONG), message(2, direction="out", sender=FATIMA), message(3))
PHONE = ("telefoonnummer", "+31612345671", "2026-01-10")


class Office:
    """A desk with what mends."""

    def __init__(self, desk: Any) -> None:
        self.desk, self.server = desk, desk.server

    def ledger(self) -> Ledger:
        return Ledger(self.desk.folder / "ledger.sqlite")

    def differences(self) -> list[tuple[Kind, Findable | None]]:
        with self.ledger() as ledger:
            return [(each.kind, each.findable) for each in reconcile(self.desk.open(), ledger)]

    def lose_the_ledger(self) -> dict[Outcome, int]:
        """Begin with a new one: collect all there is, and adopt."""
        for file in self.desk.folder.glob("ledger.sqlite*"):
            file.unlink()
        with self.ledger() as ledger:
            collect(self.desk.channel, ledger)
            done = adopt(self.desk.open(), ledger)
        return dict(done.counts)

    def kept(self) -> dict[str, Any]:
        return copy.deepcopy(dict(self.server.rows))

    def anna(self) -> str:
        partij: str = self.server.add_partij(bsn="999990676", naam="Anna de Vries", adressen=[PHONE])
        return partij

    def add_double(self) -> None:
        """Let the last klantcontact be there twice, as no Open Klant that numbers would let it."""
        row = self.server.rows["klantcontacten"][-1]
        self.server.rows["klantcontacten"].append(row | {"uuid": row["uuid"][:-4] + "0000", "nummer": "1"})


@pytest.fixture
def office(desk: Any) -> Office:
    return Office(desk)


def test_ledger_and_open_klant_agree_after_a_delivery_and_after_the_conversation_grew(
    desk: Any, office: Office
) -> None:
    office.anna()
    desk.settings = {"taak_actor": desk.server.add_actor("KCC")}
    desk.say(*TALK)
    desk.deliver()
    assert office.differences() == []
    desk.say(message(4, direction="out", sender=FATIMA), message(5))
    desk.deliver()
    assert office.differences() == []


def test_there_is_a_record_of_each_conversation_with_all_its_messages_in_order(desk: Any) -> None:
    desk.say(*TALK, *(message(n, sent_at=START + timedelta(days=9, minutes=n)) for n in (6, 7)))
    assert len(desk.sync().delivered) == 2
    records = {tuple(each.turns): each for each in desk.open().records(None)}
    assert [(list(each.turns.items())) for each in records.values()] == [
        [("m6", ("m6", "m7"))],
        [("m1", ("m1",)), ("m2", ("m2",)), ("m3", ("m3",))],
    ]
    assert {each.account for each in records.values()} == {"whatsapp:+31687654321"}
    assert not any(each.changed for each in records.values())
    question = desk.contacten()[0]["uuid"]
    assert records["m1", "m2", "m3"].reference.endswith(question)


def test_turns_stand_in_the_order_in_which_they_were_said(desk: Any) -> None:
    desk.say(message(1, id="z"), message(2, id="y9", direction="out"), message(3, id="x5"))
    desk.deliver()
    (record,) = desk.open().records(None)
    assert list(record.turns) == ["z", "y9", "x5"]


@pytest.mark.parametrize("index", [0, 2])
def test_a_record_says_that_it_was_changed_also_where_there_is_no_ledger(desk: Any, index: int) -> None:
    desk.say(*TALK)
    desk.deliver()
    desk.server.rows["klantcontacten"][index]["inhoud"] = "Dit schreef een collega"
    (record,) = desk.open().records(None)
    assert record.changed
    del desk.server.rows["klantcontacten"][index]
    (record,) = desk.open().records(None)
    assert record.changed is (index == 0), "without its question"


def test_what_others_keep_in_the_same_open_klant_is_no_record_of_ours(desk: Any) -> None:
    desk.say(message(1))
    desk.deliver()
    desk.server.rows["klantcontacten"][0]["metadata"] = {"externalId": "iets-anders"}
    assert list(desk.open().records(None)) == []


def test_a_list_of_more_than_one_page_is_read_to_its_end(desk: Any) -> None:
    desk.say(message(1))
    desk.deliver()
    row = desk.server.rows["klantcontacten"][0]
    for number in range(1_000):
        uuid = f"{row['uuid'][:-4]}{number:04}"
        metadata = row["metadata"] | {"gesprek": f"c{number}", "externalId": f"c{number}:vraag"}
        desk.server.rows["klantcontacten"].append(row | {"uuid": uuid, "nummer": str(number), "metadata": metadata})
    assert len(list(desk.open().records(None))) == 1_001


@pytest.mark.parametrize("index", [0, 1, 2, 3])
@pytest.mark.parametrize("field", ["inhoud", "onderwerp"])
def test_a_text_that_somebody_changed_there_is_seen(desk: Any, office: Office, index: int, field: str) -> None:
    desk.say(*TALK)
    desk.deliver()
    desk.server.rows["klantcontacten"][index][field] = "Dit schreef een collega"
    assert office.differences() == [(Kind.CHANGED_THERE, Findable.NO_RESIDENT_KNOWN)]


def test_a_partij_that_somebody_tied_there_is_seen(desk: Any, office: Office) -> None:
    desk.say(*TALK)
    desk.deliver()
    desk.server.rows["betrokkenen"][-1]["wasPartij"] = office.anna()
    assert office.differences() == [(Kind.CHANGED_THERE, Findable.NO_RESIDENT_KNOWN)]


def test_an_answer_that_was_removed_there_is_seen(desk: Any, office: Office) -> None:
    desk.say(*TALK)
    desk.deliver()
    desk.server.rows["klantcontacten"].pop()
    assert [kind for kind, _ in office.differences()] == [Kind.CHANGED_THERE]


def test_a_question_that_was_removed_there_is_seen_while_its_answers_stand(desk: Any, office: Office) -> None:
    office.anna()
    desk.say(*TALK)
    desk.deliver()
    del desk.server.rows["klantcontacten"][0]
    assert Kind.CHANGED_THERE in [kind for kind, _ in office.differences()]
    assert (Kind.NO_LONGER_FINDABLE, Findable.NO_QUESTION) in office.differences()


def test_a_conversation_that_was_removed_there_is_seen(desk: Any, office: Office) -> None:
    desk.say(message(1))
    desk.deliver()
    desk.server.rows["klantcontacten"].clear()
    assert office.differences() == [(Kind.MISSING_THERE, None)]


def test_a_klantcontact_that_is_there_twice_is_seen(desk: Any, office: Office) -> None:
    desk.say(message(1))
    desk.deliver()
    office.add_double()
    assert [kind for kind, _ in office.differences()].count(Kind.THERE_TWICE) == 1


def test_a_conversation_that_the_ledger_does_not_know_is_seen(desk: Any, office: Office) -> None:
    desk.say(message(1))
    desk.deliver()
    (desk.folder / "ledger.sqlite").rename(desk.folder / "lost")
    assert office.differences() == [(Kind.UNKNOWN_HERE, Findable.NO_RESIDENT_KNOWN)]


def test_a_question_without_a_number_is_not_shown(desk: Any, office: Office) -> None:
    office.anna()
    desk.say(message(1))
    assert desk.deliver().findable is Findable.YES
    desk.server.rows["klantcontacten"][0]["nummer"] = None
    assert office.differences() == [(Kind.NO_LONGER_FINDABLE, Findable.NOT_SHOWN)]


def test_a_question_that_somebody_tied_to_its_resident_is_newly_findable(desk: Any, office: Office) -> None:
    desk.say(message(1))
    desk.deliver()
    desk.server.rows["betrokkenen"][0]["wasPartij"] = office.anna()
    assert (Kind.NEWLY_FINDABLE, Findable.YES) in office.differences()


def test_a_resident_whose_number_was_taken_away_finds_it_no_longer(desk: Any, office: Office) -> None:
    office.anna()
    desk.say(message(1))
    desk.deliver()
    desk.server.rows["partij-identificatoren"].clear()
    assert office.differences() == [(Kind.NO_LONGER_FINDABLE, Findable.NOT_SHOWN)]


def test_comparing_changes_nothing(desk: Any, office: Office) -> None:
    desk.say(*TALK)
    desk.deliver()
    desk.server.requests.clear()
    office.differences()
    assert {each.method for each in desk.server.requests} == {"GET"}


# -- a ledger that was lost


def deliver_all(desk: Any, office: Office) -> None:
    office.anna()
    desk.settings = {"taak_actor": desk.server.add_actor("KCC")}
    desk.say(*TALK, *(message(n, sent_at=START + timedelta(days=9, minutes=n)) for n in (6, 7)))
    assert len(desk.sync().delivered) == 2


def test_after_adopting_the_next_run_changes_nothing_and_doubles_nothing(desk: Any, office: Office) -> None:
    deliver_all(desk, office)
    before = office.kept()
    assert office.lose_the_ledger() == {"adopted": 2}
    desk.server.requests.clear()
    report = desk.sync()
    assert (report.refused, report.deferred, report.errors) == ({}, {}, [])
    assert office.kept() == before
    assert {each.method for each in desk.server.requests} == {"GET"}
    assert office.differences() == []


@pytest.mark.parametrize("adopts", [True, False])
def test_a_taak_is_known_again_and_keeps_the_status_that_a_colleague_gave_it(
    desk: Any, office: Office, *, adopts: bool
) -> None:
    desk.settings = {"taak_actor": desk.server.add_actor("KCC")}
    desk.say(message(1))
    desk.deliver()
    ours = desk.server.rows["internetaken"][0]
    ours["status"] = "verwerkt"
    of_kiss = ours | {"uuid": f"{ours['uuid'][:-4]}0000", "gevraagdeHandeling": "Contact opnemen met betrokkene"}
    desk.server.rows["internetaken"].append(of_kiss | {"nummer": None, "status": "te_verwerken"})
    if adopts:
        office.lose_the_ledger()
    else:
        (desk.folder / "ledger.sqlite").rename(desk.folder / "lost")
    before = office.kept()
    report = desk.sync()
    assert (report.refused, report.errors) == ({}, [])
    assert office.kept() == before
    desk.say(message(2, direction="out"))
    desk.sync()
    assert [row["status"] for row in desk.rows("internetaken")] == ["verwerkt", "te_verwerken"]


def test_an_adopted_conversation_grows_and_is_edited_as_if_nothing_happened(desk: Any, office: Office) -> None:
    desk.say(*TALK)
    desk.deliver()
    office.lose_the_ledger()
    desk.say(message(4, direction="out", sender=FATIMA))
    desk.deliver()
    desk.say(message(5))
    desk.deliver()
    assert office.lose_the_ledger() == {"adopted": 1}
    before = office.kept()
    assert desk.sync().refused == {}
    assert office.kept() == before
    texts = [row["inhoud"].partition(" (")[0] for row in desk.contacten()]
    assert texts[-3:] == ["Reactie van de inwoner: Bericht 3", "Bericht 4", "Reactie van de inwoner: Bericht 5"]
    assert len(desk.rows("actoren")) == 1
    assert len(desk.rows("actorklantcontacten")) == 2
    assert office.differences() == []


def test_an_adopted_conversation_is_still_kept_from_whom_it_was_taken_away(desk: Any, office: Office) -> None:
    office.anna()
    desk.say(*TALK)
    (conversation,) = [each.conversation for each in desk.sync().delivered]
    with office.ledger() as ledger:
        assert detach(desk.open(), ledger, conversation)
    before = office.kept()
    assert office.lose_the_ledger() == {"adopted": 1}
    (delivery,) = desk.sync(offer_again=timedelta(0)).delivered
    assert delivery.receipt.findable is Findable.NOT_VALID_THEN
    assert office.kept() == before
    assert office.differences() == []


def test_what_a_colleague_changed_is_not_overwritten_after_adopting(desk: Any, office: Office) -> None:
    desk.say(*TALK)
    desk.deliver()
    desk.server.rows["klantcontacten"][2]["inhoud"] = "Dit schreef een collega"
    office.lose_the_ledger()
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("changed-there")
    assert desk.server.rows["klantcontacten"][2]["inhoud"] == "Dit schreef een collega"


def test_a_long_id_with_a_blank_where_it_is_cut_comes_back_whole(desk: Any, office: Office) -> None:
    key = f"<{'x' * 98} {'y' * 50}@example.nl>"
    desk.say(message(1, id=key))
    desk.deliver()
    (record,) = desk.open().records(None)
    assert record.turns == {key: (key,)}
    assert office.lose_the_ledger() == {"adopted": 1}


# -- before Open Klant keeps what is needed


@pytest.mark.parametrize("version", [each for each in VERSIONS if each < "0.7.0"])
def test_an_open_klant_that_keeps_no_metadata_says_so(desk: Any, office: Office, version: str) -> None:
    with OpenKlantServer(version) as desk.server:
        desk.say(message(1))
        desk.deliver()
        with pytest.raises(PluginError, match=r"an Open Klant before 2\.16 keeps no metadata"):
            list(desk.open().records(None))
        with pytest.raises(PluginError, match=r"an Open Klant before 2\.16 keeps no metadata"):
            office.differences()

"""What a real Open Klant does with what is sent to it.

In CI, and whenever all tests run, a recording answers: one folder of recordings for each version of the API. It fails
where anything else is sent, or less, than when it was recorded. To test against a real one:

    OPEN_KLANT_URL=https://open-klant.example.nl OPEN_KLANT_TOKEN=… pytest -m live plugins/open-klant/tests/live

Each test takes away what it made. On an Open Klant that is empty, tests that pass are recorded too: ids, names and
numbers are then always the same, so a recording changes only where Open Klant or the plugin does. On any other one,
every test makes up ids and people of its own, does not look at what it did not make, and records nothing. A version
that was never recorded gets a folder of its own. The tests of other versions are answered from their recordings all the
while.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine

from gemeente_connect import FileStore, Ledger
from gemeente_connect.contracts import Findable
from gemeente_connect.errors import AuthError, PluginError, RejectedError
from gemeente_connect.models import Conversation, Deleted, Edited, Identity, Reference
from gemeente_connect.syncing import collect
from gemeente_connect.syncing.adopting import adopt
from gemeente_connect.syncing.detaching import detach
from gemeente_connect.testing.builders import ACCOUNT
from gemeente_connect.testing.effects import Crash
from gemeente_connect_open_klant.dialect import dialect

pytestmark = pytest.mark.live

ZAAK = "00000000-0000-4000-8000-0000000ca5e0"
LONG = "Wij komen morgen langs om de container te legen. " * 45
BEFORE_IT_WAS_SAID = "2026-01-10"


def after(minutes: int) -> time_machine.travel:
    """Go on so many minutes later: more than five, and a request that was sent can no longer take effect."""
    return time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes))


def links(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Say which klantcontact answers which, by uuid."""
    return {row["klantcontact"]["uuid"]: row["wasKlantcontact"]["uuid"] for row in rows if row["wasKlantcontact"]}


def partijen(desk: Any) -> list[str | None]:
    """Give the partij of each betrokkene."""
    return [row["wasPartij"] and row["wasPartij"]["uuid"] for row in desk.rows("betrokkenen")]


# ---- checking --------------------------------------------------------------------------------------------------------


def test_check_tells_the_version_and_that_the_token_is_taken(desk: Any, version: str) -> None:
    first, keys, *_ = desk.open().check()
    assert first.ok
    assert f"answers with API-version {version}, and takes the token" in first.text
    assert ("number of ours" in keys.text) is dialect(version).numbered


def test_check_tells_that_a_token_is_refused(server: Any, connect: Callable[..., Any]) -> None:
    with pytest.raises(AuthError, match="status 401; renew the credentials"):
        list(connect(server, token="niet-deze").check())


def test_check_tells_whether_the_actor_that_gets_taken_is_there(server: Any, connect: Callable[..., Any]) -> None:
    for actor, is_there in ((server.add_actor(), True), (ZAAK, False)):
        assert [each.ok for each in connect(server, taak_actor=actor).check() if "taak_actor" in each.text] == [
            is_there
        ]


# ---- delivering ------------------------------------------------------------------------------------------------------


def test_a_conversation_becomes_a_question_and_answers_that_read_back_as_they_were_said(desk: Any, server: Any) -> None:
    desk.say(
        server.said(1, "Goedemorgen. Mijn container is niet geleegd\nWanneer komt u?"),
        server.said(2, "Morgen tussen 8 en 12 uur. 🚛", direction="out"),
        server.said(3, "Dank u wel, tot morgen!"),
        server.said(4, "Graag gedaan.", direction="out"),
    )
    receipt = desk.deliver()
    rows = desk.contacten()
    question, answer, follow_up, last = (row["uuid"] for row in rows)
    assert [row["inhoud"] for row in rows] == [
        "Goedemorgen. Mijn container is niet geleegd /\nWanneer komt u?",
        "Morgen tussen 8 en 12 uur. 🚛",
        "Reactie van de inwoner: Dank u wel, tot morgen!",
        "Graag gedaan.",
    ]
    assert {row["onderwerp"] for row in rows} == {"Mijn container is niet geleegd"}
    assert {row["kanaal"] for row in rows} == {"WhatsApp"}
    assert [row["plaatsgevondenOp"][:19] for row in rows] == [f"2026-03-02T09:0{n}:00" for n in range(1, 5)]
    assert links(desk.rows("onderwerpobjecten")) == {answer: question, follow_up: answer, last: question}
    assert [row["initiator"] for row in desk.rows("betrokkenen")] == [True, False, True, False]
    assert {row["contactnaam"]["achternaam"] for row in desk.rows("betrokkenen")} == {"Anna de Vries"}
    assert receipt.reference == rows[0]["url"]


@pytest.mark.usefixtures("numbered")
def test_a_klantcontact_bears_a_number_that_follows_from_its_external_id(desk: Any, server: Any) -> None:
    desk.say(server.said(1))
    desk.deliver()
    (row,) = desk.contacten()
    assert row["metadata"]["externalId"] == f"{server.conversation}:vraag"
    assert row["nummer"] == number_of(f"{server.conversation}:vraag")


def number_of(external_id: str, probe: int = 0) -> str:
    """Number an external id by the rule that others may follow too."""
    hashed = int.from_bytes(hashlib.sha256(external_id.encode()).digest())
    return str(10**9 + (hashed + probe) % (9 * 10**9))


@pytest.mark.usefixtures("counted")
def test_an_open_klant_that_counts_by_itself_gives_the_number(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, direction="out"))
    desk.deliver()
    question, answer = (int(row["nummer"]) for row in desk.contacten())
    assert answer > question


def test_what_is_offered_again_makes_and_changes_nothing(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, LONG, direction="out"), server.said(3))
    desk.sync(offer_again=timedelta(0))
    stood = desk.contacten()
    server.sent.clear()
    report = desk.sync(offer_again=timedelta(0))
    assert [delivery.update for delivery in report.delivered] == [True]
    assert server.sent == ["GET klantcontacten", "GET digitaleadressen", "GET klantcontacten"]
    assert desk.contacten() == stood


def test_a_turn_that_grows_is_changed_and_a_new_one_is_made(desk: Any, server: Any) -> None:
    desk.say(server.said(1, "Wanneer komt u?"), server.said(2, "Morgen.", direction="out"))
    before = desk.deliver()
    server.sent.clear()
    desk.say(server.said(3, "Om 8 uur.", direction="out"), server.said(4, "Dank u wel."))
    receipt = desk.deliver()
    assert [what for what in server.sent if not what.startswith("GET")] == [
        "PATCH klantcontacten", "POST maak-klantcontact"
    ]  # fmt: skip
    assert [row["inhoud"] for row in desk.contacten()] == [
        "Wanneer komt u?", "Morgen.\nOm 8 uur.", "Reactie van de inwoner: Dank u wel."
    ]  # fmt: skip
    assert receipt.reference == before.reference


def test_what_was_edited_reads_so_and_what_was_deleted_says_so(desk: Any, server: Any) -> None:
    desk.say(server.said(1, "Wanner komt u?"), server.said(2, "Morgen.", direction="out"))
    desk.deliver()
    edited, deleted = server.said(1, "Wanneer komt u?"), server.said(2, "", direction="out")
    desk.say(changes=(Edited(message=edited, target=edited.id), Deleted(message=deleted, target=deleted.id)))
    desk.deliver()
    texts = [(row["onderwerp"], row["inhoud"]) for row in desk.contacten()]
    onderwerp = "Wanneer komt u?"
    assert texts == [(onderwerp, "Wanneer komt u? (gewijzigd)"), (onderwerp, "(Dit bericht is verwijderd.)")]
    assert len(links(desk.rows("onderwerpobjecten"))) == 1


def test_a_long_text_goes_on_in_parts_that_each_fit(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, LONG, direction="out"))
    desk.deliver()
    question, *parts = desk.contacten()
    texts = [row["inhoud"] for row in parts]
    assert len(texts) == 3
    assert all(900 < len(text) <= 1000 for text in texts[:-1])
    assert texts[0].endswith(" (deel 1 van 3)")
    assert texts[2].startswith("Vervolg van het antwoord (deel 3 van 3): Wij komen")
    assert sum(text.count("morgen langs") for text in texts) == 45
    first = parts[0]["uuid"]
    further = {row["uuid"]: first for row in parts[1:]}
    assert links(desk.rows("onderwerpobjecten")) == {first: question["uuid"]} | further


def test_a_text_that_became_shorter_leaves_no_part_of_the_old_one(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, LONG, direction="out"))
    desk.deliver()
    edited = server.said(2, "Wij komen morgen.", direction="out")
    desk.say(changes=(Edited(message=edited, target=edited.id),))
    desk.deliver()
    _, *parts = desk.contacten()
    assert [row["inhoud"] for row in parts] == [
        "Wij komen morgen. (gewijzigd)", *["(Dit deel van het bericht is verwijderd.)"] * 2
    ]  # fmt: skip


def test_what_a_colleague_changed_in_open_klant_is_not_overwritten(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, "Morgen.", direction="out"))
    desk.deliver()
    _, answer = desk.contacten()
    server.change("klantcontacten", answer["uuid"], {"inhoud": "Morgen, als het niet vriest."})
    desk.say(server.said(3, "Om 8 uur.", direction="out"))
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("changed-there: ")
    assert desk.contacten()[1]["inhoud"] == "Morgen, als het niet vriest."


# ---- the right resident, or nobody -----------------------------------------------------------------------------------


def test_what_nobody_known_wrote_has_no_partij(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, direction="out"))
    assert desk.deliver().findable is Findable.NO_RESIDENT_KNOWN
    assert partijen(desk) == [None, None]


def test_a_resident_is_found_by_a_verified_number_in_another_spelling(desk: Any, server: Any) -> None:
    partij = server.add_partij(adres=server.phone.replace("+31", "0"), verified=BEFORE_IT_WAS_SAID)
    desk.say(server.said(1), server.said(2, direction="out"))
    assert desk.deliver().findable is Findable.YES
    assert partijen(desk) == [partij, partij]


def test_a_number_that_was_not_verified_ties_nobody(desk: Any, server: Any) -> None:
    server.add_partij(adres=server.phone)
    desk.say(server.said(1))
    assert desk.deliver().findable is Findable.NO_RESIDENT_KNOWN
    assert partijen(desk) == [None]


def test_a_resident_is_found_by_a_bsn_that_the_channel_verified(desk: Any, server: Any) -> None:
    partij = server.add_partij()
    said = server.said(1)
    bsn = Identity(kind="bsn", value=server.bsn, verified_at=said.sent_at)
    desk.say(said.model_copy(update={"sender": said.sender.model_copy(update={"identities": (bsn,)})}))
    assert desk.deliver().findable is Findable.YES
    assert partijen(desk) == [partij]


def test_a_resident_who_becomes_known_gets_the_question_and_every_answer(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, LONG, direction="out"), server.said(3))
    desk.sync(offer_again=timedelta(0))
    assert set(partijen(desk)) == {None}
    partij = server.add_partij(adres=server.phone, verified=BEFORE_IT_WAS_SAID)
    assert desk.deliver().findable is Findable.YES
    assert partijen(desk) == [partij] * 5


# ---- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("numbered")
def test_a_number_that_somebody_else_has_leads_to_the_next_one(desk: Any, server: Any) -> None:
    external_id = f"{server.conversation}:vraag"
    theirs = {"kanaal": "balie", "onderwerp": "Paspoort", "taal": "nld", "vertrouwelijk": False}
    theirs |= {"nummer": number_of(external_id), "plaatsgevondenOp": "2026-03-01T12:00:00Z"}
    server.make("klantcontacten", theirs)
    desk.say(server.said(1))
    desk.deliver()
    taken, ours = desk.rows("klantcontacten")
    assert (taken["onderwerp"], taken["metadata"]) == ("Paspoort", {})
    assert (ours["nummer"], ours["metadata"]["externalId"]) == (number_of(external_id, probe=1), external_id)


@pytest.mark.usefixtures("numbered")
def test_a_create_in_doubt_is_made_again_and_its_number_says_that_it_is_there(desk: Any, server: Any) -> None:
    die_after_every_create(desk, server)
    assert server.sent.count("POST maak-klantcontact") == 1 + 2 + 2, "each run made again what was in doubt"
    assert [row["inhoud"] for row in desk.contacten()] == ["Bericht 1", "Bericht 2"]
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        done = ledger.mending.done(desk.open().account, server.conversation)
    assert [done["vraag"]["klantcontact"], done[f"beurt/live-{server.run}-2/0"]["klantcontact"]] == [
        row["uuid"] for row in desk.contacten()
    ]


@pytest.mark.usefixtures("counted")
def test_a_create_in_doubt_is_looked_up_by_its_time_to_the_microsecond(desk: Any, server: Any) -> None:
    die_after_every_create(desk, server)
    assert server.sent.count("POST maak-klantcontact") == 2, "each was sent once"
    assert [row["inhoud"] for row in desk.contacten()] == ["Bericht 1", "Bericht 2"]
    assert all(len(row["plaatsgevondenOp"]) == len("2026-03-02T09:01:00.000000Z") for row in desk.contacten())


def die_after_every_create(desk: Any, server: Any) -> None:
    """Die between a klantcontact that was made and its answer, twice, and go on."""
    desk.say(server.said(1), server.said(2, direction="out"))
    server.lose(1, Crash())
    server.lose(2, Crash())
    with pytest.raises(Crash):
        desk.sync()
    with after(minutes=10), pytest.raises(Crash):
        desk.sync()
    with after(minutes=20):
        desk.deliver()


def test_a_create_whose_answer_never_came_is_looked_up_at_once(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, direction="out"))
    server.lose(1, requests.ReadTimeout())
    server.lose(2, requests.ReadTimeout())
    desk.deliver()
    assert server.sent.count("POST maak-klantcontact") == 2
    assert [row["inhoud"] for row in desk.contacten()] == ["Bericht 1", "Bericht 2"]


# ---- what stands beside it -------------------------------------------------------------------------------------------


def test_the_address_is_kept_with_the_betrokkene_of_the_question_and_no_partij(desk: Any, server: Any) -> None:
    server.add_partij(adres=server.phone, verified=BEFORE_IT_WAS_SAID)
    desk.say(server.said(1), server.said(2, direction="out"))
    desk.deliver()
    _, adres = desk.rows("digitaleadressen")
    assert (adres["soortDigitaalAdres"], adres["adres"]) == ("telefoonnummer", server.phone)
    assert adres["verstrektDoorBetrokkene"]["uuid"] == desk.rows("betrokkenen")[0]["uuid"]
    assert adres["verstrektDoorPartij"] is None


def test_an_employee_whom_another_program_made_is_not_made_again(desk: Any, server: Any) -> None:
    actor = server.add_actor()
    desk.say(server.said(1), server.said(2, direction="out"), server.said(3), server.said(4, direction="out"))
    desk.deliver()
    assert "POST actoren" not in server.sent[1:]
    assert [row["actor"]["uuid"] for row in desk.rows("actorklantcontacten")] == [actor, actor]


def test_an_employee_is_made_once_for_two_conversations(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, direction="out"))
    elsewhere = {"thread": f"live-{server.run}-b"}
    desk.say(server.said(3, **elsewhere), server.said(4, direction="out", **elsewhere))
    assert len(desk.sync().delivered) == 2
    (actor,) = desk.rows("actoren")
    assert actor["actoridentificator"]["objectId"] == server.email
    assert [row["actor"]["uuid"] for row in desk.rows("actorklantcontacten")] == [actor["uuid"]] * 2


def test_an_interne_taak_asks_for_an_answer_and_is_closed_by_it(desk: Any, server: Any) -> None:
    actor = server.add_actor()
    desk.settings = {"taak_actor": actor}
    desk.say(server.said(1))
    desk.deliver()
    (taak,) = desk.rows("internetaken")
    (question,) = desk.rows("klantcontacten")
    assert (taak["status"], taak["aanleidinggevendKlantcontact"]["uuid"]) == ("te_verwerken", question["uuid"])
    assert [each["uuid"] for each in taak["toegewezenAanActoren"]] == [actor]
    desk.say(server.said(2, direction="out"))
    desk.deliver()
    assert [row["status"] for row in desk.rows("internetaken")] == ["verwerkt"]


def test_a_question_is_linked_to_its_zaak_once(desk: Any, server: Any) -> None:
    desk.say(server.said(1), server.said(2, direction="out"))
    deliver_about_a_zaak(desk)
    deliver_about_a_zaak(desk)
    (link,) = [row for row in desk.rows("onderwerpobjecten") if not row["wasKlantcontact"]]
    question, _ = desk.contacten()
    assert link["klantcontact"]["uuid"] == question["uuid"]
    codes = {"objectId": ZAAK, "codeObjecttype": "zgw-Zaak", "codeRegister": "openzaak", "codeSoortObjectId": "uuid"}
    assert link["onderwerpobjectidentificator"] == codes


def deliver_about_a_zaak(desk: Any) -> None:
    """Deliver the conversation as one about a zaak, which no channel tells of by itself."""
    case_system = desk.open()
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        collect(desk.channel, ledger)
        (offer,) = ledger.due(ACCOUNT, "nobody", None)
        about: Conversation = offer.conversation.model_copy(
            update={"references": (Reference(kind="zaak", value=ZAAK),)}
        )
        steps = ledger.steps(offer, case_system.account, lands_within=timedelta(0))
        case_system.deliver(about, steps, FileStore(desk.folder / "files"))


# ---- looking after it ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("numbered")
def test_a_ledger_that_was_lost_is_rebuilt_from_what_stands_there(desk: Any, server: Any, tmp_path: Path) -> None:
    actor = server.add_actor()
    partij = server.add_partij(adres=server.phone, verified=BEFORE_IT_WAS_SAID)
    desk.settings = {"taak_actor": actor}
    desk.say(server.said(1), server.said(2, LONG, direction="out"), server.said(3))
    desk.deliver()
    stood = desk.contacten()
    desk.folder = tmp_path / "anew"
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        collect(desk.channel, ledger)
        assert adopt(desk.open(), ledger).counts["adopted"] == 1
    desk.say(server.said(4, "Om 8 uur.", direction="out"))
    server.sent.clear()
    desk.deliver()
    assert [what for what in server.sent if not what.startswith("GET")] == [
        "POST maak-klantcontact", "POST actorklantcontacten", "PATCH internetaken"
    ]  # fmt: skip
    assert desk.contacten()[:-1] == stood
    assert partijen(desk) == [partij] * 6


@pytest.mark.usefixtures("numbered")
def test_what_was_detached_is_nobodys_and_stays_so(desk: Any, server: Any) -> None:
    partij = server.add_partij(adres=server.phone, verified=BEFORE_IT_WAS_SAID)
    desk.say(server.said(1), server.said(2, direction="out"))
    desk.deliver()
    assert partijen(desk) == [partij, partij]
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        assert detach(desk.open(), ledger, server.conversation)
    assert partijen(desk) == [None, None]
    desk.say(server.said(3))
    assert desk.deliver().findable is Findable.NOT_VALID_THEN
    assert partijen(desk) == [None, None, None]
    question, *_ = desk.contacten()
    assert json.loads(question["metadata"]["losgemaaktVan"]) == [partij]


@pytest.mark.usefixtures("counted")
def test_an_open_klant_without_metadata_can_neither_list_nor_detach(desk: Any, server: Any) -> None:
    desk.say(server.said(1))
    desk.deliver()
    with pytest.raises(PluginError, match=r"before 2\.16 keeps no metadata"):
        list(desk.open().records(None))
    with Ledger(desk.folder / "ledger.sqlite") as ledger, pytest.raises(RejectedError, match="by hand"):
        detach(desk.open(), ledger, server.conversation)

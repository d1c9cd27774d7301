"""What a conversation becomes in Open Klant, and what an update changes there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gemeente_connect import Ledger
from gemeente_connect.contracts import Findable
from gemeente_connect.models import Attachment, Deleted, Edited, Identity, Message
from gemeente_connect.syncing import plan
from gemeente_connect.testing.builders import START, message, participant
from gemeente_connect.testing.faults import FaultyProxy, answers
from gemeente_connect_open_klant.testing.server import VERSIONS, OpenKlantServer

ANNA = "999990676"
ADRES = ("telefoonnummer", "+31612345671", "2026-01-10")
"""Of the resident who writes in the messages of the builders, verified."""
FATIMA = participant(employee=True, identities=(Identity(kind="email", value="fatima@example.nl"),))
QUESTION = message(1, text="Mijn container is niet geleegd.")
ANSWER = message(2, direction="out", sender=FATIMA, text="Wij komen morgen langs.")
THANKS = message(3, text="Bedankt!")


def know_anna(server: OpenKlantServer) -> str:
    return server.add_partij(bsn=ANNA, naam="Anna de Vries", adressen=[ADRES])


def links(desk: Any) -> dict[str, str | None]:
    """What each klantcontact answers, by text; None: it is a question."""
    texts = {row["uuid"]: row["inhoud"] for row in desk.rows("klantcontacten")}
    about = {row["klantcontact"]: texts[row["wasKlantcontact"]] for row in desk.rows("onderwerpobjecten")}
    return {text: about.get(uuid) for uuid, text in texts.items()}


def tied(desk: Any) -> list[str | None]:
    return [row["wasPartij"] for row in desk.rows("betrokkenen")]


# ---- the first time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_turn_of_the_resident_is_the_question_and_what_employees_wrote_answers_it(
    version: str, desk_of: Callable[[str], Any]
) -> None:
    desk = desk_of(version)
    desk.say(QUESTION, ANSWER, THANKS)
    desk.deliver()
    assert links(desk) == {
        "Mijn container is niet geleegd.": None,
        "Wij komen morgen langs.": "Mijn container is niet geleegd.",
        "Reactie van de inwoner: Bedankt!": "Wij komen morgen langs.",
    }


def test_a_question_says_all_that_a_portal_needs(desk: Any) -> None:
    partij = know_anna(desk.server)
    desk.say(QUESTION)
    receipt = desk.deliver()
    (row,) = desk.rows("klantcontacten")
    shown = {name: row[name] for name in ("kanaal", "onderwerp", "inhoud", "taal", "vertrouwelijk")}
    text = "Mijn container is niet geleegd."
    assert shown == {"kanaal": "WhatsApp", "onderwerp": text, "inhoud": text, "taal": "nld", "vertrouwelijk": False}
    assert len(row["nummer"]) == 10
    (betrokkene,) = desk.rows("betrokkenen")
    assert (betrokkene["wasPartij"], betrokkene["rol"], betrokkene["initiator"]) == (partij, "klant", True)
    assert betrokkene["contactnaam"]["achternaam"] == "Inwoner 1"
    assert receipt.findable is Findable.YES
    assert receipt.reference == f"{desk.server.url}/klantinteracties/api/v1/klantcontacten/{row['uuid']}"


def test_klantcontacten_stand_in_the_order_in_which_things_were_said_also_within_a_minute(desk: Any) -> None:
    at_once = [
        message(n, direction="in" if n % 2 else "out", sent_at=START, position=n, text=f"nummer {n}")
        for n in range(1, 6)
    ]
    desk.say(*at_once)
    desk.deliver()
    assert [row["inhoud"][-1] for row in desk.contacten()] == ["1", "2", "3", "4", "5"]
    assert len({row["plaatsgevondenOp"] for row in desk.contacten()}) == 5


def test_what_employees_said_first_answers_the_question_that_came_after_it(desk: Any) -> None:
    desk.say(message(1, direction="out", text="Heeft u nog vragen?"), message(2, text="Ja, een vraag."))
    desk.deliver()
    assert links(desk) == {"Heeft u nog vragen?": "Ja, een vraag.", "Ja, een vraag.": None}


def test_a_conversation_in_which_no_resident_wrote_is_held_back_until_one_does(desk: Any) -> None:
    desk.say(message(1, direction="out", text="Heeft u nog vragen?"))
    receipt = desk.deliver()
    assert (receipt.reference, receipt.findable) == (None, Findable.NO_QUESTION)
    assert desk.rows("klantcontacten") == []
    desk.say(message(2, text="Ja, een vraag."))
    assert desk.deliver().reference
    assert links(desk) == {"Heeft u nog vragen?": "Ja, een vraag.", "Ja, een vraag.": None}


def test_what_employees_wrote_to_each_other_is_not_delivered(desk: Any) -> None:
    note = message(2, direction="out", internal=True, text="Dit is al de derde keer.")
    desk.say(QUESTION, note, message(3, direction="out", text="Wij komen langs."))
    desk.deliver()
    assert "derde keer" not in repr(desk.rows("klantcontacten"))


def test_internal_notes_are_delivered_as_such_when_the_administrator_asks_for_it(desk: Any) -> None:
    desk.settings["internal_notes"] = True
    desk.say(QUESTION, message(2, direction="out", internal=True, text="Al de derde keer."))
    desk.deliver()
    assert "(interne notitie) Al de derde keer." in links(desk)


def test_a_long_text_is_continued_in_parts_and_nothing_is_cut(desk: Any) -> None:
    words = " ".join(f"woord{n}" for n in range(400))
    desk.say(message(1, text=words), ANSWER)
    desk.deliver()
    parts = [row["inhoud"] for row in desk.contacten() if row["plaatsgevondenOp"].startswith("2026-03-02T09:01")]
    assert all(len(part) <= 1000 for part in parts)
    assert [word for part in parts for word in part.split() if word.startswith("woord")] == words.split()
    assert parts[0].endswith(f"(deel 1 van {len(parts)})")
    assert parts[1].startswith(f"Vervolg van de vraag (deel 2 van {len(parts)}): ")
    assert list(links(desk).values()).count(None) == 1, "only the first part is a question"


def test_a_file_is_named_in_the_text_and_in_what_is_missing(desk: Any) -> None:
    photo = Attachment(name="bank.jpg", missing="omitted")
    desk.say(message(1, kind="image", text="Deze bank", attachments=(photo,)))
    assert desk.deliver().missing == ("attachment-not-shown",)
    (row,) = desk.rows("klantcontacten")
    assert row["inhoud"] == "Deze bank /\n(Foto meegestuurd: bank.jpg; hier niet te zien.)"


def test_a_channel_that_the_administrator_did_not_spell_stops_the_run_and_says_what_to_add(desk: Any) -> None:
    desk.settings["kanalen"] = {"email": "E-mail"}
    desk.say(QUESTION)
    (error,) = desk.sync().errors
    assert "`kanalen` says how to spell email, and not 'whatsapp': add it" in str(error)


def test_a_kanaal_that_open_klant_refuses_stops_the_run_instead_of_refusing_every_conversation(
    desk_of: Callable[..., Any],
) -> None:
    desk = desk_of("0.9.0", kanalen=["whatsapp"])
    desk.say(QUESTION, message(2, thread="another"))
    report = desk.sync()
    assert report.refused == {}
    assert "refuses the kanaal 'WhatsApp': correct `kanalen`" in str(report.errors[0])


def test_the_first_delivery_of_a_question_and_an_answer_takes_six_requests(desk: Any) -> None:
    know_anna(desk.server)
    desk.say(QUESTION, message(2, direction="out", text="Morgen."))
    desk.deliver()
    assert [(seen.method, seen.path.partition("/")[0]) for seen in desk.server.requests] == [
        ("GET", "klantcontacten"),  # which version this is: once a run
        ("GET", "digitaleadressen"),  # whose number it is: once for every number
        ("GET", "partijen"),  # and whether that is an active person with a BSN
        ("POST", "maak-klantcontact"),
        ("POST", "maak-klantcontact"),
        ("POST", "digitaleadressen"),
    ]


# ---- updates ---------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_of_open_klant_when_nothing_is_new(desk: Any) -> None:
    know_anna(desk.server)
    desk.say(QUESTION)
    desk.deliver()
    desk.server.requests.clear()
    assert desk.sync().delivered == []
    assert desk.server.requests == []


def test_a_conversation_that_grew_gets_the_new_turns_and_keeps_the_others_as_they_are(desk: Any) -> None:
    desk.say(QUESTION)
    first = desk.deliver()
    desk.server.requests.clear()
    desk.say(ANSWER)
    assert desk.deliver().reference == first.reference
    assert links(desk) == {QUESTION.text: None, ANSWER.text: QUESTION.text}
    assert [seen.path for seen in desk.server.requests if seen.method == "PATCH"] == []


def test_an_edit_changes_the_text_and_the_subject_where_it_gave_that(desk: Any) -> None:
    desk.say(QUESTION, ANSWER)
    desk.deliver()
    desk.say(changes=(Edited(message=message(1, text="Mijn groene container staat er nog."), target="m1"),))
    desk.deliver()
    assert {row["onderwerp"] for row in desk.rows("klantcontacten")} == {"Mijn groene container staat er nog."}
    assert "Mijn groene container staat er nog. (gewijzigd)" in links(desk)


def test_of_a_deleted_message_the_text_is_gone_from_every_klantcontact_and_the_answers_stay_answers(desk: Any) -> None:
    desk.say(message(1, text="Mijn wachtwoord is geheim."), ANSWER, THANKS)
    desk.deliver()
    desk.say(changes=(Deleted(message=message(1, text=""), target="m1"),))
    desk.deliver()
    assert "geheim" not in repr(desk.server.rows)
    assert list(links(desk).values()).count(None) == 1
    assert len(desk.rows("klantcontacten")) == 3


def test_of_a_text_that_became_shorter_no_part_is_left_with_what_was_taken_out(desk: Any) -> None:
    desk.say(QUESTION, message(2, direction="out", text="Een geheim woord. " * 200))
    desk.deliver()
    before = len(desk.rows("klantcontacten"))
    desk.say(changes=(Edited(message=message(2, direction="out", text="Morgen."), target="m2"),))
    desk.deliver()
    assert "geheim" not in repr(desk.server.rows)
    assert len(desk.rows("klantcontacten")) == before
    desk.say(changes=(Edited(message=message(2, direction="out", text="Toch wel. " * 300), target="m2"),))
    desk.deliver()
    assert len(desk.rows("klantcontacten")) == before, "the parts that were there are used again"


def test_a_message_that_came_late_becomes_part_of_it_and_the_question_stays_the_question(desk: Any) -> None:
    desk.say(message(10, text="Wanneer komt u?"), message(11, direction="out", text="Morgen."))
    desk.deliver()
    question = next(uuid for uuid, about in _uuids(desk).items() if about is None)
    desk.say(message(5, text="Goedemorgen."), message(7, direction="out", text="Dag."))
    desk.deliver()
    assert _uuids(desk)[question] is None
    assert list(_uuids(desk).values()).count(None) == 1


def _uuids(desk: Any) -> dict[str, str | None]:
    about = {row["klantcontact"]: row["wasKlantcontact"] for row in desk.rows("onderwerpobjecten")}
    return {row["uuid"]: about.get(row["uuid"]) for row in desk.rows("klantcontacten")}


# ---- what others did there -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_colleague_changed_is_not_overwritten_and_goes_to_a_person(
    version: str, desk_of: Callable[[str], Any]
) -> None:
    desk = desk_of(version)
    desk.say(QUESTION, ANSWER)
    desk.deliver()
    desk.rows("klantcontacten")[0]["inhoud"] = "Verbeterd door een collega"
    desk.say(changes=(Edited(message=message(1, text="Anders."), target="m1"),))
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("changed-there")
    assert "Verbeterd door een collega" in links(desk)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", [0, 1])
def test_what_was_removed_there_is_not_made_again(version: str, which: int, desk_of: Callable[[str], Any]) -> None:
    desk = desk_of(version)
    desk.say(QUESTION, ANSWER)
    desk.deliver()
    desk.remove(desk.contacten()[which])
    left = len(desk.rows("klantcontacten"))
    desk.say(
        THANKS,
        changes=(
            Edited(message=message(1, text="Anders."), target="m1"),
            Edited(message=message(2, direction="out", sender=FATIMA, text="Anders."), target="m2"),
        ),
    )
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("removed-there")
    assert len(desk.rows("klantcontacten")) == left


def test_nothing_is_added_to_a_question_that_a_colleague_took_away_from_its_resident(desk: Any) -> None:
    know_anna(desk.server)
    desk.say(QUESTION)
    desk.deliver()
    desk.rows("betrokkenen")[0]["wasPartij"] = None
    desk.say(ANSWER)
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("changed-there")
    assert len(desk.rows("klantcontacten")) == 1


def test_a_resident_whom_a_colleague_tied_by_hand_gets_every_answer_too(desk: Any) -> None:
    desk.say(QUESTION, ANSWER)
    assert desk.deliver(offer_again=timedelta(0)).findable is Findable.NO_RESIDENT_KNOWN
    partij = desk.server.add_partij(bsn=ANNA, naam="Anna de Vries")
    desk.rows("betrokkenen")[0]["wasPartij"] = partij
    desk.say(THANKS)
    assert desk.deliver().findable is Findable.YES
    assert tied(desk) == [partij] * 3


def test_a_colleagues_resident_is_kept_also_where_the_ledger_was_lost(desk: Any) -> None:
    know_anna(desk.server)
    desk.say(QUESTION)
    desk.deliver()
    other = desk.server.add_partij(bsn="999993653", naam="Bram de Vries")
    desk.rows("betrokkenen")[0]["wasPartij"] = other
    (desk.folder / "ledger.sqlite").unlink()
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("changed-there")
    assert tied(desk) == [other]


def test_an_answer_that_a_colleague_linked_to_its_employee_is_no_reason_to_refuse(desk: Any) -> None:
    desk.say(QUESTION, ANSWER)
    with FaultyProxy(desk.server.url) as proxy:
        desk.settings |= {"url": proxy.url, "account": "open-klant:test"}
        proxy.fail(answers(429), "POST /klantinteracties/api/v1/actorklantcontacten")
        assert desk.sync().deferred
    (actor,) = desk.rows("actoren")
    desk.server._add("actorklantcontacten", actor=actor["uuid"], klantcontact=desk.contacten()[1]["uuid"])
    desk.settings["url"] = desk.server.url
    desk.deliver()
    assert len(desk.rows("actorklantcontacten")) == 1


@pytest.mark.parametrize("adres", ["+31800123456", "jörg@example.nl", '"a b"@x.nl'])
def test_an_address_that_open_klant_refuses_is_missing_and_the_conversation_is_delivered(desk: Any, adres: str) -> None:
    kind: Any = "email" if "@" in adres else "phone"
    desk.say(message(1, sender=participant(identities=(Identity(kind=kind, value=adres),))), ANSWER)
    receipt = desk.deliver()
    assert set(receipt.missing) <= {"address-not-kept"}
    assert len(desk.rows("actorklantcontacten")) == 1


# ---- the resident ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [each for each in VERSIONS if each != "0.0.3"])
def test_when_the_resident_becomes_known_the_question_and_every_answer_get_their_partij(
    version: str, desk_of: Callable[[str], Any]
) -> None:
    desk = desk_of(version)
    desk.say(QUESTION, ANSWER, THANKS, message(4, direction="out", text="Lang antwoord. " * 100))
    assert desk.deliver(offer_again=timedelta(0)).findable is Findable.NO_RESIDENT_KNOWN
    assert set(tied(desk)) == {None}
    partij = know_anna(desk.server)
    assert desk.deliver().findable is Findable.YES
    assert tied(desk) == [partij] * 5


def test_two_residents_with_one_number_get_nothing(desk: Any) -> None:
    know_anna(desk.server)
    desk.server.add_partij(bsn="999993653", naam="Bram de Vries", adressen=[ADRES])
    desk.say(QUESTION)
    assert desk.deliver().findable is Findable.MORE_THAN_ONE_RESIDENT
    assert tied(desk) == [None]


def test_no_partij_is_made_and_no_address_is_put_on_one(desk: Any) -> None:
    know_anna(desk.server)
    whatsapp = participant(
        identities=(Identity(kind="phone", value="+31612345671"), Identity(kind="whatsapp", value="NL.1234"))
    )
    desk.say(message(1, sender=whatsapp), message(2, thread="another", sender=participant(2)))
    desk.sync()
    assert len(desk.rows("partijen")) == 1
    assert [row["verstrektDoorPartij"] is not None for row in desk.rows("digitaleadressen")].count(True) == 1
    ours = [row for row in desk.rows("digitaleadressen") if row["verstrektDoorBetrokkene"]]
    assert ("overig", "whatsapp:NL.1234") in [(row["soortDigitaalAdres"], row["adres"]) for row in ours]


def test_an_old_portal_breaks_on_a_question_of_nobody_so_that_is_held_back(desk: Any) -> None:
    desk.settings |= {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    desk.say(QUESTION)
    receipt = desk.deliver()
    assert (receipt.reference, receipt.findable) == (None, Findable.NO_RESIDENT_KNOWN)
    assert desk.rows("klantcontacten") == []


def test_a_question_is_not_made_nobodys_where_that_breaks_the_portal(desk_of: Callable[[str], Any]) -> None:
    desk = desk_of("0.9.0")
    desk.settings |= {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    know_anna(desk.server)
    desk.say(QUESTION)
    desk.deliver()
    desk.server.add_partij(bsn="999993653", naam="Bram de Vries", adressen=[ADRES])
    desk.say(ANSWER)
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("its resident is no longer known")
    assert None not in tied(desk)


def test_in_an_old_portal_a_question_in_doubt_is_not_made_nobodys(desk_of: Callable[[str], Any]) -> None:
    desk = desk_of("0.9.0")
    desk.settings |= {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    partij = know_anna(desk.server)
    desk.say(QUESTION)
    with FaultyProxy(desk.server.url) as proxy:
        desk.settings |= {"url": proxy.url, "account": "open-klant:test"}
        proxy.fail(answers(503), "POST /klantinteracties/api/v1/maak-klantcontact")
        assert desk.sync().deferred
    desk.settings["url"] = desk.server.url
    for row in desk.rows("digitaleadressen"):
        desk.server.rows["digitaleadressen"][0]["verificatieDatum"] = row["verificatieDatum"] and None
    (reason,) = desk.sync().refused.values()
    assert reason.startswith("its resident is no longer known")
    assert desk.rows("klantcontacten") == []
    assert partij


@pytest.mark.parametrize("soort", ["contactpersoon", "organisatie"])
def test_a_bsn_of_what_is_no_person_is_found_by_no_portal(desk: Any, soort: str) -> None:
    desk.server.add_partij(bsn=ANNA, naam="Anna de Vries", soort=soort)
    bsn = Identity(kind="bsn", value=ANNA, verified_at=START)
    desk.say(message(1, sender=participant(identities=(bsn,))))
    assert desk.deliver().findable is Findable.NOT_SHOWN


def test_a_question_that_was_made_under_another_kanaal_is_not_shown_by_an_old_portal(
    desk_of: Callable[[str], Any],
) -> None:
    desk = desk_of("0.0.3")
    desk.settings |= {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    desk.settings["kanalen"] = {"whatsapp": "Chat"}
    desk.server.add_partij(bsn=ANNA, naam="Anna de Vries")
    bsn = Identity(kind="bsn", value=ANNA, verified_at=START)
    desk.say(message(1, sender=participant(identities=(bsn,))))
    assert desk.deliver().findable is Findable.NOT_SHOWN
    desk.settings["kanalen"] = {"whatsapp": "WhatsApp"}
    desk.say(ANSWER)
    assert desk.deliver().findable is Findable.NOT_SHOWN


# ---- planning --------------------------------------------------------------------------------------------------------


def planned(desk: Any) -> tuple[str, Findable]:
    before = repr(desk.server.rows)
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        _, (row,) = plan(desk.channel, desk.open(), ledger=ledger, start="all")
    assert repr(desk.server.rows) == before, "a plan writes nothing"
    assert row.plan
    return row.plan.action, row.plan.findable


def test_a_plan_says_what_would_be_done_and_whether_the_resident_would_find_it(desk: Any) -> None:
    know_anna(desk.server)
    desk.say(QUESTION)
    assert planned(desk) == ("create", Findable.YES)
    desk.deliver()
    desk.say(ANSWER)
    assert planned(desk) == ("update", Findable.YES)
    desk.deliver()
    desk.say(changes=(Edited(message=message(1, text="Anders."), target="m1"),))
    assert planned(desk) == ("update", Findable.YES)
    desk.rows("klantcontacten")[0]["inhoud"] = "Door een collega"
    assert planned(desk) == ("refuse", Findable.YES)


def test_a_plan_says_what_an_old_portal_holds_back(desk: Any) -> None:
    desk.settings |= {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "WhatsApp"}
    desk.say(QUESTION)
    assert planned(desk) == ("nothing", Findable.NO_RESIDENT_KNOWN)


def test_messages_are_only_compared_by_their_ids(desk: Any) -> None:
    alike: list[Message] = [message(n, thread=f"t{n}", sent_at=START, text="Hallo daar allemaal.") for n in range(1, 9)]
    desk.say(*alike)
    report = desk.sync()
    assert len(report.delivered) == 8
    assert len({row["nummer"] for row in desk.rows("klantcontacten")}) == 8

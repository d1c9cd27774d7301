"""Who wrote: numbers are optional, change, and are given to somebody else later. Nobody is taken for another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect import Ledger, collect
from gemeente_connect.contracts import Batch
from gemeente_connect.inbox import Inbox
from gemeente_connect.models import IdentityChanged
from gemeente_connect.residents import claim
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.people import Ids, ids
from gemeente_connect_whatsapp.testing import contact, payload, received, text
from gemeente_connect_whatsapp.testing.payloads import RESIDENT, START, USER_ID, Item, echo, message, webhook

Read = Callable[[Any], Batch]
PARENT_ID = "NL.ENT.11815799212886844830"
OTHER_ID = "NL.99991208655302741918"
PHONE = f"+{RESIDENT}"


def identities(read: Read, content: object) -> tuple[str, list[str]]:
    (said,) = read(content).messages
    assert said.sender
    assert said.sender.id == said.thread
    return said.thread, [identity.value for identity in said.sender.identities]


def test_the_widest_id_names_the_thread_and_all_are_kept(read: Read) -> None:
    everything = payload(text("wamid.1", "Hallo", from_parent_user_id=PARENT_ID))
    assert identities(read, everything) == (PARENT_ID, [PHONE, USER_ID, PARENT_ID])
    assert identities(read, payload(text("wamid.1", "Hallo"))) == (USER_ID, [PHONE, USER_ID])
    assert identities(read, payload(text("wamid.1", "Hallo", from_user_id=None))) == (PHONE, [PHONE])


def test_somebody_with_a_username_has_no_number(read: Read) -> None:
    who = contact(wa_id=None, profile={"username": "@fatima"})
    (said,) = read(payload(text("wamid.1", "Hallo", from_=None), contacts=[who])).messages
    assert said.sender
    assert (said.thread, said.sender.name) == (USER_ID, "@fatima")


def test_who_it_is_may_stand_beside_the_message_only(read: Read) -> None:
    nobody = text("wamid.1", "Hallo", from_=None, from_user_id=None)
    assert identities(read, payload(nobody, contacts=[contact()])) == (USER_ID, [PHONE, USER_ID])
    by_phone = text("wamid.1", "Hallo", from_user_id=None)
    others = [contact(wa_id="31612345670", user_id=OTHER_ID), contact(parent_user_id=PARENT_ID)]
    assert identities(read, payload(by_phone, contacts=others)) == (PARENT_ID, [PHONE, USER_ID, PARENT_ID])


def test_what_stands_beside_the_message_about_somebody_else_is_not_mixed_in(read: Read) -> None:
    other = contact(wa_id="31612345670", user_id=OTHER_ID)
    assert identities(read, payload(text("wamid.1", "Hallo"), contacts=[other])) == (USER_ID, [PHONE, USER_ID])
    same_number = contact(user_id=OTHER_ID)
    (said,) = read(payload(text("wamid.1", "Hallo"), contacts=[same_number])).messages
    assert said.sender
    assert said.sender.name is None
    assert identities(read, payload(text("wamid.1", "Hallo"), contacts=[same_number])) == (USER_ID, [PHONE, USER_ID])


def test_when_several_could_be_meant_it_is_nobody_and_a_person_looks(read: Read) -> None:
    nobody = text("wamid.1", "Hallo", from_=None, from_user_id=None)
    others = [contact(wa_id="31612345670", user_id=OTHER_ID), contact()]
    batch = read(payload(nobody, contacts=others))
    assert batch.messages == ()
    assert "does not say who the resident is" in batch.unreadable[0].reason


def test_of_two_people_beside_a_message_who_have_its_number_neither_is_taken(read: Read) -> None:
    by_phone = text("wamid.1", "Hallo", from_user_id=None)
    both = [contact(), contact("Jan Jansen", user_id=OTHER_ID)]
    for contacts in (both, both[::-1]):
        (said,) = read(payload(by_phone, contacts=contacts)).messages
        assert said.sender
        assert (said.thread, said.sender.name) == (PHONE, None)
        assert [identity.value for identity in said.sender.identities] == [PHONE]
    assert identities(read, payload(by_phone, contacts=[contact(), contact()])) == (USER_ID, [PHONE, USER_ID])
    assert identities(read, payload(text("wamid.1", "Hallo"), contacts=both)) == (USER_ID, [PHONE, USER_ID])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((USER_ID, None, None), Ids(user=USER_ID)),
        ((PARENT_ID, None, None), Ids(parent=PARENT_ID)),
        ((None, RESIDENT, None), Ids(phone=PHONE)),
        ((None, PARENT_ID, USER_ID), Ids(parent=PARENT_ID, user=USER_ID)),
        ((PHONE, USER_ID, PARENT_ID), Ids(PARENT_ID, USER_ID, PHONE)),
        (("iets anders", None, None), Ids(other="iets anders")),
        ((None, None, None), Ids()),
    ],
)
def test_an_id_is_known_by_its_form_wherever_it_stands(given: tuple[str | None, ...], found: Ids) -> None:
    assert ids(*given) == found


@pytest.mark.parametrize(
    "system",
    [
        {"type": "user_changed_number", "wa_id": "31612345670", "body": "User A changed"},
        {"new_wa_id": "31612345670"},
    ],
)
def test_a_new_number_is_linked_and_overwrites_nothing(read: Read, system: dict[str, str]) -> None:
    batch = read(payload(message("wamid.1", "system", system, from_user_id=None)))
    (line,), (change,) = batch.messages, batch.changes
    assert isinstance(change, IdentityChanged)
    assert (line.kind, line.text) == ("system", "Het telefoonnummer van de inwoner is gewijzigd in +31612345670.")
    assert (change.thread, change.participant.id, change.identity.value) == (PHONE, PHONE, "+31612345670")
    assert [identity.value for identity in change.participant.identities] == [PHONE]


def test_a_new_number_brings_a_new_id_and_both_are_linked_to_the_old_one(read: Read) -> None:
    system = {
        "type": "user_changed_number", "wa_id": "31612345670", "user_id": OTHER_ID, "previous_user_id": USER_ID,
    }  # fmt: skip
    batch = read(payload(message("wamid.1", "system", system, from_user_id=None)))
    assert {c.participant.id for c in batch.changes if isinstance(c, IdentityChanged)} == {USER_ID}
    assert [c.identity.value for c in batch.changes if isinstance(c, IdentityChanged)] == ["+31612345670", OTHER_ID]
    assert batch.messages[0].thread == USER_ID


def test_a_new_id_without_a_number_is_linked_too(read: Read) -> None:
    system = {"type": "user_changed_user_id", "user_id": OTHER_ID, "previous_user_id": USER_ID}
    batch = read(payload(message("wamid.1", "system", system, from_=None, from_user_id=None)))
    (change,) = batch.changes
    assert isinstance(change, IdentityChanged)
    assert (change.participant.id, change.identity.value) == (USER_ID, OTHER_ID)


def test_a_number_that_stays_is_not_reported_as_new(read: Read) -> None:
    system = {"type": "user_changed_user_id", "wa_id": RESIDENT, "user_id": OTHER_ID, "previous_user_id": USER_ID}
    batch = read(payload(message("wamid.1", "system", system, from_user_id=OTHER_ID)))
    (line,), (change,) = batch.messages, batch.changes
    assert isinstance(change, IdentityChanged)
    assert line.text == "WhatsApp kent de inwoner voortaan onder een ander kenmerk."
    assert [identity.value for identity in change.participant.identities] == [PHONE, USER_ID]
    assert change.identity.value == OTHER_ID


def test_a_report_that_bears_the_new_number_already_is_linked_to_what_was_before(read: Read) -> None:
    system = {"type": "user_changed_number", "wa_id": "31612345670", "previous_user_id": USER_ID}
    batch = read(payload(message("wamid.1", "system", system, from_="31612345670", from_user_id=None)))
    (change,) = batch.changes
    assert isinstance(change, IdentityChanged)
    assert (change.participant.id, change.identity.value) == (USER_ID, "+31612345670")


def test_another_device_is_told_in_a_line(read: Read) -> None:
    system = {"type": "customer_identity_changed", "identity": {"hash": "x"}}
    (line,) = read(payload(message("wamid.1", "system", system))).messages
    assert line.text.startswith("De beveiligingscode")


def test_other_reports_are_kept_in_whatsapps_own_words(read: Read) -> None:
    (line,) = read(payload(message("wamid.1", "system", {"type": "iets", "body": "Something happened"}))).messages
    assert (line.kind, line.text) == ("system", "Something happened")
    (line,) = read(payload(message("wamid.2", "request_welcome", None))).messages
    assert line.text == "De inwoner heeft de chat geopend."


def conversations(channel: WhatsAppChannel, ledger: Ledger, *batches: Batch) -> list[list[str]]:
    for batch in batches:
        ledger.store(channel.account, channel.kind, batch)
    return [[m.text for m in offer.conversation.messages] for offer in ledger.due(channel.account, "nobody", None)]


def test_a_number_that_somebody_else_got_later_merges_nobody(
    channel: WhatsAppChannel, ledger: Ledger, read: Read
) -> None:
    first = read(payload(text("wamid.1", "Ik ben Fatima", at=START)))
    later = read(payload(text("wamid.2", "Ik ben Jan", at=START + 60, from_user_id=OTHER_ID)))
    assert conversations(channel, ledger, first, later) == [["Ik ben Fatima"], ["Ik ben Jan"]]
    for offer in ledger.due(channel.account, "nobody", None):
        claimed = claim(offer.conversation.messages)
        assert claimed.residents == 1
        assert len(claimed.addresses) == 2, "a number and one id: the other one's is not among them"


def test_after_a_new_number_the_old_conversation_is_known_by_both(
    channel: WhatsAppChannel, read: Read, tmp_path: Path
) -> None:
    said = read(payload(text("wamid.1", "Hallo")))
    system = {"type": "user_changed_number", "wa_id": "31612345670", "user_id": OTHER_ID, "previous_user_id": USER_ID}
    changed = read(payload(message("wamid.2", "system", system, at=START + 5, from_user_id=None)))
    for number, order in enumerate([(said, changed), (changed, said)]):
        with Ledger(tmp_path / f"{number}.sqlite") as other:
            conversations(channel, other, *order)
            (offer,) = other.due(channel.account, "nobody", None)
            (resident,) = offer.conversation.residents
            assert {i.value for i in resident.identities} == {PHONE, USER_ID, "+31612345670", OTHER_ID}


def test_the_answer_of_an_employee_stands_beside_the_question(
    channel: WhatsAppChannel, ledger: Ledger, read: Read
) -> None:
    question = read(payload(text("wamid.1", "Wanneer?"), contacts=[contact()]))
    told = echo("wamid.2", "Morgen", at=START + 60, to_user_id=None)
    answer = read(payload(told, name="message_echoes", contacts=[contact()]))
    assert conversations(channel, ledger, question, answer) == [["Wanneer?", "Morgen"]]


@pytest.mark.parametrize(
    ("item", "who", "names"),
    [
        (text("wamid.1", "Hallo"), contact(), {USER_ID: PHONE}),
        (text("wamid.1", "Hallo", from_=None), contact(), {USER_ID: PHONE}),
        (text("wamid.1", "Hallo", from_=None), contact(wa_id=None), {USER_ID: "Fatima de Vries"}),
        (text("wamid.1", "Hallo", from_user_id=None), contact(user_id=None), {PHONE: "Fatima de Vries"}),
        (text("wamid.1", "Hallo", timestamp=None), contact(), {USER_ID: PHONE}),
        (text("wamid.1", "Hallo", group_id="groep-1"), contact(), {}),
        (message("wamid.1", "edit", {"original_message_id": "wamid.0", "message": text("x", "y")}), contact(),
         {USER_ID: PHONE}),
        (message("wamid.1", "reaction", {"message_id": "wamid.0"}), contact(), {}),
        (message("wamid.1", "system", {"type": "user_changed_number", "wa_id": "31612345670", "user_id": OTHER_ID}),
         None, {USER_ID: PHONE}),
    ],
)  # fmt: skip
def test_a_thread_is_called_after_the_number_or_else_the_name(
    read: Read, item: Item, who: Item | None, names: dict[str, str]
) -> None:
    assert dict(read(payload(item, contacts=[who])).thread_names) == names


def test_a_number_is_preferred_to_a_name_that_stands_before_it_or_after_it(read: Read) -> None:
    nameless = payload(text("wamid.1", "Hallo", from_=None), contacts=[contact(wa_id=None)])
    numbered = payload(text("wamid.2", "Hallo"), contacts=[contact()])
    for order in ((nameless, numbered), (numbered, nameless)):
        changes = [each["entry"][0]["changes"][0] for each in order]
        assert dict(read(webhook(*changes)).thread_names) == {USER_ID: PHONE}


@pytest.mark.parametrize("skip", [PHONE, "06 12345678", "+31 6 1234 5678", USER_ID])
def test_who_is_skipped_by_number_or_id_leaves_nothing_behind(
    channel: WhatsAppChannel, ledger: Ledger, skip: str
) -> None:
    other = text("wamid.3", "Ik niet", from_="31612345670", from_user_id=OTHER_ID)
    broken = text("wamid.4", "Hallo", timestamp=None)
    answer = payload(echo("wamid.2", "Morgen", at=START + 60), name="message_echoes", contacts=[contact()])
    inbox = Inbox(channel, ledger)
    for each in (payload(text("wamid.1", "Hallo"), other, broken, contacts=[contact()]), answer):
        inbox.answer(received(each))
    report = collect(channel, ledger, skip=[skip])
    assert (report.skipped, report.refused) == (2, {})
    offers = list(ledger.due(channel.account, "nobody", None))
    assert [[m.text for m in offer.conversation.messages] for offer in offers] == [["Ik niet"]]

"""The rule who finds a record, on the register and conversations that decide it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from plugins.loket.tests.conftest import (
    AMSTERDAM,
    ANNA,
    DESK,
    FATIMA,
    FATIMAS_PHONE,
    HEADER,
    JAN,
    NOVEMBER,
    Desk,
    chat,
    person,
    said,
)

from gemeente_connect.contracts import Findable
from gemeente_connect.models import Conversation, Identity, Message, Participant
from gemeente_connect.residents import Claim, claim, judge
from gemeente_connect_loket.finding import record_for, records_of

NO_TIME = timedelta()


def at(date: str) -> datetime:
    return datetime.fromisoformat(date).replace(tzinfo=AMSTERDAM)


def on(date: str, by: Participant | None = None) -> Message:
    return said(f"op {date}", by=by, sent_at=at(date), id=date)


def find(desk: Desk, *rows: str, messages: tuple[Message, ...] = (), before: int = 0) -> tuple[Findable, str | None]:
    """Import these rows, deliver these messages, and tell what the receipt says and who sees it on the page."""
    desk.register(
        "\n".join([HEADER, *rows, "999992740,Iemand Anders,email,x@example.nl,,,"]), before_verification_days=before
    )
    conversation = chat(*(messages or (said("Een vraag"),)))
    with desk.store.writing() as connection:
        connection.execute("DELETE FROM record")
    desk.steps.clear()
    receipt = desk.deliver(conversation)
    with desk.store.reading() as connection:
        seen_by = [bsn for bsn in (FATIMA, JAN, ANNA) if records_of(connection, bsn)]
        opened_by = [bsn for bsn in (FATIMA, JAN, ANNA) if record_for(connection, str(receipt.reference), bsn)]
    assert seen_by == opened_by, "the list and the page of a conversation follow one rule"
    assert (receipt.findable is Findable.YES) == (len(seen_by) == 1), "and so does the receipt"
    return receipt.findable, seen_by[0] if seen_by else None


FATIMAS_ROW = f"{FATIMA},Fatima,phone,{FATIMAS_PHONE}"
JANS_ROW = f"{JAN},Jan,phone,{FATIMAS_PHONE}"


def test_a_verified_address_ties_what_was_sent_after_its_verification(desk: Desk) -> None:
    assert find(desk, f"{FATIMAS_ROW},2026-11-02T16:08,,") == (Findable.YES, FATIMA)
    assert find(desk, f"{FATIMAS_ROW},2026-11-02T16:09,,") == (Findable.NOT_VALID_THEN, None)


def test_an_address_that_is_not_verified_proves_nothing(desk: Desk) -> None:
    assert find(desk, f"{FATIMAS_ROW},,2020-01-01,") == (Findable.NO_RESIDENT_KNOWN, None)


def test_an_address_nobody_registered_finds_nobody(desk: Desk) -> None:
    assert find(desk) == (Findable.NO_RESIDENT_KNOWN, None)


def test_an_address_of_another_kind_with_the_same_value_proves_nothing(desk: Desk) -> None:
    assert find(desk, f"{FATIMA},Fatima,whatsapp,{FATIMAS_PHONE},2025-01-01,,") == (Findable.NO_RESIDENT_KNOWN, None)


def test_valid_from_decides_where_it_is_given_whether_before_or_after_the_verification(desk: Desk) -> None:
    assert find(desk, f"{FATIMAS_ROW},2026-11-20,2026-01-01,") == (Findable.YES, FATIMA)
    assert find(desk, f"{FATIMAS_ROW},2026-01-01,2026-11-20,") == (Findable.NOT_VALID_THEN, None)


def test_valid_until_is_not_included(desk: Desk) -> None:
    assert find(desk, f"{FATIMAS_ROW},2025-01-01,,2026-11-02T16:08") == (Findable.NOT_VALID_THEN, None)
    assert find(desk, f"{FATIMAS_ROW},2025-01-01,,2026-11-02T16:09") == (Findable.YES, FATIMA)


def test_a_number_that_was_given_to_somebody_else_shows_each_holder_only_their_own_time(desk: Desk) -> None:
    rows = [f"{FATIMAS_ROW},2025-01-01,,2026-06-01", f"{JANS_ROW},2026-07-01,,"]
    assert find(desk, *rows, messages=(on("2026-05-31"),)) == (Findable.YES, FATIMA)
    assert find(desk, *rows, messages=(on("2026-07-02"),)) == (Findable.YES, JAN)
    assert find(desk, *rows, messages=(on("2026-06-15"),)) == (Findable.NOT_VALID_THEN, None)


def test_a_conversation_that_runs_from_one_holder_into_the_next_is_shown_to_neither(desk: Desk) -> None:
    rows = [f"{FATIMAS_ROW},2025-01-01,,2026-06-01", f"{JANS_ROW},2026-06-01,,"]
    assert find(desk, *rows, messages=(on("2026-05-31"), on("2026-06-01"))) == (Findable.NOT_VALID_THEN, None)


def test_answers_of_the_municipality_do_not_have_to_lie_in_the_holders_time(desk: Desk) -> None:
    row = f"{FATIMAS_ROW},2025-01-01,,2026-06-01"
    assert find(desk, row, messages=(on("2026-05-31"), on("2026-06-03", by=DESK))) == (Findable.YES, FATIMA)


def test_an_answer_sent_in_the_time_of_the_next_holder_may_be_theirs_and_is_shown_to_neither(desk: Desk) -> None:
    rows = [f"{FATIMAS_ROW},2025-01-01,,2026-06-01", f"{JANS_ROW},2026-06-02,,"]
    asked, answer = on("2026-05-31"), on("2026-06-03", by=DESK)
    assert find(desk, *rows, messages=(asked, answer)) == (Findable.NOT_VALID_THEN, None)
    assert find(desk, *rows, messages=(asked, on("2026-06-01", by=DESK))) == (Findable.YES, FATIMA)


def test_two_verified_holders_at_the_same_time_hide_it_from_both(desk: Desk) -> None:
    rows = [f"{FATIMAS_ROW},2025-01-01,,", f"{JANS_ROW},2026-01-01,,"]
    assert find(desk, *rows) == (Findable.MORE_THAN_ONE_RESIDENT, None)
    assert find(desk, *rows, messages=(on("2025-06-01"),)) == (Findable.YES, FATIMA)


def test_the_same_holder_verified_again_is_one_holder(desk: Desk) -> None:
    rows = [f"{FATIMAS_ROW},2025-01-01,,2026-01-01", f"{FATIMAS_ROW},2026-01-01,,"]
    assert find(desk, *rows, messages=(on("2025-12-31"), on("2026-01-01"))) == (Findable.YES, FATIMA)
    gap = [f"{FATIMAS_ROW},2025-01-01,,2026-01-01", f"{FATIMAS_ROW},2026-01-02,,"]
    assert find(desk, *gap, messages=(on("2025-12-31"), on("2026-01-03"))) == (Findable.NOT_VALID_THEN, None)


def test_two_addresses_of_one_participant_that_lead_to_two_residents_show_it_to_neither(desk: Desk) -> None:
    both = Participant(
        id="p",
        identities=(Identity(kind="phone", value=FATIMAS_PHONE), Identity(kind="email", value="jan@example.nl")),
    )
    rows = [f"{FATIMAS_ROW},2025-01-01,,", f"{JAN},Jan,email,jan@example.nl,2025-01-01,,"]
    assert find(desk, *rows, messages=(said(by=both),)) == (Findable.MORE_THAN_ONE_RESIDENT, None)
    assert find(desk, rows[0], messages=(said(by=both),)) == (Findable.YES, FATIMA)


def test_a_group_is_shown_to_nobody(desk: Desk) -> None:
    row = f"{FATIMAS_ROW},2025-01-01,,"
    group = (said("ik"), said("en ik", 1, by=person("+31687654321")))
    assert find(desk, row, messages=group) == (Findable.MORE_THAN_ONE_RESIDENT, None)
    anonymous = (said("ik"), said("en ik", 1, sender=None))
    assert find(desk, row, messages=anonymous) == (Findable.MORE_THAN_ONE_RESIDENT, None)


def test_a_conversation_in_which_no_resident_wrote_holds_no_question(desk: Desk) -> None:
    assert find(desk, messages=(said("Herinnering", by=DESK),)) == (Findable.NO_QUESTION, None)
    noted = (said("stiekem", internal=True), said("Herinnering", 1, by=DESK))
    assert find(desk, f"{FATIMAS_ROW},2025-01-01,,", messages=noted) == (Findable.NO_QUESTION, None)


def test_a_bsn_that_the_channel_verified_ties_directly_and_an_unverified_one_does_not(desk: Desk) -> None:
    signed_in = Participant(id="p", identities=(Identity(kind="bsn", value=JAN, verified_at=NOVEMBER),))
    claimed = Participant(id="p", identities=(Identity(kind="bsn", value=JAN),))
    assert find(desk, messages=(said(by=signed_in),)) == (Findable.YES, JAN)
    assert find(desk, messages=(said(by=claimed),)) == (Findable.NO_RESIDENT_KNOWN, None)


def test_two_bsns_for_one_participant_show_it_to_neither(desk: Desk) -> None:
    identities = tuple(Identity(kind="bsn", value=bsn, verified_at=NOVEMBER) for bsn in (JAN, FATIMA))
    both = Participant(id="p", identities=identities)
    assert find(desk, messages=(said(by=both),)) == (Findable.MORE_THAN_ONE_RESIDENT, None)


def test_a_verification_reaches_back_as_far_as_the_municipality_says(desk: Desk) -> None:
    row = f"{FATIMAS_ROW},2026-11-12T16:08,,"
    assert find(desk, row, before=9) == (Findable.NOT_VALID_THEN, None)
    assert find(desk, row, before=10) == (Findable.YES, FATIMA)
    assert find(desk, row, before=36500) == (Findable.YES, FATIMA)
    assert find(desk, f"{FATIMAS_ROW},0009-01-01,,", before=36500) == (Findable.YES, FATIMA)


@pytest.mark.parametrize(
    "earlier",
    [f"{JANS_ROW},2025-01-01,,2026-10-01", f"{JANS_ROW},,,2026-10-01"],
    ids=["verified", "not verified"],
)
def test_a_verification_never_reaches_back_into_the_time_of_another_holder(desk: Desk, earlier: str) -> None:
    row = f"{FATIMAS_ROW},2026-11-12,,"
    assert find(desk, row, earlier, before=365, messages=(on("2026-10-01"),)) == (Findable.YES, FATIMA)
    assert find(desk, row, earlier, before=365, messages=(on("2026-09-30"),))[1] != FATIMA


def test_a_later_holder_does_not_stop_a_verification_from_reaching_back(desk: Desk) -> None:
    rows = [f"{FATIMAS_ROW},2026-01-01,,2026-06-01", f"{JANS_ROW},2026-07-01,,"]
    assert find(desk, *rows, before=30, messages=(on("2025-12-15"),)) == (Findable.YES, FATIMA)
    assert find(desk, *rows, before=30, messages=(on("2026-06-15"),)) == (Findable.YES, JAN)
    assert find(desk, *rows, before=60, messages=(on("2026-05-15"),)) == (Findable.YES, FATIMA)


def test_a_change_of_the_register_counts_at_once(desk: Desk) -> None:
    desk.deliver(chat(said("Een vraag")))
    with desk.store.reading() as connection:
        assert len(records_of(connection, FATIMA)) == 1
    desk.register(f"{HEADER}\n{JANS_ROW},2025-01-01,,\n")
    with desk.store.reading() as connection:
        assert records_of(connection, FATIMA) == []
        assert len(records_of(connection, JAN)) == 1


def test_what_residents_wrote_gives_the_claim() -> None:
    conversation: Conversation = chat(said("a", 5), said("b", 9, by=DESK), said("c", 12), said("d", 14, by=DESK))
    times = [said(minutes=minutes).sent_at for minutes in (5, 12, 5, 14)]
    found = claim(conversation.messages)
    assert found == Claim(1, (("phone", FATIMAS_PHONE),), *times)
    assert judge(found, [], NO_TIME).findable is Findable.NO_RESIDENT_KNOWN

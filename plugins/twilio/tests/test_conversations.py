"""Reading conversations: what changed, who answered, what is closed, and nothing twice."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from plugins.twilio.tests.conftest import Desk, OpenChannel, read, texts

from gemeente_connect.contracts import Cursor
from gemeente_connect.errors import ConfigError
from gemeente_connect.models import Identity, Participant
from gemeente_connect_twilio.testing import RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import START, Answer

JAN = "jan@example.nl"


def _talk(twilio: TwilioServer, *texts_: str, **values: object) -> str:
    chat = twilio.chats.open(employees=[JAN], **values)  # type: ignore[arg-type] # as open takes them
    for number, text in enumerate(texts_):
        twilio.chats.say(chat, JAN if number % 2 else RESIDENT, text)
    return chat


def test_a_conversation_keeps_its_own_id_and_says_who_answered(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    chat = _talk(twilio, "Wanneer komt de kliko?", "Morgen")
    channel = open_chats()
    first, second = (message for page in read(channel) for message in page.messages)

    assert (first.thread, first.conversation) == (chat, chat)
    assert (first.direction, first.text, first.position) == ("in", "Wanneer komt de kliko?", 0)
    assert first.sender == Participant(id="+31612345678", identities=(Identity(kind="phone", value="+31612345678"),))
    assert (second.direction, second.conversation) == ("out", chat)
    assert second.sender == Participant(id=JAN, employee=True, identities=(Identity(kind="email", value=JAN),))
    assert (channel.account, channel.kind) == ("twilio-conversations:whatsapp:31591123456", "whatsapp")


@pytest.mark.parametrize(
    ("identity", "email"),
    [
        ("Jan.de.Vries@Example.NL", "jan.de.vries@example.nl"),
        ("jan_40example_2Enl", "jan@example.nl"),
        ("balie", None),
        ("WK0123", None),
        ("system", None),
    ],
)
def test_an_employee_has_an_address_where_their_name_at_twilio_is_one(
    twilio: TwilioServer, open_chats: OpenChannel, identity: str, email: str | None
) -> None:
    chat = twilio.chats.open(employees=[identity])
    twilio.chats.say(chat, identity, "Goedemorgen")
    (message,) = (message for page in read(open_chats()) for message in page.messages)
    assert message.sender
    assert message.sender.employee
    assert [each.value for each in message.sender.identities] == ([email] if email else [])
    assert message.direction == "out"


def test_an_employee_who_can_also_be_reached_from_outside_is_an_employee(
    twilio: TwilioServer, open_chats: OpenChannel
) -> None:
    chat = twilio.chats.open()
    twilio.chats.join(chat, identity=JAN, binding={"type": "sms", "address": "+31612345679", "proxy_address": None})
    twilio.chats.say(chat, JAN, "Goedemorgen")
    (message,) = (message for page in read(open_chats()) for message in page.messages)
    assert message.sender
    assert (message.sender.id, message.sender.employee, message.direction) == (JAN, True, "out")


def test_the_writer_is_known_also_when_everybody_has_left(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    chat = _talk(twilio, "Vraag")
    first = read(open_chats())[-1].cursor
    twilio.chats.say(chat, JAN, "Antwoord")
    twilio.chats.leave(chat)
    twilio.chats.say(chat, RESIDENT, "Dank")
    twilio.chats.say(chat, "whatsapp:+31591123456", "Graag gedaan")
    found = [message for page in read(open_chats(), first) for message in page.messages]
    assert [(m.text, m.direction) for m in sorted(found, key=lambda m: m.position)] == [
        ("Vraag", "in"),
        ("Antwoord", "out"),
        ("Dank", "in"),
        ("Graag gedaan", "out"),
    ]


def test_conversations_of_another_number_or_of_none_are_left_alone_until_they_are_of_ours(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    _talk(twilio, "Voor een ander", number="whatsapp:+31591999999")
    _talk(twilio, "Per sms", number="+31591123456", resident="+31612345678")
    nobody = twilio.chats.open(resident=None, employees=[JAN])
    twilio.chats.say(nobody, JAN, "Wij bellen u")
    desk.collect(open_chats())
    twilio.requests.clear()
    assert desk.collect(open_chats()).new == 0
    assert len(twilio.requests) == 3, "they are not asked for again"
    binding = {"type": "whatsapp", "address": RESIDENT, "proxy_address": "whatsapp:+31591123456"}
    twilio.chats.join(nobody, binding=binding)
    twilio.chats.say(nobody, RESIDENT, "Graag")
    desk.collect(open_chats())
    assert [message.text for message in desk.messages(open_chats())] == ["Wij bellen u", "Graag"]


def test_only_what_changed_is_read_and_nothing_new_takes_three_requests(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chats = [_talk(twilio, f"Vraag {number}", "Antwoord") for number in range(30)]
    desk.collect(open_chats())
    twilio.requests.clear()
    assert desk.collect(open_chats()).new == 0
    assert len(twilio.requests) == 3, twilio.requests
    twilio.chats.say(chats[7], RESIDENT, "Nog iets")
    twilio.requests.clear()
    assert desk.collect(open_chats()).new == 1
    assert len(twilio.requests) == 5, "its participants and its last messages besides"


def test_a_long_conversation_is_read_back_from_its_end_and_not_all_again(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chat = _talk(twilio)
    for number in range(300):
        twilio.chats.say(chat, RESIDENT, f"Bericht {number}", skip=number % 3)
    desk.collect(open_chats(page_size=20))
    twilio.chats.say(chat, RESIDENT, "Nog iets")
    twilio.requests.clear()
    assert desk.collect(open_chats(page_size=20)).new == 1
    assert sum("/Messages?" in request for request in twilio.requests) <= 4
    assert len(desk.messages(open_chats())) == 301


def test_an_edit_among_the_last_messages_is_seen(twilio: TwilioServer, open_chats: OpenChannel, desk: Desk) -> None:
    chat = _talk(twilio, "Morgun", "Wat bedoelt u?", "Morgen", "Ah")
    desk.collect(open_chats())
    key = twilio.chats.messages[chat][0]["sid"]
    twilio.chats.edit(chat, key, body="Morgen dus")
    report = desk.collect(open_chats())
    assert (report.new, report.changed) == (0, 1)
    assert [m.text for m in desk.messages(open_chats())] == ["Morgen dus", "Wat bedoelt u?", "Morgen", "Ah"]


def test_what_is_in_no_list_any_more_was_not_deleted(twilio: TwilioServer, open_chats: OpenChannel, desk: Desk) -> None:
    chat = _talk(twilio, "Een", "Twee", "Drie")
    other = _talk(twilio, "Los")
    desk.collect(open_chats())
    twilio.chats.remove(chat, twilio.chats.messages[chat][1]["sid"])
    twilio.chats.rows.remove(twilio.chats.row(other))
    del twilio.chats.messages[other]
    report = desk.collect(open_chats())
    assert (report.new, report.changed) == (0, 0)
    assert len(desk.messages(open_chats())) == 4


@pytest.mark.parametrize(
    ("shares", "status"),
    [
        ({"sent": "all"}, "sent"),
        ({"sent": "all", "delivered": "all"}, "delivered"),
        ({"sent": "all", "delivered": "all", "read": "some"}, "delivered"),
        ({"sent": "all", "delivered": "all", "read": "all"}, "read"),
        ({"sent": "none", "undelivered": "all"}, "failed"),
        ({"sent": "all", "failed": "all"}, "failed"),
        ({}, None),
    ],
)
def test_a_status_is_what_holds_for_everybody_a_message_went_to(
    twilio: TwilioServer, open_chats: OpenChannel, shares: dict[str, str], status: str | None
) -> None:
    chat = _talk(twilio)
    delivery = {"total": 1, **dict.fromkeys(("sent", "delivered", "read", "failed", "undelivered"), "none"), **shares}
    twilio.chats.say(chat, JAN, "Morgen", delivery=delivery)
    (message,) = (message for page in read(open_chats()) for message in page.messages)
    assert message.status == status


def test_what_was_said_last_before_a_conversation_was_closed_is_read_however_old_it_is(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    old = _talk(twilio, "Een jaar geleden", at=START - timedelta(days=365))
    _talk(twilio, "Vandaag", at=START)
    desk.collect(open_chats())
    twilio.chats.say(old, JAN, "Wij sluiten dit gesprek")
    twilio.chats.move(old, "closed")
    short = _talk(twilio, "Even tussendoor")
    twilio.chats.move(short, "closed")
    assert desk.collect(open_chats()).new == 2
    twilio.requests.clear()
    assert desk.collect(open_chats()).new == 0
    assert len(twilio.requests) == 3, twilio.requests


@pytest.mark.parametrize("state", ["active", "closed"])
def test_the_first_run_reads_what_was_closed_long_ago_and_does_not_remember_it(
    twilio: TwilioServer, open_chats: OpenChannel, state: str
) -> None:
    for number in range(12):
        said = [f"{number}.{each}" for each in range(60)]
        twilio.chats.move(_talk(twilio, *said, at=START - timedelta(days=100 - number)), "closed")
    twilio.chats.move(_talk(twilio, "Vandaag", at=START), state)
    pages = read(open_chats(page_size=2))
    assert len(texts(pages)) == 12 * 60 + 1
    assert [len(json.loads(page.cursor)["known"]) for page in pages][-1] == 1
    if state == "active":  # by then it is known which day it is
        assert max(len(json.loads(page.cursor)["known"]) for page in pages) <= 3
    twilio.requests.clear()
    assert not texts(read(open_chats(page_size=2), pages[-1].cursor))
    assert len(twilio.requests) == 3, "and it is not listed again"


def test_what_was_closed_on_the_day_from_which_on_they_are_listed_is_not_read_again(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    twilio.chats.move(_talk(twilio, "Gisteren", at=START - timedelta(days=1)), "closed")
    _talk(twilio, "Vandaag", at=START)
    desk.collect(open_chats())
    twilio.requests.clear()
    desk.collect(open_chats())
    assert len(twilio.requests) == 3, twilio.requests


def test_a_conversation_that_moves_meanwhile_is_met_again(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    for number in range(3):
        _talk(twilio, *[f"Bericht {number}.{each}" for each in range(150)])
    last = twilio.chats.rows[-1]["sid"]
    pages = open_chats(page_size=1).pages(None)
    found = [next(pages)]
    twilio.chats.move(last, "inactive")
    found += list(pages)
    assert len(set(texts(found))) == 450


def test_where_a_conversation_does_not_say_that_it_changed_each_is_looked_at_and_check_says_so(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chat = _talk(twilio, "Vraag")
    assert all(finding.ok for finding in open_chats().check())
    twilio.chats.stands_still = True
    desk.collect(open_chats())
    twilio.chats.say(chat, RESIDENT, "Hallo?", at=START + timedelta(days=1))
    assert desk.collect(open_chats()).new == 0
    (finding,) = (finding for finding in open_chats().check() if not finding.ok)
    assert "set `every_conversation = true`, or new messages are missed" in finding.text
    assert desk.collect(open_chats(every_conversation=True)).new == 1
    assert all(finding.ok for finding in open_chats(every_conversation=True).check())


def test_a_thread_is_known_by_the_name_the_conversation_has(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    chat = _talk(twilio, "Hoi", name="Afval")
    _talk(twilio, "Dag")
    assert [page.thread_names for page in read(open_chats())] == [{chat: "Afval"}]


def test_a_service_of_its_own_is_asked_for_by_its_sid(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    _talk(twilio, "Hoi")
    assert texts(read(open_chats(service=twilio.chats.service))) == ["Hoi"]
    assert all(f"/v1/Services/{twilio.chats.service}/Conversations" in request for request in twilio.requests)


def test_a_run_that_was_killed_in_a_long_conversation_goes_on_there(
    twilio: TwilioServer, open_chats: OpenChannel
) -> None:
    _talk(twilio, *[f"Bericht {number}" for number in range(450)], name="Jan de Vries")
    first = next(open_chats().pages(None))
    assert "Vries" not in first.cursor
    assert "31612345678" not in first.cursor
    twilio.requests.clear()
    rest = read(open_chats(), first.cursor)
    assert sum("/Messages?" in request for request in twilio.requests) == 4, "of five pages, the first was stored"
    assert sorted(texts([first, *rest])) == sorted(f"Bericht {number}" for number in range(450))


@pytest.mark.parametrize("before", [False, True])
def test_a_run_that_was_killed_in_the_list_of_closed_ones_goes_on_there_and_reads_what_was_closed_meanwhile(
    twilio: TwilioServer, open_chats: OpenChannel, *, before: bool
) -> None:
    since = None
    if before:  # from then on they are listed by day, newest first
        _talk(twilio, "Eerder")
        since = read(open_chats(page_size=2))[-1].cursor
    for number in range(8):
        twilio.chats.move(_talk(twilio, *[f"{number}.{each}" for each in range(60)]), "closed")
    pages = open_chats(page_size=2).pages(since)
    found = [next(pages), next(pages), next(pages)]
    assert '"link"' in found[-1].cursor
    twilio.chats.move(_talk(twilio, "Intussen"), "closed")
    rest = read(open_chats(page_size=2), found[-1].cursor)
    assert set(texts([*found, *rest])) == {"Intussen", *(f"{n}.{each}" for n in range(8) for each in range(60))}
    assert len(texts(rest)) < 8 * 60
    assert not texts(read(open_chats(page_size=2), rest[-1].cursor))


def test_a_link_that_is_not_taken_any_more_makes_the_conversation_begin_anew(
    twilio: TwilioServer, open_chats: OpenChannel
) -> None:
    _talk(twilio, *[f"Bericht {number}" for number in range(250)])
    first = next(open_chats().pages(None))
    rest = read(open_chats(), Cursor(first.cursor.replace("PageToken=PAIM", "PageToken=PAIMverlopen")))
    assert len(set(texts(rest))) == 250


def test_a_kept_link_to_another_host_makes_the_conversation_begin_anew(
    twilio: TwilioServer, open_chats: OpenChannel
) -> None:
    _talk(twilio, *[f"Bericht {number}" for number in range(250)])
    first = next(open_chats().pages(None))
    kept = json.loads(first.cursor)
    kept["reading"]["link"] = kept["reading"]["link"].replace(twilio.url, f"http://{twilio.media_host}")
    assert len(set(texts(read(open_chats(), Cursor(json.dumps(kept)))))) == 250
    assert twilio.files.shown_credentials == 0


@pytest.mark.parametrize("stored", [True, False])
def test_a_conversation_that_is_removed_while_it_is_read_is_let_go_of(
    twilio: TwilioServer, open_chats: OpenChannel, *, stored: bool
) -> None:
    chat = _talk(twilio, *[f"Bericht {number}" for number in range(250)])
    _talk(twilio, "Heel")
    pages = open_chats().pages(None)
    found = [next(pages)]
    del twilio.chats.messages[chat]
    twilio.chats.rows.remove(twilio.chats.row(chat))
    found += read(open_chats(), found[0].cursor) if stored else list(pages)
    assert texts(found)[-1] == "Heel"
    assert chat[2:] not in found[-1].cursor
    assert not texts(read(open_chats(), found[-1].cursor))


@pytest.mark.parametrize(
    ("field", "value"),
    [("sid", None), ("index", "tien"), ("date_created", None), ("media", [{"sid": "../../x"}]), ("delivery", "all")],
)
def test_one_message_that_is_not_as_expected_stops_no_other(
    twilio: TwilioServer, open_chats: OpenChannel, field: str, value: object
) -> None:
    chat = _talk(twilio, "Voor", "Mijn geheim", "Na")
    twilio.chats.messages[chat][1][field] = value
    pages = read(open_chats())
    assert texts(pages) == ["Voor", "Na"]
    (item,) = (item for page in pages for item in page.unreadable)
    assert "geheim" not in item.reason


def test_one_conversation_that_is_not_as_expected_stops_no_other(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    twilio.chats.row(_talk(twilio, "Stuk"))["chat_service_sid"] = "../../elders"
    _talk(twilio, "Heel")
    pages = read(open_chats())
    assert texts(pages) == ["Heel"]
    (item,) = (item for page in pages for item in page.unreadable)
    assert item.reason == (
        "Twilio gave a conversation that is not as expected: chat_service_sid (string_pattern_mismatch)"
    )


@pytest.mark.parametrize("state", ["active", "closed"])
def test_a_known_conversation_that_becomes_unreadable_stops_no_other_and_is_read_once_it_can_be(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk, state: str
) -> None:
    chat = _talk(twilio, "Een")
    desk.collect(open_chats())
    twilio.chats.move(chat, state)
    twilio.chats.row(chat)["chat_service_sid"] = None
    _talk(twilio, "Heel")
    report = desk.collect(open_chats())
    assert (report.new, list(report.refused)) == (1, [chat])
    assert desk.collect(open_chats()).new == 0
    twilio.chats.row(chat)["chat_service_sid"] = twilio.chats.service
    desk.collect(open_chats())
    assert not desk.refused(), "also where it does not say that it changed"


@pytest.mark.parametrize(("field", "value"), [("sid", None), ("messaging_binding", "whatsapp"), ("identity", 5)])
def test_one_participant_that_is_not_as_expected_costs_nobody_else(
    twilio: TwilioServer, open_chats: OpenChannel, field: str, value: object
) -> None:
    chat = _talk(twilio, "Vraag", "Antwoord")
    twilio.chats.people[chat][1][field] = value
    _talk(twilio, "Heel")
    pages = read(open_chats())
    assert texts(pages) == ["Vraag", "Antwoord", "Heel"]
    (item,) = (item for page in pages for item in page.unreadable)
    assert item.reason.startswith("Twilio gave a participant that is not as expected")
    assert item.raw


def test_a_conversation_whose_resident_cannot_be_read_is_read_once_they_can_be(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chat = _talk(twilio, "Vraag")
    resident = twilio.chats.people[chat][0]
    binding, resident["messaging_binding"] = resident["messaging_binding"], "whatsapp"
    assert list(desk.collect(open_chats()).refused) == [resident["sid"]]
    resident["messaging_binding"] = binding
    assert desk.collect(open_chats()).new == 1
    assert not desk.refused()


@pytest.mark.parametrize("what", ["Participants", "Messages", ""])
def test_an_answer_about_one_conversation_that_is_not_as_expected_stops_no_other(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    chat = _talk(twilio, "Stuk")
    if not what:  # it is asked for by itself when it is in no list of open ones any more
        desk.collect(open_chats())
        twilio.chats.move(chat, "closed")
    _talk(twilio, "Heel")
    path = ["Conversations", chat, *filter(None, [what])]
    answer = twilio.chats.answer

    def odd(asked: list[str], *more: Any) -> Answer:
        return Answer(200, b"[]") if asked == path else answer(asked, *more)

    with monkeypatch.context() as patch:
        patch.setattr(twilio.chats, "answer", odd)
        report = desk.collect(open_chats())
    assert (report.new, list(report.refused)) == (1, [chat])
    desk.collect(open_chats())
    assert len(desk.messages(open_chats())) == 2
    assert not desk.refused()


def test_what_could_not_be_read_is_read_once_it_can_be(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chat, other = _talk(twilio, "Een", "Twee"), _talk(twilio, "Los")
    twilio.chats.row(other)["chat_service_sid"] = None
    twilio.chats.messages[chat][0]["date_created"] = None
    assert len(desk.collect(open_chats()).refused) == 2
    twilio.chats.row(other)["chat_service_sid"] = twilio.chats.service
    twilio.chats.edit(chat, twilio.chats.messages[chat][0]["sid"], date_created="2026-11-23T09:00:00Z")
    assert desk.collect(open_chats()).new == 2
    assert not desk.refused()


def test_a_page_on_which_nothing_can_be_read_is_not_the_end_of_a_conversation(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chat = _talk(twilio, *[f"Bericht {number}" for number in range(60)])
    desk.collect(open_chats())
    for number in range(60, 66):
        twilio.chats.say(chat, RESIDENT, f"Bericht {number}")
    for row in twilio.chats.messages[chat][-2:]:
        row["date_created"] = "onzin"
    report = desk.collect(open_chats(page_size=2))
    assert (report.new, len(report.refused)) == (4, 2)


def test_fields_that_are_new_change_nothing(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    chat = _talk(twilio, "Hoi")
    for row in (twilio.chats.rows[0], twilio.chats.messages[chat][0], twilio.chats.people[chat][0]):
        row["nieuw"] = {"van": ["Twilio"]}
    assert texts(read(open_chats())) == ["Hoi"]


def test_a_cursor_of_a_newer_version_is_refused(open_chats: OpenChannel) -> None:
    with pytest.raises(ConfigError, match="upgrade"):
        read(open_chats(), Cursor('{"v":2}'))

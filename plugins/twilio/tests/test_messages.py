"""Reading the list of messages: both directions, every page, and what became of the messages since."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from plugins.twilio.tests.conftest import Desk, OpenChannel, read, texts

from gemeente_connect.contracts import Cursor
from gemeente_connect.errors import ConfigError, RejectedError, TemporaryError
from gemeente_connect.models import Identity, Participant
from gemeente_connect_twilio.contents import NO_TEXT
from gemeente_connect_twilio.testing import NUMBER, RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import START, Answer, error

DAY = timedelta(days=1)


def test_a_question_and_an_answer_are_of_one_thread_with_the_resident_and_the_municipality_in_it(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    question = twilio.messages.receive("Wanneer komt de kliko?")
    answer = twilio.messages.send("Morgen", status="read")
    first, second = (message for page in read(open_messages()) for message in page.messages)

    assert (first.id, first.direction, first.text, first.kind) == (question, "in", "Wanneer komt de kliko?", "text")
    assert first.sender == Participant(id="+31612345678", identities=(Identity(kind="phone", value="+31612345678"),))
    assert first.sent_at == datetime(2026, 11, 23, 9, 1, tzinfo=UTC)
    assert (second.id, second.direction, second.status) == (answer, "out", "read")
    assert second.sender == Participant(id="+31591123456", employee=True)
    assert first.thread == second.thread == "+31612345678"
    assert first.account == "twilio-messages:whatsapp:31591123456"


def test_an_sms_number_is_a_channel_of_another_kind(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    twilio.messages.receive("Hoi", sender="+31612345678", to="+31591123456")
    twilio.messages.receive("Niet van ons")
    channel = open_messages(number="+31 591 123456")
    assert (channel.kind, channel.account) == ("sms", "twilio-messages:sms:31591123456")
    assert texts(read(channel)) == ["Hoi"]


def test_somebody_without_a_number_is_known_by_their_user_id(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    twilio.messages.receive("Hoi", sender="whatsapp:NL.A1b2C3")
    (message,) = read(open_messages())[0].messages
    assert message.thread == "NL.A1b2C3"
    assert message.sender
    assert message.sender.identities == (Identity(kind="whatsapp", value="NL.A1b2C3"),)


def test_a_sender_that_is_only_a_name_has_no_address(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    twilio.messages.receive("Uw code", sender="BANK", to="+31591123456")
    (message,) = read(open_messages(number="+31591123456"))[0].messages
    assert message.sender == Participant(id="BANK")


def test_of_a_message_between_two_numbers_of_the_municipality_each_number_has_its_own(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    other = "whatsapp:+31591999999"
    sent = twilio.messages.send("Doorgestuurd", to=other)
    received = twilio.messages.receive("Doorgestuurd", sender=NUMBER, to=other)
    assert [m.id for page in read(open_messages()) for m in page.messages] == [sent]
    assert [m.id for page in read(open_messages(number=other)) for m in page.messages] == [received]


def test_what_is_not_sent_yet_is_read_once_it_is(twilio: TwilioServer, open_messages: OpenChannel, desk: Desk) -> None:
    waiting = [twilio.messages.send(word, status=word) for word in ("accepted", "scheduled", "queued", "sending")]
    twilio.messages.send("Toch niet", status="canceled")
    assert desk.collect(open_messages()).new == 0
    for key in waiting:
        twilio.messages.move(key, "sent", at=START + 30 * DAY)
    assert desk.collect(open_messages()).new == 4
    assert {message.sent_at for message in desk.messages(open_messages())} == {START + 30 * DAY}


def test_messages_of_one_second_keep_their_order_whatever_the_size_of_a_page(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    for number in range(5):
        twilio.messages.receive(f"Bericht {number}", at=START)
    for size in range(1, 7):
        found = [message for page in read(open_messages(page_size=size)) for message in page.messages]
        found.sort(key=lambda message: (message.sent_at, message.position))
        assert [message.text for message in found] == [f"Bericht {number}" for number in range(5)]


def test_a_status_that_changes_within_the_overlap_is_seen_and_adds_no_message(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk
) -> None:
    early = twilio.messages.send("Oud", at=START)
    key = twilio.messages.send("Morgen", at=START + 5 * DAY)
    desk.collect(open_messages())
    twilio.messages.move(key, "read", at=START + 5 * DAY + timedelta(hours=3))
    twilio.messages.move(early, "read", at=START + 5 * DAY + timedelta(hours=3))
    report = desk.collect(open_messages())
    assert (report.new, report.changed) == (0, 1), "the other one was sent more than two days before the newest"
    assert [message.status for message in desk.messages(open_messages())] == ["sent", "read"]


def test_a_longer_overlap_looks_further_back(twilio: TwilioServer, open_messages: OpenChannel, desk: Desk) -> None:
    early = twilio.messages.send("Oud", at=START)
    twilio.messages.send("Morgen", at=START + 5 * DAY)
    desk.collect(open_messages(overlap_days=7))
    twilio.messages.move(early, "undelivered", at=START + 6 * DAY)
    assert desk.collect(open_messages(overlap_days=7)).changed == 1
    assert desk.messages(open_messages())[0].status == "failed"


def test_a_message_that_is_emptied_at_twilio_keeps_its_text_here(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk
) -> None:
    plain = twilio.messages.receive("Mijn vraag")
    photo = twilio.messages.receive("Kijk", media=[("image/jpeg", b"\xff\xd8\xff\xe0 foto")])
    desk.collect(open_messages())
    twilio.messages.redact(plain)
    twilio.messages.redact(photo)
    twilio.messages.media[photo].clear()
    report = desk.collect(open_messages())
    assert (report.new, report.changed) == (0, 0)
    kept = desk.messages(open_messages())
    assert [(m.text, m.edited_at) for m in kept] == [("Mijn vraag", None), ("Kijk", None)]
    assert kept[1].attachments[0].sha256


def test_a_message_without_text_or_file_is_kept_with_words_that_say_so(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    twilio.messages.receive("")
    twilio.messages.rows[-1]["body"] = None
    (message,) = read(open_messages())[0].messages
    assert (message.kind, message.text) == ("unsupported", NO_TEXT)


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/jpeg", "image"),
        ("image/webp", "sticker"),
        ("audio/ogg; codecs=opus", "audio"),
        ("VIDEO/mp4", "video"),
        ("text/vcard", "contact"),
        ("application/pdf", "document"),
        ("text/html", "document"),
        ("", "document"),
    ],
)
def test_a_file_makes_a_message_what_it_is(
    twilio: TwilioServer, open_messages: OpenChannel, media_type: str, kind: str
) -> None:
    twilio.messages.receive("", media=[(media_type, b"x")])
    (message,) = read(open_messages())[0].messages
    assert (message.kind, message.text) == (kind, "")


def test_files_come_in_the_order_of_their_sids_in_which_the_webhook_has_them_too(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    key = twilio.messages.receive("", media=[("image/jpeg", bytes([number])) for number in range(9)])
    (message,) = read(open_messages())[0].messages
    files = [attachment.source for attachment in message.attachments]
    assert files == [f"Messages/{key}/Media/{file}" for file in sorted(twilio.messages.media[key])]
    assert sorted(twilio.messages.media[key]) != twilio.messages.media[key]


def test_nothing_new_takes_two_requests(twilio: TwilioServer, open_messages: OpenChannel, desk: Desk) -> None:
    for number in range(250):
        twilio.messages.receive(f"Vraag {number}", at=START + timedelta(hours=number))
        twilio.messages.send(f"Antwoord {number}", at=START + timedelta(hours=number, minutes=1))
    desk.collect(open_messages())
    twilio.requests.clear()
    report = desk.collect(open_messages())
    assert report.new == 0
    assert len(twilio.requests) == 2, twilio.requests


def test_a_page_of_files_that_were_read_before_is_not_asked_for_its_files_again(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk
) -> None:
    for number in range(20):
        media = [("image/jpeg", b"\xff\xd8\xff\xe0" + bytes([number]))]
        twilio.messages.receive("", media=media, at=START + timedelta(hours=number))
    desk.collect(open_messages())
    twilio.requests.clear()
    desk.collect(open_messages())
    assert len(twilio.requests) == 3, "the two lists, and the files of the newest message"


def test_days_are_those_of_greenwich(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    twilio.messages.receive("Nacht", at=datetime(2026, 11, 23, 0, 30, tzinfo=UTC))
    since = read(open_messages(overlap_days=1))[-1].cursor
    twilio.requests.clear()
    read(open_messages(overlap_days=1), since)
    assert "DateSent%3E=2026-11-22" in twilio.requests[0]


def test_the_link_of_twilio_is_followed_and_no_page_is_made_up(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    for number in range(7):
        twilio.messages.receive(f"Vraag {number}")
    read(open_messages(page_size=3))
    pages = [request for request in twilio.requests if "&Page=" in request]
    assert len(pages) == 2
    assert all("PageToken=PASM" in request for request in pages)


def test_a_run_that_was_killed_goes_on_in_the_middle_and_then_reads_what_came_meanwhile(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    for number in range(6):
        twilio.messages.receive(f"Vraag {number}")
    first = next(open_messages(page_size=2).pages(None))
    twilio.messages.receive("Nieuw")
    twilio.requests.clear()
    rest = read(open_messages(page_size=2), first.cursor)
    assert "PageToken" in twilio.requests[0], "it does not begin anew"
    assert set(texts([first, *rest])) == {"Nieuw", *(f"Vraag {number}" for number in range(6))}
    assert texts(rest)[:2] == ["Vraag 2", "Vraag 3"], "it goes on behind the page that was stored"


def test_a_link_that_is_not_taken_any_more_makes_the_list_begin_anew(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    for number in range(6):
        twilio.messages.receive(f"Vraag {number}")
    first = next(open_messages(page_size=2).pages(None))
    stale = json.loads(first.cursor)
    stale["to"]["next"] = stale["to"]["next"].rpartition("=")[0] + "=PASMverlopen"
    rest = read(open_messages(page_size=2), Cursor(json.dumps(stale)))
    assert set(texts(rest)) == {f"Vraag {number}" for number in range(6)}


def test_a_kept_link_to_another_host_makes_the_list_begin_anew(
    twilio: TwilioServer, open_messages: OpenChannel
) -> None:
    for number in range(6):
        twilio.messages.receive(f"Vraag {number}")
    kept = json.loads(next(open_messages(page_size=2).pages(None)).cursor)
    kept["to"]["next"] = f"http://{twilio.media_host}{kept['to']['next']}"
    rest = read(open_messages(page_size=2), Cursor(json.dumps(kept)))
    assert set(texts(rest)) == {f"Vraag {number}" for number in range(6)}
    assert twilio.files.shown_credentials == 0


def test_a_list_that_leads_in_a_circle_is_left(
    twilio: TwilioServer, open_messages: OpenChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    twilio.messages.receive("Vraag")
    link = f"/2010-04-01/Accounts/{twilio.account_sid}/Messages.json?To={NUMBER.replace('+', '%2B')}"
    answer = twilio.messages.answer

    def circle(path: list[str], query: dict[str, str]) -> object:
        found = answer(path, query)
        assert isinstance(found.body, dict)
        found.body["next_page_uri"] = link
        return found

    monkeypatch.setattr(twilio.messages, "answer", circle)
    with pytest.raises(TemporaryError, match="leads back"):
        read(open_messages())


def test_a_link_to_another_host_gets_no_credentials(
    twilio: TwilioServer, open_messages: OpenChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = twilio.messages.answer

    def elsewhere(path: list[str], query: dict[str, str]) -> object:
        found = answer(path, query)
        assert isinstance(found.body, dict)
        found.body["next_page_uri"] = f"http://{twilio.media_host}/list"
        return found

    monkeypatch.setattr(twilio.messages, "answer", elsewhere)
    with pytest.raises(RejectedError, match="nothing was sent"):
        read(open_messages())
    assert twilio.files.shown_credentials == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sid", None),
        ("sid", "SM123"),
        ("from", None),
        ("to", ""),
        ("date_created", "gisteren"),
        ("date_sent", "11/12/2026"),
        ("date_updated", 5),
        ("num_media", "veel"),
        ("num_media", "-1"),
        ("num_media", "99999999999"),
        ("direction", None),
        ("status", {"is": "sent"}),
        ("body", ["tekst"]),
    ],
)
def test_one_message_that_is_not_as_expected_stops_no_other_and_is_kept_with_its_reason(
    twilio: TwilioServer, open_messages: OpenChannel, field: str, value: object
) -> None:
    twilio.messages.receive("Voor")
    twilio.messages.spoilt[twilio.messages.receive("Mijn geheim")] = {field: value}
    twilio.messages.receive("Na")
    pages = read(open_messages())
    assert texts(pages) == ["Voor", "Na"]
    (item,) = (item for page in pages for item in page.unreadable)
    assert "geheim" not in item.reason
    assert RESIDENT not in item.reason
    assert item.raw


@pytest.mark.parametrize("rows", [None, [{"content_type": 5}, {}], [{"sid": None}, {}]])
def test_files_that_are_not_as_expected_stop_no_message_and_are_read_once_they_can_be(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk, monkeypatch: pytest.MonkeyPatch,
    rows: list[dict[str, object]] | None,
) -> None:  # fmt: skip
    twilio.messages.receive("Vraag")
    photos = [("image/png", b"\x89PNG\r\n\x1a\n1"), ("image/jpeg", b"\xff\xd8\xff\xe0 2")]
    key = twilio.messages.receive("Kijk", media=photos)
    answer = twilio.messages.answer

    def odd(path: list[str], query: dict[str, str]) -> Answer:
        found = answer(path, query)
        if path[-1] == "Media.json" and isinstance(found.body, dict):
            found.body["media_list"] = rows and [a | b for a, b in zip(found.body["media_list"], rows, strict=True)]
        return found

    with monkeypatch.context() as patch:
        patch.setattr(twilio.messages, "answer", odd)
        report = desk.collect(open_messages())
    assert (report.new, len(report.refused)) == ((2, 1) if rows and "sid" not in rows[0] else (1, 1))
    desk.collect(open_messages())
    kept = {message.id: message for message in desk.messages(open_messages())}
    assert len({each.sha256 for each in kept[key].attachments} - {None}) == 2
    assert not desk.refused()


def test_a_refused_request_for_files_costs_no_message(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    twilio.messages.receive("Kijk", media=[("image/jpeg", b"\xff\xd8\xff\xe0 2")])
    with monkeypatch.context() as patch:
        patch.setattr(twilio.messages, "_list_media", lambda _: error(400, 20001, "Bad request"))
        with pytest.raises(RejectedError, match="status 400"):
            desk.collect(open_messages())
    assert desk.collect(open_messages()).new == 1


def test_what_could_not_be_read_is_looked_at_again_while_it_is_among_the_last_days(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk
) -> None:
    key = twilio.messages.receive("Vraag", at=START)
    twilio.messages.receive("Later", at=START + DAY)
    twilio.messages.spoilt[key] = {"direction": None}
    assert list(desk.collect(open_messages()).refused) == [key]
    assert not desk.collect(open_messages()).refused, "it is known"
    twilio.messages.spoilt.clear()
    assert desk.collect(open_messages()).new == 1
    assert not desk.refused()


def test_fields_that_are_new_change_nothing(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    twilio.messages.receive("Hoi")
    twilio.messages.rows[-1] |= {"risk_check": "disable", "tags": {"a": [1]}}
    assert texts(read(open_messages())) == ["Hoi"]


def test_a_status_that_is_new_is_no_reason_to_lose_a_message(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    twilio.messages.send("Antwoord", status="teleported")
    (message,) = (message for page in read(open_messages()) for message in page.messages)
    assert (message.text, message.status) == ("Antwoord", None)


def test_an_emoji_that_was_cut_in_two_stops_nothing(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    for body in ("Eerst", "\ud83d\ude42 heel", "half \ud83d"):
        twilio.messages.receive(body)
    assert texts(read(open_messages())) == ["Eerst", "🙂 heel", "half \ufffd"]


def test_a_cursor_of_a_newer_version_is_refused(open_messages: OpenChannel) -> None:
    with pytest.raises(ConfigError, match="upgrade"):
        read(open_messages(), Cursor('{"v":2}'))

"""Every kind of message, as it can be read afterwards."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gemeente_connect.contracts import Batch
from gemeente_connect.models import Attachment, Deleted, Edited, Message, Reacted, StatusChanged
from gemeente_connect_whatsapp.contents import DELETED, EMPTY, NOT_PASSED_ON, hex_digest
from gemeente_connect_whatsapp.testing import contact, payload, status, text
from gemeente_connect_whatsapp.testing.payloads import START, USER_ID, Item, echo, message

Read = Callable[[Any], Batch]

SENT_AT = datetime.fromtimestamp(START, UTC)
CARDS = """\
Contactgegevens: Jan, B.V., +31 6 12345679
Contactgegevens: Piet, piet@example.nl
Contactgegevens: +31612345670"""
FORM = json.dumps({"flow_token": "a1b2", "straat": "Dorpsstraat", "nummer": 12, "spoed": True})


def only(read: Read, item: Item, **more: Any) -> Message:
    batch = read(payload(item, contacts=[contact()], **more))
    assert (len(batch.messages), batch.changes, batch.unreadable) == (1, (), ()), batch
    return batch.messages[0]


def test_a_typed_message_has_all_that_is_known_of_it(read: Read) -> None:
    said = only(read, text("wamid.1", "Goedemorgen ☀️", context={"id": "wamid.0", "from": "31201234567"}))
    assert (said.account, said.id, said.thread, said.sent_at) == ("whatsapp:31201234567", "wamid.1", USER_ID, SENT_AT)
    assert (said.direction, said.kind, said.text, said.reply_to) == ("in", "text", "Goedemorgen ☀️", "wamid.0")
    assert said.sender
    assert (said.sender.id, said.sender.name) == (USER_ID, "Fatima de Vries")
    assert [(i.kind, i.value) for i in said.sender.identities] == [("phone", "+31612345678"), ("whatsapp", USER_ID)]


@pytest.mark.parametrize(
    ("kind", "body", "read_as", "words"),
    [
        (
            "location",
            {"latitude": 52.09, "longitude": 5.12},
            "location",
            "Locatie: https://maps.google.com/?q=52.09,5.12",
        ),
        (
            "location",
            {"latitude": 52.09, "longitude": 5.12, "name": "Stadhuis", "address": "Plein 1, Waterveen"},
            "location",
            "Locatie: Stadhuis, Plein 1, Waterveen\nhttps://maps.google.com/?q=52.09,5.12",
        ),
        (
            "contacts",
            [
                {
                    "name": {"formatted_name": "Jan"},
                    "phones": [{"phone": "+31 6 12345679"}],
                    "org": {"company": "B.V."},
                },
                {"name": {"first_name": "Piet"}, "emails": [{"email": "piet@example.nl"}]},
                {"phones": [{"wa_id": "31612345670"}]},
                "geen kaart",
            ],
            "contact",
            CARDS,
        ),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "1", "title": "Ja"}}, "text", "Ja"),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "1", "title": "Maandag", "description": "9 tot 12 uur"}},
            "text",
            "Maandag - 9 tot 12 uur",
        ),
        (
            "interactive",
            {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Verzonden", "response_json": FORM}},
            "text",
            "Verzonden\nstraat: Dorpsstraat\nnummer: 12\nspoed: true",
        ),
        (
            "interactive",
            {"type": "nfm_reply", "nfm_reply": {"response_json": "geen {json"}},
            "text",
            "geen {json",
        ),
        (
            "interactive",
            {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}},
            "text",
            "(toestemming om te bellen gegeven)",
        ),
        ("button", {"payload": "STOP", "text": "Afmelden"}, "text", "Afmelden"),
        ("button", {"payload": "STOP"}, "text", "STOP"),
        (
            "order",
            {
                "catalog_id": "1",
                "text": "graag snel",
                "product_items": [
                    {"product_retailer_id": "zak-60", "quantity": 2, "item_price": 3.5, "currency": "EUR"},
                    {"product_retailer_id": "emmer"},
                ],
            },
            "order",
            "Bestelling:\n2 x zak-60 (3.5 EUR)\n1 x emmer\ngraag snel",
        ),
        (
            "template",
            {
                "name": "afspraak",
                "components": [{"type": "BODY", "parameters": [{"type": "text", "text": "9.00 uur"}]}],
            },
            "template",
            "(sjabloon afspraak)\n9.00 uur",
        ),
        ("unsupported", {"type": "poll"}, "unsupported", "(peiling: WhatsApp geeft die niet door)"),
        ("unsupported", {"type": "iets"}, "unsupported", NOT_PASSED_ON),
        (
            "poll_v2",
            {"question": "Welke dag?", "options": [{"name": "ma"}, {"name": "di"}], "id": "9"},
            "unsupported",
            "(bericht van een nieuwe soort: poll_v2)\nWelke dag?\nma\ndi",
        ),
        ("text", {}, "unsupported", EMPTY),
        ("text", "geen object", "unsupported", EMPTY),
        ("image", None, "unsupported", EMPTY),
        ("interactive", {}, "unsupported", EMPTY),
    ],
)
def test_each_kind_says_in_dutch_what_it_holds(read: Read, kind: str, body: object, read_as: str, words: str) -> None:
    said = only(read, message("wamid.1", kind, body))
    assert (said.kind, said.text, said.attachments) == (read_as, words, ())


def test_a_message_that_came_with_an_error_is_one_that_is_not_passed_on(read: Read) -> None:
    item = message("wamid.1", "interactive", None, errors=[{"code": 131051, "title": "Message type unknown"}])
    assert (only(read, item).kind, only(read, item).text) == ("unsupported", NOT_PASSED_ON)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {
                "referral": {
                    "source_type": "ad",
                    "headline": "Grofvuil?",
                    "body": "Bel ons",
                    "source_url": "https://fb.me/x",
                }
            },
            "(naar aanleiding van een advertentie: Grofvuil?)\n",
        ),
        (
            {"referral": {"source_type": "post", "body": "Markt op zaterdag", "source_id": "12", "ctwa_clid": "Aff"}},
            "(naar aanleiding van een bericht op Facebook of Instagram: Markt op zaterdag)\n",
        ),
        ({"referral": {"source_type": 7}}, "(naar aanleiding van een verwijzing)\n"),
        ({"referral": "geen object"}, ""),
        (
            {"context": {"referred_product": {"catalog_id": "1", "product_retailer_id": "zak-60"}}},
            "(over product zak-60)\n",
        ),
        ({"context": {"referred_product": {}}}, "(over product ?)\n"),
        ({"context": {"referred_product": 7}}, ""),
    ],
)
def test_what_somebody_wrote_about_stands_before_what_they_wrote(read: Read, more: Item, line: str) -> None:
    assert only(read, text("wamid.1", "Kan dit?", **more)).text == f"{line}Kan dit?"
    photo = only(read, message("wamid.1", "image", {"id": "123"}, **more))
    assert (photo.kind, photo.text, len(photo.attachments)) == ("image", line.strip(), 1)


@pytest.mark.parametrize("kind", ["image", "video", "audio", "sticker", "document"])
def test_a_file_comes_with_its_caption_and_where_to_get_it(read: Read, kind: str) -> None:
    digest = hashlib.sha256(b"foto")
    body = {
        "id": "123",
        "mime_type": "audio/ogg; codecs=opus",
        "caption": "kapot",
        "filename": "brief.pdf",
        "voice": True,
    }
    said = only(read, message("wamid.1", kind, {**body, "sha256": base64.b64encode(digest.digest()).decode()}))
    (attachment,) = said.attachments
    assert (said.kind, said.text, attachment.name) == (kind, "kapot", "brief.pdf")
    assert attachment.media_type == "audio/ogg; codecs=opus"
    assert json.loads(attachment.source or "") == {"id": "123", "sha256": digest.hexdigest()}


def test_a_file_of_a_kind_that_is_new_is_kept_too(read: Read) -> None:
    said = only(read, message("wamid.1", "ptv", {"id": "123", "mime_type": "video/mp4", "caption": "zie hier"}))
    assert (said.kind, said.text) == ("unsupported", "(bericht van een nieuwe soort: ptv)\nzie hier")
    assert said.attachments[0].media_type == "video/mp4"


def test_a_file_without_an_id_is_said_to_be_left_out(read: Read) -> None:
    said = only(read, message("wamid.1", "image", {"mime_type": "image/jpeg"}))
    assert said.attachments == (Attachment(media_type="image/jpeg", missing="omitted"),)


def test_a_hash_reads_the_same_in_base64_and_in_hex_and_one_that_is_none_is_left_out() -> None:
    digest = hashlib.sha256(b"foto")
    assert hex_digest(base64.b64encode(digest.digest()).decode()) == digest.hexdigest()
    assert hex_digest(digest.hexdigest().upper()) == digest.hexdigest()
    assert hex_digest("4654+8g=") is None
    assert hex_digest("geen hash") is None


def test_what_it_says_is_found_also_when_the_type_is_missing_or_wrong(read: Read) -> None:
    assert only(read, {**text("wamid.1", "Hallo"), "type": None}).text == "Hallo"
    assert only(read, {**text("wamid.1", "Hallo"), "type": "image"}).text == "Hallo"


@pytest.mark.parametrize(("body", "emoji"), [({"emoji": "👍"}, "👍"), ({"emoji": ""}, ""), ({}, "")])
def test_a_reaction_and_its_removal_are_changes_of_another_message(
    read: Read, body: dict[str, str], emoji: str
) -> None:
    batch = read(payload(message("wamid.2", "reaction", {"message_id": "wamid.1", **body})))
    (change,) = batch.changes
    assert isinstance(change, Reacted)
    assert (batch.messages, change.target, change.emoji, change.at) == ((), "wamid.1", emoji, SENT_AT)
    assert change.sender.id == USER_ID


def test_an_edit_says_what_the_message_reads_now(read: Read) -> None:
    new = {"type": "image", "image": {"id": "9", "caption": "Deze lantaarn"}, "context": {"id": "M0"}}
    batch = read(payload(message("wamid.2", "edit", {"original_message_id": "wamid.1", "message": new})))
    (change,) = batch.changes
    assert isinstance(change, Edited)
    assert (change.target, change.at, change.message.id) == ("wamid.1", SENT_AT, "wamid.2")
    assert (change.message.text, change.message.kind, change.message.reply_to) == ("Deze lantaarn", "image", None)


def test_a_message_that_is_taken_back_says_so(read: Read) -> None:
    batch = read(payload(message("wamid.2", "revoke", {"original_message_id": "wamid.1"})))
    (change,) = batch.changes
    assert isinstance(change, Deleted)
    assert (change.target, change.message.text, change.at) == ("wamid.1", DELETED, SENT_AT)


def test_an_echo_is_what_the_municipality_wrote_from_the_app(read: Read) -> None:
    batch = read(payload(echo("wamid.3", "Wij komen langs"), name="message_echoes", field="smb_message_echoes"))
    (said,) = batch.messages
    assert (said.thread, said.direction, said.text) == (USER_ID, "out", "Wij komen langs")
    assert said.sender
    assert (said.sender.id, said.sender.employee) == ("municipality", True)


def test_an_echo_may_edit_and_take_back(read: Read) -> None:
    inner = {"type": "text", "text": {"body": "Morgen"}}
    items = [
        echo("wamid.5", "", type="edit", text=None, edit={"original_message_id": "wamid.3", "message": inner}),
        echo("wamid.6", "", type="revoke", text=None, revoke={"original_message_id": "wamid.4"}),
    ]
    edited, deleted = read(payload(*items, name="message_echoes")).changes
    assert isinstance(edited, Edited)
    assert isinstance(deleted, Deleted)
    assert (edited.message.text, edited.message.direction, deleted.message.direction) == ("Morgen", "out", "out")


def test_an_echo_that_stands_among_messages_is_known_by_the_number_it_comes_from(read: Read) -> None:
    (said,) = read(payload(echo("wamid.3", "Wij komen langs"))).messages
    assert (said.direction, said.thread) == ("out", USER_ID)


@pytest.mark.parametrize("word", ["sent", "delivered", "read", "played", "failed"])
def test_a_status_is_a_change_of_the_message_it_is_about(read: Read, word: str) -> None:
    batch = read(payload(status("wamid.3", word), name="statuses"))
    (change,) = batch.changes
    assert isinstance(change, StatusChanged)
    assert (change.target, change.status, change.at) == ("wamid.3", word, SENT_AT)


def test_a_call_is_a_message_once_it_is_over(read: Read) -> None:
    begin = {"id": "wacid.1", "from": "31612345678", "event": "connect", "timestamp": str(START), "to": "31201234567"}
    end = {**begin, "event": "terminate", "start_time": str(START), "duration": 200, "direction": "USER_INITIATED"}
    line, call = read(payload(begin, end, name="calls", field="calls")).messages
    assert (line.kind, line.text, line.direction) == ("system", "De inwoner belt.", None)
    assert (call.kind, call.text, call.direction) == ("call", "Spraakoproep van 3 min 20 s", "in")
    assert call.id != line.id


@pytest.mark.parametrize(
    ("direction", "words"),
    [("USER_INITIATED", "Gemiste spraakoproep"), ("BUSINESS_INITIATED", "Niet beantwoorde spraakoproep")],
)
def test_a_call_that_nobody_answered_says_so(read: Read, direction: str, words: str) -> None:
    ids = {"from": "31612345678", "to": "31612345678"}
    end = {"id": "wacid.1", "event": "terminate", "timestamp": str(START), "direction": direction, **ids}
    (call,) = read(payload(end, name="calls", field="calls")).messages
    assert (call.text, call.thread) == (words, "+31612345678")


def test_what_becomes_of_a_call_is_a_line(read: Read) -> None:
    ringing = status("wacid.1", "RINGING", type="call")
    (line,) = read(payload(ringing, name="statuses", field="calls")).messages
    assert (line.kind, line.text, line.id) == ("system", "De oproep gaat over.", "wacid.1/ringing")


def test_a_message_in_a_group_belongs_to_the_group_and_to_who_wrote_it(read: Read) -> None:
    said = only(read, text("wamid.1", "Hallo buren", group_id="groep-1"))
    assert said.sender
    assert (said.thread, said.sender.id) == ("groep-1", USER_ID)


def test_a_message_in_a_group_that_does_not_say_who_wrote_it_goes_to_a_person(read: Read) -> None:
    item = text("wamid.1", "Hallo buren", group_id="groep-1", from_=None, from_user_id=None)
    (kept,) = read(payload(item)).unreadable
    assert (kept.reason, kept.thread) == ("a message does not say who wrote it", "groep-1")


def test_news_of_a_call_that_nobody_knows_goes_to_a_person(read: Read) -> None:
    item = {"id": "wacid.1", "from": "31612345678", "event": "hold", "timestamp": str(START)}
    (kept,) = read(payload(item, name="calls", field="calls")).unreadable
    assert kept.reason == "a call is one that this channel does not know"


def test_what_happens_to_a_group_is_a_line(read: Read) -> None:
    item = {"timestamp": str(START), "group_id": "groep-1", "type": "group_create", "subject": "Buurt"}
    (line,) = read(payload(item, name="groups", field="group_lifecycle_update")).messages
    assert (line.kind, line.thread, line.text) == ("system", "groep-1", "De groep is aangemaakt.")


def test_the_order_within_a_second_is_that_of_the_webhook(read: Read) -> None:
    items = [
        text("wamid.1", "een"),
        text("wamid.2", "twee"),
        text("wamid.1", "een"),
        text("wamid.3", "drie", at=START + 1),
    ]
    batch = read(payload(*items))
    assert [(m.id, m.position) for m in batch.messages] == [
        ("wamid.1", 0), ("wamid.2", 1), ("wamid.1", 0), ("wamid.3", 0),
    ]  # fmt: skip

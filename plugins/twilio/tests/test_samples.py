"""What Twilio's own examples come to, where they lie beside this repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plugins.twilio.tests.conftest import OpenChannel, read

from gemeente_connect.contracts import Channel
from gemeente_connect.models import Attachment, Message
from gemeente_connect_twilio.chats import is_of, writer
from gemeente_connect_twilio.testing import TwilioServer
from gemeente_connect_twilio.testing.lists import Answer
from gemeente_connect_twilio.wire import Chat, ChatParticipant, ChatParticipants, Chats, MediaRows, MessageRows, Wire

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "twilio"
SHAPES: dict[str, type[Wire]] = {
    "messages-list-page1": MessageRows,
    "messages-list-empty": MessageRows,
    "media-list": MediaRows,
    "conversations-list": Chats,
    "conversation-participants": ChatParticipants,
}

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside this repository")


def _sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def _all(channel: Channel) -> list[Message]:
    """Read a channel: the same page is shown for either direction, so that each message comes twice."""
    return list({message.id: message for page in read(channel) for message in page.messages}.values())


def test_every_sample_is_of_a_shape_that_is_read() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(SHAPES)
    for name, shape in SHAPES.items():
        shape.model_validate(_sample(name))


def test_the_samples_of_messages_become_messages_with_their_files(
    twilio: TwilioServer, open_messages: OpenChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = _sample("messages-list-page1") | {"next_page_uri": None}
    answers = {"Messages.json": page, "Media.json": _sample("media-list")}
    monkeypatch.setattr(twilio.messages, "answer", lambda path, _: Answer(200, answers[path[-1]]))
    sent, received = page["messages"]
    (message,) = _all(open_messages(number=sent["from"]))
    assert (message.id, message.direction, message.text, message.status) == (sent["sid"], "out", "testing", "sent")
    (message,) = _all(open_messages(number=received["to"]))
    file = f"Messages/{received['sid']}/Media/{_sample('media-list')['media_list'][0]['sid']}"
    assert (message.direction, message.kind, message.text) == ("in", "image", "look mom I have media!")
    assert message.attachments == (
        Attachment(source=file, media_type="image/jpeg"),
        *[Attachment(missing="expired")] * 2,
    )


def test_the_sample_of_an_empty_list_is_nothing(
    twilio: TwilioServer, open_messages: OpenChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio.messages, "answer", lambda *_: Answer(200, _sample("messages-list-empty")))
    assert not _all(open_messages())


def test_the_samples_of_a_conversation_say_of_which_number_it_is_and_who_writes() -> None:
    (chat,) = map(Chat.model_validate, _sample("conversations-list")["conversations"])
    assert (chat.state, chat.friendly_name) == ("active", "Home Repair Visit")
    rows = ChatParticipants.model_validate(_sample("conversation-participants")).participants
    outside, inside = (ChatParticipant.model_validate(row) for row in rows)
    assert is_of([outside, inside], "+15017122661")
    assert not is_of([outside, inside], "+31591123456")
    resident, is_inbound = writer(None, outside, "+15017122661")
    assert (resident.id, is_inbound) == ("+15558675310", True)
    employee, is_inbound = writer(None, inside, "+15017122661")
    assert (employee.id, employee.employee, is_inbound) == ("IDENTITY", True, False)

"""Fetching files without showing anybody the credentials, and errors that say what to do and nothing personal."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from plugins.twilio.tests.conftest import Desk, OpenChannel, read

from gemeente_connect.contracts import Channel
from gemeente_connect.errors import AuthError, GemeenteConnectError, RejectedError, TemporaryError
from gemeente_connect.models import Attachment
from gemeente_connect_twilio.testing import RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import sid

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 een lantaarn"
CHANNELS = ["open_messages", "open_chats"]


@pytest.fixture
def with_photo(twilio: TwilioServer) -> TwilioServer:
    twilio.messages.receive("Kijk", media=[("image/jpeg", JPEG)])
    chat = twilio.chats.open()
    twilio.chats.say(chat, RESIDENT, None, media=[("lantaarn.jpg", "image/jpeg", JPEG)])
    return twilio


def _attachment(channel: Channel) -> Attachment:
    (found,) = (a for page in read(channel) for message in page.messages for a in message.attachments)
    return found


@pytest.mark.parametrize("name", CHANNELS)
def test_a_file_comes_from_a_host_that_never_sees_the_credentials(
    request: pytest.FixtureRequest, with_photo: TwilioServer, name: str
) -> None:
    channel = request.getfixturevalue(name)()
    assert b"".join(channel.download(_attachment(channel))) == JPEG
    assert with_photo.files.shown_credentials == 0


@pytest.mark.parametrize("name", CHANNELS)
def test_a_file_on_a_host_that_was_not_named_is_not_fetched(
    request: pytest.FixtureRequest, with_photo: TwilioServer, name: str
) -> None:
    channel = request.getfixturevalue(name)(media_hosts=[".twiliocdn.com"])
    with pytest.raises(RejectedError, match="may be asked"):
        list(channel.download(_attachment(channel)))
    assert with_photo.files.shown_credentials == 0


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(
    "source", [None, "", "https://elders.example.nl/foto.jpg", "../Keys.json", "Messages/SM1/Media/ME1", "Services/x"]
)
def test_a_source_that_names_no_file_is_not_asked_for(
    request: pytest.FixtureRequest, twilio: TwilioServer, name: str, source: str | None
) -> None:
    with pytest.raises(RejectedError, match="no file"):
        list(request.getfixturevalue(name)().download(Attachment(source=source)))
    assert not twilio.requests


@pytest.mark.parametrize("name", CHANNELS)
def test_a_file_that_was_deleted_at_twilio_needs_a_person_and_its_message_is_kept(
    request: pytest.FixtureRequest, with_photo: TwilioServer, desk: Desk, name: str
) -> None:
    channel = request.getfixturevalue(name)()
    source = _attachment(channel).source
    with_photo.files.contents.clear()
    with_photo.messages.media = {key: [] for key in with_photo.messages.media}
    with pytest.raises(GemeenteConnectError):
        list(channel.download(Attachment(source=source)))
    assert desk.collect(request.getfixturevalue(name)()).new == 1


def test_files_that_are_gone_before_they_were_listed_are_named_as_gone(
    with_photo: TwilioServer, open_messages: OpenChannel
) -> None:
    key = with_photo.messages.rows[0]["sid"]
    with_photo.messages.media[key] = []
    assert _attachment(open_messages()) == Attachment(missing="expired")
    del with_photo.messages.media[key]
    assert _attachment(open_messages()) == Attachment(missing="expired")


@pytest.mark.parametrize("link", ["", None, "http://elders.example.nl/foto.jpg", "file:///etc/passwd"])
def test_a_link_to_a_file_of_a_conversation_is_followed_to_known_hosts_only(
    with_photo: TwilioServer, open_chats: OpenChannel, monkeypatch: pytest.MonkeyPatch, link: str | None
) -> None:
    channel = open_chats()
    attachment = _attachment(channel)
    monkeypatch.setattr(with_photo.files, "link", lambda _: link)
    with pytest.raises(RejectedError):
        list(channel.download(attachment))


@pytest.mark.parametrize("name", CHANNELS)
def test_a_file_that_is_too_large_is_refused(
    request: pytest.FixtureRequest, with_photo: TwilioServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("messages", "conversations"):
        monkeypatch.setattr(f"gemeente_connect_twilio.{module}.LARGEST", 10)
    channel = request.getfixturevalue(name)()
    with pytest.raises(RejectedError, match="larger"):
        list(channel.download(_attachment(channel)))
    assert with_photo.requests


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("ask", [read, lambda channel: list(channel.check())])
def test_credentials_that_are_refused_are_to_be_renewed(request: pytest.FixtureRequest, name: str, ask: Any) -> None:
    with pytest.raises(AuthError, match="status 401; renew the credentials"):
        ask(request.getfixturevalue(name)(auth_token="verlopen"))


@pytest.mark.parametrize("name", CHANNELS)
def test_too_many_requests_are_for_later_and_say_when(
    request: pytest.FixtureRequest, twilio: TwilioServer, name: str
) -> None:
    twilio.too_many, twilio.retry_after = 1, 60
    with pytest.raises(TemporaryError) as caught:
        read(request.getfixturevalue(name)())
    assert caught.value.retry_after == 60
    assert caught.value.nothing_done


@pytest.mark.parametrize("name", CHANNELS)
def test_a_short_limit_is_sat_out(request: pytest.FixtureRequest, with_photo: TwilioServer, name: str) -> None:
    with_photo.too_many, with_photo.retry_after = 1, 0
    assert [message for page in read(request.getfixturevalue(name)()) for message in page.messages]


def test_a_refusal_bears_the_code_of_twilio_and_no_number(
    twilio: TwilioServer, open_messages: OpenChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = open_messages(account_sid=sid("AC", "another"))
    with pytest.raises(GemeenteConnectError) as caught:
        read(channel)
    told = f"{caught.value} {caught.value.__cause__} {caught.value.__context__} {caplog.text}"
    assert "591123456" not in told
    assert twilio.auth_token not in told
    with pytest.raises(RejectedError, match="status 404: 20404"):
        open_messages()._api.get("2010-04-01/elders")


def test_an_answer_that_is_something_else_says_so(
    twilio: TwilioServer, open_messages: OpenChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = twilio.messages.answer
    monkeypatch.setattr(twilio.messages, "answer", lambda *_: answer(["Messages.json"], {})._replace(body={"x": 1}))
    with pytest.raises(RejectedError, match=r"messages \(missing\)"):
        read(open_messages())

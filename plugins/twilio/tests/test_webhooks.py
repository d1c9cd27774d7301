"""What Twilio pushes: signed by Twilio and by nobody else, and read into the same messages as the lists give."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.twilio.tests.conftest import Desk, OpenChannel
from pydantic import SecretStr

from gemeente_connect import Ledger, collect
from gemeente_connect.abilities import Received
from gemeente_connect.errors import RejectedError
from gemeente_connect.inbox import Inbox
from gemeente_connect.models import Attachment, Identity, Participant, StatusChanged
from gemeente_connect.testing.deaths import survey, tell
from gemeente_connect_twilio.contents import DELETED, NO_TEXT
from gemeente_connect_twilio.events import read_event
from gemeente_connect_twilio.testing import NUMBER, RESIDENT, TwilioServer
from gemeente_connect_twilio.testing.lists import sid
from gemeente_connect_twilio.webhooks import Line, read_form, signature, verify

HOOK = "https://hooks.example.nl/webhooks/twilio"
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOKEN = SecretStr("een-geheim-token")

# Made with OpenSSL from the rule that Twilio documents (openssl dgst -sha1 -hmac een-geheim-token -binary | base64):
# Twilio itself publishes no vector for this token.
VECTORS = [
    (HOOK, f"To={quote(NUMBER)}&From={quote(RESIDENT)}&Body=Goedemorgen", "eFziBuD988So84QNEKYArohRw+Y="),
    (f"{HOOK}?balie=2", "Body=", "I8o/UCrIW5vaHfp4t4IUxJasIRk="),
    (
        "https://hooks.example.nl:443/webhooks/twilio",
        "Body=Caf%C3%A9+%26+thee+%3D+5%2B1",
        "Nff7+N9NKp/3vu8EaFQJYTgml2o=",
    ),
    (HOOK, "Media=b&Media=a&Media=b", "fCsiKKEChWj3IwzWOo1NOIbY3mo="),
]


def _pushed(url: str, body: str | bytes, given_: str) -> Received:
    body = body if isinstance(body, bytes) else body.encode()
    return Received(method="POST", url=url, headers={"x-twilio-signature": given_}, body=body)


def _form(**fields: str) -> dict[str, str]:
    return {"MessageSid": sid("SM", "pushed"), "From": RESIDENT, "To": NUMBER, "Body": "Goedemorgen", **fields}


def _kept(received: Received) -> Received:
    return received.model_copy(update={"received_at": AT})


# ---- signatures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "body", "signed"), VECTORS)
def test_a_signature_over_the_url_and_the_form_is_recognised(url: str, body: str, signed: str) -> None:
    verify(_pushed(url, body, signed), TOKEN)


@pytest.mark.parametrize("url", [HOOK, "https://hooks.example.nl:443/webhooks/twilio"])
@pytest.mark.parametrize("called", [HOOK, "https://hooks.example.nl:443/webhooks/twilio"])
def test_the_usual_port_may_stand_in_the_url_or_not(url: str, called: str) -> None:
    verify(_pushed(url, "Body=Hoi", signature(TOKEN, called, [("Body", "Hoi")])), TOKEN)


@pytest.mark.parametrize(
    ("url", "body", "given_"),
    [
        (HOOK, VECTORS[0][1].replace("morgen", "avond"), VECTORS[0][2]),
        (f"{HOOK}/", VECTORS[0][1], VECTORS[0][2]),
        ("http://hooks.example.nl/webhooks/twilio", VECTORS[0][1], VECTORS[0][2]),
        ("https://hooks.example.nl:8443/webhooks/twilio", VECTORS[0][1], VECTORS[0][2]),
        (HOOK, f"{VECTORS[0][1]}&NumMedia=1", VECTORS[0][2]),
        (HOOK, VECTORS[0][1], VECTORS[0][2].lower()),
        (HOOK, VECTORS[0][1], ""),
        (HOOK, VECTORS[0][1], "é"),
        (HOOK, "", ""),
        (HOOK, b"Body=\xff\xfe", "eFziBuD988So84QNEKYArohRw+Y="),
        (HOOK, "Body=%FF", "eFziBuD988So84QNEKYArohRw+Y="),
        (HOOK, "&".join(f"a{n}=1" for n in range(2000)), "eFziBuD988So84QNEKYArohRw+Y="),
        ("https://hooks.example.nl:poort/", "Body=Hoi", "eFziBuD988So84QNEKYArohRw+Y="),
    ],
)
def test_anything_else_is_refused_without_a_word_of_the_body(url: str, body: str | bytes, given_: str) -> None:
    with pytest.raises(RejectedError) as caught:
        verify(_pushed(url, body, given_), TOKEN)
    assert "Goede" not in str(caught.value)


def test_without_the_token_of_the_account_nothing_is_believed(open_messages: OpenChannel) -> None:
    channel = open_messages(auth_token=None, api_key="SK" + "0" * 32, api_secret="zeer-geheim")
    with pytest.raises(RejectedError, match="auth_token"):
        channel.verify(_pushed(*VECTORS[0]))


def test_an_empty_token_signs_for_nobody() -> None:
    empty = SecretStr("")
    with pytest.raises(RejectedError, match="auth_token"):
        verify(_pushed(HOOK, "Body=Hoi", signature(empty, HOOK, [("Body", "Hoi")])), empty)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_whatever_stands_in_a_form_is_signed_and_recognised(form: dict[str, str]) -> None:
    server = TwilioServer()
    server.close()
    verify(server.push(form), SecretStr(server.auth_token))


@pytest.mark.parametrize("name", ["open_messages", "open_chats"])
def test_twilio_asks_nothing_beforehand(request: pytest.FixtureRequest, name: str) -> None:
    with pytest.raises(RejectedError, match="POST"):
        request.getfixturevalue(name)().handshake({"hub.challenge": "1"})


# ---- messages and statuses -------------------------------------------------------------------------------------------


def test_a_pushed_message_is_a_message(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    form = _form(ProfileName="Jan", ExternalUserId="whatsapp:NL.A1b2C3", OriginalRepliedMessageSid=sid("SM", "earlier"))
    (message,) = open_messages().read(_kept(twilio.push(form))).messages
    assert message.sender == Participant(
        id="+31612345678",
        name="Jan",
        identities=(Identity(kind="phone", value="+31612345678"), Identity(kind="whatsapp", value="NL.A1b2C3")),
    )
    assert (message.id, message.thread, message.text) == (form["MessageSid"], "+31612345678", "Goedemorgen")
    assert (message.direction, message.sent_at, message.reply_to) == ("in", AT, sid("SM", "earlier"))


def test_a_location_and_a_file_become_what_they_are(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    place = _form(Body="", Latitude="52.9904", Longitude="6.5642", Label="Gemeentehuis", Address="Markt 1")
    (message,) = open_messages().read(twilio.push(place)).messages
    assert (message.kind, message.text) == ("location", "Locatie: Gemeentehuis, Markt 1 (52.9904, 6.5642)")

    key, files = sid("MM", "pushed"), sorted([sid("ME", 1), sid("ME", 2)])
    root = f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account_sid}/Messages/{key}/Media"
    form = _form(MessageSid=key, Body="", NumMedia="2", MediaContentType0="image/png", MediaContentType1="image/jpeg")
    form |= {"MediaUrl0": f"{root}/{files[1]}", "MediaUrl1": f"{root}/{files[0]}"}
    (message,) = open_messages().read(twilio.push(form)).messages
    assert message.kind == "image"
    assert message.attachments == (
        Attachment(source=f"Messages/{key}/Media/{files[0]}", media_type="image/jpeg"),
        Attachment(source=f"Messages/{key}/Media/{files[1]}", media_type="image/png"),
    )


@pytest.mark.parametrize(
    ("given_", "status"),
    [("sent", "sent"), ("delivered", "delivered"), ("undelivered", "failed"), ("read", "read"), ("queued", None)],
)
def test_a_pushed_status_is_a_change_and_no_message(
    twilio: TwilioServer, open_messages: OpenChannel, given_: str, status: str | None
) -> None:
    form = {"MessageSid": sid("SM", "sent"), "MessageStatus": given_, "From": NUMBER, "To": RESIDENT}
    batch = open_messages().read(_kept(twilio.push(form)))
    change = {"account": open_messages().account, "target": form["MessageSid"], "status": status, "at": AT}
    assert batch.changes == ((StatusChanged.model_validate(change),) if status else ())
    assert not batch.messages


def test_what_is_for_another_number_is_kept_for_a_person(twilio: TwilioServer, open_messages: OpenChannel) -> None:
    other = "whatsapp:+31591999999"
    for form in (_form(To=other), _form(From=other, MessageStatus="delivered"), _form(From=other, To=other)):
        batch = open_messages().read(twilio.push(form))
        (item,) = batch.unreadable
        assert "another number" in item.reason
        assert not batch.messages


@pytest.mark.parametrize(
    "fields",
    [
        {"MessageSid": ""},
        {"MessageSid": "SM1"},
        {"From": ""},
        {"NumMedia": "veel"},
        {"NumMedia": "999999999999"},
        {"NumMedia": "-1"},
    ],
)
def test_a_form_that_is_not_as_expected_is_kept_and_says_why(
    twilio: TwilioServer, open_messages: OpenChannel, fields: dict[str, str]
) -> None:
    batch = open_messages().read(twilio.push(_form(Body="Mijn geheim", **fields)))
    (item,) = batch.unreadable
    assert not batch.messages
    assert "geheim" not in item.reason


@pytest.mark.parametrize(
    "link",
    [
        "https://elders.example.nl/2010-04-01/Accounts/AC/Messages/MM/Media/../../../x",
        "https://api.twilio.com/2010-04-01/Accounts/AC/Messages/{other}/Media/{file}",
        "geen url",
        "",
    ],
)
def test_a_link_to_a_file_that_is_not_of_this_message_is_not_followed(
    twilio: TwilioServer, open_messages: OpenChannel, link: str
) -> None:
    link = link.format(other=sid("MM", "other"), file=sid("ME", 1))
    (message,) = open_messages().read(twilio.push(_form(NumMedia="1", MediaUrl0=link))).messages
    assert message.attachments == (Attachment(missing="expired"),)


@given(st.binary() | st.dictionaries(st.sampled_from(list(_form(NumMedia="", Latitude="", EventType=""))), st.text()))
def test_hostile_forms_raise_nothing_but_that_they_are_none(form: bytes | dict[str, str]) -> None:
    if isinstance(form, dict):
        form = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in form.items()).encode()
    received = Received(method="POST", url=HOOK, body=form)
    for reader in (read_form, read_event):
        with suppress(RejectedError):
            reader(received, Line("sms:31591123456", NUMBER))


def test_the_same_message_by_webhook_and_by_list_is_one_and_the_list_takes_nothing_away(
    twilio: TwilioServer, open_messages: OpenChannel, desk: Desk
) -> None:
    channel = open_messages()
    place = twilio.messages.receive("")
    photo = twilio.messages.receive(
        "Kijk", media=[("image/png", b"\x89PNG\r\n\x1a\n1"), ("image/jpeg", b"\xff\xd8\xff\xe0 2")]
    )
    answer = twilio.messages.send("Dank", status="sent")
    root = f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account_sid}/Messages/{photo}/Media"
    links = {f"MediaUrl{n}": f"{root}/{file}" for n, file in enumerate(twilio.messages.media[photo])}
    with Ledger(desk.path) as ledger:
        inbox = Inbox(channel, ledger)
        for form in (
            {"MessageSid": answer, "MessageStatus": "read", "From": NUMBER, "To": RESIDENT},
            _form(MessageSid=photo, Body="Kijk", NumMedia="2", **links),
            _form(MessageSid=place, Body="", Latitude="52.1", Longitude="5.1"),
        ):
            assert inbox.answer(twilio.push(form)).status == 200
        assert inbox.answer(twilio.push(_form(), url=f"{HOOK}/vals").model_copy(update={"url": HOOK})).status == 403
        report = collect(channel, ledger, files=desk.files)
    assert (report.new, report.refused) == (3, {})
    assert desk.collect(open_messages()).new == 0
    kept = {message.id: message for message in desk.messages(channel)}
    assert kept[place].text == "Locatie: 52.1, 5.1"
    assert kept[answer].status == "read"
    assert len({attachment.sha256 for attachment in kept[photo].attachments} - {None}) == 2
    assert NO_TEXT not in {message.text for message in kept.values()}


def test_nothing_that_was_pushed_is_lost_or_doubled_wherever_reading_it_dies(
    twilio: TwilioServer, open_messages: OpenChannel, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    photo = twilio.messages.receive("Kijk", media=[("image/png", b"\x89PNG\r\n\x1a\n1")])
    answer = twilio.messages.send("Dank")
    root = f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account_sid}/Messages/{photo}/Media"
    forms = [
        _form(MessageSid=photo, Body="Kijk", NumMedia="1", MediaUrl0=f"{root}/{twilio.messages.media[photo][0]}"),
        _form(Body="", Latitude="52.1", Longitude="5.1"),
        {"MessageSid": answer, "MessageStatus": "read", "From": NUMBER, "To": RESIDENT},
        _form(MessageSid=sid("SM", "stuk"), NumMedia="veel"),
    ]
    numbers = itertools.count()

    def world() -> Desk:
        made = Desk(tmp_path / str(next(numbers)))
        made.path.parent.mkdir()
        with Ledger(made.path) as ledger:
            inbox = Inbox(open_messages(), ledger)
            assert {inbox.answer(twilio.push(form)).status for form in forms} == {200}
        return made

    def state(made: Desk) -> list[Hashable]:
        kept = made.messages(open_messages())
        said = [(m.id, m.text, m.status, *(each.sha256 for each in m.attachments)) for m in kept]
        return [*said, *made.refused()]

    found = survey("twilio-messages, pushed", world, lambda made: made.collect(open_messages()), state)
    tell(pytestconfig, found)
    assert not found.wounds, found


# ---- conversations ---------------------------------------------------------------------------------------------------


def test_a_message_that_was_removed_is_deleted_here_and_one_that_was_added_waits_for_the_list(
    twilio: TwilioServer, open_chats: OpenChannel, desk: Desk
) -> None:
    chat = twilio.chats.open(employees=["jan@example.nl"])
    key = twilio.chats.say(chat, RESIDENT, "Mijn geheim")
    answer = twilio.chats.say(chat, "jan@example.nl", "Dank")
    desk.collect(open_chats())
    row = next(row for row in twilio.chats.messages[chat] if row["sid"] == key)
    twilio.chats.remove(chat, key)
    common = {"ConversationSid": chat, "Author": RESIDENT, "RetryCount": "0"}
    removed = {"EventType": "onMessageRemoved", "MessageSid": key, "Index": "0", "DateCreated": row["date_created"]}
    with Ledger(desk.path) as ledger:
        inbox = Inbox(open_chats(), ledger)
        for form in (
            common | removed,
            common | {"EventType": "onMessageAdded", "MessageSid": sid("IM"), "Body": "Nog iets"},
            common | {"EventType": "onDeliveryUpdated", "MessageSid": answer, "Status": "delivered"},
            common | {"EventType": "onDeliveryUpdated", "MessageSid": answer, "Status": "teleported"},
        ):
            assert inbox.answer(twilio.push(form)).status == 200
    report = desk.collect(open_chats())
    assert (report.new, report.changed, report.refused) == (0, 2, {})
    first, second = desk.messages(open_chats())
    assert (first.text, bool(first.deleted_at)) == (DELETED, True)
    assert second.status == "delivered"


def test_an_event_that_is_not_as_expected_is_kept_and_says_why(twilio: TwilioServer, open_chats: OpenChannel) -> None:
    for form in ({"EventType": "onMessageRemoved", "Body": "geheim"}, {"Body": "geheim"}):
        (item,) = open_chats().read(twilio.push(form)).unreadable
        assert "geheim" not in item.reason

"""The handshake, the signature, and the settings that guard them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.abilities import Checkable, Received, Receiver
from gemeente_connect.contracts import Channel
from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import sign
from gemeente_connect_whatsapp.testing.payloads import VERIFY_TOKEN

OpenChannel = Callable[..., WhatsAppChannel]

BODY = rb'{"entry":[{"x":"caf\u00e9"}]}'
SIGNATURE = "25c3830c8d066e95b3faeabaab69e5e67b5f14d9675bc29e0703b64b5ee9edca"
"""Of BODY, byte for byte, with the secret `app-secret`: verified against an implementation of its own."""


def _post(body: bytes, signature: str | None) -> Received:
    headers = {} if signature is None else {"x-hub-signature-256": signature}
    return Received(method="POST", url="https://gemeente.example.nl/whatsapp", headers=headers, body=body)


def test_it_is_a_channel_that_is_pushed_to_and_can_be_checked(channel: WhatsAppChannel) -> None:
    assert isinstance(channel, Channel)
    assert isinstance(channel, Receiver)
    assert isinstance(channel, Checkable)
    assert (channel.account, channel.kind) == ("whatsapp:31201234567", "whatsapp")
    assert list(channel.pages(None)) == []


def test_what_is_signed_with_the_app_secret_is_taken(channel: WhatsAppChannel) -> None:
    channel.verify(_post(BODY, f"sha256={SIGNATURE}"))
    assert sign(BODY) == f"sha256={SIGNATURE}"


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, None),
        (BODY, ""),
        (BODY, SIGNATURE),
        (BODY, f"sha1={SIGNATURE}"),
        (BODY, f"sha256={SIGNATURE.upper()}"),
        (BODY, f"sha256={SIGNATURE[:-1]}"),
        (BODY, f"sha256={SIGNATURE} "),
        (BODY, "sha256=é"),
        (BODY.decode("unicode_escape").encode(), f"sha256={SIGNATURE}"),
        (BODY + b" ", f"sha256={SIGNATURE}"),
        (b"", f"sha256={SIGNATURE}"),
        (BODY, sign(BODY, "another-secret")),
    ],
)
def test_anything_else_is_rejected_without_a_word_of_the_body(
    channel: WhatsAppChannel, body: bytes, signature: str | None
) -> None:
    with pytest.raises(RejectedError, match="is not signed with the app secret") as caught:
        channel.verify(_post(body, signature))
    assert "caf" not in str(caught.value)


@given(body=st.binary(max_size=200), signature=st.text(max_size=80))
def test_whatever_comes_is_taken_or_rejected(channel: WhatsAppChannel, body: bytes, signature: str) -> None:
    with pytest.raises(RejectedError):
        channel.verify(_post(body, signature))
    channel.verify(_post(body, sign(body)))


def test_the_handshake_gives_back_the_challenge(channel: WhatsAppChannel) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    assert channel.handshake(query) == "1158201444"


@pytest.mark.parametrize(
    "change",
    [
        {"hub.mode": "unsubscribe"},
        {"hub.mode": None},
        {"hub.verify_token": "een-ander-woord"},
        {"hub.verify_token": "wóórd"},
        {"hub.verify_token": None},
        {"hub.challenge": None},
        {"hub.challenge": ""},
    ],
)
def test_a_handshake_with_anything_missing_or_wrong_is_rejected(
    channel: WhatsAppChannel, change: dict[str, str | None]
) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444", **change}
    with pytest.raises(RejectedError) as caught:
        channel.handshake({name: value for name, value in query.items() if value is not None})
    assert VERIFY_TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("account", "020 1234567", "country code"),
        ("phone_number_id", "+31201234567", "phone_number_id"),
        ("numbers", {"99999": "020 7654321"}, "country code"),
        ("numbers", {"+31207654321": "+31 20 7654321"}, "numbers"),
        ("app_secret", "", "app_secret"),
        ("verify_token", "kort", "verify_token"),
        ("access_token", "", "access_token"),
        ("graph_version", "25", "graph_version"),
        ("base_url", "http://graph.example.nl", "https"),
        ("base_url", "ftp://127.0.0.1", "https"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named_and_not_repeated(
    open_channel: OpenChannel, setting: str, value: object, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        open_channel(**{setting: value})


def test_secrets_do_not_show(channel: WhatsAppChannel) -> None:
    assert "secret" not in repr(channel._settings).replace("app_secret", "").replace("SecretStr", "")

"""What an administrator may set, and what is said when it is wrong."""

from __future__ import annotations

import pytest
from plugins.twilio.tests.conftest import OpenChannel

from gemeente_connect.errors import ConfigError
from gemeente_connect.plugins import discover


def test_both_channels_are_found() -> None:
    assert {"twilio-messages", "twilio-conversations"} <= set(discover().channels)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"number": "06 12345678"}, "write the number as Twilio does"),
        ({"number": "messenger:123"}, "write the number as Twilio does"),
        ({"account_sid": "AC123"}, "account_sid"),
        ({"auth_token": None}, "`auth_token` is needed, or `api_key` with `api_secret`"),
        ({"api_key": "SK" + "a" * 32}, "go together"),
        ({"api_secret": "zeer-geheim"}, "go together"),
        ({"api_key": "AC" + "a" * 32, "api_secret": "zeer-geheim"}, "api_key"),
        ({"auth_token": ""}, "auth_token"),
        ({"auth_token": "", "api_key": "SK" + "a" * 32, "api_secret": "zeer-geheim"}, "auth_token"),
        ({"api_key": "SK" + "a" * 32, "api_secret": ""}, "api_secret"),
        ({"overlap_days": 0}, "overlap_days"),
        ({"page_size": 1001}, "page_size"),
        ({"numer": "+31591123456"}, "did you mean 'number'"),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_its_value_is_not(
    open_messages: OpenChannel, values: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_messages(**values)
    assert "geheim" not in str(caught.value)
    assert "12345678" not in str(caught.value).replace("+31591123456", "")


def test_the_account_in_the_ledger_is_the_number_or_what_was_chosen(
    open_messages: OpenChannel, open_chats: OpenChannel
) -> None:
    assert open_messages().account == "twilio-messages:whatsapp:31591123456"
    assert open_chats().account == "twilio-conversations:whatsapp:31591123456"
    assert open_messages(account="whatsapp:31591123456").account == "whatsapp:31591123456"


def test_an_api_key_is_asked_with_in_the_place_of_the_token(open_messages: OpenChannel) -> None:
    channel = open_messages(api_key="SK" + "a" * 32, api_secret="zeer-geheim")
    assert channel._settings.auth[0] == "SK" + "a" * 32
    assert "geheim" not in repr(channel._settings)


def test_check_says_what_it_saw(open_messages: OpenChannel, open_chats: OpenChannel) -> None:
    key = {"auth_token": None, "api_key": "SK" + "a" * 32, "api_secret": "zeer-geheim"}
    assert [finding.text for finding in open_messages().check()] == [
        "Twilio takes the credentials, and shows the list of messages",
        "there is no message of this number yet: is it right?",
    ]
    assert [finding.ok for finding in open_chats().check()] == [True]
    assert open_messages(**key).account

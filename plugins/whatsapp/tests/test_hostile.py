"""Whatever comes, signed or not: nothing is lost, and nothing that is wrong stops what is right."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.contracts import Batch
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import StatusChanged
from gemeente_connect.privacy import mask
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import contact, payload, received, status, text
from gemeente_connect_whatsapp.testing.payloads import (
    NUMBER,
    PHONE_NUMBER_ID,
    RESIDENT,
    START,
    USER_ID,
    echo,
    message,
    webhook,
)

Read = Callable[[Any], Batch]
OpenChannel = Callable[..., WhatsAppChannel]
CANARY = "kanarie-7f3a9c"
METADATA = {"display_phone_number": NUMBER, "phone_number_id": PHONE_NUMBER_ID}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null", b"[]", b"7", b'"tekst"', b"{", b"\xff\xfe\x00", b"\xff", b"{}", b'{"object": "page"}',
        b'{"object": ["whatsapp_business_account"]}', b"<html>", b"[" * 100_000, b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_webhook_of_whatsapp_is_rejected_whole(read: Read, body: bytes) -> None:
    with pytest.raises(RejectedError):
        read(body)


@pytest.mark.parametrize(
    "broken",
    [
        None, 7, "tekst", [], {},
        text("", "x"), text("wamid.9", "x", timestamp=None), text("wamid.9", "x", timestamp="gisteren"),
        text("wamid.9", "x", timestamp="9" * 30), text("wamid.9", "x", timestamp=str(START * 1000)),
        text("wamid.9", "x", timestamp="253402300799"), text("wamid.9", "x", timestamp=True),
        text("wamid.9", "x", id={"a": 1}), text("wamid.9", "x", from_=None, from_user_id=None),
        message("wamid.9", "reaction", {"emoji": "👍"}),
        message("wamid.9", "reaction", "👍"), message("wamid.9", "edit", None), message("wamid.9", "revoke", []),
        message("wamid.9", "edit", {"message": {}}), message("wamid.9", "revoke", {"id": "wamid.8"}),
        message("wamid.9", "edit", {"original_message_id": "wamid.1"}),
        message("wamid.9", "edit", {"original_message_id": "wamid.1", "message": {"type": "poll"}}),
    ],
)  # fmt: skip
def test_one_message_that_cannot_be_read_stops_no_other_and_is_kept(read: Read, broken: object) -> None:
    whole: Any = broken
    batch = read(payload(text("wamid.1", "een"), whole, text("wamid.2", "twee")))
    assert [m.text for m in batch.messages] == ["een", "twee"]
    (kept,) = batch.unreadable
    assert json.loads(kept.raw or b"") == broken
    assert kept.reason.startswith("a message ")
    assert mask(kept.reason) == kept.reason
    assert read(payload(whole)).unreadable[0].id == kept.id, "found again, it adds nothing"


def test_a_time_may_be_a_little_ahead_of_this_clock_and_no_more_than_two_days(read: Read) -> None:
    now, day = int(time.time()), 24 * 60 * 60
    ahead = [text(f"wamid.{days}", "een", at=now + days * day) for days in (1, 3)]
    statuses = [status(f"wamid.{days}", "read", at=now + days * day) for days in (1, 3)]
    batch = read(payload(*ahead, statuses=statuses))
    assert [m.id for m in batch.messages] == ["wamid.1"]
    assert [c.target for c in batch.changes if isinstance(c, StatusChanged)] == ["wamid.1"]
    assert [u.reason for u in batch.unreadable] == [
        "a message has a time that is still to come", "a status has a time that is still to come",
    ]  # fmt: skip
    assert batch.unreadable[0].thread == USER_ID


@pytest.mark.parametrize(
    "broken",
    [
        None,
        {},
        status("wamid.1", "vertraagd"),
        status("wacid.1", "read", type="call"),
        status("", "read"),
        status("wamid.1", "read", timestamp="x"),
    ],
)
def test_one_status_that_cannot_be_read_stops_no_other(read: Read, broken: object) -> None:
    whole: Any = broken
    batch = read(payload(status("wamid.1", "sent"), whole, status("wamid.2", "read"), name="statuses"))
    assert (len(batch.changes), len(batch.unreadable)) == (2, 1)


@pytest.mark.parametrize("wrong", [None, 7, "tekst", [], {}, [None], {"a": {"b": []}}, True, "x" * 100_000])
@pytest.mark.parametrize(
    "name", ["contacts", "messaging_product", "statuses", "errors", "history", "new", "context", "from", "text"]
)
def test_a_wrong_type_beside_or_in_a_message_costs_no_message(read: Read, name: str, wrong: object) -> None:
    beside = payload(text("wamid.1", "een"))
    beside["entry"][0]["changes"][0]["value"][name] = wrong
    within = payload(text("wamid.1", "een") | {name: wrong})
    assert [m.text for m in read(beside).messages] == ["een"]
    assert len(read(within).messages) == 1


@pytest.mark.parametrize(
    "broken", [None, 7, "tekst", [], [[]], {}, {"changes": 7}, {"changes": [None, {}, {"value": 7}]}]
)
def test_a_broken_part_of_the_envelope_stops_no_other(read: Read, broken: object) -> None:
    whole = payload(text("wamid.1", "een"))
    whole["entry"] = [broken, *whole["entry"], broken]
    assert [m.text for m in read(whole).messages] == ["een"]


def test_a_message_that_does_not_say_for_which_number_it_is_goes_to_a_person(read: Read) -> None:
    batch = read(payload(text("wamid.1", "een"), metadata=None))
    assert [u.reason for u in batch.unreadable] == ["a message does not say for which number"]


OTHER = {"display_phone_number": "+31 20 7654321", "phone_number_id": "99999"}


def for_both(**more: Any) -> Any:
    """Make a webhook for the channel's own number and for another one."""
    return webhook(
        *payload(text("wamid.1", "een"), metadata=METADATA)["entry"][0]["changes"],
        *payload(text("wamid.2", "twee"), metadata={**OTHER, **more})["entry"][0]["changes"],
    )


@pytest.mark.parametrize("shown", ["+31 20 7654321", NUMBER, None])
def test_what_is_for_a_number_that_no_setting_names_goes_to_a_person(read: Read, shown: str | None) -> None:
    batch = read(for_both(display_phone_number=shown))
    assert [(m.account, m.text) for m in batch.messages] == [("whatsapp:31201234567", "een")]
    (kept,) = batch.unreadable
    assert kept.reason.startswith("a message is for a number that no setting of this channel names")
    assert mask(kept.reason) == kept.reason
    assert b"twee" in (kept.raw or b"")


def test_what_is_for_another_number_that_is_set_is_of_its_own_account(open_channel: OpenChannel) -> None:
    for shown in ("+31 20 7654321", NUMBER, None):
        channel = open_channel(numbers={"99999": "+31 20 765 43 21", PHONE_NUMBER_ID: "+31 20 7654320"})
        batch = channel.read(received(for_both(display_phone_number=shown)))
        assert [m.account for m in batch.messages] == ["whatsapp:31201234567", "whatsapp:31207654321"]
        assert batch.unreadable == ()


def test_an_error_of_whatsapp_is_told_also_when_it_is_of_no_number(read: Read) -> None:
    for metadata in (None, OTHER):
        (kept,) = read(payload({"code": 130429}, name="errors", metadata=metadata)).unreadable
        assert kept.reason == "WhatsApp reports error 130429: look it up in Meta's list of error codes"


def test_the_number_is_known_by_its_id_however_it_is_shown(read: Read) -> None:
    renamed = {**METADATA, "display_phone_number": "+31 85 0000000"}
    assert read(payload(text("wamid.1", "een"), metadata=renamed)).messages[0].account == "whatsapp:31201234567"
    bare = {"display_phone_number": f"+{NUMBER}"}
    assert read(payload(text("wamid.1", "een"), metadata=bare)).messages[0].account == "whatsapp:31201234567"
    assert read(payload(text("wamid.1", "een"), metadata={"display_phone_number": "+31 20 7654321"})).messages == ()


def test_news_of_a_kind_that_nobody_knows_goes_to_a_person(read: Read) -> None:
    change = {"field": "telepathy", "value": {"metadata": METADATA, "thoughts": [{"of": CANARY}]}}
    (kept,) = read(webhook(change)).unreadable
    assert CANARY.encode() in (kept.raw or b"")
    assert CANARY not in kept.reason


def test_a_new_list_beside_messages_goes_to_a_person_and_the_messages_are_read(read: Read) -> None:
    batch = read(payload(text("wamid.1", "een"), thoughts=[{"of": CANARY}]))
    assert (len(batch.messages), len(batch.unreadable)) == (1, 1)


def test_news_about_the_account_itself_is_passed_over(read: Read) -> None:
    change = {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT", "phone_number": NUMBER}}
    batch = read(webhook(change))
    assert (batch.messages, batch.changes, batch.unreadable) == ((), (), ())


def test_who_wants_no_advertisements_is_passed_over(read: Read) -> None:
    wish = {"wa_id": RESIDENT, "category": "marketing_messages", "value": "stop", "timestamp": START}
    batch = read(payload(wish, name="user_preferences", field="user_preferences", contacts=[contact()]))
    assert (batch.messages, batch.changes, batch.unreadable, dict(batch.thread_names)) == ((), (), (), {})


def test_half_an_emoji_and_a_nul_do_not_cost_the_message(read: Read) -> None:
    body = json.dumps(payload(text("wamid.1", "a\ud83db\0c\U0001f600"))).encode()
    assert rb"\ud83db\u0000" in body
    assert read(body).messages[0].text == "a\ufffdbc\U0001f600"


def test_a_number_of_a_million_digits_takes_no_time(read: Read) -> None:
    body = json.dumps(payload(text("wamid.1", "een", huge=0))).replace('"huge": 0', f'"huge": {"9" * 1_000_000}')
    assert read(body.encode()).messages[0].text == "een"


@pytest.mark.parametrize("depth", [10, 200, 300, 450, 700, 900, 960, 990])
def test_an_edit_of_an_edit_of_an_edit_is_read_kept_or_rejected(read: Read, depth: int) -> None:
    edit = '{"original_message_id": "wamid.0", "message": {"type": "edit", "edit": '
    body = json.dumps(payload(text("wamid.1", "een"), message("wamid.2", "edit", "DEEP")))
    deep = edit * (depth // 2) + "{}" + "}}" * (depth // 2)
    with suppress(RejectedError):  # so many levels that no machine reads them
        batch = read(body.replace('"DEEP"', deep).encode())
        assert [m.text for m in batch.messages] == ["een"]
        assert len(batch.changes) + len(batch.unreadable) == 1


@pytest.mark.parametrize("depth", [600, 700])
def test_one_message_with_too_many_levels_stops_no_other(read: Read, depth: int) -> None:
    edit = '{"original_message_id": "wamid.0", "message": {"type": "edit", "edit": '
    body = json.dumps(payload(text("wamid.1", "een"), message("wamid.2", "edit", "DEEP"), text("wamid.3", "drie")))
    batch = read(body.replace('"DEEP"', edit * (depth // 2) + "{}" + "}}" * (depth // 2)).encode())
    assert [m.text for m in batch.messages] == ["een", "drie"]
    (kept,) = batch.unreadable
    assert kept.reason in {  # how many levels that is differs by version of Python
        "a message has more levels than can be read", "a message changes an earlier one, and does not say into what",
    }  # fmt: skip
    assert (kept.raw or b"").count(b"wamid.0") == depth // 2


def test_a_list_in_a_list_in_a_list_is_kept_or_rejected(read: Read) -> None:
    for depth in range(100, 1000, 50):
        body = json.dumps(payload(text("wamid.1", "een"))).replace("[{", "[" + "[" * depth + "]" * depth + ", {", 1)
        with suppress(RejectedError):
            batch = read(body.encode())
            assert (len(batch.messages), len(batch.unreadable)) == (1, 1)


def test_a_text_that_is_longer_than_any_can_be_is_kept_and_stops_no_other(read: Read) -> None:
    batch = read(payload(text("wamid.1", "een"), text("wamid.2", "x" * 10_000_001)))
    assert [m.text for m in batch.messages] == ["een"]
    assert [u.reason for u in batch.unreadable] == ["a message holds what no message can hold"]


def test_a_thousand_updates_in_one_webhook_are_all_read(read: Read) -> None:
    messages = [text(f"wamid.{n}", f"Bericht {n}", at=START + n) for n in range(400)]
    echoes = [echo(f"wamid.e{n}", f"Antwoord {n}", at=START + n) for n in range(200)]
    statuses = [status(f"wamid.e{n}", "read", at=START + n) for n in range(390)]
    broken: list[Any] = [{"id": n} for n in range(10)]
    batch = read(payload(*messages, *broken, message_echoes=echoes, statuses=statuses, contacts=[contact()]))
    assert (len(batch.messages), len(batch.changes), len(batch.unreadable)) == (600, 390, 10)


# ---- chance ----------------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = (
    "id", "from", "from_user_id", "to", "to_user_id", "timestamp", "type", "text", "image", "reaction", "edit",
    "revoke", "system", "context", "contacts", "group_id", "location", "interactive", "order", "template", "status",
    "event", "direction", "duration", "history_context", "errors", "recipient_id", "code",
)  # fmt: skip
_TYPES = (
    "text", "image", "audio", "location", "contacts", "interactive", "button", "order", "reaction", "edit", "revoke",
    "system", "template", "unsupported", "media_placeholder", "request_welcome", "call", "iets",
)  # fmt: skip
_KNOWN = {
    "id": st.sampled_from(["wamid.1", "wamid.2", "wamid.3"]),
    "timestamp": st.sampled_from([str(START), START, str(START + 1)]),
    "from": st.sampled_from(["31612345678", "NL.134912", NUMBER]),
    "type": st.sampled_from(_TYPES),
    "event": st.sampled_from(["connect", "terminate"]),
    "status": st.sampled_from(["sent", "read", "RINGING"]),
}
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "body": _JSON, "id": _JSON, "caption": _JSON, "message_id": _JSON, "original_message_id": _JSON, "emoji": _JSON,
        "latitude": _JSON, "name": _JSON, "components": _JSON, "product_items": _JSON, "wa_id": _JSON, "type": _JSON,
        "user_id": _JSON, "nfm_reply": st.fixed_dictionaries({}, optional={"response_json": st.text(max_size=20)}),
        "message": _JSON, "sha256": _JSON, "mime_type": _JSON, "status": _JSON, "from_me": _JSON,
    },
)  # fmt: skip
_UPDATE = st.fixed_dictionaries({}, optional={f: _KNOWN.get(f, _BODY) | _BODY | _JSON for f in _FIELDS}) | _JSON
_LISTS = ("messages", "message_echoes", "statuses", "calls", "groups", "errors")


@given(st.data())
def test_each_update_is_a_message_a_change_or_kept_as_unreadable_and_the_same_alone_as_among_others(
    read: Read, data: st.DataObject
) -> None:
    lists = {name: data.draw(st.lists(_UPDATE, max_size=3)) for name in data.draw(st.sets(st.sampled_from(_LISTS)))}
    thread = {"id": data.draw(_KNOWN["from"] | _JSON)}
    said = data.draw(st.lists(_UPDATE, max_size=3))
    contacts = data.draw(_JSON | st.just([contact()]))

    def outcome(**value: object) -> tuple[list[str], list[str], set[str]]:
        whole = {"metadata": METADATA, "contacts": contacts, **value}
        batch = read(json.dumps(webhook({"field": "messages", "value": whole})).encode())
        messages = sorted(m.model_dump_json(exclude={"position"}) for m in batch.messages)
        return messages, sorted(c.model_dump_json() for c in batch.changes), {u.id for u in batch.unreadable}

    alone = [outcome(**{name: [update]}) for name, updates in lists.items() for update in updates]
    alone += [outcome(history=[{"threads": [{**thread, "messages": [update]}]}]) for update in said]
    assert all(any(found) for found in alone), "an update was lost"
    messages, changes, unreadable = outcome(**lists, history=[{"threads": [{**thread, "messages": said}]}])
    assert messages == sorted(m for found, _, _ in alone for m in found)
    assert changes == sorted(c for _, found, _ in alone for c in found)
    assert unreadable == {u for _, _, found in alone for u in found}


@given(_JSON | st.fixed_dictionaries({"object": st.just("whatsapp_business_account"), "entry": _JSON}))
def test_any_json_is_read_or_rejected(read: Read, content: object) -> None:
    try:
        read(json.dumps(content).encode())
    except RejectedError:
        assert not (isinstance(content, dict) and content.get("object") == "whatsapp_business_account")


@given(st.binary(max_size=300))
def test_any_bytes_are_rejected(read: Read, body: bytes) -> None:
    with pytest.raises(RejectedError):
        read(body)


@given(st.data())
def test_a_webhook_with_some_bytes_changed_is_read_or_rejected(read: Read, data: st.DataObject) -> None:
    body = bytearray(json.dumps(payload(text("wamid.1", "een"), contacts=[contact()])).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(RejectedError):
        read(bytes(body))

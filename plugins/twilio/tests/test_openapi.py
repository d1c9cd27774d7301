"""What is asked, and what the loopback Twilio answers, against Twilio's own OpenAPI files where they are at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import yaml
from plugins.twilio.tests.conftest import Desk, OpenChannel

from gemeente_connect_twilio.testing import RESIDENT, TwilioServer
from gemeente_connect_twilio.wire import Chat, ChatMessage, ChatParticipant, MediaRow, MessageRow

Json = dict[str, Any]
CONTRACTS = Path(__file__).parents[3].parent / "shared" / "contracts"
FILES = ("twilio-api-2010-04-01", "twilio-conversations-v1")
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "number": (int, float),
}  # fmt: skip
FORMATS: dict[str, Callable[[str], object]] = {
    "date-time-rfc-2822": parsedate_to_datetime,
    "date-time": datetime.fromisoformat,
    "uri": urlsplit,
    "phone-number": str,
}

pytestmark = pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the OpenAPI files are not beside this repository")


@cache
def _contracts() -> tuple[Json, ...]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(yaml.load((CONTRACTS / f"{name}.yaml").read_text(), loader) for name in FILES)  # noqa: S506 - safe


def _operation(path: str) -> tuple[Json, Json] | None:
    """Give the contract and the GET of a path; None: it is in neither."""
    for contract in _contracts():
        for template, item in contract["paths"].items():
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", re.escape(template).replace(r"\{", "{").replace(r"\}", "}"))
            if "get" in item and re.fullmatch(pattern, path):
                return contract, item["get"]
    return None


def _wrong(value: object, schema: Json, contract: Json, where: str = "") -> Iterator[str]:
    """Say where a value is not as its schema has it."""
    if "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        if not schema.get("nullable"):
            yield f"{where} is null"
        return
    kind = schema.get("type")
    if kind and not isinstance(value, TYPES[kind]):
        yield f"{where} is no {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} is none of the words"
    elif isinstance(value, str):
        yield from _wrong_text(value, schema, where)
    elif isinstance(value, list):
        for each in value:
            yield from _wrong(each, schema.get("items", {}), contract, f"{where}[]")
    elif isinstance(value, dict):
        yield from _wrong_object(value, schema.get("properties", {}), contract, where)


def _wrong_object(value: Json, known: Json, contract: Json, where: str) -> Iterator[str]:
    if known:  # else it may hold anything
        yield from (f"{where}.{name} is unknown or missing" for name in set(value) ^ set(known))
        for name in set(value) & set(known):
            yield from _wrong(value[name], known[name], contract, f"{where}.{name}")


def _wrong_text(value: str, schema: Json, where: str) -> Iterator[str]:
    if not re.search(schema.get("pattern", ""), value):
        yield f"{where} is not of the pattern"
    try:
        FORMATS.get(schema.get("format", ""), str)(value)
    except ValueError:
        yield f"{where} is no {schema['format']}"


@pytest.fixture
def asked(twilio: TwilioServer, open_messages: OpenChannel, open_chats: OpenChannel, desk: Desk) -> list[str]:
    """Let both channels do all they do, in more than one page, and give what was asked for."""
    for number in range(3):
        twilio.messages.receive(f"Vraag {number}", media=[("image/jpeg", b"\xff\xd8\xff\xe0" + bytes([number]))])
        twilio.messages.send("Antwoord", status="queued" if number else "delivered")
        chat = twilio.chats.open(employees=["jan@example.nl"], name="Afval")
        twilio.chats.say(chat, RESIDENT, "Vraag")
        twilio.chats.say(chat, "jan@example.nl", None, media=[("a.jpg", "image/jpeg", b"\xff\xd8\xff\xe0")])
        twilio.chats.say(chat, "system", "Welkom")
    twilio.chats.move(chat, "closed")
    for channel in (open_messages(page_size=2), open_chats(page_size=2)):
        for _ in range(2):
            desk.collect(channel)
        assert all(finding.ok for finding in channel.check())
    twilio.chats.move(twilio.chats.rows[0]["sid"], "closed")
    desk.collect(open_chats(page_size=2))
    return list(twilio.requests)


def test_what_is_asked_is_in_the_files_with_its_parameters(asked: list[str]) -> None:
    outside = set()
    for target in asked:
        url = urlsplit(target)
        found = _operation(url.path) or _operation(f"{url.path}.json")
        if found is None:
            outside.add(re.sub(r"[A-Z]{2}[0-9a-f]{32}", "*", url.path))
            continue
        known = {each["name"]: each["schema"] for each in found[1]["parameters"] if each["in"] == "query"}
        for name, value in parse_qsl(url.query):
            assert name in known, f"{url.path} has no parameter {name}"
            assert int(value) <= known[name].get("maximum", 10**9) if name == "PageSize" else True
    assert outside == {"/v1/Services/*/Media/*"}, "the files are of an API of their own"


def test_every_answer_is_of_the_shape_that_the_files_say(twilio: TwilioServer, asked: list[str]) -> None:
    seen = set()
    for target in asked:
        found = _operation(urlsplit(target).path)
        if found:
            contract, operation = found
            answer = requests.get(f"{twilio.url}{target}", auth=(twilio.account_sid, twilio.auth_token), timeout=5)
            assert answer.status_code == 200
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert not list(_wrong(answer.json(), schema, contract)), target
            seen.add(operation["operationId"])
    assert seen == {
        "ListMessage",
        "ListMedia",
        "ListConversation",
        "FetchConversation",
        "ListConversationParticipant",
        "ListConversationMessage",
    }


@pytest.mark.parametrize(
    ("shape", "name", "contract"),
    [
        (MessageRow, "api.v2010.account.message", 0),
        (MediaRow, "api.v2010.account.message.media", 0),
        (Chat, "conversations.v1.conversation", 1),
        (ChatParticipant, "conversations.v1.conversation.conversation_participant", 1),
        (ChatMessage, "conversations.v1.conversation.conversation_message", 1),
    ],
)
def test_every_field_that_is_read_is_in_the_files(shape: Any, name: str, contract: int) -> None:
    known = _contracts()[contract]["components"]["schemas"][name]["properties"]
    assert {field.alias or own for own, field in shape.model_fields.items()} <= set(known)

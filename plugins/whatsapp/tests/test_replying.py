"""Answering a resident: what is asked of the Graph API, what it refuses, and how statuses meet what was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect import FileStore, Ledger, collect, reply
from gemeente_connect.abilities import Outgoing, Replies, Template
from gemeente_connect.errors import AuthError, RejectedError, StorageError, TemporaryError
from gemeente_connect.inbox import Inbox
from gemeente_connect.models import Identity, Participant
from gemeente_connect.syncing import Report
from gemeente_connect.testing import FaultyProxy, disk_full, survey, tell
from gemeente_connect.testing.deaths import Fault as Accident
from gemeente_connect.testing.deaths import death
from gemeente_connect.testing.faults import (
    Fault,
    answer_lost,
    answers,
    bad_gateway,
    drip,
    reset,
    reset_in_body,
    truncated,
)
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.sending import LONGEST, key_of
from gemeente_connect_whatsapp.testing import ACCOUNT, PHONE_NUMBER_ID, GraphServer, contact, payload, received, text
from gemeente_connect_whatsapp.testing.payloads import NUMBER, RESIDENT, USER_ID, Item, echo, status
from gemeente_connect_whatsapp.testing.phone import NotSent

TEXT = "Uw paspoort ligt klaar."
Open = Callable[..., WhatsAppChannel]


@dataclass
class Chat:
    """A resident who wrote just now, and a channel to answer her through."""

    graph: GraphServer
    channel: WhatsAppChannel
    ledger: Ledger
    conversation: str = ""

    def push(self, *payloads: Item) -> None:
        inbox = Inbox(self.channel, self.ledger)
        for each in payloads:
            answer = inbox.answer(received(each))
            if answer.status == 503:
                raise StorageError(str(answer))
            assert answer.status == 200
        for error in collect(self.channel, self.ledger).errors:
            raise error

    def statuses(self) -> None:
        """Let WhatsApp push what it has to tell of what was sent."""
        self.push(*(payload(each, name="statuses") for each in self.graph.phone.statuses))

    def write(self, *, hours: float = 0, **more: Any) -> None:
        """Let the resident write so many hours ago."""
        at = int(self.graph.phone.clock() - hours * 3600)
        self.graph.phone.heard[RESIDENT] = at
        self.push(payload(text(f"wamid.in{at}", "Is mijn paspoort klaar?", at=at, **more), contacts=[contact()]))
        self.conversation = next(iter(self.said()))

    def said(self) -> dict[str, list[tuple[str, str, str | None]]]:
        with closing(self.ledger.due(self.channel.account, "nobody", None)) as due:
            return {o.conversation.id: [(m.id, m.text, m.status) for m in o.conversation.messages] for o in due}

    def reply(self, said: str | Template = TEXT, *, again: bool = False) -> str:
        return reply(self.channel, self.ledger, self.conversation, said, again=again).id


@pytest.fixture
def chat(graph: GraphServer, open_channel: Open, ledger: Ledger) -> Chat:
    made = Chat(graph, open_channel(base_url=graph.url), ledger)
    made.channel.lands_within = timedelta(0)  # type: ignore[attr-defined] # nothing is under way on this machine
    made.write()
    return made


def outgoing(said: str | Template = TEXT, *, thread: str = USER_ID, **identities: str) -> Outgoing:
    made = tuple(Identity.model_validate({"kind": kind, "value": value}) for kind, value in identities.items())
    to = Participant(id=USER_ID if "whatsapp" in identities else thread, identities=made)
    return Outgoing.model_validate({
        "key": "0" * 32, "thread": thread, "to": to, "heard_at": "2026-11-02T12:00:00Z", "at": "2026-11-02T13:00:00Z",
        "said": said,
    })  # fmt: skip


# ---- sending ---------------------------------------------------------------------------------------------------------


def test_a_text_is_sent_to_the_user_id_and_stands_in_the_conversation_once(chat: Chat) -> None:
    assert isinstance(chat.channel, Replies)
    key = chat.reply()
    (sent,) = chat.graph.phone.sent
    assert {name: value for name, value in sent.items() if name != "biz_opaque_callback_data"} == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "recipient": USER_ID, "type": "text",
        "text": {"body": TEXT, "preview_url": False}, "id": key,
    }  # fmt: skip
    assert chat.graph.asked == [f"POST /v25.0/{PHONE_NUMBER_ID}/messages"]
    assert key_of(sent["biz_opaque_callback_data"])
    chat.statuses()
    assert chat.said()[chat.conversation][1:] == [(key, TEXT, "sent")]


def test_without_a_user_id_it_is_sent_to_the_telephone_number() -> None:
    request = {"type": "text", "text": {"body": TEXT, "preview_url": False}}
    sent = json.loads(json.dumps(_request(outgoing(thread="+31612345678", phone="+31612345678"))))
    assert (sent["to"], "recipient" in sent) == ("31612345678", False)
    assert sent.items() >= request.items()


def test_the_newest_address_is_taken() -> None:
    to = Participant(
        id=USER_ID,
        identities=(
            Identity(kind="phone", value="+31612345678"),
            Identity(kind="whatsapp", value=USER_ID),
            Identity(kind="whatsapp", value="NL.ENT.1"),
            Identity(kind="whatsapp", value="NL.2"),
        ),
    )
    assert _request(outgoing(whatsapp=USER_ID).model_copy(update={"to": to}))["recipient"] == "NL.2"


def test_a_template_is_sent_with_its_parameters_also_after_a_day(chat: Chat) -> None:
    chat.graph.phone.templates["paspoort_klaar", "nl"] = 1
    chat.graph.phone.heard[RESIDENT] -= 30 * 3600
    key = chat.reply(Template(name="paspoort_klaar", parameters=("dinsdag",)))
    (sent,) = chat.graph.phone.sent
    assert sent["template"] == {
        "name": "paspoort_klaar",
        "language": {"code": "nl"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "dinsdag"}]}],
    }
    assert chat.said()[chat.conversation][1:] == [(key, "(sjabloon paspoort_klaar)\ndinsdag", None)]


def test_a_template_without_parameters_has_no_components() -> None:
    said = Template(name="welkom", language="nl")
    assert _request(outgoing(said, whatsapp=USER_ID))["template"] == {"name": "welkom", "language": {"code": "nl"}}


# ---- what is refused before it is asked ------------------------------------------------------------------------------


def test_a_text_that_is_too_late_is_not_sent_and_a_template_is_named(
    graph: GraphServer, open_channel: Open, ledger: Ledger
) -> None:
    chat = Chat(graph, open_channel(base_url=graph.url), ledger)
    chat.write(hours=24.1)
    with pytest.raises(RejectedError, match=r"more than 24 hours ago.*--template"):
        chat.reply()
    assert graph.asked == []


def test_a_text_that_is_too_long_is_not_sent(chat: Chat) -> None:
    with pytest.raises(RejectedError, match="4097 characters"):
        chat.reply("x" * (LONGEST + 1))
    assert chat.graph.asked == []
    chat.reply("x" * LONGEST)
    assert len(chat.graph.phone.sent) == 1


def test_a_group_is_answered_in_whatsapp_itself() -> None:
    with pytest.raises(RejectedError, match="of a group"):
        _draft(outgoing(whatsapp=USER_ID, thread="Y2FwaV9ncm91cDox"))


def test_somebody_without_an_address_cannot_be_answered() -> None:
    with pytest.raises(RejectedError, match="nothing is known"):
        _draft(outgoing(thread="een-onbekend-kenmerk"))


def test_of_several_numbers_and_no_user_id_nobody_knows_which_one_is_theirs() -> None:
    to = Participant(
        id="+31612345678",
        identities=(Identity(kind="phone", value="+31612345678"), Identity(kind="phone", value="+31612345679")),
    )
    with pytest.raises(RejectedError, match="several numbers") as told:
        _request(outgoing(thread="+31612345678").model_copy(update={"to": to}))
    assert "3161234567" not in str(told.value)


# ---- what the Graph API refuses --------------------------------------------------------------------------------------


REFUSED = [
    (131047, RejectedError, "reply with a template", None),
    (131026, RejectedError, "in another way", None),
    (131062, RejectedError, "does not tell the telephone number", None),
    (132001, RejectedError, "no such template", None),
    (100, RejectedError, "parameters of the template", None),
    (368, RejectedError, "list of error codes", None),
    (131031, RejectedError, "list of error codes", None),
    (190, AuthError, "renew", None),
    (10, AuthError, "renew", None),
    (131005, AuthError, "renew", None),
    (131056, TemporaryError, "to one resident", 6.0),
    (130429, TemporaryError, "at once", None),
    (80007, TemporaryError, "asks too much", None),
    (131048, TemporaryError, "unwanted", None),
]


@pytest.mark.parametrize(("code", "kind", "told", "wait"), REFUSED, ids=[str(each[0]) for each in REFUSED])
def test_an_error_says_by_its_code_what_to_do_and_leaves_no_doubt(
    chat: Chat, code: int, kind: type[Exception], told: str, wait: float | None
) -> None:
    chat.graph.fail(code)
    with pytest.raises(kind, match=told) as error:
        chat.reply()
    assert getattr(error.value, "retry_after", None) == wait
    assert f"error {code}" in str(error.value)
    chat.reply()
    assert len(chat.graph.phone.sent) == 1, "it may be sent at once"


def test_a_limit_says_how_long_it_lasts_where_whatsapp_tells(chat: Chat) -> None:
    usage = {"1": [{"type": "messages", "estimated_time_to_regain_access": 2}]}
    chat.graph.fail(80007, headers={"X-Business-Use-Case-Usage": json.dumps(usage)})
    with pytest.raises(TemporaryError) as error:
        chat.reply()
    assert error.value.retry_after == 120


@pytest.mark.parametrize("code", [1, 2, 131000, 131016])
def test_an_error_that_does_not_say_that_nothing_was_sent_leaves_it_in_doubt(chat: Chat, code: int) -> None:
    chat.graph.fail(code)
    with pytest.raises(RejectedError, match=f"error {code}: it is not known"):
        chat.reply()
    with pytest.raises(RejectedError, match="not known"):
        chat.reply()
    assert len(chat.graph.asked) == 1, "never a second time by itself"


@pytest.mark.parametrize("status", [408, 500, 503])
def test_a_status_that_leaves_it_open_leaves_it_in_doubt_whatever_the_code(chat: Chat, status: int) -> None:
    chat.graph.fail(135000, status=status)
    with pytest.raises(RejectedError, match="not known"):
        chat.reply()
    with pytest.raises(RejectedError, match="not known"):
        chat.reply()
    assert len(chat.graph.asked) == 1


@pytest.mark.parametrize(
    "answer", [(502, b"<html>Bad Gateway"), (200, b"{"), (200, b"[]"), (200, b'{"messages": []}'), (200, b'{"a": 1}')]
)
def test_an_answer_without_an_id_leaves_it_in_doubt(chat: Chat, answer: tuple[int, bytes]) -> None:
    chat.graph.fail_with(*answer)
    with pytest.raises(RejectedError, match="not known whether a reply"):
        chat.reply()
    chat.reply(again=True)
    assert len(chat.graph.phone.sent) == 1


def test_the_limit_to_one_resident_is_kept_by_the_stand_in(chat: Chat) -> None:
    now = chat.graph.phone.clock()
    chat.graph.phone.clock = lambda: now
    for number in range(45):
        chat.reply(f"Bericht {number}")
    with pytest.raises(TemporaryError, match="131056") as error:
        chat.reply("te veel")
    wait = error.value.retry_after or 0
    chat.graph.phone.clock = lambda: now + wait
    chat.reply("te veel")
    assert len(chat.graph.phone.sent) == 46


def test_the_number_of_messages_in_a_second_is_kept_by_the_stand_in(chat: Chat) -> None:
    now = chat.graph.phone.clock()
    chat.graph.phone.clock = lambda: now
    for number in range(80):
        phone = f"3161234{number:04}"
        chat.graph.phone.users[phone], chat.graph.phone.heard[phone] = phone, now
        chat.channel.reply(outgoing(thread=f"+{phone}", phone=f"+{phone}"))
    with pytest.raises(TemporaryError, match="130429"):
        chat.reply()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Template(name="onbekend"), 132001),
        (Template(name="klaar", language="fy"), 132001),
        (Template(name="klaar", parameters=("een", "twee")), 132000),
    ],
)
def test_the_stand_in_knows_its_templates(chat: Chat, said: Template, code: int) -> None:
    chat.graph.phone.templates["klaar", "nl"] = 1
    with pytest.raises(RejectedError, match=f"error {code}"):
        chat.reply(said)


def test_the_stand_in_keeps_the_window_by_its_own_clock(chat: Chat) -> None:
    chat.graph.phone.heard[RESIDENT] -= 25 * 3600
    with pytest.raises(RejectedError, match="131047"):
        chat.reply()


def test_the_stand_in_refuses_a_wrong_token_and_another_number(graph: GraphServer, open_channel: Open) -> None:
    with closing(open_channel(base_url=graph.url, access_token="een-ander-teken")) as channel, pytest.raises(AuthError):
        channel.reply(outgoing(whatsapp=USER_ID))
    with closing(open_channel(base_url=graph.url, phone_number_id="1234567")) as other, pytest.raises(RejectedError):
        other.reply(outgoing(whatsapp=USER_ID))
    graph.phone.users.clear()
    with closing(open_channel(base_url=graph.url)) as channel, pytest.raises(RejectedError, match="131026"):
        channel.reply(outgoing(whatsapp=USER_ID))


@pytest.mark.parametrize("said", [TEXT, Template(name="geheim", parameters=("Fatima",))])
def test_an_error_holds_nothing_personal(chat: Chat, said: str | Template) -> None:
    chat.graph.fail(131026)
    with pytest.raises(RejectedError) as error:
        chat.reply(said)
    told = str(error.value)
    assert not [word for word in (TEXT, RESIDENT, USER_ID, "Fatima") if word in told]


# ---- what the network does to it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [reset, answer_lost, reset_in_body, truncated, bad_gateway, answers(500), answers(500, done=True)],
    ids=lambda fault: fault.__name__,
)  # fmt: skip
def test_whatever_the_network_does_it_is_sent_once_at_most_and_the_status_tells(
    chat: Chat, open_channel: Open, fault: Fault
) -> None:
    with FaultyProxy(chat.graph.url) as proxy, closing(open_channel(base_url=proxy.url)) as chat.channel:
        chat.channel.lands_within = timedelta(0)  # type: ignore[attr-defined] # nothing is under way any more
        proxy.fail(fault, "POST")
        with pytest.raises(RejectedError, match="not known whether"):
            chat.reply()
        assert len(proxy.requests) == 1
        chat.statuses()
        if not chat.graph.phone.sent:
            chat.reply(again=True)
            chat.statuses()
    (sent,) = chat.graph.phone.sent
    assert chat.said()[chat.conversation][1:] == [(sent["id"], TEXT, "sent")]
    assert chat.ledger._db.read("SELECT key FROM replies WHERE set_aside = 0") == []


def test_a_slow_answer_is_one_and_no_connection_means_that_nothing_was_sent(chat: Chat, open_channel: Open) -> None:
    with FaultyProxy(chat.graph.url) as proxy, closing(open_channel(base_url=proxy.url)) as chat.channel:
        proxy.fail(drip, "POST")
        chat.reply()
        proxy.close()
        with pytest.raises(TemporaryError) as error:
            chat.reply("Nog iets")
        assert error.value.nothing_done
        proxy.reopen()
        chat.reply("Nog iets")
    assert len(chat.graph.phone.sent) == 2


# ---- statuses and echoes ---------------------------------------------------------------------------------------------


def test_the_first_status_ends_the_doubt_and_brings_the_message(chat: Chat) -> None:
    send = chat.graph.phone.send

    def lost(asked: Item) -> Item:
        send(asked)
        return {}

    chat.graph.phone.send = lost  # type: ignore[method-assign] # the answer gets lost on the way
    with pytest.raises(RejectedError, match="not known"):
        chat.reply()
    assert len(chat.said()[chat.conversation]) == 1
    chat.statuses()
    (sent,) = chat.graph.phone.sent
    assert chat.said()[chat.conversation][1:] == [(sent["id"], TEXT, "sent")]


@pytest.mark.parametrize("first", ["echo", "status"])
def test_an_echo_and_a_status_meet_it_in_either_order(chat: Chat, first: str) -> None:
    at = int(chat.graph.phone.clock()) + 1
    key = chat.reply()
    told = [
        payload(echo(key, TEXT, at=at), name="message_echoes", field="smb_message_echoes", contacts=[contact()]),
        payload(status(key, "read", at=at), name="statuses"),
    ]
    chat.push(*(told if first == "echo" else reversed(told)))
    assert chat.said()[chat.conversation][1:] == [(key, TEXT, "read")]


@pytest.mark.parametrize(
    ("code", "told"), [(131047, "131047: the resident last wrote more than 24 hours ago"), (7, "7: look it up")]
)
def test_a_message_that_fails_later_goes_to_a_person_with_the_reason(chat: Chat, code: int, told: str) -> None:
    chat.graph.phone.fails_later = code
    key = chat.reply()
    chat.statuses()
    assert chat.said()[chat.conversation][1:] == [(key, TEXT, "failed")]
    assert chat.graph.phone.sent == []
    (refusal,) = chat.ledger.refusals()
    assert f"a status says that a reply did not arrive, for error {told}" in refusal.reason


@pytest.mark.parametrize("errors", [None, [], "x", [{"code": "x" * 9}], [{}]])
def test_a_message_that_fails_later_without_a_code_goes_to_a_person_too(chat: Chat, errors: object) -> None:
    chat.reply()
    (told,) = chat.graph.phone.statuses
    chat.push(payload({**told, "status": "failed", "errors": errors}, name="statuses"))
    (refusal,) = chat.ledger.refusals()
    assert "for error ?" in refusal.reason


def test_what_was_not_sent_from_here_and_failed_is_a_status_and_no_more(chat: Chat) -> None:
    chat.push(payload(status("wamid.elsewhere", "failed", errors=[{"code": 131047}]), name="statuses"))
    assert chat.ledger.refusals() == []


@pytest.mark.parametrize("data", ["0fS5cePMok", "gemeente-connect/", "gemeente-connect/0", f"x{'0' * 32}", None])
def test_what_another_program_sent_along_is_no_key_of_ours(data: str | None) -> None:
    assert key_of(data) is None


# ---- dying at every point --------------------------------------------------------------------------------------------


@dataclass
class World:
    """WhatsApp with a resident who wrote, and a person who answers once and looks in WhatsApp when in doubt."""

    graph: GraphServer
    channel: WhatsAppChannel
    folder: Path
    told: list[Item] = field(default_factory=list)
    replied: bool = False

    def run(self) -> Report:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            chat = Chat(self.graph, self.channel, ledger)
            chat.write(hours=1)
            chat.statuses()
            if not self.replied:
                self._reply(chat)
            self.replied = True
            chat.statuses()
            return collect(self.channel, ledger, files=FileStore(self.folder / "files"))

    def _reply(self, chat: Chat) -> None:
        try:
            chat.reply()
        except RejectedError:
            if not self.graph.phone.sent:  # a person looks in WhatsApp, and it is not there
                chat.reply(again=True)

    def state(self) -> Iterator[Hashable]:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            for said in Chat(self.graph, self.channel, ledger).said().values():
                yield from (("kept", text, status) for _, text, status in said)
        yield from (("sent", each["text"]["body"]) for each in self.graph.phone.sent)


@pytest.mark.parametrize("accident", [death, disk_full], ids=lambda each: each.__name__)
def test_a_reply_is_sent_once_and_kept_once_wherever_it_dies(
    open_channel: Open, tmp_path: Path, pytestconfig: pytest.Config, accident: Accident
) -> None:
    numbers, servers = count(), []

    def world() -> World:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        graph = GraphServer()
        now = graph.phone.clock()
        graph.phone.clock = lambda: now
        servers.append(graph)
        channel = open_channel(base_url=graph.url)
        channel.lands_within = timedelta(0)  # type: ignore[attr-defined] # nothing is under way on this machine
        return World(graph, channel, folder)

    name = f"a reply through WhatsApp, {accident.__name__}"
    found = survey(name, world, World.run, World.state, fault=accident)
    for server in servers:
        server.close()
    tell(pytestconfig, found)
    assert not found.wounds, found
    assert found.tried > 5


def _request(asked: Outgoing) -> dict[str, Any]:
    from gemeente_connect_whatsapp.sending import request

    return dict(request(asked))


def _draft(asked: Outgoing) -> None:
    from gemeente_connect_whatsapp.sending import draft

    draft(asked, ACCOUNT)


def test_the_stand_in_answers_to_a_user_id_without_a_number(graph: GraphServer) -> None:
    graph.phone.heard[RESIDENT] = graph.phone.clock()
    asked = {"messaging_product": "whatsapp", "type": "text", "text": {"body": TEXT}}
    by_user = graph.phone.send({**asked, "recipient": USER_ID})["contacts"]
    both = graph.phone.send({**asked, "recipient": "NL.unknown", "to": RESIDENT})["contacts"]
    assert by_user == [{"input": USER_ID, "user_id": USER_ID}]
    assert both == [{"input": RESIDENT, "wa_id": RESIDENT}]
    assert NUMBER not in json.dumps([by_user, both])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, 100),
        ({"messaging_product": "whatsapp"}, 131008),
        ({"messaging_product": "whatsapp", "to": RESIDENT, "type": "text", "text": {"body": ""}}, 100),
        ({"messaging_product": "whatsapp", "to": RESIDENT, "type": "poll"}, 131051),
    ],
)
def test_the_stand_in_refuses_what_is_no_message(graph: GraphServer, asked: Item, code: int) -> None:
    with pytest.raises(NotSent) as error:
        graph.phone.send(asked)
    assert error.value.code == code

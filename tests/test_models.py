from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gemeente_connect.models import (
    Attachment,
    Change,
    Conversation,
    Deleted,
    Edited,
    Identity,
    Message,
    Participant,
    Spot,
    Turn,
    in_order,
    json_schema,
)

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ANNA = Participant(id="+31612345678", name="Anna de Vries", identities=(Identity(kind="phone", value="+31612345678"),))
DESK = Participant(id="gemeente", employee=True)
WORDS = "Mijn container is niet geleegd"
SECRETS = ("+31612345678", "31612345678", "Anna", "container", "foto-van-anna", "content://7", "Dorpsstraat")


def message(number: int = 0, **more: Any) -> Message:
    values: dict[str, Any] = {
        "account": "whatsapp:31201234567",
        "id": f"m{number}",
        "thread": "+31612345678",
        "sent_at": NINE + timedelta(minutes=number),
        "direction": "in",
        "sender": ANNA,
        "text": WORDS,
    }
    return Message.model_validate(values | more)


def answer(number: int) -> Message:
    return message(number, direction="out", sender=DESK)


def turn(*messages: Message) -> Turn:
    return Turn(id=messages[0].id, direction=messages[0].direction or "in", messages=messages)


def conversation(*turns: Turn) -> Conversation:
    return Conversation(
        id="c1", channel="whatsapp", account="whatsapp:31201234567", thread="+31612345678", subject=WORDS, turns=turns
    )


# ---- what a model refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"id": ""}, "id\n  String should have at least 1 character"),
        ({"account": ""}, "account"),
        ({"thread": ""}, "thread"),
        ({"sent_at": datetime(2026, 11, 23, 9, 0)}, "sent_at\n  Input should have timezone info"),  # noqa: DTZ001 - that is what is refused
        ({"tekst": "x"}, "tekst\n  Extra inputs are not permitted"),
        ({"kind": "brief"}, "kind"),
        ({"direction": "sideways"}, "direction"),
    ],
)
def test_a_message_that_is_not_right_is_refused_with_the_field_and_without_its_text(
    wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        message(**wrong)
    assert told in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_a_line_of_the_channel_itself_has_no_side() -> None:
    assert message(kind="system", direction=None, sender=None).direction is None


def test_a_model_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        message().text = "anders"  # type: ignore[misc] # that is what is refused


@pytest.mark.parametrize("value", ["+31612345678", "+4915112345678"])
def test_a_telephone_number_is_in_e164(value: str) -> None:
    assert Identity(kind="phone", value=value).value == value


@pytest.mark.parametrize(
    "value", ["0612345678", "31612345678", "+", "+31 6", "+316x", "+٣١٦١٢٣٤٥٦٧٨", "+123", "+3161234567890123"]
)
def test_any_other_way_of_writing_a_telephone_number_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match=r"in E\.164, like") as caught:
        Identity(kind="phone", value=value)
    assert value not in str(caught.value).replace("+31612345678", "")


@pytest.mark.parametrize("value", ["Anna@example.nl", "anna"])
def test_an_email_address_is_in_lower_case(value: str) -> None:
    with pytest.raises(ValidationError, match="lower case"):
        Identity(kind="email", value=value)


def test_a_turn_is_of_one_side() -> None:
    with pytest.raises(ValidationError, match="of one side"):
        turn(message(0), answer(1))
    with pytest.raises(ValidationError, match="of one side"):
        turn(message(0), message(1, internal=True))
    with pytest.raises(ValidationError, match="messages"):
        Turn(id="t", direction="in", messages=())


def test_messages_and_turns_stand_oldest_first() -> None:
    with pytest.raises(ValidationError, match="oldest first"):
        turn(message(1), message(0))
    with pytest.raises(ValidationError, match="oldest first"):
        turn(message(0, position=1), message(0, id="m9"))
    with pytest.raises(ValidationError, match="oldest first"):
        conversation(turn(answer(1)), turn(message(0)))


def test_a_message_stands_in_a_conversation_once() -> None:
    with pytest.raises(ValidationError, match="stands in a conversation once"):
        conversation(turn(message(0)), turn(message(0)))


def test_a_conversation_has_something_in_it() -> None:
    with pytest.raises(ValidationError, match="turns"):
        conversation()


# ---- what a model tells ----------------------------------------------------------------------------------------------


def test_a_late_message_of_an_earlier_turn_still_reads_in_order() -> None:
    late = conversation(turn(message(0), message(2)), turn(answer(1)))
    assert [m.id for m in late.messages] == ["m0", "m1", "m2"]


def test_participants_stand_in_order_of_appearance_once_and_as_they_were_last() -> None:
    renamed = ANNA.model_copy(update={"name": "Anna Jansen"})
    talk = conversation(turn(message(0)), turn(answer(1)), turn(message(2, sender=renamed)))
    assert talk.participants == (renamed, DESK)
    assert talk.residents == (renamed,)


def test_asking_for_the_messages_changes_nothing_that_counts() -> None:
    first, second = conversation(turn(message(0))), conversation(turn(message(0)))
    assert first.messages
    assert first == second
    assert hash(first) == hash(second)
    assert first.model_dump_json() == second.model_dump_json()
    assert pickle.loads(pickle.dumps(first)) == second  # noqa: S301 - our own bytes


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_order_of_messages_is_their_time_and_then_their_position(places: list[tuple[int, int]]) -> None:
    messages = [message(minute, id=f"m{number}", position=position) for number, (minute, position) in enumerate(places)]
    ordered = turn(*sorted(messages, key=in_order))
    assert [in_order(m) for m in ordered.messages] == sorted(map(in_order, messages))


def test_what_is_written_as_json_is_read_back_the_same() -> None:
    talk = conversation(turn(message(0, attachments=[Attachment(name="a.jpg", missing="omitted")])), turn(answer(1)))
    assert Conversation.model_validate_json(talk.model_dump_json()) == talk


def test_a_change_is_read_back_as_the_kind_it_was() -> None:
    changes: TypeAdapter[list[Change]] = TypeAdapter(list[Change])
    spot = Spot(minute=NINE, sender=ANNA.id, besides=frozenset({"m7"}))
    written = [Edited(message=message(), target=spot), Deleted(message=message(), target="m0", at=NINE)]
    assert changes.validate_json(changes.dump_json(written)) == written  # type: ignore[arg-type] # lists are invariant


# ---- what a model keeps to itself ------------------------------------------------------------------------------------


def test_nothing_personal_shows_when_a_model_is_printed() -> None:
    attachment = Attachment(name="foto-van-anna.jpg", source="content://7/foto-van-anna")
    postal = Identity(kind="postal", value="Dorpsstraat 12, 1234 AB Voorbeeld")
    anna = ANNA.model_copy(update={"identities": (*ANNA.identities, postal)})
    written = message(attachments=[attachment], sender=anna)
    talk = conversation(turn(written))
    spot = Spot(minute=NINE, sender=ANNA.id)
    for model in (talk, *talk.messages, *talk.participants, attachment, postal, Edited(message=written, target=spot)):
        for printed in (repr(model), str(model), f"{model}", f"{[model]}"):
            assert [secret for secret in SECRETS if secret in printed] == []


def test_the_same_person_looks_the_same_wherever_they_are_printed() -> None:
    shown = repr(message())
    assert repr(message(1)).partition("thread=")[2].split(",")[0] == shown.partition("thread=")[2].split(",")[0]
    assert "thread='<address " in shown
    assert "text='<text " in shown


def test_what_is_not_there_is_printed_as_not_there() -> None:
    assert "name=None" in repr(DESK)


# ---- the published schema --------------------------------------------------------------------------------------------


def test_the_published_schema_is_that_of_the_models() -> None:
    published = Path(__file__).parent.parent / "docs" / "reference" / "models.schema.json"
    assert json.loads(published.read_text("utf-8")) == json.loads(json_schema()), "run: make schema"


def test_every_model_in_the_schema_says_what_it_is_for() -> None:
    schema = json.loads(json_schema())
    assert {"Conversation", "Message", "Turn", "Participant", "Identity", "Attachment"} <= set(schema["$defs"])
    assert all(model.get("description") for name, model in schema["$defs"].items() if "properties" in model)


@pytest.mark.parametrize("field", ["text", "reply_to", "conversation", "aliases"])
def test_half_an_emoji_is_refused_before_it_reaches_a_database_that_cannot_hold_it(field: str) -> None:
    broken: dict[str, Any] = {"text": "kapot \ud83d", "aliases": ("kapot \ud83d",)}
    with pytest.raises(ValidationError) as caught:
        message(**{field: broken.get(field, broken["text"])})
    assert "kapot" not in str(caught.value)

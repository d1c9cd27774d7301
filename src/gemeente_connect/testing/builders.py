"""Messages and conversations with sensible defaults, the same ones every time.

All people are made up. Their numbers look like +3161234567x.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gemeente_connect.contracts import Cursor, Findable, Page, Receipt
from gemeente_connect.conversations import conversation_id, turns
from gemeente_connect.models import Conversation, Direction, Identity, Message, Participant

ACCOUNT = "whatsapp:+31687654321"
"""The account of the messages that are made here."""

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When the first message is sent; every next one a minute later."""


def participant(number: int = 1, *, employee: bool = False, **fields: Any) -> Participant:
    """Make a resident with a telephone number, or an employee. `number` runs from 0 to 9."""
    phone = f"+3161234567{number}"
    made: dict[str, Any] = (
        {"id": f"employee-{number}", "name": f"Medewerker {number}", "employee": True}
        if employee
        else {"id": phone, "name": f"Inwoner {number}", "identities": (Identity(kind="phone", value=phone),)}
    )
    return Participant(**made | fields)


def message(number: int = 1, *, direction: Direction | None = "in", **fields: Any) -> Message:
    """Make message `m<number>`, sent `number` minutes after START; any other field may be given."""
    made: dict[str, Any] = {
        "account": ACCOUNT,
        "id": f"m{number}",
        "thread": "+31612345671",
        "sent_at": START + timedelta(minutes=number),
        "direction": direction,
        "text": f"Bericht {number}",
    }
    if direction is None:
        made["kind"] = "system"
    else:
        made["sender"] = participant(employee=direction == "out")
    return Message(**made | fields)


def page(*messages: Message, **fields: Any) -> Page:
    """Make a page with these messages and the cursor `1`."""
    return Page(**{"messages": messages, "cursor": Cursor("1")} | fields)


def receipt(findable: Findable = Findable.YES, **fields: Any) -> Receipt:
    """Make the receipt of a record `R1` that was checked just now."""
    return Receipt(**{"reference": "R1", "findable": findable, "checked_at": datetime.now(UTC)} | fields)


def conversation(*messages: Message, **fields: Any) -> Conversation:
    """Make a conversation of these messages; of none: of one question and one answer."""
    said = messages or (message(1), message(2, direction="out"))
    made = turns(said)
    first = made[0].messages[0]
    made_up: dict[str, Any] = {
        "id": conversation_id(first.account, first.thread, first.id),
        "channel": "whatsapp",
        "account": first.account,
        "thread": first.thread,
        "turns": made,
    }
    return Conversation(**made_up | fields)

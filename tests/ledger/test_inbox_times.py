"""What was pushed says when it came, for payloads that tell no time of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gemeente_connect.abilities import Received
from gemeente_connect.ledger import Ledger


def test_a_payload_comes_back_with_the_time_at_which_it_was_kept_however_often_it_is_read(ledger: Ledger) -> None:
    ledger.inbox.open("sms:31591123456", "sms")
    before = datetime.now(UTC) - timedelta(seconds=1)
    ledger.inbox.keep("sms:31591123456", Received(method="POST", url="https://hooks.example.nl/sms", body=b"Body=Hoi"))
    first, second = ([each for some in ledger.inbox.unread("sms:31591123456") for each in some] for _ in range(2))
    assert first == second
    (payload,) = first
    assert payload.received.received_at
    assert before < payload.received.received_at < datetime.now(UTC) + timedelta(seconds=1)

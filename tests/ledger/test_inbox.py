"""A part of a payload that cannot be read: kept for a person, and read again with the payload when that person asks."""

from __future__ import annotations

from collections.abc import Mapping

from gemeente_connect import Ledger, collect
from gemeente_connect.abilities import Received
from gemeente_connect.contracts import Batch, Unreadable
from gemeente_connect.inbox import Inbox
from gemeente_connect.testing.builders import message
from gemeente_connect.testing.fakes import FakeChannel


class Receiver(FakeChannel):
    """Reads a payload of messages by their numbers, parted by blanks; `unknown` is what it does not understand yet."""

    unknown: tuple[str, ...] = ("2", "3")

    def handshake(self, query: Mapping[str, str]) -> str:
        return ""

    def verify(self, received: Received) -> None:
        """Trust everybody."""

    def read(self, received: Received) -> Batch:
        numbers = received.body.decode().split()
        return Batch(
            messages=tuple(message(int(n)) for n in numbers if n not in self.unknown),
            unreadable=tuple(Unreadable(id=n, reason="not understood") for n in numbers if n in self.unknown),
        )


def _push(channel: Receiver, ledger: Ledger, body: bytes) -> None:
    assert Inbox(channel, ledger).answer(Received(method="POST", url="/", body=body)).status == 200


def test_when_a_person_asks_the_payload_is_read_again_and_what_is_understood_now_needs_nobody(ledger: Ledger) -> None:
    channel = Receiver()
    _push(channel, ledger, b"1 2 3")
    _push(channel, ledger, b"2")
    report = collect(channel, ledger)
    assert (report.new, list(report.refused)) == (1, ["inbox-1/2", "inbox-1/3", "inbox-2/2"])
    assert collect(channel, ledger).refused == {}, "it is not tried again by itself"
    channel.unknown = ("3",)
    ledger.retry(ledger.refused()["inbox-1/2"].number)
    report = collect(channel, ledger)
    assert (report.new, list(report.refused)) == (1, ["inbox-1/3"])
    assert list(ledger.refused()) == ["inbox-2/2", "inbox-1/3"], "another payload is not read again"


def test_what_a_person_dropped_stays_dropped_when_another_part_is_read_again(ledger: Ledger) -> None:
    channel = Receiver()
    _push(channel, ledger, b"1 2 3")
    collect(channel, ledger)
    refused = ledger.refused()
    ledger.drop(refused["inbox-1/2"].number)
    ledger.retry(refused["inbox-1/3"].number)
    assert list(collect(channel, ledger).refused) == ["inbox-1/3"]
    assert list(ledger.refused()) == ["inbox-1/3"]


def test_the_same_body_at_another_url_is_another_payload(ledger: Ledger) -> None:
    channel = Receiver()
    for url in ("/?part=1", "/?part=2", "/?part=1"):
        Inbox(channel, ledger).answer(Received(method="POST", url=url, body=b"2"))
    assert list(collect(channel, ledger).refused) == ["inbox-1/2", "inbox-2/2"]

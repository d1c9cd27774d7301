"""What WhatsApp could not deliver goes to a person, and away again when it arrives after all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gemeente_connect import Ledger, collect
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import GraphServer


def delivery(number: int, state: str, app: str = "12345") -> dict[str, Any]:
    event = {
        "id": str(number), "delivery_status": "DELIVERED", "webhook_update_state": state, "timestamp": 1,
        "application": {"id": app},
    }  # fmt: skip
    return {"id": str(number), "message_id": f"wamid.{number}", "events": {"data": [event]}}


def test_a_webhook_that_was_lost_is_reported_until_it_arrives(
    graph: GraphServer, open_channel: Callable[..., WhatsAppChannel], ledger: Ledger
) -> None:
    channel = open_channel(base_url=graph.url, report_lost=True)
    graph.deliveries = [delivery(n, "FAILED" if n in {3, 150} else "DELIVERED") for n in range(250)]
    report = collect(channel, ledger)
    assert len(report.refused) == len(ledger.refused()) == 2
    assert not any("wamid" in f"{key}{reason}" for key, reason in report.refused.items())
    assert collect(channel, ledger).refused == {}, "it is new once"
    graph.deliveries[3] = delivery(3, "DELIVERED")
    collect(channel, ledger)
    assert len(ledger.refused()) == 1


def test_it_is_asked_only_when_it_is_set(graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> None:
    assert list(open_channel(base_url=graph.url).pages(None)) == []
    assert graph.asked == []


def test_it_is_not_asked_without_end(graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> None:
    graph.deliveries = [delivery(n, "PENDING") for n in range(5000)]
    assert len(list(open_channel(base_url=graph.url, report_lost=True).pages(None))) == 20


def test_what_makes_no_sense_is_nothing(graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]) -> None:
    channel = open_channel(base_url=graph.url, report_lost=True)
    graph.deliveries = [{"events": None}, {"message_id": "wamid.1"}, {"message_id": "wamid.2", "events": {"data": [7]}}]
    (page,) = channel.pages(None)
    assert (page.unreadable, page.readable) == ((), ())


def test_what_failed_once_and_arrived_then_is_not_lost(
    graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]
) -> None:
    twice = delivery(1, "FAILED")
    twice["events"]["data"] += delivery(1, "DELIVERED")["events"]["data"]
    graph.deliveries = [twice]
    (page,) = open_channel(base_url=graph.url, report_lost=True).pages(None)
    assert (page.unreadable, len(page.readable)) == ((), 1)


def test_what_arrived_at_another_app_is_lost_all_the_same(
    graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]
) -> None:
    both = delivery(1, "FAILED")
    both["events"]["data"] += delivery(1, "DELIVERED", app="67890")["events"]["data"]
    graph.deliveries = [both]
    found = {}
    for app_id in ("12345", "67890", None):
        (page,) = open_channel(base_url=graph.url, report_lost=True, app_id=app_id).pages(None)
        found[app_id] = (len(page.unreadable), len(page.readable))
    assert found == {"12345": (1, 0), "67890": (0, 1), None: (1, 1)}


def test_a_failure_that_names_no_app_is_reported_also_with_an_app_id(
    graph: GraphServer, open_channel: Callable[..., WhatsAppChannel]
) -> None:
    nameless = delivery(1, "FAILED")
    del nameless["events"]["data"][0]["application"]
    graph.deliveries = [nameless]
    (page,) = open_channel(base_url=graph.url, report_lost=True, app_id="12345").pages(None)
    assert len(page.unreadable) == 1

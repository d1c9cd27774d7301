"""Going over to the platform: from the history of a number, and from exported chats that end at a date."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gemeente_connect import Ledger, sync
from gemeente_connect.contracts import Channel
from gemeente_connect.inbox import Inbox
from gemeente_connect.syncing import Report
from gemeente_connect.testing import FakeCaseSystem
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import contact, history, payload, received, text
from gemeente_connect_whatsapp.testing.payloads import RESIDENT, START, Item, echo, message
from gemeente_connect_whatsapp_export.plugin import register_channels as register_export

HOUR, DAY = 3600, 86_400


def run(channel: WhatsAppChannel, ledger: Ledger, system: FakeCaseSystem, *payloads: Item) -> Report:
    inbox = Inbox(channel, ledger)
    for each in payloads:
        assert inbox.answer(received(each)).status == 200
    return sync(channel, system, ledger=ledger, start="all")


def past(*messages: Item) -> Item:
    return payload(history(*messages), name="history", field="history")


def live(*messages: Item) -> Item:
    return payload(*messages, contacts=[contact()])


def texts(system: FakeCaseSystem) -> list[list[str]]:
    """Give the text of each turn, of each record."""
    return sorted(list(record.turns.values()) for record in system.made)


def test_a_conversation_that_goes_on_while_the_number_is_connected_stays_one(
    channel: WhatsAppChannel, ledger: Ledger
) -> None:
    system = FakeCaseSystem(residents=[f"+{RESIDENT}"])
    asked, answered = text("wamid.1", "Is de straat open?", from_user_id=None), echo("wamid.2", "Ja", at=START + 60)
    run(channel, ledger, system, past(asked, answered | {"to_user_id": None}))
    report = run(channel, ledger, system, live(text("wamid.3", "Dank u", at=START + HOUR)))
    assert texts(system) == [["Is de straat open?", "Ja", "Dank u"]]
    assert report.findable == 1


def test_the_history_may_come_after_what_it_goes_before(channel: WhatsAppChannel, ledger: Ledger) -> None:
    system = FakeCaseSystem()
    run(
        channel, ledger, system,
        live(text("wamid.3", "Dank u", at=START + HOUR)),
        past(text("wamid.1", "Is de straat open?", from_user_id=None)),
    )  # fmt: skip
    assert texts(system) == [["Is de straat open?\nDank u"]]


def test_an_answer_that_names_only_the_number_joins_the_question(channel: WhatsAppChannel, ledger: Ledger) -> None:
    system = FakeCaseSystem()
    run(channel, ledger, system, live(text("wamid.1", "Is de straat open?")))
    answer = echo("wamid.2", "Ja", at=START + 60, to_user_id=None)
    run(channel, ledger, system, payload(answer, name="message_echoes"))
    assert texts(system) == [["Is de straat open?", "Ja"]]


def test_a_name_that_one_message_of_a_webhook_shows_and_the_next_does_not_is_kept(
    channel: WhatsAppChannel, ledger: Ledger
) -> None:
    system = FakeCaseSystem()
    question = text("wamid.1", "Is de straat open?", from_parent_user_id="NL.ENT.1")
    more = text("wamid.2", "En nu?", at=START + 60, from_=None, from_parent_user_id="NL.ENT.1")
    run(channel, ledger, system, payload(question, more))
    answer = echo("wamid.3", "Ja", at=START + 120, to_user_id=None)
    run(channel, ledger, system, payload(answer, name="message_echoes"))
    assert texts(system) == [["Is de straat open?\nEn nu?", "Ja"]]


def test_a_number_that_was_given_to_somebody_else_ties_nothing_together(
    channel: WhatsAppChannel, ledger: Ledger
) -> None:
    system = FakeCaseSystem()
    moved = message(
        "wamid.2", "system", {"type": "user_changed_number", "wa_id": "31612345679", "body": "gewijzigd"}, at=START + 60
    )
    other = text("wamid.3", "Ik ben nieuw", at=START + HOUR, from_user_id="NL.other")
    answer = echo("wamid.4", "Welkom", at=START + 2 * HOUR, to_user_id=None)
    run(
        channel, ledger, system,
        live(text("wamid.1", "Ik verhuis")), payload(moved),
        payload(other, contacts=[contact("Sam", user_id="NL.other")]), payload(answer, name="message_echoes"),
    )  # fmt: skip
    assert texts(system) == [["Ik ben nieuw", "Welkom"], ["Ik verhuis"]]


def test_a_group_is_nobodys_other_name(channel: WhatsAppChannel, ledger: Ledger) -> None:
    system = FakeCaseSystem()
    answer = echo("wamid.2", "Alleen aan u", at=START + 60, to_user_id=None)
    run(
        channel, ledger, system,
        live(text("wamid.1", "In de groep", group_id="groep-1")), payload(answer, name="message_echoes"),
    )  # fmt: skip
    assert texts(system) == [["Alleen aan u"], ["In de groep"]]


def test_what_an_export_and_the_platform_both_have_is_listed_for_a_person(
    channel: WhatsAppChannel, ledger: Ledger, tmp_path: Path
) -> None:
    """The export ends a day too late, and the history of the number reaches back over it."""
    said = [(START, "Is de straat open?"), (START + 2 * DAY, "En nu?")]
    export = _export(tmp_path, said, until=START + 3 * DAY)
    system = FakeCaseSystem()
    before = sync(export, system, ledger=ledger, start="all")
    live_too = text("wamid.2", "En nu?", at=START + 2 * DAY)
    report = run(channel, ledger, system, live(live_too))
    ((key, reason),) = report.refused.items()
    assert reason.startswith("1 of the messages of conversation ")
    assert export.account in reason
    assert {each.conversation for each in report.delivered} < set(key.split("+"))
    assert len(before.delivered) == 2
    assert texts(system) == [["En nu?"], ["En nu?"], ["Is de straat open?"]]  # listed, and merged by nobody


def test_an_export_that_ends_in_time_leaves_nothing_to_look_at(
    channel: WhatsAppChannel, ledger: Ledger, tmp_path: Path
) -> None:
    said = [(START, "Is de straat open?"), (START + 2 * DAY, "En nu?")]
    system = FakeCaseSystem()
    sync(_export(tmp_path, said, until=START + DAY), system, ledger=ledger, start="all")
    report = run(channel, ledger, system, live(text("wamid.2", "En nu?", at=START + 2 * DAY)))
    assert (report.refused, texts(system)) == ({}, [["En nu?"], ["Is de straat open?"]])


def _export(folder: Path, said: list[tuple[int, str]], *, until: int) -> Channel:
    zone = ZoneInfo("Europe/Amsterdam")
    lines = (f"{datetime.fromtimestamp(at, zone):%d-%m-%Y %H:%M} - Fatima: {body}\n" for at, body in said)
    (folder / "chat.txt").write_text("".join(lines))
    (connector,) = register_export()
    settings = {"account": "+31 20 1234567", "own_name": "Gemeente Voorbeeld", "chat": f"+{RESIDENT}"}
    return connector.connect({**settings, "path": folder / "chat.txt", "until": datetime.fromtimestamp(until, zone)})

"""Each thing is made once: numbers that are taken, answers that are unclear, servers that count by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import time_machine

from gemeente_connect import FileStore, Ledger
from gemeente_connect.contracts import Cursor, Page
from gemeente_connect.models import Edited, Identity, Message
from gemeente_connect.syncing import Report, sync
from gemeente_connect.testing.builders import START, conversation, message, participant
from gemeente_connect.testing.deaths import settle
from gemeente_connect.testing.fakes import FakeChannel
from gemeente_connect.testing.faults import (
    Fault,
    FaultyProxy,
    answer_lost,
    answers,
    bad_gateway,
    reset,
    reset_in_body,
    truncated,
)
from gemeente_connect_open_klant.contacten import Contact, contacts
from gemeente_connect_open_klant.testing.picture import picture
from gemeente_connect_open_klant.testing.server import OpenKlantServer
from gemeente_connect_open_klant.writing import Writing

API = "/klantinteracties/api/v1"
FATIMA = participant(employee=True, identities=(Identity(kind="email", value="fatima@example.nl"),))
SAID = (message(1, text="Een vraag."), message(2, direction="out", sender=FATIMA, text="Een antwoord."))
EDITED = Edited(message=message(1, text="Een andere vraag."), target="m1")
FAULTS: list[Fault] = [
    reset,
    answer_lost,
    reset_in_body,
    truncated,
    answers(429),
    answers(500),
    answers(500, done=True),
    bad_gateway,
]
CHANGES = ["maak-klantcontact", "digitaleadressen", "actoren", "actorklantcontacten", "internetaken"]


class Runs:
    """Syncs of what was said, each ten minutes after the one before."""

    def __init__(self, connect: Callable[..., Any], url: str, server: OpenKlantServer, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self._connect = connect
        self._url = url
        self._folder = folder
        self._server = server
        self._actor = server.add_actor("KCC")
        self.said: list[Message] = list(SAID)
        self.edited = False

    def run(self) -> Report:
        self.now += timedelta(minutes=10)
        channel = FakeChannel(self.said, page_size=1)
        if self.edited:
            channel.add(Page(changes=(EDITED,), cursor=Cursor("")))
        case_system = self._connect(self._server, url=self._url, taak_actor=self._actor)
        with time_machine.travel(self.now), Ledger(self._folder / "ledger.sqlite") as ledger:
            try:
                return sync(channel, case_system, ledger=ledger, files=FileStore(self._folder / "files"), start="all")
            finally:
                case_system.close()


@pytest.fixture
def proxied(connect: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[[str], tuple[Runs, FaultyProxy, Any]]]:
    opened: list[Any] = []

    def proxied(version: str) -> tuple[Runs, FaultyProxy, OpenKlantServer]:
        server = OpenKlantServer(version)
        proxy = FaultyProxy(server.url)
        opened.extend([proxy, server])
        return Runs(connect, proxy.url, server, tmp_path), proxy, server

    yield proxied
    for each in opened:
        each.close()


def expected(connect: Callable[..., Any], version: str, folder: Path, *, edited: bool = False) -> list[str]:
    with OpenKlantServer(version) as server:
        runs = Runs(connect, server.url, server, folder)
        settle(Runs.run, runs)
        if edited:
            runs.edited = True
            settle(Runs.run, runs)
        return picture(server)


@pytest.mark.parametrize("version", ["0.3.0", "0.6.0", "0.9.0"])
@pytest.mark.parametrize("at", CHANGES)
def test_whatever_the_answer_to_a_create_each_thing_is_there_once_in_the_end(
    version: str, at: str, proxied: Callable[..., Any], connect: Callable[..., Any], tmp_path_factory: Any
) -> None:
    calm = expected(connect, version, tmp_path_factory.mktemp("calm"))
    for fault in FAULTS:
        runs, proxy, server = proxied(version)
        runs._folder = tmp_path_factory.mktemp("faulty")
        proxy.fail(fault, f"POST {API}/{at}")
        first = runs.run()
        assert not first.refused, fault.__name__
        settle(Runs.run, runs)
        assert picture(server) == calm, fault.__name__


@pytest.mark.parametrize("version", ["0.6.0", "0.9.0"])
def test_whatever_the_answer_to_a_change_it_stands_there_in_the_end(
    version: str, proxied: Callable[..., Any], connect: Callable[..., Any], tmp_path_factory: Any
) -> None:
    calm = expected(connect, version, tmp_path_factory.mktemp("calm"), edited=True)
    for fault in FAULTS:
        runs, proxy, server = proxied(version)
        runs._folder = tmp_path_factory.mktemp("faulty")
        settle(Runs.run, runs)
        runs.edited = True
        proxy.fail(fault, f"PATCH {API}/klantcontacten")
        assert not runs.run().refused, fault.__name__
        settle(Runs.run, runs)
        assert picture(server) == calm, fault.__name__


def test_a_create_whose_answer_was_lost_is_looked_up_at_once_and_goes_on(proxied: Callable[..., Any]) -> None:
    runs, proxy, server = proxied("0.9.0")
    proxy.fail(answers(500, done=True), f"POST {API}/maak-klantcontact")
    report = runs.run()
    assert (len(report.delivered), report.deferred) == (1, {})
    assert len(server.rows["klantcontacten"]) == 2


def test_before_2_16_a_create_in_doubt_waits_until_it_can_no_longer_land(proxied: Callable[..., Any]) -> None:
    runs, proxy, _ = proxied("0.6.0")
    proxy.fail(answers(500), f"POST {API}/maak-klantcontact")
    assert runs.run().deferred
    runs.now -= timedelta(minutes=9)
    assert "in doubt" in next(iter(runs.run().deferred.values()))
    assert len(settle(Runs.run, runs).delivered) == 1


@pytest.mark.parametrize("version", ["0.3.0", "0.6.0", "0.9.0"])
def test_a_create_whose_look_up_fails_as_well_stays_in_doubt(
    version: str, proxied: Callable[..., Any], connect: Callable[..., Any], tmp_path_factory: Any
) -> None:
    calm = expected(connect, version, tmp_path_factory.mktemp("calm"))
    for second in (answers(401), answers(404), answers(503), reset):
        runs, proxy, server = proxied(version)
        runs._folder = tmp_path_factory.mktemp("faulty")

        def once_done(exchange: Any, second: Fault = second, proxy: Any = proxy) -> None:
            proxy.fail(second, f"GET {API}/klantcontacten", times=9)
            answers(502, done=True)(exchange)

        proxy.fail(once_done, f"POST {API}/maak-klantcontact")
        assert not runs.run().delivered
        proxy.mend()
        settle(Runs.run, runs)
        assert picture(server) == calm


@pytest.mark.parametrize("version", ["0.3.0", "0.6.0", "0.9.0"])
def test_a_create_in_doubt_is_found_also_when_its_turn_has_grown_since(
    version: str, proxied: Callable[..., Any]
) -> None:
    runs, proxy, server = proxied(version)
    proxy.fail(answer_lost, f"POST {API}/maak-klantcontact")
    with time_machine.travel(runs.now):
        runs.said = [SAID[0]]
        proxy.fail(lambda exchange: (exchange.forward(), proxy.close())[0], f"POST {API}/maak-klantcontact")
        runs.run()
    proxy.reopen()
    runs.said = [SAID[0], message(2, text="En nog een.")]
    settle(Runs.run, runs)
    (row,) = server.rows["klantcontacten"]
    assert row["inhoud"] == "Een vraag.\nEn nog een."


def test_two_residents_who_say_the_same_at_the_same_moment_are_told_apart(desk_of: Callable[..., Any]) -> None:
    desk = desk_of("0.6.0")
    anna, bram = participant(1), participant(2)
    desk.say(message(1, text="Hallo", sender=anna, thread="a"))
    desk.deliver()
    (row,) = desk.rows("klantcontacten")
    case_system = desk.open()
    other = contacts_of(message(1, id="b1", text="Hallo", sender=bram, thread="b", sent_at=START))
    writing = Writing(case_system._api, cast("Any", FakeSteps()), "WhatsApp", None, "Inwoner 2")
    row["plaatsgevondenOp"] = other.moment.isoformat().replace("+00:00", "Z")  # the same to the microsecond
    assert writing._look_up(other, None, tuple) is None
    writing.naam = "Inwoner 1"
    assert writing._look_up(other, None, tuple) is not None


def test_a_number_that_another_klantcontact_has_leads_to_the_next_one(desk: Any) -> None:
    desk.say(*SAID)
    desk.deliver()
    taken = [row["nummer"] for row in desk.contacten()]
    desk.server.clear()
    for nummer in taken:
        _post(desk.server, nummer=nummer, metadata={"externalId": "van een ander"})
    (desk.folder / "ledger.sqlite").unlink()
    desk.deliver()
    ours = {row["nummer"] for row in desk.contacten() if "gesprek" in row["metadata"]}
    assert ours == {str(int(nummer) + 1) for nummer in taken}


def test_what_another_ledger_made_is_found_by_its_number_and_not_made_again(desk: Any) -> None:
    desk.say(*SAID)
    desk.deliver()
    before = picture(desk.server)
    (desk.folder / "ledger.sqlite").unlink()
    desk.deliver()
    assert picture(desk.server) == before


@pytest.mark.parametrize("version", ["0.0.3", "0.6.0"])
def test_no_number_is_sent_to_a_server_that_counts_by_itself(version: str, desk_of: Callable[..., Any]) -> None:
    desk = desk_of(version)
    desk.say(*SAID)
    desk.deliver()
    assert [row["nummer"] for row in desk.contacten()] == ["0000000001", "0000000002"]


def test_several_workers_make_one_klantcontact_at_a_time_where_the_server_counts_by_itself(
    desk_of: Callable[..., Any],
) -> None:
    desk = desk_of("0.6.0", delay=0.002)  # long enough for two that come together to get one number, and a 500
    desk.say(*(message(n, thread=f"thread-{n}") for n in range(1, 20)))
    report = desk.sync(workers=8)
    assert (len(report.delivered), report.deferred) == (19, {})


def test_a_server_that_cannot_count_on_stops_the_run_and_says_why(desk_of: Callable[..., Any]) -> None:
    desk = desk_of("0.6.0")
    _post(desk.server, nummer="9999999999")
    desk.say(*SAID)
    (error,) = desk.sync().errors
    assert "can give no more numbers" in str(error)


def test_eight_workers_deliver_side_by_side_each_once(desk: Any) -> None:
    desk.say(*(message(n, thread=f"thread-{n % 40}", sender=FATIMA, direction="out") for n in range(41, 81)))
    desk.say(*(message(n, thread=f"thread-{n}") for n in range(40)))
    report = desk.sync(workers=8)
    assert len(report.delivered) == 40
    assert len(desk.rows("klantcontacten")) == 80
    assert len(desk.rows("actoren")) == 1


class FakeSteps:
    def keep(self, name: str, value: str, put: Callable[[], None]) -> None: ...


def contacts_of(said: Message) -> Contact:
    talk = conversation(said)
    return next(contacts(talk, talk.turns, said.id, "WhatsApp"))


def _post(server: OpenKlantServer, **fields: Any) -> None:
    body = {"kanaal": "Telefoon", "onderwerp": "Iets", "taal": "nld", "vertrouwelijk": False} | fields
    headers = {"Authorization": f"Token {server.token}"}
    requests.post(f"{server.url}{API}/klantcontacten", json=body, headers=headers, timeout=10).raise_for_status()

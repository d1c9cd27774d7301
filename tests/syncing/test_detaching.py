"""A conversation is taken away from a resident it was wrongly tied to, and never tied to them again."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest
from tests.syncing.conftest import BSN, Zaken, deliver_all, said

from gemeente_connect.contracts import Files, Findable, Receipt, Refs, Steps
from gemeente_connect.errors import ConfigError, PluginError, TemporaryError
from gemeente_connect.ledger import Ledger
from gemeente_connect.models import Conversation, Identity
from gemeente_connect.syncing import deliver
from gemeente_connect.syncing.detaching import detach, remind
from gemeente_connect.syncing.reconciling import reconcile
from gemeente_connect.testing.builders import ACCOUNT
from gemeente_connect.testing.fakes import FakeCaseSystem


class Plain:
    """A case system that can do nothing but what it must."""

    account = "plain"

    def __init__(self) -> None:
        self.inside = FakeCaseSystem()

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        return self.inside.deliver(conversation, steps, files)

    def close(self) -> None: ...


def test_the_resident_who_found_it_finds_it_no_more_also_after_it_is_delivered_again(
    ledger: Ledger, zaken: Zaken
) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    assert detach(zaken, ledger, key)
    assert (zaken.detached, zaken.portal) == ({key: (BSN,)}, {"R1": Findable.NOT_VALID_THEN})
    assert list(reconcile(zaken, ledger)) == [], "the ledger knows of it"
    assert [each.findable for each in ledger.tallies(ZoneInfo("Europe/Amsterdam"))] == [0]
    assert deliver_all(ledger, zaken) == [key], "it is judged anew by the next run"
    assert deliver_all(ledger, zaken, said(2)) == [key]
    assert zaken.portal == {"R1": Findable.NOT_VALID_THEN}


def test_doing_it_twice_does_it_once_so_that_a_crash_between_them_is_mended(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    zaken.detach(key, {}, None)  # and then it crashed
    assert ledger.mending.untold("new") == []
    assert detach(zaken, ledger, key)
    assert ledger.mending.untold("new") == [(key, BSN)]
    assert detach(zaken, ledger, key)
    assert ledger.mending.untold("new") == [(key, BSN)]


def test_where_nobody_finds_it_there_is_nobody_to_take_it_from(ledger: Ledger, zaken: Zaken) -> None:
    zaken.inside.residents = []
    (key,) = deliver_all(ledger, zaken, said(1))
    assert not detach(zaken, ledger, key)
    assert ledger.mending.untold("new") == []


def test_the_case_system_is_given_what_it_made(ledger: Ledger) -> None:
    class Asked(Zaken):
        done: Mapping[str, Refs] = {}

        def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
            self.done = done
            return super().detach(conversation, done, who)

    zaken = Asked()
    (key,) = deliver_all(ledger, zaken, said(1))
    detach(zaken, ledger, key)
    assert zaken.done == {"record": {"reference": "R1"}}


def test_a_case_system_that_cannot_do_it_says_so(ledger: Ledger) -> None:
    with pytest.raises(PluginError, match="do it there, by hand"):
        detach(Plain(), ledger, "c1")


def test_an_id_that_is_not_known_is_told_without_repeating_it(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="no such conversation") as told:
        ledger.mending.delivered_to("+31612345678")
    assert "612345678" not in str(told.value)


def test_a_new_case_system_is_told_before_it_gets_the_conversation(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    detach(zaken, ledger, key)
    new = Zaken("new")
    assert remind(new, ledger) == {}
    assert new.detached == {key: (BSN,)}
    deliver_all(ledger, new)
    assert new.portal == {"R1": Findable.NOT_VALID_THEN}
    new.detached.clear()
    assert remind(new, ledger) == {}
    assert new.detached == {}, "once is enough"


def test_what_a_case_system_cannot_be_told_is_held_back_until_a_person_says_so(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    detach(zaken, ledger, key)
    plain = Plain()
    assert "taken away from elsewhere" in remind(plain, ledger)[key]
    assert deliver_all(ledger, plain, said(2), said(3, thread=2)) != [key]  # type: ignore[arg-type] # a plainer one
    assert [each.external_id for each in plain.inside.made] != [key]
    assert remind(plain, ledger) == {}
    (held,) = ledger.refusals(dropped=True)
    ledger.retry(held.number)
    assert deliver_all(ledger, plain) == [key]  # type: ignore[arg-type] # the same


def test_a_case_system_that_is_down_is_told_at_the_next_run(ledger: Ledger, zaken: Zaken) -> None:
    class Down(Zaken):
        down = True

        def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
            if self.down:
                message = "the other side is down"
                raise TemporaryError(message)
            return super().detach(conversation, done, who)

    (key,) = deliver_all(ledger, zaken, said(1))
    detach(zaken, ledger, key)
    new = Down("new")
    with pytest.raises(TemporaryError):
        remind(new, ledger)
    new.down = False
    remind(new, ledger)
    assert new.detached == {key: (BSN,)}


def test_whoever_delivers_tells_it_first(ledger: Ledger, zaken: Zaken) -> None:
    (key,) = deliver_all(ledger, zaken, said(1))
    detach(zaken, ledger, key)
    new, plain = Zaken("new"), Plain()
    report = deliver(new, ledger, account=ACCOUNT, start="all")
    assert (new.detached, new.portal) == ({key: (BSN,)}, {"R1": Findable.NOT_VALID_THEN})
    assert report.findable == 0
    report = deliver(plain, ledger, account=ACCOUNT, start="all")
    assert (list(report.refused), len(report.delivered), plain.inside.made) == ([key], 0, [])


def test_a_case_system_that_cannot_be_told_now_gets_nothing_now(ledger: Ledger, zaken: Zaken) -> None:
    class Down(Zaken):
        def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
            message = "the other side is down"
            raise TemporaryError(message)

    (key,) = deliver_all(ledger, zaken, said(1))
    detach(zaken, ledger, key)
    down = Down("new")
    report = deliver(down, ledger, account=ACCOUNT, start="all")
    assert ([type(error) for error in report.errors], len(report.delivered), down.kept) == ([TemporaryError], 0, [])

"""A sync that dies at any point ends, after a plain run, as one that did not die."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.faults.worlds import DeskWorld, ExportWorld, run, state, state_of_both_days

from gemeente_connect.testing.deaths import Survey, die, settle, survey, tell

Places = Callable[[], Path]
WHICH_KEY = pytest.mark.parametrize("enforces_key", [True, False], ids=["key enforced", "no key enforced"])


def test_exported_chats_come_into_the_loket_once_wherever_the_first_sync_dies(
    export_world: Callable[[], ExportWorld], pytestconfig: pytest.Config
) -> None:
    found = survey("exported chats into the loket, first sync", export_world, run, state_of_both_days)
    tell(pytestconfig, found)
    assert not found.wounds


def test_exported_chats_that_grew_come_into_the_loket_once_wherever_the_second_sync_dies(
    export_world: Callable[[], ExportWorld], places: Places, pytestconfig: pytest.Config
) -> None:
    second = export_world()
    settle(run, second)
    second.day_two()
    found = survey("exported chats into the loket, second sync", lambda: second.copy(places()), run, state)
    tell(pytestconfig, found)
    assert not found.wounds


def test_exported_chats_come_into_the_loket_once_wherever_a_sync_with_several_workers_dies(
    export_world: Callable[[], ExportWorld], pytestconfig: pytest.Config
) -> None:
    found = survey("exported chats into the loket, 3 workers", lambda: replace(export_world(), workers=3), run, state)
    tell(pytestconfig, found)
    assert not found.wounds


@WHICH_KEY
def test_posts_come_into_the_desk_once_wherever_the_first_sync_dies(
    desk_world: Callable[..., DeskWorld], pytestconfig: pytest.Config, *, enforces_key: bool
) -> None:
    key = "key enforced" if enforces_key else "no key enforced"
    found = survey(f"HTTP to HTTP, {key}, first sync", lambda: desk_world(enforces_key=enforces_key), run, state)
    tell(pytestconfig, found)
    assert not found.wounds


@WHICH_KEY
def test_posts_that_changed_come_into_the_desk_once_wherever_the_second_sync_dies(
    desk_world: Callable[..., DeskWorld], places: Places, pytestconfig: pytest.Config, *, enforces_key: bool
) -> None:
    second = desk_world(enforces_key=enforces_key)
    settle(run, second)
    second.day_two()
    key = "key enforced" if enforces_key else "no key enforced"
    found = survey(f"HTTP to HTTP, {key}, second sync", lambda: second.copy(places()), run, state)
    tell(pytestconfig, found)
    assert not found.wounds


@pytest.mark.parametrize("database", ["postgresql"])
def test_posts_come_into_the_desk_once_wherever_a_sync_on_postgresql_dies(
    desk_world: Callable[..., DeskWorld], anew: Callable[[], str], pytestconfig: pytest.Config
) -> None:
    # with a key enforced: what is in doubt would wait five minutes, by the clock of the server
    found = survey(
        "HTTP to HTTP, key enforced, ledger on PostgreSQL, first sync",
        lambda: desk_world(enforces_key=True, posts=7, url_of_ledger=anew()),
        run,
        state,
    )
    tell(pytestconfig, found)
    assert not found.wounds


def test_what_was_changed_and_is_changed_back_after_a_death_is_changed_back_there_too(
    desk_world: Callable[..., DeskWorld], places: Places, pytestconfig: pytest.Config
) -> None:
    first = desk_world()
    settle(run, first)
    text = first.server.rows["posts"][0]["text"]
    found = Survey("HTTP to HTTP, a change that is taken back after the death")
    for number in itertools.count(1):
        world = first.copy(places())
        world.edit("1", "een vergissing")
        point = die(run, world, at=number)
        world.edit("1", text)
        settle(run, world)
        turns = [row["text"] for row in world.server.rows["turns"]]
        found.add(
            f"point {number}, before {point.what if point else 'the end'}", [text], [t for t in turns if t == text]
        )
        if point is None:
            break
    tell(pytestconfig, found)
    assert not found.wounds

"""The worlds hold what they say, so that a survey of them is one of updates, attachments and refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.faults.worlds import FATIMA, JAN, DeskWorld, ExportWorld, Lines, World, run

from gemeente_connect.testing import settle


def _counts(lines: Lines) -> Counter[str]:
    return Counter(line[0] for line in lines if isinstance(line, tuple) and isinstance(line[0], str))


def _both_days(world: World) -> tuple[Lines, Lines]:
    settle(run, world)
    first = world.state()
    world.day_two()
    settle(run, world)
    return first, world.state()


def _texts(lines: Lines) -> str:
    return "\n".join(str(line) for line in lines)


def test_the_exported_chats_are_of_every_kind_and_change_on_the_second_day(
    export_world: Callable[[], ExportWorld],
) -> None:
    first, second = _both_days(export_world())
    counts, later = _counts(first), _counts(second)
    assert (counts["record"], counts["message"], counts["attachment"], counts["file"]) == (6, 18, 2, 1)
    assert (later["record"], later["message"], later["attachment"], later["file"]) == (6, 21, 3, 2)
    found = [line[1:] for line in first if isinstance(line, tuple) and line[0] == "found by"]
    assert Counter(who for who, _ in found) == {FATIMA: 2, JAN: 1}  # of the group, and of two others, nobody is chosen
    assert "hij flikert ook" in _texts(first)
    assert "hij knippert ook" in _texts(second)
    assert "het is een bank" not in _texts(second)
    kinds = Counter(line[1] for line in second if isinstance(line, tuple) and line[0] == "refused")
    assert kinds == {"unreadable": 2, "attachment": 1, "change": 2}
    assert "plugin" not in _texts(second)  # that failed


def test_the_posts_are_of_every_kind_and_change_on_the_second_day(desk_world: Callable[..., DeskWorld]) -> None:
    first, second = _both_days(desk_world())
    counts, later = _counts(first), _counts(second)
    assert (counts["record"], counts["turn"], counts["attachment"], counts["employee"]) == (6, 10, 2, 1)
    assert (later["record"], later["turn"], later["attachment"], later["employee"]) == (7, 12, 3, 1)
    refused = Counter(line[1] for line in first if isinstance(line, tuple) and line[0] == "refused")
    assert refused == {"attachment": 1, "conversation": 1}
    assert "mijn paspoort is gestolen" in _texts(second)
    assert "(verwijderd)" in _texts(second)
    assert "plugin" not in _texts(second)  # that failed

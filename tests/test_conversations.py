"""The rules of what belongs together, without storage."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.conversations import Span, clusters, conversation_id, digest, nearest, turns
from gemeente_connect.models import Direction, Message
from gemeente_connect.testing.builders import START, message


def _ids(messages: tuple[Message, ...]) -> list[str]:
    return [m.id for m in messages]


def test_a_gap_of_exactly_the_quiet_time_splits_and_a_shorter_one_does_not() -> None:
    assert list(clusters([0, 9, 19], gap=10)) == [[0, 9], [19]]


def test_no_times_make_no_cluster() -> None:
    assert list(clusters([], gap=10)) == []


@given(st.lists(st.integers(0, 1000)).map(sorted), st.integers(1, 50))
def test_clusters_cover_all_times_and_lie_at_least_a_gap_apart(times: list[int], gap: int) -> None:
    found = list(clusters(times, gap))
    assert [time for cluster in found for time in cluster] == times
    assert all(b[0] - a[-1] >= gap for a, b in pairwise(found))
    assert all(b - a < gap for cluster in found for a, b in pairwise(cluster))


def test_a_time_between_two_conversations_belongs_to_the_closest_and_in_the_middle_to_the_earlier() -> None:
    early, late = Span(1, 0, 10, fixed=True), Span(2, 20, 30, fixed=True)
    assert [nearest(time, [late, early]).key for time in (5, 14, 15, 16, 99)] == [1, 1, 1, 2, 2]


def test_an_id_tells_nothing_and_no_two_lists_of_parts_share_one() -> None:
    assert conversation_id("a", "+31612345678", "m1") == conversation_id("a", "+31612345678", "m1")
    assert "31612345678" not in conversation_id("a", "+31612345678", "m1")
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("ab", "c", "")}) == 4


def test_consecutive_messages_of_one_side_are_one_turn() -> None:
    made = turns([message(1), message(2), message(3, direction="out"), message(4)])
    assert [(turn.id, turn.direction, _ids(turn.messages)) for turn in made] == [
        ("m1", "in", ["m1", "m2"]),
        ("m3", "out", ["m3"]),
        ("m4", "in", ["m4"]),
    ]


def test_an_internal_note_is_a_turn_of_its_own_so_that_it_can_be_left_out() -> None:
    made = turns([message(1, direction="out"), message(2, direction="out", internal=True)])
    assert [(turn.id, turn.internal) for turn in made] == [("m1", False), ("m2", True)]


def test_a_late_message_of_the_same_side_joins_the_delivered_turn_next_to_it() -> None:
    fixed = {"m2": "m2", "m4": "m4"}
    made = turns([message(1), message(2), message(3, direction="out"), message(4), message(5)], fixed)
    assert [(turn.id, _ids(turn.messages)) for turn in made] == [
        ("m2", ["m1", "m2"]),
        ("m3", ["m3"]),
        ("m4", ["m4", "m5"]),
    ]


def test_a_late_answer_within_a_delivered_turn_does_not_split_it() -> None:
    made = turns([message(1), message(2, direction="out"), message(3)], {"m1": "m1", "m3": "m1"})
    assert [(turn.id, _ids(turn.messages)) for turn in made] == [("m1", ["m1", "m3"]), ("m2", ["m2"])]


def test_two_delivered_turns_of_one_side_stay_two_when_what_stood_between_them_is_gone() -> None:
    made = turns([message(1), message(3), message(5)], {"m1": "m1", "m5": "m5"})
    assert [(turn.id, _ids(turn.messages)) for turn in made] == [("m1", ["m1", "m3"]), ("m5", ["m5"])]


def test_a_line_by_the_channel_itself_belongs_to_no_turn() -> None:
    with pytest.raises(ValueError, match="system line"):
        turns([message(1, direction=None)])


def test_messages_of_the_same_moment_stand_in_the_same_order_however_they_arrived() -> None:
    same = [message(n, sent_at=START, direction="out" if n == 2 else "in") for n in (1, 2, 3)]
    assert turns(same) == turns(reversed(same))


_SIDES: st.SearchStrategy[Direction] = st.sampled_from(["in", "out"])
_SAID = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 2), _SIDES, st.booleans()),
    min_size=1,
    max_size=10,
).map(
    lambda said: [
        message(n, sent_at=START + timedelta(minutes=at), position=position, direction=side, internal=note)
        for n, (at, position, side, note) in enumerate(said)
    ]
)


@given(_SAID, st.data())
def test_turns_that_were_delivered_keep_their_ids_and_messages_whatever_comes_later(
    said: list[Message], data: st.DataObject
) -> None:
    known: list[Message] = []
    fixed: dict[str, str] = {}
    for late in data.draw(st.permutations(said)):
        known.append(late)
        made = turns(known, fixed)
        now = {m.id: turn.id for turn in made for m in turn.messages}
        assert fixed.items() <= now.items(), "a delivered message changed its turn"
        assert sorted(now) == sorted(m.id for m in known), "a message is gone, or doubled"
        assert len({turn.id for turn in made}) == len(made)
        if data.draw(st.booleans()):  # delivered
            fixed = now

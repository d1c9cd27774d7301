"""Properties of the rule who may find a conversation, whatever is known of addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.contracts import Findable
from gemeente_connect.residents import ALWAYS, Claim, Holder, judge

DAYS = [datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=n) for n in range(12)]
BSNS = ("999990676", "999993653")
ADDRESSES = (("phone", "+31612345678"), ("email", "x@example.nl"))
maybe_day = st.none() | st.sampled_from(DAYS)
holders = st.builds(
    lambda bsn, address, verified, start, end: Holder(bsn, address[0], address[1], verified, start, end),
    st.sampled_from(BSNS),
    st.sampled_from(ADDRESSES),
    maybe_day,
    maybe_day,
    maybe_day,
)
claims = st.builds(
    lambda addresses, days: Claim(1, tuple(addresses), min(days), max(days), min(days), max(days)),
    st.sets(st.sampled_from(ADDRESSES), min_size=1),
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=2),
)
before = st.integers(0, 5).map(lambda days: timedelta(days=days))


def asked(claim: Claim, register: list[Holder]) -> list[Holder]:
    """What the register answers to the addresses of a claim."""
    return [row for row in register if (row.kind, row.value) in claim.addresses]


@given(claims, st.lists(holders, max_size=5), before)
def test_whoever_finds_it_held_a_verified_address_of_it_at_every_message(
    claim: Claim, register: list[Holder], before: timedelta
) -> None:
    verdict = judge(claim, asked(claim, register), before)
    assert (verdict.findable is Findable.YES) == (verdict.bsn is not None)
    if verdict.bsn is None:
        return
    mine = [row for row in asked(claim, register) if row.bsn == verdict.bsn and row.verified_at]
    for moment in (claim.first_in, claim.last_in):
        assert moment is not None
        later = moment + before
        assert any((row.valid_from or ALWAYS) <= moment < row.end and later >= row.start for row in mine)


@given(claims, st.lists(holders, max_size=5), before)
def test_nobody_finds_what_somebody_elses_proven_time_covers_too(
    claim: Claim, register: list[Holder], before: timedelta
) -> None:
    verdict = judge(claim, asked(claim, register), before)
    others = [row for row in asked(claim, register) if row.verified_at and row.bsn != verdict.bsn]
    if verdict.bsn is not None:
        assert claim.first_in is not None
        assert claim.last_in is not None
        assert not any(row.start <= claim.first_in and claim.last_in < row.end for row in others)


@given(claims, st.lists(holders, max_size=5), before, st.randoms())
def test_the_order_of_the_register_decides_nothing(
    claim: Claim, register: list[Holder], before: timedelta, random: st.DataObject
) -> None:
    shuffled = sorted(register, key=lambda _: random.random())  # type: ignore[attr-defined] # a Random
    assert judge(claim, asked(claim, register), before) == judge(claim, asked(claim, shuffled), before)


@given(claims, st.lists(holders, max_size=4), holders)
def test_one_more_row_for_another_resident_never_opens_a_conversation_to_the_first(
    claim: Claim, register: list[Holder], more: Holder
) -> None:
    before = judge(claim, asked(claim, register), timedelta(days=3))
    after = judge(claim, asked(claim, [*register, more]), timedelta(days=3))
    if after.bsn is not None and after.bsn != more.bsn:
        assert before.bsn == after.bsn

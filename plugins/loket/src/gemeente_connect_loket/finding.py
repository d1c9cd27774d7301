"""Who finds a record: the rule of `gemeente_connect.residents`, asked of the file.

A record keeps the addresses of whoever wrote in it, and the times of the first and last message. The register says who
held an address when. The rule puts the two together each time it is asked, so a change of the register counts at once.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from gemeente_connect.residents import Address, Claim, Holder, Verdict, judge
from gemeente_connect_loket.store import maybe_time


def before_verification(connection: sqlite3.Connection) -> timedelta:
    """Read how far back a verification reaches."""
    (days,) = connection.execute("SELECT value FROM setting WHERE name = 'before_verification_days'").fetchone()
    return timedelta(days=int(days))


def holder(bsn: str, kind: str, value: str, *times: str | None) -> Holder:
    """Make a row of the register into what the rule knows. `times`: verified at, valid from, valid until."""
    return Holder(bsn, kind, value, *map(maybe_time, times))


def holders(connection: sqlite3.Connection, addresses: Iterable[Address]) -> list[Holder]:
    """Read who holds or held these addresses."""
    query = "SELECT bsn, kind, value, verified_at, valid_from, valid_until FROM address WHERE kind = ? AND value = ?"
    return [holder(*row) for address in addresses for row in connection.execute(query, address)]


def never(connection: sqlite3.Connection, external_id: str) -> frozenset[str]:
    """Read whom a conversation was taken away from, by BSN."""
    query = "SELECT bsn FROM detached WHERE external_id = ?"
    return frozenset(bsn for (bsn,) in connection.execute(query, (external_id,)))


def verdict(connection: sqlite3.Connection, claim: Claim, never: frozenset[str]) -> Verdict:
    """Apply the rule with the register as it is now. `never`: as for `judge`."""
    return judge(claim, holders(connection, claim.addresses), before_verification(connection), never)


def records_of(connection: sqlite3.Connection, bsn: str) -> list[int]:
    """List the records a resident finds, the latest first. Numbers of records."""
    claims = _claims(
        connection,
        """
        SELECT mine.record FROM record_address AS mine JOIN address USING (kind, value) WHERE address.bsn = :bsn
        UNION SELECT record FROM record_address WHERE kind = 'bsn' AND value = :bsn
        """,
        {"bsn": bsn},
    )
    known = set().union(*(each.addresses for each, _ in claims.values()))
    by_address: dict[Address, list[Holder]] = defaultdict(list)
    for row in holders(connection, known):
        by_address[row.kind, row.value].append(row)
    before = before_verification(connection)
    return [
        record
        for record, (each, not_of) in claims.items()
        if judge(each, [row for address in each.addresses for row in by_address[address]], before, not_of).bsn == bsn
    ]


def record_for(connection: sqlite3.Connection, reference: str, bsn: str) -> int | None:
    """Look up a record by its reference, if this resident finds it. None: there is none, or it is not theirs."""
    claims = _claims(connection, "SELECT id FROM record WHERE reference = :reference", {"reference": reference})
    return next((record for record, each in claims.items() if verdict(connection, *each).bsn == bsn), None)


def _claims(
    connection: sqlite3.Connection, records: str, values: Mapping[str, str]
) -> dict[int, tuple[Claim, frozenset[str]]]:
    """Read the claims of records, and whom they were taken away from, the latest first.

    `records`: a query of ours that gives their numbers.
    """
    addresses: dict[int, list[Address]] = defaultdict(list)
    query = f"SELECT record, kind, value FROM record_address WHERE record IN ({records}) ORDER BY kind, value"  # noqa: S608 - a constant of this module
    for record, kind, value in connection.execute(query, values):
        addresses[record].append((kind, value))
    not_of: dict[int, set[str]] = defaultdict(set)
    query = f"SELECT id, bsn FROM record JOIN detached USING (external_id) WHERE id IN ({records})"  # noqa: S608 - the same
    for record, bsn in connection.execute(query, values):
        not_of[record].add(bsn)
    query = f"""
        SELECT id, residents, first_in, last_in, started_at, last_at FROM record
        WHERE id IN ({records}) ORDER BY last_at DESC, id DESC
    """  # noqa: S608 - the same
    return {
        row[0]: (Claim(row[1], tuple(addresses[row[0]]), *map(maybe_time, row[2:])), frozenset(not_of[row[0]]))
        for row in connection.execute(query, values)
    }

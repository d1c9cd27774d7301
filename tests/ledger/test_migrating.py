"""A ledger of an older version goes on as it was."""

from __future__ import annotations

from pathlib import Path

from gemeente_connect.ledger import Ledger, Offer
from gemeente_connect.testing.builders import ACCOUNT, message, page

TURNS_IN_MESSAGES = (  # the steps back to version 6, in which a message had its turn in its own row
    "ALTER TABLE messages ADD COLUMN turn TEXT",
    "UPDATE messages SET turn = (SELECT id FROM turns WHERE message = seq)",
    "DROP TABLE turns",
)


def _go_back(ledger: Ledger, where: Path | str, version: int, *steps: str) -> None:
    for step in steps:
        ledger._db.write(step)
    kept = "PRAGMA user_version =" if isinstance(where, Path) else "UPDATE gemeente_connect_ledger SET version ="
    ledger._db.write(f"{kept} {version}")


def _offered(ledger: Ledger) -> Offer:
    (offer,) = ledger.due(ACCOUNT, "loket", None)
    return offer


def test_turns_that_an_older_version_offered_stay_as_they_were(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(2), message(4, direction="out")))
        before = _offered(ledger).conversation
        _go_back(ledger, where, 6, *TURNS_IN_MESSAGES)
    with Ledger(where) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1), message(3)))
        now = _offered(ledger).conversation
        assert now.id == before.id
        assert [(turn.id, [m.id for m in turn.messages]) for turn in now.turns] == [
            ("m2", ["m1", "m2", "m3"]),
            ("m4", ["m4"]),
        ]

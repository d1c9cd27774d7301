"""Rebuilding a ledger that was lost from the records of a case system, before anything is delivered there again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gemeente_connect.contracts import CaseSystem
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.adopting import Outcome
from gemeente_connect.syncing.reconciling import listed

WELL: tuple[Outcome, ...] = ("known", "adopted")
"""Outcomes that ask nothing of a person."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A record that a person has to look at. Holds no personal data."""

    outcome: Outcome
    conversation: str | None
    """None: the record bears no id of ours."""
    reference: str | None


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of the records of a case system."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    doubtful: list[Doubtful] = field(default_factory=list)


def adopt(case_system: CaseSystem, ledger: Ledger) -> Adopted:
    """Let the ledger know what a case system holds of what was collected, so that it is not delivered there again.

    Run it after collecting from all channels, and before delivering. It may be stopped and run again. What it took in
    is compared by the next run, which updates what has changed since. Raises StorageError while another run delivers
    from the ledger, PluginError for a case system that cannot list its records, and what listing raises.
    """
    done = Adopted()
    with ledger.adopting.alone():
        for part in listed(case_system):
            outcomes = ledger.adopting.adopt(case_system.account, part)
            done.counts.update(outcomes)
            for record, outcome in zip(part, outcomes, strict=True):
                if outcome not in WELL:
                    done.doubtful.append(Doubtful(outcome, record.conversation, record.reference))
        ledger.adopting.place_strays(case_system.account)
    return done

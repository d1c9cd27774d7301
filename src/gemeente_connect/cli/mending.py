"""The commands for when it went wrong: compare, rebuild a lost ledger, take away from a wrong resident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import islice

import click

from gemeente_connect.cli import documents, options
from gemeente_connect.cli.documents import describe
from gemeente_connect.cli.drawing import Column, say, say_json, shown, table, warn
from gemeente_connect.cli.opening import existing_ledger, installed, load, open_case_system
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome, of_error, worst
from gemeente_connect.config import Config
from gemeente_connect.contracts import CaseSystem, did_you_mean
from gemeente_connect.errors import ConfigError, GemeenteConnectError
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.adopting import Outcome as Came
from gemeente_connect.syncing.adopting import WELL
from gemeente_connect.syncing.adopting import adopt as adopt_records
from gemeente_connect.syncing.delivering import moment_of
from gemeente_connect.syncing.detaching import detach as detach_conversation
from gemeente_connect.syncing.reconciling import Difference, Kind
from gemeente_connect.syncing.reconciling import reconcile as compare

KINDS = {
    Kind.MISSING_THERE: ("missing there", "it is not made again: restore it there, or leave it"),
    Kind.CHANGED_THERE: ("changed there", "it is not overwritten: undo it there, or leave it"),
    Kind.THERE_TWICE: ("there twice", "remove the record that is named; where none is, the one listed there first"),
    Kind.NO_LONGER_FINDABLE: ("no longer findable", "look at the register of residents"),
    Kind.NEWLY_FINDABLE: ("newly findable", "nothing"),
    Kind.UNKNOWN_HERE: ("unknown to the ledger", "was the ledger lost? `collect`, then `adopt`"),
}
"""What differs, and what to do, in words."""

CAME: dict[Came, tuple[str, str]] = {
    "known": ("known before", "nothing"),
    "adopted": ("adopted", "nothing: the next sync compares them"),
    "incomplete": ("adopted, but lacking messages", "not delivered: read older messages in again, then `adopt` again"),
    "twice": ("known under another id", "not delivered: look at both; `refused list --dropped` has it"),
    "unmatched": ("without a message in the ledger", "read older messages in again, then `adopt` again"),
}
"""What came of a record, and what to do, in words."""

_AT_MOST = 10  # that are shown one by one


@click.command()
@click.argument("name")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only what was changed or made since this day.")
@options.common
@click.pass_obj
def reconcile(wishes: Wishes, name: str, since: datetime | None) -> int:
    """Compare the ledger with what a case system holds now. Writes nothing.

    NAME is a case system of the configuration, or a sync that delivers to it.
    """
    moment = moment_of(since.date()) if since else None
    counts: Counter[Kind] = Counter()
    with _opened(load(wishes), name) as (case_system, ledger):
        differences = _counted(compare(case_system, ledger, since=moment), counts)
        # JSON is one object, so it is kept whole; what people read is not
        listed = list(differences) if wishes.form == "json" else list(islice(differences, _AT_MOST))
        for _ in differences:
            pass
        _refuse_the_wrong_one(name, case_system, ledger, counts)
    outcome = Outcome.LOOK if counts.keys() - {Kind.NEWLY_FINDABLE} else Outcome.DONE
    if wishes.form == "json":
        say_json(_comparison(name, since, listed, outcome))
    else:
        _write_differences(name, counts, listed)
    return outcome


@click.command()
@click.argument("name")
@options.common
@click.pass_obj
def adopt(wishes: Wishes, name: str) -> int:
    """Rebuild a lost ledger from a case system, so that nothing is delivered there twice.

    Run `collect` first, and `sync` after it. NAME is a case system of the configuration, or a sync that delivers to it.
    """
    with _opened(load(wishes), name) as (case_system, ledger):
        done = adopt_records(case_system, ledger)
    outcome = Outcome.LOOK if done.doubtful else Outcome.DONE
    if wishes.form == "json":
        doubtful = [
            documents.Doubtful(outcome=each.outcome, conversation=each.conversation, reference=each.reference)
            for each in done.doubtful
        ]
        counts = {each: done.counts[each] for each in CAME}
        say_json(documents.Adoption(name=name, records=counts, doubtful=doubtful, exit_code=outcome))
        return outcome
    rows = [(CAME[each][0], shown(done.counts[each]), CAME[each][1]) for each in CAME if done.counts[each]]
    if not rows:
        say(f"{name}: the case system holds no records.")
        return outcome
    table((Column("Records"), Column("", "right", style="bold"), Column("What to do")), rows, title=name)
    lines = [f"{CAME[each.outcome][0]}: {_named(each.conversation, each.reference)}" for each in done.doubtful]
    _write_some(lines[:_AT_MOST], len(lines))
    if set(WELL) & done.counts.keys():
        again = " What lacks messages is not delivered before it is adopted again." if done.counts["incomplete"] else ""
        say(f"Now run `gemeente-connect sync`.{again}")
    return outcome


@click.command()
@click.argument("conversation")
@options.common
@click.pass_obj
def detach(wishes: Wishes, conversation: str) -> int:
    """Take a conversation away from a resident it was wrongly tied to, for ever.

    CONVERSATION is its id, as reports and `refused show` give it, or the reference of its record, as the address of the
    page ends with (after `--`, if it begins with a dash). It is taken away from whoever finds it now, at every
    case system that has it; who that is, is never shown.
    """
    config = load(wishes)
    with existing_ledger(config) as ledger:
        conversation = ledger.mending.named(conversation)
        accounts = ledger.mending.delivered_to(conversation)
        plugins = installed(entry.plugin for entry in config.case_systems.values())
        done: list[documents.Detached] = []
        for name in config.case_systems:
            done += _detach(open_case_system(config, plugins, name), ledger, name, conversation, accounts)
    if not any(each["detached"] or "error" in each for each in done):
        message = "nobody finds this conversation now, so there is nobody to take it away from"
        raise ConfigError(message)
    outcome = worst(Outcome(each["exit_code"]) for each in done)
    if wishes.form == "json":
        say_json(documents.Detaching(conversation=conversation, case_systems=done, exit_code=outcome))
        return outcome
    for each in done:
        if "error" in each:
            warn(f"error: {each['name']}: {each['error']['message']}")
        elif each["detached"]:
            say(f"{each['name']}: taken away from the resident who found it, who never finds it again.")
        else:
            say(f"{each['name']}: nobody finds it.")
    return outcome


def _refuse_the_wrong_one(name: str, case_system: CaseSystem, ledger: Ledger, counts: Counter[Kind]) -> None:
    """Refuse to say that nothing differs where nothing could: the ledger has never heard of this case system."""
    if not counts and ledger.mending.has_delivered_only_elsewhere(case_system.account):
        message = (
            f"{name}: conversations were delivered from this ledger, and none of them to this case system, which holds "
            "none: is it the right one? Correct its settings, or restore it"
        )
        raise ConfigError(message)


@contextmanager
def _opened(config: Config, name: str) -> Iterator[tuple[CaseSystem, Ledger]]:
    """Open the ledger and the case system that is named, or that a named sync delivers to."""
    if name not in config.case_systems and name not in config.syncs:
        choices = did_you_mean(name, {*config.case_systems, *config.syncs})
        message = f"there is no case system or sync {name!r} in the configuration{choices}"
        raise ConfigError(message)
    chosen = name if name in config.case_systems else config.sync(name).case_system
    plugins = installed([config.case_systems[chosen].plugin])
    with existing_ledger(config) as ledger, open_case_system(config, plugins, chosen) as case_system:
        yield case_system, ledger


def _counted(differences: Iterator[Difference], counts: Counter[Kind]) -> Iterator[Difference]:
    for each in differences:
        counts[each.kind] += 1
        yield each


def _write_differences(name: str, counts: Counter[Kind], first: list[Difference]) -> None:
    if not counts:
        say(f"{name}: the ledger and the case system agree.")
        return
    columns = (Column("Difference"), Column("Conversations", "right", style="bold"), Column("What to do"))
    table(columns, [(KINDS[kind][0], shown(counts[kind]), KINDS[kind][1]) for kind in Kind if counts[kind]], title=name)
    lines = [f"{KINDS[each.kind][0]}: {_named(each.conversation, each.reference)}" for each in first]
    _write_some(lines, counts.total())
    say("Nothing was written, on either side.")


def _write_some(lines: list[str], total: int) -> None:
    for line in lines:
        say(f"- {line}")
    if total > len(lines):
        say(f"- … and {total - len(lines)} more: `--json` lists them all")


def _named(conversation: str | None, reference: str | None) -> str:
    parts = [f"conversation {conversation}" if conversation else "", f"record {reference}" if reference else ""]
    return ", ".join(part for part in parts if part) or "a record without a name"


def _comparison(
    name: str, since: datetime | None, differences: list[Difference], outcome: Outcome
) -> documents.Comparison:
    return documents.Comparison(
        name=name,
        since=since.date().isoformat() if since else None,
        differences=[
            documents.Differing(
                kind=each.kind, conversation=each.conversation, reference=each.reference, findable=each.findable
            )
            for each in differences
        ],
        exit_code=outcome,
    )


def _detach(
    opening: AbstractContextManager[CaseSystem], ledger: Ledger, name: str, conversation: str, accounts: set[str]
) -> Iterator[documents.Detached]:
    """Detach at a case system, if it has the conversation. What goes wrong there stops no other."""
    try:
        with opening as case_system:
            if case_system.account in accounts:
                taken = detach_conversation(case_system, ledger, conversation)
                yield documents.Detached(name=name, detached=taken, exit_code=Outcome.DONE)
    except GemeenteConnectError as error:
        yield documents.Detached(name=name, detached=False, error=describe(error), exit_code=of_error(error))

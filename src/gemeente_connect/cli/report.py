"""What a run did: as a table, as Markdown for a CI job summary, as JSON. Ids and counts, no personal data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gemeente_connect.cli import documents
from gemeente_connect.cli.documents import describe
from gemeente_connect.cli.drawing import Bar, Column, safe, say, say_json, shown, table, warn
from gemeente_connect.cli.opening import Job
from gemeente_connect.cli.options import Form
from gemeente_connect.cli.outcome import Outcome, of_run
from gemeente_connect.contracts import Findable
from gemeente_connect.syncing import Report

Numbers = Mapping[str, int]
"""By what is refused, its number in the ledger."""

REASONS = {
    Findable.NO_RESIDENT_KNOWN: "no verified address ties a resident to it",
    Findable.MORE_THAN_ONE_RESIDENT: "several residents could be meant",
    Findable.NOT_VALID_THEN: "the address was not this resident's then",
    Findable.NO_QUESTION: "no resident wrote anything that can be shown",
    Findable.NOT_SHOWN: "the portal does not show such a record",
}
"""Why nobody finds a conversation, in words."""

_AT_MOST = 10  # reasons that are shown


@dataclass(frozen=True, slots=True)
class Ran:
    """A sync, and what came of it."""

    job: Job
    report: Report

    @property
    def outcome(self) -> Outcome:
        """What it asks for."""
        done = self.report
        return of_run(errors=done.errors, deferred=bool(done.deferred), refused=bool(done.refused))

    @property
    def title(self) -> str:
        """What it is called, and what it did where."""
        name, entry, start = self.job.name, self.job.entry, self.job.start
        if start is None:
            return f"{name}: collected from {entry.channel}"
        since = "conversations of all times" if start == "all" else f"conversations since {start}"
        return f"{name}: {entry.channel} to {entry.case_system}, {since}"


class Line(NamedTuple):
    """A line of the report: what was counted, and how many."""

    label: str
    number: int
    level: int = 0
    """How far it is set in: it is a part of what stands above it."""
    parts: tuple[int, ...] = ()
    """What its bar shows."""
    always: bool = False
    """Shown when it is 0 too."""


def lines(ran: Ran) -> list[Line]:
    """Count what a run did. What did not happen is left out, but for what everybody wants to know."""
    done = ran.report
    found = [
        Line("New messages", done.new, always=True),
        Line("Messages known before, and the same", done.known),
        Line("Messages edited, deleted or completed", done.changed),
        Line("Messages left out by `skip`", done.skipped),
        *(_delivered(done) if ran.job.start is not None else ()),
        Line("Refused, for a person to look at", len(done.refused), always=True),
    ]
    return [line for line in found if line.number or line.always]


def _delivered(done: Report) -> Iterator[Line]:
    delivered, findable = len(done.delivered), done.findable
    lost = delivered - findable
    yield Line("Conversations delivered", delivered, 0, (findable, lost), always=True)
    yield Line("delivered before, and updated", sum(each.update for each in done.delivered), 1)
    yield Line("findable in Mijn Loket", findable, 1, (findable,), always=True)
    yield Line("not findable", lost, 1, (0, lost))
    for reason, count in done.not_findable.items():
        yield Line(REASONS[reason], count, 2, (0, count))
    yield Line("held back: there is no record of it yet", done.held_back, 1)
    yield Line("Conversations put off to a later run", len(done.deferred))
    yield Line("Conversations from before `start`, left alone", done.before_start)


def hints(ran: Ran) -> Iterator[str]:
    """Say what to do next."""
    done = ran.report
    if unknown := done.not_findable.get(Findable.NO_RESIDENT_KNOWN):
        yield (
            f"{_many(unknown, 'conversation waits', 'conversations wait')} for a resident: import the verified address "
            "of whoever wrote into the case system. What waits is offered again every day."
        )
    if done.before_start:
        yield (
            f"{_many(done.before_start, 'conversation', 'conversations')} began before {ran.job.start}, the `start` "
            f"of [syncs.{ran.job.name}]: to deliver more, set an earlier day."
        )
    if done.deferred:
        yield f"{_many(len(done.deferred), 'conversation was', 'conversations were')} put off: run it again later."


def _many(count: int, one: str, more: str) -> str:
    return f"{shown(count)} {one if count == 1 else more}"


def problems(done: Report, numbers: Numbers) -> Iterator[str]:
    """Say why things were refused or put off: at most ten reasons."""
    refused = [f"refused {numbers.get(key, '')}: {reason}".replace(" :", ":") for key, reason in done.refused.items()]
    put_off = [f"put off: {reason}" for reason in dict.fromkeys(done.deferred.values())]
    found = [*refused, *put_off]
    yield from found[:_AT_MOST]
    if len(found) > _AT_MOST:
        yield f"… and {len(found) - _AT_MOST} more"


def warn_of_errors(ran: Iterable[Ran]) -> None:
    """Tell on stderr what ended a sync early."""
    for each in ran:
        for error in each.report.errors:
            warn(f"error: {each.job.name}: {error}")


def write_report(form: Form, command: str, ran: Sequence[Ran], numbers: Numbers, outcome: Outcome) -> None:
    """Write the report to stdout."""
    if form == "json":
        runs = [_document(each, numbers) for each in ran]
        say_json(documents.Runs(command=command, syncs=runs, open_refusals=len(numbers), exit_code=outcome))
    elif form == "markdown":
        say(as_markdown(ran, numbers).rstrip())
    else:
        for each in ran:
            _write_text(each, numbers)
        if numbers:
            say(f"{_many(len(numbers), 'thing needs', 'things need')} a person: gemeente-connect refused list")


def _write_text(ran: Ran, numbers: Numbers) -> None:
    columns = (Column(""), Column("", "right", style="bold"), Column(""))
    longest = max(1, len(ran.report.delivered))
    rows = [(f"{'  ' * line.level}{line.label}", shown(line.number), Bar(line.parts, longest)) for line in lines(ran)]
    table(columns, rows, title=ran.title)
    for text in (*problems(ran.report, numbers), *hints(ran)):
        say(f"- {safe(text)}")
    say()


def as_markdown(ran: Iterable[Ran], numbers: Numbers) -> str:
    """Write the report for a CI job summary."""
    parts: list[str] = []
    for each in ran:
        rows = [f"| {'&emsp;' * line.level}{line.label} | {shown(line.number)} |" for line in lines(each)]
        errors = [f"**error:** {error}" for error in each.report.errors]
        notes = [f"- {_escaped(text)}" for text in (*errors, *problems(each.report, numbers), *hints(each))]
        head = [f"### {_escaped(each.title)}", "", "| | |", "|---|---:|"]
        parts += [*head, *rows, "", *notes, *([""] if notes else [])]
    return "\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return safe(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _document(ran: Ran, numbers: Numbers) -> documents.Run:
    done, entry, start = ran.report, ran.job.entry, ran.job.start
    return documents.Run(
        name=ran.job.name,
        channel=entry.channel,
        case_system=entry.case_system,
        start=str(start) if start else None,
        messages=messages(done),
        conversations=_conversations(done),
        delivered=[
            documents.Delivered(
                conversation=each.conversation,
                update=each.update,
                reference=each.receipt.reference,
                findable=each.receipt.findable,
                missing=list(each.receipt.missing),
            )
            for each in done.delivered
        ],
        refused=[documents.NewlyRefused(number=numbers.get(key), reason=text) for key, text in done.refused.items()],
        deferred=[documents.Deferred(conversation=key, reason=text) for key, text in done.deferred.items()],
        errors=[describe(error) for error in done.errors],
        exit_code=ran.outcome,
    )


def messages(done: Report) -> documents.Messages:
    """Give the counts of messages as they are printed."""
    return documents.Messages(new=done.new, known=done.known, changed=done.changed, skipped=done.skipped)


def _conversations(done: Report) -> documents.Conversations:
    updated = sum(each.update for each in done.delivered)
    return documents.Conversations(
        delivered=len(done.delivered),
        new=len(done.delivered) - updated,
        updated=updated,
        findable=done.findable,
        held_back=done.held_back,
        not_findable={str(reason): count for reason, count in done.not_findable.items()},
        refused=len(done.refused),
        deferred=len(done.deferred),
        before_start=done.before_start,
    )

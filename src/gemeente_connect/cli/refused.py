"""The commands about what needs a person."""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from gemeente_connect.cli import documents, options
from gemeente_connect.cli.drawing import Column, on_terminal, safe, say, say_json, table
from gemeente_connect.cli.opening import existing_ledger, load
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.errors import ConfigError
from gemeente_connect.ledger import Ledger, Refusal

_BY_ITSELF = ("conversation", "attachment")  # these are tried again without a person
_KEY_LENGTH = 12


@click.group()
@options.common
def refused() -> None:
    """List, show, retry or drop what needs a person."""


@refused.command("list")
@click.option("--dropped", is_flag=True, help="Also what was dropped.")
@options.common
@click.pass_obj
def list_(wishes: Wishes, *, dropped: bool) -> int:
    """List what needs a person. Shows no personal data."""
    with existing_ledger(load(wishes)) as ledger:
        refusals = ledger.refusals(dropped=dropped)
    if wishes.form == "json":
        say_json(documents.RefusedList(refused=[_summary(each) for each in refusals]))
    elif refusals:
        right = Column("No.", "right", style="bold"), Column("Tries", "right")
        columns = (right[0], Column("What"), Column("Key"), Column("Reason"), right[1], Column("Since"), Column("Next"))
        table(columns, map(_row, refusals))
        say("`refused show NUMBER` tells more; then repair the cause and `refused retry` it, or `refused drop` it.")
    else:
        say("Nothing is refused.")
    return Outcome.DONE


@refused.command()
@click.argument("number", type=int)
@click.option("--content", is_flag=True, help="Show the content itself, with what a resident wrote.")
@options.common
@click.pass_obj
def show(wishes: Wishes, number: int, *, content: bool) -> int:
    """Show one thing that needs a person, with the name people know it by."""
    with existing_ledger(load(wishes)) as ledger:
        refusal, raw = ledger.show(number)
    if wishes.form == "json":
        document = _one(refusal)
        if content:
            document["content_base64"] = base64.b64encode(raw).decode() if raw is not None else None
        say_json(document)
    elif content:
        _show_content(raw)
    else:
        _show(refusal, has_content=raw is not None)
    return Outcome.DONE


@refused.command()
@click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="All that is listed.")
@options.common
@click.pass_obj
def retry(wishes: Wishes, numbers: Sequence[int], *, everything: bool) -> int:
    """Let refusals be tried again at the next run."""
    with existing_ledger(load(wishes)) as ledger:
        chosen = _chosen(ledger, numbers, everything=everything)
        for number in chosen:
            ledger.retry(number)
    if wishes.form == "json":
        say_json(documents.RefusedDone(retried=chosen))
    else:
        say(f"{len(chosen)} will be tried again at the next `gemeente-connect sync`.")
    return Outcome.DONE


@refused.command()
@click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="All that is listed.")
@options.common
@click.pass_obj
def drop(wishes: Wishes, numbers: Sequence[int], *, everything: bool) -> int:
    """Leave refusals as they are: kept, but no longer listed or tried."""
    with existing_ledger(load(wishes)) as ledger:
        chosen = _chosen(ledger, numbers, everything=everything)
        for number in chosen:
            ledger.drop(number)
    if wishes.form == "json":
        say_json(documents.RefusedDone(dropped=chosen))
    else:
        say(f"{len(chosen)} dropped. `refused list --dropped` still shows them, `refused retry` brings one back.")
    return Outcome.DONE


def _chosen(ledger: Ledger, numbers: Sequence[int], *, everything: bool) -> list[int]:
    """Check the numbers before anything is done. Raises ConfigError."""
    if bool(numbers) is everything:
        message = "give the NUMBERs of `gemeente-connect refused list`, or --all"
        raise ConfigError(message)
    for number in numbers:
        ledger.show(number)
    return [refusal.number for refusal in ledger.refusals()] if everything else list(dict.fromkeys(numbers))


def _summary(refusal: Refusal) -> documents.RefusedSummary:
    by_itself = refusal.kind in _BY_ITSELF and not refusal.dropped
    return documents.RefusedSummary(
        number=refusal.number,
        kind=refusal.kind,
        account=refusal.account,
        key=refusal.key,
        reason=refusal.reason,
        attempts=refusal.attempts,
        since=refusal.first_at.isoformat(),
        next_try=refusal.not_before.isoformat() if by_itself else None,
        dropped=refusal.dropped,
    )


def _one(refusal: Refusal) -> documents.RefusedOne:
    return documents.RefusedOne(**_summary(refusal), name=refusal.name)  # type: ignore[typeddict-item] # not required


def _row(refusal: Refusal) -> tuple[str, ...]:
    key = refusal.key if len(refusal.key) <= _KEY_LENGTH else f"{refusal.key[:_KEY_LENGTH]}…"
    number, attempts = str(refusal.number), str(refusal.attempts)
    return number, refusal.kind, key, refusal.reason, attempts, _time(refusal.first_at), _next(refusal)


def _next(refusal: Refusal) -> str:
    if refusal.dropped:
        return "dropped"
    if refusal.kind not in _BY_ITSELF:
        return "by hand"
    return "next run" if refusal.not_before <= datetime.now(UTC) else _time(refusal.not_before)


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Europe/Amsterdam')):%Y-%m-%d %H:%M}"


def _show(refusal: Refusal, *, has_content: bool) -> None:
    facts = {
        "Number": str(refusal.number),
        "What": refusal.kind,
        "Name": refusal.name or "-",
        "Reason": refusal.reason,
        "Account": refusal.account,
        "Key": refusal.key,
        "Tries": f"{refusal.attempts}, first {_time(refusal.first_at)}, last {_time(refusal.last_at)}",
        "Next try": _next(refusal),
        "Content": "kept: --content shows it" if has_content else "stands elsewhere",
    }
    table((Column("", style="bold"), Column("")), list(facts.items()))


def _show_content(raw: bytes | None) -> None:
    """Write the content to a file or a pipe as it is, and to a terminal so that it cannot steer it."""
    if raw is None:
        message = "the content is not kept here: it stands at its source, or in the conversation"
        raise ConfigError(message)
    if on_terminal():
        say(safe(raw.decode(errors="backslashreplace")))
    else:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()

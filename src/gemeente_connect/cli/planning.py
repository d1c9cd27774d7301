"""The command that says beforehand what a sync would do."""

from __future__ import annotations

from collections import Counter

import click

from gemeente_connect.cli import documents, options
from gemeente_connect.cli.documents import describe
from gemeente_connect.cli.drawing import Column, safe, say, say_json, shown, table
from gemeente_connect.cli.opening import (
    Job,
    installed,
    jobs,
    load,
    open_case_system,
    open_channel,
    used_plugins,
)
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome, of_run
from gemeente_connect.cli.report import REASONS, Ran, hints, messages, problems, warn_of_errors
from gemeente_connect.config import Config
from gemeente_connect.contracts import Findable
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.database import exists
from gemeente_connect.plugins import Plugins
from gemeente_connect.syncing import Planned, Report
from gemeente_connect.syncing import plan as plan_channel
from gemeente_connect.syncing.report import guarded


@click.command()
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="Conversations of all times, for a sync without `start`.")
@options.common
@click.pass_obj
def plan(wishes: Wishes, name: str, *, everything: bool) -> int:
    """Say what a sync would deliver, and whether it would be found. Writes nothing."""
    config = load(wishes)
    (job,) = jobs(config, wishes, [name], everything=everything, delivers=True)
    report, planned = _plan(config, installed(used_plugins(config, [job])), job)
    ran = Ran(job, report)
    outcome = of_run(errors=report.errors, deferred=False, refused=False)
    warn_of_errors([ran])
    if wishes.form == "json":
        say_json(_document(ran, planned, outcome))
    else:
        _write_text(ran, planned)
    return outcome


def _plan(config: Config, plugins: Plugins, job: Job) -> tuple[Report, list[Planned]]:
    entry = job.entry
    with (
        Ledger(config.ledger if exists(config.ledger) else None) as ledger,
        open_channel(config, plugins, entry.channel) as channel,
        open_case_system(config, plugins, entry.case_system) as case_system,
        guarded(f"the case system {entry.case_system!r}"),
    ):
        gap = config.quiet_gap(entry.channel)
        return plan_channel(
            channel, case_system, ledger=ledger, start=job.start or "all", quiet_gap=gap, skip=entry.skip
        )


def _write_text(ran: Ran, planned: list[Planned]) -> None:
    counts = Counter((_action(each), _findable(each)) for each in planned)
    if planned:
        columns = (Column("Action"), Column("Conversations", "right"), Column("Would a resident find it?"))
        rows = [(action, shown(count), found) for (action, found), count in sorted(counts.items())]
        table(columns, rows, title=ran.title)
    else:
        say(f"{ran.title}: nothing to deliver.")
    for text in (*problems(ran.report, {}), *hints(ran)):
        say(f"- {safe(text)}")
    say("Nothing was written. `--json` lists the conversations one by one.")


def _action(planned: Planned) -> str:
    return planned.plan.action if planned.plan else "unknown"


def _findable(planned: Planned) -> str:
    if planned.plan is None:
        return "this case system cannot say beforehand"
    findable = planned.plan.findable
    return "yes" if findable is Findable.YES else f"no: {REASONS[findable]}"


def _document(ran: Ran, planned: list[Planned], outcome: Outcome) -> documents.Planning:
    done = ran.report
    return documents.Planning(
        name=ran.job.name,
        channel=ran.job.entry.channel,
        case_system=ran.job.entry.case_system,
        start=str(ran.job.start),
        messages=messages(done),
        before_start=done.before_start,
        conversations=[
            documents.PlannedOne(
                conversation=each.conversation,
                action=each.plan.action if each.plan else "unknown",
                findable=each.plan.findable if each.plan else None,
                missing=list(each.plan.missing) if each.plan else [],
            )
            for each in planned
        ],
        refused=list(done.refused.values()),
        errors=[describe(error) for error in done.errors],
        exit_code=outcome,
    )

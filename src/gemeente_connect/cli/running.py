"""The commands that do the work: sync, collect, deliver."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from gemeente_connect.cli import options
from gemeente_connect.cli.drawing import warn, write_file
from gemeente_connect.cli.opening import (
    Job,
    existing_ledger,
    installed,
    jobs,
    load,
    open_case_system,
    open_channel,
    used_plugins,
)
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome, of_error, worst
from gemeente_connect.cli.progress import progress
from gemeente_connect.cli.report import Ran, as_markdown, warn_of_errors, write_report
from gemeente_connect.config import Config
from gemeente_connect.contracts import CaseSystem, Channel
from gemeente_connect.errors import GemeenteConnectError
from gemeente_connect.files import FileStore
from gemeente_connect.ledger import Ledger
from gemeente_connect.plugins import Plugins
from gemeente_connect.syncing import Report, Watch
from gemeente_connect.syncing import collect as collect_channel
from gemeente_connect.syncing import deliver as deliver_channel
from gemeente_connect.syncing import sync as sync_channel

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Verb = Literal["sync", "collect", "deliver"]

everything_option = click.option(
    "--all", "everything", is_flag=True,
    help="Deliver conversations of all times, for a sync without `start`. A `start` that is set stays in force.",
)  # fmt: skip


def _run_options(command: FunctionT) -> FunctionT:
    forms = click.Choice(["text", "json", "markdown"])
    summary = click.Path(path_type=Path, dir_okay=False)
    command = click.option("--summary", type=summary, help="Add the report to this file, as Markdown.")(command)
    command = click.option("--strict", is_flag=True, help="Exit with 1 while anything is refused.")(command)
    command = options.wish("form", "--format", type=forms, help="How the report is written.  [default: text]")(command)
    return click.argument("names", nargs=-1, metavar="[NAME]...")(options.common(command))


@click.command()
@_run_options
@everything_option
@click.pass_obj
def sync(wishes: Wishes, names: Sequence[str], *, strict: bool, summary: Path | None, everything: bool) -> int:
    """Collect from channels, then deliver to case systems.

    Runs the syncs that are named; without a name, all of the configuration. One that fails stops no other.
    """
    return _run("sync", wishes, names, strict=strict, summary=summary, everything=everything)


@click.command()
@_run_options
@click.pass_obj
def collect(wishes: Wishes, names: Sequence[str], *, strict: bool, summary: Path | None) -> int:
    """Read what is new in the channels, and deliver nothing."""
    return _run("collect", wishes, names, strict=strict, summary=summary, everything=False)


@click.command()
@_run_options
@everything_option
@click.pass_obj
def deliver(wishes: Wishes, names: Sequence[str], *, strict: bool, summary: Path | None, everything: bool) -> int:
    """Deliver what was collected before and has something new."""
    return _run("deliver", wishes, names, strict=strict, summary=summary, everything=everything)


def _run(
    verb: Verb, wishes: Wishes, names: Sequence[str], *, strict: bool, summary: Path | None, everything: bool
) -> int:
    config = load(wishes)
    chosen = jobs(config, wishes, names, everything=everything, delivers=verb != "collect")
    plugins = installed(used_plugins(config, chosen))
    _spare_the_collector()
    with existing_ledger(config) if verb == "deliver" else Ledger(config.ledger) as ledger:
        runner = _Runner(verb, config, plugins, ledger)
        with progress(wishes) as watches:
            ran = [Ran(job, runner.run(job, watches(job.name))) for job in chosen]
        numbers = {refusal.key: refusal.number for refusal in ledger.refusals()}
    warn_of_errors(ran)
    outcomes = [each.outcome for each in ran] + [Outcome.LOOK] * (strict and bool(numbers))
    if summary:
        outcomes.append(_summarise(summary, as_markdown(ran, numbers)))
    outcome = worst(outcomes)
    write_report(wishes.form, verb, ran, numbers, outcome)
    return outcome


def _spare_the_collector() -> None:
    """Look for garbage less often: what was imported stays, and messages live for one page. It takes a third less."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _summarise(path: Path, text: str) -> Outcome:
    """Write the summary. Where that fails the work is done all the same, and the report is still written."""
    try:
        write_file(path, text, append=True)
    except GemeenteConnectError as error:
        warn(f"error: {error}")
        return of_error(error)
    return Outcome.DONE


@dataclass(frozen=True, slots=True)
class _Runner:
    verb: Verb
    config: Config
    plugins: Plugins
    ledger: Ledger

    def run(self, job: Job, watch: Watch) -> Report:
        """Run one sync. Whatever ends it early stands in the report, so that the next one is run."""
        report = Report()
        try:
            with open_channel(self.config, self.plugins, job.entry.channel) as channel:
                if self.verb == "collect":
                    self._collect(job, channel, watch, report)
                    return report
                with open_case_system(self.config, self.plugins, job.entry.case_system) as case_system:
                    give = self._sync if self.verb == "sync" else self._deliver
                    give(job, channel, case_system, watch, report)
        except GemeenteConnectError as error:
            report.errors.append(error)
        return report

    def _collect(self, job: Job, channel: Channel, watch: Watch, report: Report) -> None:
        collect_channel(
            channel,
            self.ledger,
            files=FileStore(self.config.files),
            quiet_gap=self.config.quiet_gap(job.entry.channel),
            skip=job.entry.skip,
            watch=watch,
            report=report,
        )

    def _deliver(self, job: Job, channel: Channel, system: CaseSystem, watch: Watch, report: Report) -> None:
        entry = self.config.case_system(job.entry.case_system)
        deliver_channel(
            system,
            self.ledger,
            account=channel.account,
            start=job.start or "all",
            skip=job.entry.skip,
            files=FileStore(self.config.files),
            workers=entry.workers,
            offer_again=timedelta(hours=entry.offer_again_hours),
            watch=watch,
            report=report,
        )

    def _sync(self, job: Job, channel: Channel, system: CaseSystem, watch: Watch, report: Report) -> None:
        entry = self.config.case_system(job.entry.case_system)
        sync_channel(
            channel,
            system,
            ledger=self.ledger,
            start=job.start or "all",
            files=FileStore(self.config.files),
            quiet_gap=self.config.quiet_gap(job.entry.channel),
            skip=job.entry.skip,
            workers=entry.workers,
            offer_again=timedelta(hours=entry.offer_again_hours),
            watch=watch,
            report=report,
        )

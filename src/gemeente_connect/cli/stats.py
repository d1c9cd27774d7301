"""The command that counts conversations by channel and month."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from gemeente_connect.cli import documents, options
from gemeente_connect.cli.drawing import Bar, Cell, Column, legend, say, say_json, shown, table, warn, write_file
from gemeente_connect.cli.opening import existing_ledger, load
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.ledger import Tally

_NUMBERS = ("Conversations", "Delivered", "Findable")
_ZONE = ZoneInfo("Europe/Amsterdam")


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.svg", help="Also draw a picture of it."
)
@options.common
@click.pass_obj
def stats(wishes: Wishes, *, as_csv: bool, plot: Path | None) -> int:
    """Count conversations by channel and month: as a table, CSV or a picture.

    A conversation counts in the month of its first message, in Dutch time.
    """
    with existing_ledger(load(wishes)) as ledger:
        tallies = ledger.tallies(_ZONE)
    if plot:
        from gemeente_connect.cli.plot import svg

        write_file(plot, svg(tallies))
        warn(f"the picture is in {plot}")
    if wishes.form == "json":
        say_json(documents.Stats(months=[_month(tally) for tally in tallies]))
    elif as_csv:
        say(_csv(tallies))
    elif tallies:
        _write_table(tallies)
    else:
        say("There are no conversations in the ledger yet.")
    return Outcome.DONE


def _csv(tallies: list[Tally]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(Tally._fields)
    rows.writerows(tallies)
    return text.getvalue().rstrip("\n")


def _write_table(tallies: list[Tally]) -> None:
    columns = (Column("Month"), Column("Channel"), *(Column(name, "right") for name in _NUMBERS), Column(""))
    most = max(tally.conversations for tally in tallies)
    counts = [(tally.conversations, tally.delivered, tally.findable) for tally in tallies]
    rows: list[Sequence[Cell]] = [
        (tally.month, tally.channel, *map(shown, numbers), Bar(_parts(tally), most))
        for tally, numbers in zip(tallies, counts, strict=True)
    ]
    table(columns, [*rows, ("Total", "", *map(shown, map(sum, zip(*counts, strict=True))), "")])
    legend("findable", "delivered, not findable", "not delivered")


def _parts(tally: Tally) -> tuple[int, int, int]:
    """Split the conversations of a month: findable, delivered and not findable, not delivered."""
    return tally.findable, tally.delivered - tally.findable, tally.conversations - tally.delivered


def _month(tally: Tally) -> documents.Month:
    return documents.Month(
        channel=tally.channel,
        month=tally.month,
        conversations=tally.conversations,
        delivered=tally.delivered,
        findable=tally.findable,
    )

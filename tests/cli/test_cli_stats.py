"""Conversations by channel and month: as a table, CSV, JSON and a picture."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gemeente_connect.cli.plot import svg
from gemeente_connect.ledger import Tally

Run = Callable[..., subprocess.CompletedProcess[str]]
Configure = Callable[..., Path]

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def delivered(configure: Configure, run: Run) -> None:
    """Six conversations, one every twenty days from 5 January; those of January are not delivered."""
    configure({"chats": 6}, {"findable": ["yes", "no-question"]}, {"start": date(2026, 2, 1)})
    run("sync")


@pytest.mark.usefixtures("delivered")
def test_the_table_has_a_bar_for_every_channel_and_month(run: Run) -> None:
    lines = run("stats").stdout.splitlines()
    assert lines[2].split() == ["2026-01", "acme", "2", "0", "0", "." * 20]
    assert lines[3].split() == ["2026-02", "acme", "1", "1", "1", "#" * 10]
    assert lines[4].split() == ["2026-03", "acme", "2", "2", "1", "#" * 10 + "=" * 10]
    assert lines[-2].split() == ["Total", "6", "4", "2"]
    assert lines[-1] == "# findable   = delivered, not findable   . not delivered"


@pytest.mark.usefixtures("delivered")
def test_csv_and_json_hold_the_same_numbers(run: Run) -> None:
    lines = run("stats", "--csv").stdout.splitlines()
    assert lines[:2] == ["channel,month,conversations,delivered,findable", "acme,2026-01,2,0,0"]
    months = json.loads(run("stats", "--json").stdout)["months"]
    assert [",".join(map(str, month.values())) for month in months] == lines[1:]


def test_a_ledger_without_conversations_says_so(configure: Configure, run: Run) -> None:
    configure({"chats": 0})
    run("sync")
    assert run("stats").stdout == "There are no conversations in the ledger yet.\n"
    assert json.loads(run("stats", "--json").stdout) == {"months": []}


@pytest.mark.usefixtures("delivered")
def test_the_picture_is_written_beside_the_table(run: Run, folder: Path) -> None:
    done = run("stats", "--plot", "plot.svg", "--json")
    assert len(json.loads(done.stdout)["months"]) == 4
    assert done.stderr == "the picture is in plot.svg\n"
    assert ET.parse(folder / "plot.svg").getroot().tag == f"{SVG}svg"  # noqa: S314 - we have just made it


def test_bars_are_as_high_as_the_numbers_and_stand_on_each_other() -> None:
    picture = ET.fromstring(svg([Tally("e-mail & <chat>", "2026-01", 40, 30, 10)]))  # noqa: S314 - as above
    bars = [
        (float(bar.get("y", "")), float(bar.get("height", ""))) for bar in picture.iter() if bar.get("class") == "bar"
    ]
    assert [height for _, height in bars] == [40, 80, 40]  # a scale of 40 is 160 pixels high
    assert [y + height for y, height in bars] == [300, 260, 180]
    assert bars[-1][0] == 140
    assert "e-mail & <chat>" in [text.text for text in picture.iter(f"{SVG}text")]


def test_the_picture_is_told_in_words_too_and_asks_nothing_of_another_place() -> None:
    text = svg([Tally("whatsapp", "2025-12", 5, 4, 3), Tally("post", "2026-03", 1, 0, 0)])
    picture = ET.fromstring(text)  # noqa: S314 - as above
    assert (picture.get("role"), picture.get("aria-labelledby")) == ("img", "title desc")
    described = {element.get("id"): element.text for element in picture}
    assert described["title"] == "Conversations by month"
    assert "Conversations: 6. Delivered: 4. Findable in Mijn Loket: 3." in str(described["desc"])
    assert text.count("http") == 1  # the name space
    labels = [element.text for element in picture.iter(f"{SVG}text")]
    assert [label for label in labels if label in {"Dec", "Jan", "Feb", "Mar"}] == ["Dec", "Jan", "Feb", "Mar"] * 2


@pytest.mark.parametrize(("most", "top"), [(0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (81, 200), (4001, 8000)])
def test_the_scale_ends_at_a_round_number(most: int, top: int) -> None:
    text = svg([Tally("whatsapp", "2026-01", most, 0, 0)])
    assert f">{top:,}</text>" in text


def test_an_empty_picture_is_a_picture() -> None:
    assert ET.fromstring(svg([])).tag == f"{SVG}svg"  # noqa: S314 - as above

"""What the docs say is what happens: their examples run, and their tables name what there is."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from gemeente_connect import Channel, Findable, Ledger, hookimpl, sync
from gemeente_connect.cli.app import COMMANDS
from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.config import ChannelEntry, SyncEntry
from gemeente_connect.hookspecs import register_case_systems, register_channels
from gemeente_connect.testing.contracts import ChannelContract
from gemeente_connect.testing.fakes import FakeCaseSystem

DOCS = Path(__file__).parents[1] / "docs"
LETTERS = [
    {
        "id": "l1",
        "email": "Jan@example.nl",
        "name": "Jan",
        "received": "2026-11-02T16:08:00+01:00",
        "text": "Mijn vraag",
    },
    {"id": "l2", "email": "an@example.nl", "name": "An", "received": "2026-11-03T09:00:00+01:00", "text": "Een klacht"},
]


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, DOCS / "examples" / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def open_letters(folder: Path, *lines: str) -> Channel:
    path = folder / "letters.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (connector,) = example("letters").register_channels()
    channel: Channel = connector.connect({"path": "letters.jsonl"}, folder=folder)
    return channel


class TestTheChannelOfTheGuide(ChannelContract):
    @pytest.fixture
    def channel(self, tmp_path: Path) -> Channel:
        return open_letters(tmp_path, *map(json.dumps, LETTERS))


def test_the_channel_of_the_guide_keeps_a_broken_letter_and_delivers_the_rest(tmp_path: Path) -> None:
    channel = open_letters(tmp_path, json.dumps(LETTERS[0]), "{", json.dumps(LETTERS[1]))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        report = sync(channel, FakeCaseSystem(), ledger=ledger, start="all")
        assert len(report.delivered) == 2
        assert [r.reason for r in ledger.refusals()] == [
            "line 2 is no letter: correct it and send it again as a new line"
        ]


def test_every_command_and_every_exit_code_is_in_the_docs() -> None:
    commands = (DOCS / "reference" / "command-line.md").read_text()
    codes = (DOCS / "how-to" / "run-every-day.md").read_text()
    assert not [name for name in COMMANDS if f"`{name}" not in commands]
    assert not [code for code in Outcome if f"| {code.value} |" not in codes]


def test_every_key_of_the_configuration_is_in_the_docs() -> None:
    text = (DOCS / "reference" / "configuration.md").read_text()
    keys = {"ledger", "files", *ChannelEntry.model_fields, *SyncEntry.model_fields}
    assert not [key for key in keys if f"| `{key}` |" not in text]


def test_every_reason_why_nobody_finds_it_is_in_the_docs() -> None:
    text = (DOCS / "explanation" / "finding.md").read_text()
    assert not [reason for reason in Findable if f"| `{reason}` |" not in text]


def test_every_hook_is_in_the_guide_or_its_example() -> None:
    text = (DOCS / "how-to" / "write-a-plugin.md").read_text() + (DOCS / "examples" / "letters.py").read_text()
    hooks = [hook.__name__ for hook in (register_channels, register_case_systems)]
    assert hookimpl is not None
    assert not [hook for hook in hooks if hook not in text]


def test_the_readme_and_the_dutch_one_name_commands_that_exist() -> None:
    for name in ("README.md", "README.nl.md", "docs/nl/beheerders.md"):
        named = re.findall(r"^\$ gemeente-connect (\w+)", (DOCS.parent / name).read_text(), re.MULTILINE)
        assert set(named) <= set(COMMANDS)


def test_no_page_shows_the_mark_of_an_example_in_the_place_of_the_example() -> None:
    pages = [path.read_text() for path in DOCS.rglob("*.md")]
    marks = [line.strip() for page in pages for line in page.splitlines() if "--8" in line]
    assert marks
    assert not [mark for mark in marks if not re.fullmatch(r'--8<-- "[\w/.-]+"', mark)]

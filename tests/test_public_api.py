"""What `import gemeente_connect` gives: names that resolve, types that checkers see, and a start that costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import assert_type

import pytest

import gemeente_connect
from gemeente_connect import (
    CaseSystem,
    Channel,
    Config,
    Conversation,
    FileStore,
    Findable,
    Ledger,
    Message,
    Page,
    Participant,
    Receipt,
    Report,
    TemporaryError,
    collect,
    deliver,
    discover,
    load,
    plan,
    sync,
)
from gemeente_connect.contracts import CaseSystemConnector, ChannelConnector, Cursor, Files, Steps
from gemeente_connect.ledger import Refusal
from gemeente_connect.models import Attachment, Turn, json_schema
from gemeente_connect.plugins import Plugins
from gemeente_connect.syncing import Delivery, Planned
from gemeente_connect.testing.builders import conversation, receipt
from gemeente_connect.testing.fakes import FakeCaseSystem, FakeChannel

HERE = Path(__file__).parent
HEAVY = ["pydantic", "requests", "urllib3", "sqlite3", "importlib.metadata", "pluggy", "dateutil", "fsspec", "pytest"]


def test_every_public_name_resolves() -> None:
    for name in gemeente_connect.__all__:
        home = import_module(f"gemeente_connect.{gemeente_connect._HOME_OF[name]}")
        assert getattr(gemeente_connect, name) is getattr(home, name)
    assert set(gemeente_connect.__all__) <= set(dir(gemeente_connect))


@pytest.mark.parametrize("first", ["import gemeente_connect.syncing", "from gemeente_connect import Report", "pass"])
def test_sync_is_the_function_whatever_was_imported_before(first: str) -> None:
    script = f"{first}\nfrom gemeente_connect import collect, sync\nassert callable(sync) and callable(collect)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'snyc'"):
        gemeente_connect.snyc  # noqa: B018 - looking is what is tested


def test_type_checkers_see_exactly_the_names_that_exist() -> None:
    tree = ast.parse(Path(gemeente_connect.__file__).read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (name.asname, node.module) for node in checked.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    homes = {(name, f"gemeente_connect.{home}") for name, home in gemeente_connect._HOME_OF.items()}
    assert seen == homes
    assert [name for name, _ in sorted(homes)] == list(gemeente_connect.__all__)


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = f"""
import sys
before = set(sys.modules)
import gemeente_connect
new = set(sys.modules) - before
heavy = [name for name in {HEAVY} if name in new]
assert not heavy, heavy
ours = sorted(name for name in new if name.startswith("gemeente_connect"))
assert ours == ["gemeente_connect"], ours
"""
    # -I: what the machine adds to every start, such as a .pth file, is loaded before `before`
    subprocess.run([sys.executable, "-I", "-c", script], check=True)


def test_the_published_schema_is_that_of_the_models() -> None:
    published = HERE.parent / "docs" / "reference" / "models.schema.json"
    assert published.read_text(encoding="utf-8") == json_schema() + "\n", "run `make schema` and look at what changed"


# ---- what a type checker sees: mypy runs over this file, and the bodies are true at run time as well


def test_reading_and_delivering_have_precise_types(tmp_path: Path) -> None:
    channel: Channel = FakeChannel()
    case_system: CaseSystem = FakeCaseSystem()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert_type(ledger, Ledger)
        files = FileStore(tmp_path / "files")
        report = sync(channel, case_system, ledger=ledger, start=date(2026, 1, 1), files=files, skip=["Mama"])
        assert_type(report, Report)
        assert_type(collect(channel, ledger, files=files, quiet_gap=timedelta(hours=12)), Report)
        assert_type(deliver(case_system, ledger, account=channel.account, start="all", files=files), Report)
        assert_type(plan(channel, case_system, ledger=ledger, start="all"), tuple[Report, list[Planned]])
        assert_type(ledger.refused(), dict[str, Refusal])
        assert_type(ledger.cursor(channel.account), Cursor | None)
    assert_type(report.delivered[0:], list[Delivery])
    delivered: Sequence[Delivery] = report.delivered
    assert not delivered
    assert_type(report.refused, dict[str, str])
    assert_type(report.findable, int)
    assert_type(report.not_findable, Mapping[Findable, int])


def test_what_is_read_has_precise_types() -> None:
    said = conversation()
    assert_type(said, Conversation)
    assert_type(said.turns, tuple[Turn, ...])
    assert_type(said.messages, tuple[Message, ...])
    assert_type(said.residents, tuple[Participant, ...])
    assert_type(said.messages[0].attachments, tuple[Attachment, ...])
    assert_type(receipt().reference, str | None)
    assert_type(TemporaryError("try later", retry_after=3).retry_after, float | None)


def test_configuration_and_plugins_have_precise_types(tmp_path: Path) -> None:
    path = tmp_path / "gemeente-connect.toml"
    path.touch()
    config = load(path)
    assert_type(config, Config)
    plugins = discover()
    assert_type(plugins, Plugins)
    assert_type(plugins.channels, Mapping[str, ChannelConnector])
    if "whatsapp-export" in plugins.channels:
        assert_type(plugins.channel("whatsapp-export"), ChannelConnector)
    if "loket" in plugins.case_systems:
        assert_type(plugins.case_system("loket"), CaseSystemConnector)


class MinimalChannel:
    """The least an author writes, accepted by a checker without any base class."""

    account = "form:1"
    kind = "formulier"

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        yield Page(cursor=Cursor("1"))

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        yield b""

    def close(self) -> None:
        """Nothing is open."""


class MinimalCaseSystem:
    account = "minimal"

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        steps.once("record", lambda: {"reference": "R1"}, lambda: None)
        return receipt()

    def close(self) -> None:
        """Nothing is open."""


def test_a_plugin_needs_no_base_class(tmp_path: Path) -> None:
    channel: Channel = MinimalChannel()
    case_system: CaseSystem = MinimalCaseSystem()
    assert isinstance(channel, Channel)
    assert isinstance(case_system, CaseSystem)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert sync(channel, case_system, ledger=ledger, start="all").errors == []

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gemeente_connect.abilities import Checkable, Plans
from gemeente_connect.contracts import CaseSystem
from gemeente_connect.errors import ConfigError
from gemeente_connect.plugins import discover
from gemeente_connect_loket.store import Store


def test_discovery_finds_the_case_system_under_its_name_and_opens_it(tmp_path: Path) -> None:
    connector = discover().case_system("loket")
    opened = connector.connect({"database": "loket.sqlite"}, folder=tmp_path)
    assert isinstance(opened, CaseSystem)
    assert isinstance(opened, Checkable)
    assert isinstance(opened, Plans)
    assert list(tmp_path.iterdir()) == [], "opening makes no file"
    opened.close()


def test_a_misspelt_setting_is_told_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'database'"):
        discover().case_system("loket").connect({"databse": "loket.sqlite"}, folder=tmp_path)


def test_the_folder_of_the_database_is_made_with_the_first_record_and_not_before(tmp_path: Path) -> None:
    store = Store(tmp_path / "state" / "loket.sqlite")
    assert not store.exists
    assert list(tmp_path.iterdir()) == []
    with store.writing():
        pass
    assert store.exists
    store.close()


def test_delivering_never_loads_the_web_page() -> None:
    script = "import sys, gemeente_connect_loket.case_system, gemeente_connect_loket.plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"flask", "waitress", "werkzeug", "click", "phonenumbers"} & set(loaded)
    script = "import sys, gemeente_connect_loket.plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in loaded if name.startswith("gemeente_connect_loket")} == {
        "gemeente_connect_loket",
        "gemeente_connect_loket.plugin",
    }, "discovery loads no more than names"

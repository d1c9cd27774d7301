"""Starting up: what is loaded when, where the configuration is found, and that every command speaks JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from gemeente_connect import __version__
from gemeente_connect.cli import documents
from gemeente_connect.cli.app import COMMANDS
from gemeente_connect.conversations import conversation_id

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Configure = Callable[..., Path]
Add = Callable[[Mapping[str, object]], Path]


def loaded_by(*arguments: str) -> set[str]:
    program = (
        "import sys, atexit; sys.argv = ['gemeente-connect', *sys.argv[1:]]\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from gemeente_connect.cli import main; main()"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # it loads
    command = [sys.executable, "-c", program, *arguments]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stderr.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_loads_no_command_and_nothing_heavy(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments)
    assert "click" in loaded
    assert not loaded & {"pydantic", "rich", "requests", "pluggy", "sqlite3", "importlib.metadata", "dataclasses"}
    ours = {name for name in loaded if name.startswith("gemeente_connect.")}
    assert ours == {"gemeente_connect.cli", "gemeente_connect.cli.app", "gemeente_connect.cli.options"}


def test_rich_is_loaded_only_for_a_terminal(configure: Configure) -> None:
    configure()
    assert "rich" not in loaded_by("sync")


def test_what_help_says_of_a_command_is_what_the_command_says_of_itself(run: Run) -> None:
    listed = run("--help").stdout
    for name, (module, help_) in COMMANDS.items():
        command = getattr(import_module(f"gemeente_connect.cli.{module}"), name)
        assert " ".join((command.help or "").split()).startswith(help_)
        assert f"  {name}" in listed


def test_without_click_or_rich_it_says_what_to_install() -> None:
    for name in ("click", "rich"):
        program = f"import sys; sys.modules[{name!r}] = None\nfrom gemeente_connect.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr == 'error: the command line needs click and rich: pip install "gemeente-connect[cli]"\n'


def test_a_shell_completes_commands_and_their_options(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, found in (("gemeente-connect ", "stats"), ("gemeente-connect stats --p", "--plot")):
        monkeypatch.setenv("_GEMEENTE_CONNECT_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        assert f"plain,{found}" in start().communicate(timeout=30)[0].split()


def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("gemeente-connect")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert __version__ in done.stdout


def test_the_configuration_is_named_before_or_after_the_command_or_by_the_environment(
    configure: Configure, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = configure().rename(folder / "other.toml")
    assert run("check").returncode == 2
    assert run("--config", str(other), "check").returncode == 0
    assert run("check", "--config", str(other)).returncode == 0
    monkeypatch.setenv("GEMEENTE_CONNECT_CONFIG", str(other))
    assert run("check").returncode == 0
    assert run("check", "--config", "none.toml").returncode == 2


FIRST = conversation_id("acme:gemeente", "+31612345600", "m0")
EVERY = [
    (("plan", "daily"), documents.Planning),
    (("check",), documents.Checks),
    (("collect",), documents.Runs),
    (("deliver",), documents.Runs),
    (("sync",), documents.Runs),
    (("plugins",), documents.Installed),
    (("refused", "list"), documents.RefusedList),
    (("refused", "show", "1"), documents.RefusedOne),
    (("refused", "show", "1", "--content"), documents.RefusedOne),
    (("refused", "retry", "1"), documents.RefusedDone),
    (("refused", "drop", "1"), documents.RefusedDone),
    (("sync", "second", "third"), documents.Runs),
    (("reconcile", "loket"), documents.Comparison),
    (("adopt", "second"), documents.Adoption),
    (("detach", FIRST), documents.Detaching),
    (("reply", FIRST, "--text", "Uw paspoort ligt klaar.", "--again"), documents.Replied),
    (("stats",), documents.Stats),
    (("receive",), documents.Failure),
    (("sync", "nobody"), documents.Failure),
]


def test_every_command_prints_the_json_object_that_is_documented(configure: Configure, add: Add, run: Run) -> None:
    configure({"unreadable": 1, "chats": 5}, {"fail_deliver": "temporary"})
    add({"case_systems.loket": {"plugin": "loket", "database": "loket.sqlite"}})
    add({"case_systems.post": {"plugin": "acme-post"}})
    add({"syncs.second": {"channel": "chat", "case_system": "loket", "start": date(2026, 1, 1)}})
    add({"syncs.third": {"channel": "chat", "case_system": "post", "start": date(2026, 1, 1)}})
    for arguments, document in EVERY:
        before, after = run(*arguments, "--json"), run("--json", *arguments)
        for done in (before, after):
            fits(json.loads(done.stdout), document, " ".join(arguments))
    assert {arguments[0] for arguments, _ in EVERY} == set(COMMANDS)


def fits(value: Any, hint: Any, place: str) -> None:
    """Check a value against a type hint, all the way down: no field too few or too many."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        fields = get_type_hints(hint)
        assert hint.__required_keys__ <= set(value) <= set(fields), place
        inside = [(value[name], each, name) for name, each in fields.items() if name in value]
    elif origin is list:
        inside = [(item, arguments[0], str(number)) for number, item in enumerate(value)]
    elif origin is dict:
        inside = [(item, arguments[1], name) for name, item in value.items()]
    elif origin is UnionType and value is not None:
        inside = [(value, arguments[0], "")]
    else:
        inside = []
        allowed = {float: (int, float), UnionType: (NoneType,)}.get(origin or hint, hint)
        assert value in arguments if origin is Literal else isinstance(value, allowed), place
    for item, each, name in inside:
        fits(item, each, f"{place}.{name}")

"""A folder with a configuration, a plugin that is installed there, and the command line to run in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from gemeente_connect.cli.app import run as run_app

SITE = Path(__file__).parent / "site"

Values = Mapping[str, object]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, where the plugin `acme` is installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SITE)
    monkeypatch.setenv("PYTHONPATH", str(SITE), prepend=os.pathsep)
    monkeypatch.delenv("GEMEENTE_CONNECT_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def configure(folder: Path) -> Callable[..., Path]:
    """Write a configuration with the sync `daily`, from the channel `chat` to the case system `zaken`."""

    def write(chat: Values | None = None, zaken: Values | None = None, daily: Values | None = None) -> Path:
        tables: dict[str, Values] = {
            "channels.chat": {"plugin": "acme-chat"} | dict(chat or {}),
            "case_systems.zaken": {"plugin": "acme-zaken", "records": "records.txt"} | dict(zaken or {}),
            "syncs.daily": {"channel": "chat", "case_system": "zaken", "start": date(2026, 1, 1)} | dict(daily or {}),
        }
        return append(tables, folder / "gemeente-connect.toml", mode="w")

    return write


def append(tables: Mapping[str, Values], path: Path, *, mode: str = "a") -> Path:
    with path.open(mode) as stream:
        for name, values in tables.items():
            stream.write(f"[{name}]\n")
            stream.writelines(f"{key} = {_toml(value)}\n" for key, value in values.items() if value is not None)
    return path


@pytest.fixture
def add(folder: Path) -> Callable[[Mapping[str, Values]], Path]:
    """Add tables to the configuration."""
    return lambda tables: append(tables, folder / "gemeente-connect.toml")


def _toml(value: object) -> str:
    return str(value) if isinstance(value, date) else json.dumps(value)


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in this process."""

    assert Path.cwd() == folder

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        code = run_app(arguments)
        written = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, written.out, written.err)

    return run


@pytest.fixture
def start(folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start the command line as a process of its own."""

    def start(*arguments: str, **more: object) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", "from gemeente_connect.cli import main; main()", *arguments]
        interruptible = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": dict(os.environ)}
        settings |= {"preexec_fn": interruptible} | more
        return subprocess.Popen(program, cwd=folder, text=True, **settings)  # type: ignore[call-overload,no-any-return]

    return start

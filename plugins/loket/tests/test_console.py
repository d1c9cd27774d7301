from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from plugins.loket.tests.conftest import FATIMA, HEADER, JAN, REGISTER, Desk

from gemeente_connect_loket.console import main
from gemeente_connect_loket.finding import before_verification
from gemeente_connect_loket.store import Store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "loket.sqlite"


def imported(database: Path, csv: str = REGISTER, *options: str) -> Result:
    path = database.parent / "residents.csv"
    path.write_text(csv, encoding="utf-8")
    return run("residents", "import", path, "--database", database, *options)


def test_an_import_makes_the_database_and_says_what_came(database: Path) -> None:
    result = imported(database)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == ("residents: 3 (3 new, 0 changed, 0 gone)\naddresses: 3 (3 new, 0 changed, 0 gone)\n")
    assert "3 (0 new, 0 changed, 0 gone)" in imported(database).stdout


def test_how_far_a_verification_reaches_back_stands_in_the_database_with_the_register(database: Path) -> None:
    for options, days in ((["--before-verification-days", "30"], 30), ([], 0)):
        assert imported(database, REGISTER, *options).exit_code == 0
        store = Store(database)
        with store.reading() as connection:
            assert before_verification(connection).days == days
        store.close()


def test_a_wrong_file_ends_with_exit_code_2_and_makes_no_database(database: Path) -> None:
    result = imported(database, f"{HEADER}\n{FATIMA},Fatima,phone,soon,,,\n")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "line 2: address: this is no telephone number" in result.stderr
    assert not database.exists()


def test_overlapping_holders_are_a_warning_with_line_numbers(database: Path) -> None:
    line = "phone,0612345678,2025-01-10,,"
    result = imported(database, f"{HEADER}\n{FATIMA},Fatima,{line}\n{JAN},Jan,{line}\n")
    assert result.exit_code == 0
    assert "warning: 1 times one address is verified for two residents" in result.stderr
    assert "lines 2 and 3" in result.stderr


def test_the_list_of_residents_shows_nothing_by_which_to_know_somebody(database: Path) -> None:
    imported(database, REGISTER + "999995571,Bo Visser,phone,0687654321,,2024-01-01,2025-01-01\n")
    result = run("residents", "list", "--database", database)
    assert result.exit_code == 0
    assert "*******76  F…" in result.stdout
    assert "phone …78: verified 2025-01-10" in result.stdout
    assert "phone …21: not verified: ties nothing, valid from 2024-01-01, valid until 2025-01-01" in result.stdout
    for secret in ("999990676", "Fatima", "Visser", "12345678", "anna@", "example.nl"):
        assert secret not in result.stdout


@pytest.mark.parametrize("command", [["residents", "list"], ["serve", "--demo"]])
def test_a_database_that_is_not_there_is_told_with_what_to_do(database: Path, command: list[str]) -> None:
    result = run(*command, "--database", database)
    assert result.exit_code == 2
    assert "import residents or run a sync first" in result.stderr
    assert not database.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no identity provider is configured: give --identity-header NAME and --trusted-proxy ADDRESS"),
        (["--identity-header", "X-BSN"], "no identity provider is configured"),
        (["--trusted-proxy", "10.0.0.7"], "no identity provider is configured"),
        (["--identity-header", "X BSN:", "--trusted-proxy", "10.0.0.7"], "--identity-header is the name of a header"),
        (["--identity-header", "X_BSN", "--trusted-proxy", "10.0.0.7"], "--identity-header is the name of a header"),
        (["--identity-header", "X-BSN", "--trusted-proxy", "proxy"], "--trusted-proxy 'proxy': give an address like"),
        (["--identity-header", "X-BSN", "--trusted-proxy", "0.0.0.0/0"], "trusts everybody: name the proxies"),
        (
            ["--demo", "--host", "10.0.0.7"],
            "--demo has no sign-in, so it listens on this computer only, not on 10.0.0.7",
        ),
        (["--demo", "--host", "::"], "so it listens on this computer only"),
        (["--demo", "--host", "loket.example.nl"], "so it listens on this computer only"),
        (["--demo", "--identity-header", "X-BSN"], "--demo stands alone"),
    ],
)
def test_the_page_refuses_to_start_where_it_would_not_be_safe(desk: Desk, options: list[str], said: str) -> None:
    result = run("serve", "--database", desk.store.path, *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == "", "nothing listens"


def test_a_port_that_is_taken_is_told(desk: Desk) -> None:
    script = "from gemeente_connect_loket.console import main; main()"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, "-c", script, "serve", "--demo", "--port", port, "--database", str(desk.store.path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr
    assert "choose another with --host or --port" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_locked_database_is_to_be_tried_again_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemeente_connect_loket.store._BUSY_MS", 50)
    with desk.store.writing():
        result = imported(desk.store.path)
    assert result.exit_code == 75
    assert "locked by another process" in result.stderr

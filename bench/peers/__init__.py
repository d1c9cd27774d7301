"""Other tools that keep what an API tells, in environments of their own: `make bench-peers` installs them.

None of them delivers. Where one is not installed, the tables say so.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_ENVIRONMENTS = _HERE.parents[1] / ".venv-peers"


@dataclass(frozen=True, slots=True)
class Peer:
    """How to run one: with its Python, an API's URL, and a folder where it may keep what it needs for the next run."""

    python: Path
    command: Callable[[str, Path], Sequence[str]]

    @property
    def installed(self) -> bool:
        return self.python.exists()


def _python(environment: str) -> Path:
    return _ENVIRONMENTS / environment / "bin/python"


def dlt(destination: str, *more: str) -> Peer:
    python = _python("dlt")
    script = str(_HERE / "dlt_pull.py")
    return Peer(python, lambda url, folder: [str(python), script, url, str(folder), destination, *more])


def dlt_push() -> Peer:
    python = _python("dlt")
    return Peer(python, lambda url, folder: [str(python), str(_HERE / "dlt_push.py"), url, str(folder)])


def singer() -> Peer:
    python = _python("singer")
    call = f"{shlex.quote(str(python))} {shlex.quote(str(_HERE / 'singer_pull.py'))}"

    def command(url: str, folder: Path) -> Sequence[str]:
        (folder / "tap.json").write_text(json.dumps({"url": url}))
        (folder / "target.json").write_text(json.dumps({"path": str(folder / "singer.sqlite")}))
        state = "--state state.json" if (folder / "state.json").exists() else ""
        run = f"{call} tap --config tap.json {state} | {call} target --config target.json > states.jsonl"
        keep = "if test -s states.jsonl; then tail -n 1 states.jsonl > state.json; fi"
        return ["sh", "-c", f"cd {shlex.quote(str(folder))} && {run} && {keep}"]

    return Peer(python, command)


PEERS = {"dlt → SQLite": dlt("sqlite"), "dlt → DuckDB, tuned": dlt("duckdb"), "Singer → SQLite": singer()}
DLT_PUSH = dlt_push()

"""Command lines as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SITE = Path(__file__).parent / "site"
"""Where the example plugin `desk` is installed."""


class Zygote:
    """Starts command lines as processes of their own, one at a time, without loading everything anew."""

    def __init__(self) -> None:
        # what is killed leaves half a file behind for those who measure coverage
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        environment["PYTHONPATH"] = os.pathsep.join([str(SITE), os.environ.get("PYTHONPATH", "")])
        program = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, arguments: list[str], *, file_size: int | None = None, kill_after: float | None = None) -> int:
        """Start a command line, and give the number of its process.

        `file_size`: the bytes that a file may have; `kill_after`: seconds. None: no limit.
        """
        assert self._process.stdin
        command = {"arguments": arguments, "file_size": file_size, "kill_after": kill_after}
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._line()

    def wait(self) -> int:
        """Wait for its end, and give its exit code; negative: the signal that ended it."""
        return self._line()

    def run(self, arguments: list[str], *, file_size: int | None = None, kill_after: float | None = None) -> int:
        """Start it, and wait."""
        self.start(arguments, file_size=file_size, kill_after=kill_after)
        return self.wait()

    def _line(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()

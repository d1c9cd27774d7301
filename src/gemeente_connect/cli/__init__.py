"""The command `gemeente-connect`.

Nothing is imported before it is used: `--help` loads click and one small module, and every command loads its own.
"""

from __future__ import annotations

import sys

_NEEDED = 'error: the command line needs click and rich: pip install "gemeente-connect[cli]"\n'


def main() -> None:
    """Run the command line, and leave with an exit code of `gemeente_connect.cli.outcome`."""
    from importlib.util import find_spec

    if not (find_spec("click") and find_spec("rich")):
        sys.stderr.write(_NEEDED)
        sys.exit(2)
    from gemeente_connect.cli.app import run

    sys.exit(run(sys.argv[1:]))

"""A process that has everything loaded, and forks one for each command line: starting anew costs half a second.

Reads what to do from its input, a JSON object a line: `arguments`, `file_size` (the bytes a file may have, or null) and
`kill_after` (seconds, or null). For each it prints the number of the process, and when that ends its
exit code, negative for the signal that ended it.
"""

from __future__ import annotations

import json
import os
import pkgutil
import resource
import signal
import sys
import time
from contextlib import suppress
from importlib import import_module

from gemeente_connect.cli.app import run
from gemeente_connect.plugins import discover

discover()
for package in ("gemeente_connect", "gemeente_connect_whatsapp_export", "gemeente_connect_loket"):
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if not {"celery", "testing", "web"} & set(module.name.split(".")):
            with suppress(ImportError):  # of an extra that is not installed
                import_module(module.name)
import_module("puremagic")


def child(arguments: list[str], file_size: int | None) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    if file_size is not None:
        os.dup2(nowhere, 2)  # it may be a file as well
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    code = run(arguments)
    sys.stdout.flush()
    os._exit(code)


for line in sys.stdin:
    command = json.loads(line)
    pid = os.fork()
    if not pid:
        child(command["arguments"], command["file_size"])
    print(pid, flush=True)  # noqa: T201 - this is how it answers
    if command["kill_after"] is not None:
        time.sleep(command["kill_after"])
        os.kill(pid, signal.SIGKILL)  # it was not waited for yet, so the number is still its own
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201 - the same

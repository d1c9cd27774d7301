"""How far a run is, on stderr: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from gemeente_connect.cli.drawing import on_terminal, shown, warn
from gemeente_connect.cli.options import Wishes
from gemeente_connect.syncing import Watch

_EVERY = 1.0  # seconds between two lines
_VERBS = {"collect": "messages read", "deliver": "conversations delivered"}


@contextmanager
def progress(wishes: Wishes) -> Iterator[Callable[[str], Watch]]:
    """Give, by the name of a sync, whom to tell how far it is."""
    if wishes.quiet or wishes.form == "json":
        yield lambda _: _silent
    elif on_terminal(sys.stderr):
        with _bars() as watches:
            yield watches
    else:
        yield _lines


def _silent(what: Literal["collect", "deliver"], done: int, of: int | None) -> None:
    pass


def _lines(name: str) -> Watch:
    last = time.monotonic()

    def watch(what: Literal["collect", "deliver"], done: int, of: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            warn(f"{name}: {shown(done)}{f' of {shown(of)}' if of else ''} {_VERBS[what]}")

    return watch


@contextmanager
def _bars() -> Iterator[Callable[[str], Watch]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def watches(name: str) -> Watch:
            tasks = {what: bars.add_task(f"{name}: {verb}", total=None, visible=False) for what, verb in _VERBS.items()}

            def watch(what: Literal["collect", "deliver"], done: int, of: int | None) -> None:
                bars.update(tasks[what], completed=done, total=of, visible=True)

            return watch

        yield watches

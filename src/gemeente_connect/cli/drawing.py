"""Writing to the terminal: with rich where somebody looks at it, aligned plain text elsewhere."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from gemeente_connect.errors import ConfigError, StorageError

BAR_WIDTH = 20
"""Characters of the longest bar."""

_PLAIN = "#=."  # the parts of a bar, where there are no colours
_STYLES = ("green", "yellow", "bright_black")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    align: Literal["left", "right"] = "left"
    style: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of up to three parts, for a cell of a table. `of` is what the longest bar of the table stands for."""

    parts: tuple[int, ...]
    of: int

    def lengths(self) -> list[int]:
        """Give the parts in characters. What is not 0 is seen."""
        ends = [sum(self.parts[: n + 1]) * BAR_WIDTH / max(self.of, 1) for n in range(len(self.parts))]
        whole = [round(end) for end in ends]
        lengths = [end - start for start, end in zip([0, *whole], whole, strict=False)]
        return [max(length, part > 0) for length, part in zip(lengths, self.parts, strict=True)]


@dataclass(frozen=True, slots=True)
class Tick:
    """A cell that says whether something is well."""

    ok: bool


Cell = str | Bar | Tick


def on_terminal(stream: TextIO | None = None) -> bool:
    """Say whether somebody looks at it on a terminal that can draw."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def say(text: str = "") -> None:
    """Write a line to stdout. Whoever reads it may have gone: that changes nothing about what was done."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_json(document: Mapping[str, object]) -> None:
    """Write one JSON object to stdout."""
    say(json.dumps(document, ensure_ascii=False, indent=2))


def warn(text: str) -> None:
    """Write a line to stderr. Where that cannot be written the exit code still tells."""
    with suppress(OSError):
        sys.stderr.write(f"{safe(text)}\n")
        sys.stderr.flush()


def safe(text: str) -> str:
    """Take out what could steer a terminal: a file's name may hold anything."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def shown(number: int) -> str:
    """Write a number for people."""
    return f"{number:,}"


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, title: str = "") -> None:
    """Write a table to stdout."""
    cells = [[safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    if on_terminal():
        _draw(columns, cells, title)
    else:
        say("\n".join(_lines(columns, cells, title)))


def _lines(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], title: str) -> Iterable[str]:
    headed = any(column.title for column in columns)
    texts = [[_plain(cell) for cell in row] for row in rows]
    grid = [[column.title for column in columns], *texts] if headed else texts
    widths = [max((len(row[n]) for row in grid), default=0) for n in range(len(columns))]
    if title:
        yield from (title, "=" * len(title))
    for number, row in enumerate(grid):
        aligned = (_align(text, column, width) for text, column, width in zip(row, columns, widths, strict=False))
        yield "  ".join(aligned).rstrip()
        if headed and number == 0:
            yield "  ".join("-" * width for width in widths)


def _align(text: str, column: Column, width: int) -> str:
    return text.rjust(width) if column.align == "right" else text.ljust(width)


def _plain(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Tick):
        return "ok" if cell.ok else "NOT OK"
    return "".join(mark * length for mark, length in zip(_PLAIN, cell.lengths(), strict=False))


def _draw(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], title: str) -> None:
    from rich.box import HORIZONTALS
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def drawn(cell: Cell) -> Text:
        if isinstance(cell, str):
            return Text(cell)
        if isinstance(cell, Tick):
            return Text("✓", style="green") if cell.ok else Text("✗", style="bold red")
        return Text.assemble(*(("█" * n, style) for n, style in zip(cell.lengths(), _STYLES, strict=False)))

    grid = Table(
        title=Text(title, style="bold cyan") if title else None,
        title_justify="left",
        show_header=any(column.title for column in columns),
        header_style="bold",
        box=HORIZONTALS,
        padding=(0, 1, 0, 0),
        border_style="bright_black",
    )
    for column in columns:
        grid.add_column(column.title, justify=column.align, style=column.style, no_wrap=column.align == "right")
    for row in rows:
        grid.add_row(*map(drawn, row))
    Console().print(grid)


def legend(*names: str) -> None:
    """Say what the parts of the bars stand for."""
    if not on_terminal():
        say("   ".join(f"{mark} {name}" for mark, name in zip(_PLAIN, names, strict=False)))
        return
    from rich.console import Console
    from rich.text import Text

    pairs = ((("■ ", style), f"{name}   ") for style, name in zip(_STYLES, names, strict=False))
    Console().print(Text.assemble(*(part for pair in pairs for part in pair)))


def write_file(path: Path, text: str, *, append: bool = False) -> None:
    """Write a file that was asked for. Raises ConfigError or StorageError that says what to do."""
    try:
        with path.open("a" if append else "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise (StorageError if error.errno in {errno.ENOSPC, errno.EDQUOT} else ConfigError)(message) from None

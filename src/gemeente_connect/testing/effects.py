"""What a run does that outlives it: commits, writes to files, what it sends. Each is told just before it happens.

Only what this thread does is told, and the threads it starts: a server in the same process, which stands for the other
side, goes its own way. Told are SQLite and psycopg, files and folders (through `open` and `os`), and sockets, so also
every HTTP library. Reading is not told: it leaves nothing behind. Not seen is what other libraries in C do, another
process, and what was faked within this one (`about_to` is for fakes).

Nothing waits for the disk meanwhile: a kill, unlike a power cut, leaves what was written, and without waiting it is
several times faster.
"""

from __future__ import annotations

import builtins
import io
import os
import re
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import Any, Literal
from weakref import WeakSet

Kind = Literal["commit", "file", "request"]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that is about to be done and will outlive the run."""

    kind: Kind
    what: str
    """In words, such as `POST /records`."""


Before = Callable[[Effect], None]
"""Called before an effect. What it raises is raised in the place of the effect."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a run has opened."""

    things: WeakSet[Any] = field(default_factory=WeakSet)

    def let_go(self) -> None:
        """Close it the way the end of a process does: what was not committed or flushed is gone."""
        for thing in list(self.things):
            with suppress(Exception):
                thing.close()


class _Here(threading.local):
    before: Before | None = None
    opened: Opened = Opened()


here = _Here()


def about_to(kind: Kind, what: str) -> None:
    """Tell of an effect that cannot be seen from outside, such as that of a fake which keeps records in memory."""
    if here.before:
        here.before(Effect(kind, what))


@contextmanager
def told(before: Before) -> Iterator[Opened]:
    """Call `before` at every effect of this thread, and of those it starts, while the block lasts."""
    opened = Opened()
    with ExitStack() as patches:
        for owner, name, hook in _hooks():
            patches.callback(_put_back(owner, name))
            setattr(owner, name, hook(getattr(owner, name)))
        here.before, here.opened = before, opened
        try:
            yield opened
        finally:
            del here.before, here.opened


def _put_back(owner: Any, name: str) -> Callable[[], None]:
    if name in vars(owner):
        return partial(setattr, owner, name, vars(owner)[name])
    return partial(delattr, owner, name)  # it was inherited


Hook = Callable[[Callable[..., Any]], Callable[..., Any]]


def _hooks() -> Iterator[tuple[Any, str, Hook]]:
    from gemeente_connect.testing import databases  # which tells its effects through this module

    yield from databases.hooks()
    yield threading.Thread, "start", _start
    yield socket.socket, "send", _send
    yield socket.socket, "sendall", _send
    yield ssl.SSLSocket, "send", _send
    yield builtins, "open", _open
    yield io, "open", _open
    yield os, "open", _os_open
    yield os, "fsync", _fsync
    for name in ("replace", "rename", "unlink", "remove", "mkdir", "rmdir", "link", "symlink"):
        yield os, name, _on_path
    for name in ("write", "sendfile", "ftruncate"):
        yield os, name, _on_descriptor


def _start(start: Callable[..., Any]) -> Callable[..., Any]:
    """Let a thread belong to the run that starts it, and die with it without a word."""

    @wraps(start)
    def started(self: threading.Thread) -> None:
        before, opened, run = here.before, here.opened, self.run

        def run_too() -> None:
            here.before, here.opened = before, opened
            with suppress(Crash):
                run()

        if before:
            self.run = run_too  # type: ignore[method-assign] # of this thread alone
        start(self)

    return started


class Crash(BaseException):
    """Stands for a kill or a power cut: nothing that handles errors may handle it."""


# ---- sockets ---------------------------------------------------------------------------------------------------------


_speak_http: WeakSet[socket.socket] = WeakSet()


def _send(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sent(self: socket.socket, data: Any, *args: Any) -> Any:
        if here.before:
            head = re.match(rb"[A-Z]+ [^? ]+(?=[^ ]* HTTP/1)", bytes(data[:5000]))
            if head:
                _speak_http.add(self)
                about_to("request", head[0].decode())
            elif self not in _speak_http:  # else it is the body of a request: without it nothing was asked
                about_to("request", "something that is not HTTP")
        return send(self, data, *args)

    return sent


# ---- files -----------------------------------------------------------------------------------------------------------


def _on_path(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def done(path: Any, *args: Any, **settings: Any) -> Any:
        name = os.fsdecode(path)
        if _can_be_made(name) if function.__name__ == "mkdir" else os.path.lexists(name):  # else it fails
            about_to("file", f"{function.__name__} {name}")
        return function(path, *args, **settings)

    return done


def _can_be_made(folder: str) -> bool:
    return not os.path.lexists(folder) and Path(folder).parent.is_dir()


def _fsync(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def synced(descriptor: int) -> None:
        if not here.before:
            function(descriptor)

    return synced


def _on_descriptor(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def done(descriptor: int, *args: Any, **settings: Any) -> Any:
        if _stays(descriptor):
            about_to("file", function.__name__)
        return function(descriptor, *args, **settings)

    return done


def _os_open(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def opened(path: Any, flags: int, *args: Any, **settings: Any) -> Any:
        if flags & os.O_TRUNC or (flags & os.O_CREAT and not os.path.lexists(path)):
            about_to("file", f"make {os.fsdecode(path)}")
        return function(path, flags, *args, **settings)

    return opened


def _stays(descriptor: int) -> bool:
    """Tell whether it is a file, and not a pipe or a terminal."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


class _File(io.FileIO):
    """Writes in two halves, for a write may come to no more than its beginning."""

    def write(self, data: Any) -> int:
        if not _stays(self.fileno()):
            return super().write(data)
        whole = bytes(data)
        half = len(whole) // 2 or len(whole)
        name = "a file" if isinstance(self.name, int) else self.name
        about_to("file", f"write to {name}")
        written = super().write(whole[:half])
        if whole[half:]:
            about_to("file", f"write the other half to {name}")
            written += super().write(whole[half:])
        return written

    def truncate(self, size: int | None = None) -> int:
        about_to("file", f"truncate {self.name}")
        return super().truncate(size)


def _open(function: Callable[..., Any]) -> Callable[..., Any]:
    """Open a file for writing as `open` does, on top of `_File`."""

    @wraps(function)
    def opened(  # noqa: PLR0917 - as of `open` itself
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None, newline: Any = None,
        closefd: bool = True, opener: Any = None,  # noqa: FBT001, FBT002 - as of `open` itself
    ) -> Any:  # fmt: skip
        if not here.before or not set(mode) & set("wax+"):
            return function(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not isinstance(file, int) and ("w" in mode or not os.path.lexists(file)):
            about_to("file", f"make {os.fsdecode(file)}")
        raw = _File(file, mode.translate({ord("b"): None, ord("t"): None}), closefd, opener)
        here.opened.things.add(raw)
        if buffering == 0:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)

    return opened

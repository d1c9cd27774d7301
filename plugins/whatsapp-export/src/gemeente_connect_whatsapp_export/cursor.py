"""What the channel remembers between runs: which files were read, and a little of each chat found through a name."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import deque
from collections.abc import Iterable
from typing import Any

from gemeente_connect.contracts import Cursor
from gemeente_connect.errors import ConfigError

_VERSION = 1
_FIRST, _SPREAD, _LAST = 2, 4, 2


class State:
    """Kept as the cursor: at most about 180 bytes a chat.

    A sketch of a chat is a few ids of what residents wrote: the first and last of what was read, and those with the
    lowest digests, which are spread over it. Another export of the chat shares one of them; a chat with somebody else
    of that name does not, even where the municipality sent both the same.
    """

    def __init__(self, since: Cursor | None, settings: str) -> None:
        kept: dict[str, Any] = json.loads(since) if since else {}
        if kept and kept.get("v") != _VERSION:
            message = "the ledger was written by a newer gemeente-connect-whatsapp-export: upgrade it"
            raise ConfigError(message)
        self._settings = settings
        self._files: dict[str, str] = kept.get("files", {})
        self._sketches: dict[str, str] = kept.get("chats", {})
        self._names: dict[str, str] = kept.get("names", {})
        if kept.get("settings") != settings:  # read all again: another person, thread or date may come of it
            self._files = {file: was for file, was in self._files.items() if was.startswith("!")}

    def cursor(self) -> Cursor:
        """Write it down."""
        kept = {"v": _VERSION, "settings": self._settings, "files": self._files}
        kept |= {"chats": self._sketches, "names": self._names}
        return Cursor(json.dumps(kept, separators=(",", ":"), sort_keys=True))

    def keep_only(self, files: Iterable[str]) -> None:
        """Forget files that are not there any more."""
        there = set(map(short, files))
        self._files = {file: was for file, was in self._files.items() if file in there}

    def is_read(self, file: str, digest: str) -> bool:
        """Tell whether this file was read with this content."""
        return self._files.get(short(file)) == digest[:32]

    def refused(self, file: str) -> str | None:
        """Give the id under which this file is held for a person; None: it is not."""
        was = self._files.get(short(file), "")
        return was[1:] if was.startswith("!") else None

    def read(self, file: str, digest: str) -> None:
        """Note that a file was read to its end."""
        self._files[short(file)] = digest[:32]

    def refuse(self, file: str, key: str) -> None:
        """Note that a file is held for a person under an id."""
        self._files[short(file)] = f"!{key}"

    def sketch(self, thread: str) -> set[str]:
        """Give a few ids (their first 8 digits) of a thread; empty: nothing was read of it."""
        kept = self._sketches.get(short(thread), "")
        return {kept[at : at + 8] for at in range(0, len(kept), 8)}

    def stands_for_another(self, name: str, thread: str) -> bool:
        """Tell whether a thread was read under this name before, and it was another one."""
        return self._names.get(short(name), short(thread)) != short(thread)

    def keep_sketch(self, name: str, thread: str, sketch: Sketch) -> None:
        """Remember a thread that was found through a name, and a few ids of it."""
        self._names[short(name)] = short(thread)
        if sketch:
            self._sketches[short(thread)] = str(sketch)


class Sketch:
    """Chooses a few of many ids."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._lowest: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST)

    def add(self, ids: list[str]) -> None:
        """Take in ids, in the order of the file."""
        self._first = (self._first + ids[:_FIRST])[:_FIRST]
        self._lowest = heapq.nsmallest(_SPREAD, {*self._lowest, *ids})
        self._last.extend(ids[-_LAST:])

    def __bool__(self) -> bool:
        return bool(self._first)

    def __str__(self) -> str:
        return "".join(sorted({each[:8] for each in (*self._first, *self._lowest, *self._last)}))


def short(name: str) -> str:
    """Stand in for a name, so that a cursor holds none."""
    return hashlib.blake2b(name.encode("utf-8", errors="surrogateescape"), digest_size=6).hexdigest()

"""Exported chats as files: finding them, and opening text and media without harm to the machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect_whatsapp_export.decoding import BLOCK, Piece, Unsafe, pieces

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MOST_MEMBERS = 50_000
LARGEST_MEMBER = 4 << 30
LARGEST_ZIP = 32 << 30
HIGHEST_RATIO = 200
"""How many times larger a member may become by unpacking. Chats become 5 to 20 times larger."""
_SMALL = 1 << 20  # what is smaller than this cannot fill a machine, whatever its ratio

_CHAT_NAME = re.compile(r"WhatsApp[ -]?chat (?:met|with|mit|-) (.+?)(?: ?\(\d+\))?", re.IGNORECASE)
_IOS_TEXT = "_chat.txt"
_NAME_BY_WHATSAPP = re.compile(r".+-WA[0-9]{4,}(\..*)?|[0-9]{8}-.+")


@dataclass(frozen=True, slots=True)
class Source:
    """One exported chat: a `.txt` or a `.zip`."""

    root: Path
    path: Path
    number: int
    """Which of the files it is, from 1: its name may be somebody's, and is not shown in reports."""
    alone: bool
    """No other chat lies in its folder, so the files beside it came with this one."""

    @property
    def name(self) -> str:
        """Its path below the root. It is called so in the settings: many folders may hold a `_chat.txt`."""
        return self.path.relative_to(self.root).as_posix()

    @property
    def chat_name(self) -> str | None:
        """The name of the chat, if the file has the name that WhatsApp gave it."""
        found = _CHAT_NAME.fullmatch(readable(self.path.stem))
        return found[1] if found else None

    def digest(self) -> str:
        """Give the SHA-256 of the file, in hex."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def open(self) -> Iterator[Export]:
        """Open it. Raises Unsafe, OSError, zipfile.BadZipFile."""
        if self.path.is_symlink():
            message = "it is a link, and links are not followed: put the file itself there"
            raise Unsafe(message)
        if self.path.suffix.lower() != ".zip":
            yield LooseExport(self)
            return
        from zipfile import ZipFile

        with ZipFile(self.path) as archive:
            yield ZippedExport(self, archive)


def find(path: Path) -> list[Source]:
    """List the chats that a path names, in order of their names. Raises ConfigError when there is no such path."""
    if not path.exists():
        message = "path: there is no such file or folder; put the exported chats there, or correct `path`"
        raise ConfigError(message)
    if not path.is_dir():
        return [Source(path.parent, path, 1, alone=_chats_in(path.parent) <= {path.name})]
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        found += [Path(folder, name) for name in files if _is_chat_file(name)]
    found.sort()
    chats = {folder: _chats_in(folder) for folder in {file.parent for file in found}}
    return [Source(path, file, number, chats[file.parent] <= {file.name}) for number, file in enumerate(found, 1)]


def readable(name: str) -> str:
    """Write the name of a file so that it can be stored: an old disk has names that are not UTF-8."""
    return name.encode(errors="replace").decode()


def _is_chat_file(name: str) -> bool:
    return name.lower().endswith((".txt", ".zip")) and not name.startswith((".", "~"))


def _chats_in(folder: Path) -> set[str]:
    names = {file.name for file in folder.glob("*.[tT][xX][tT]")}
    named = {name for name in names if name == _IOS_TEXT or _CHAT_NAME.fullmatch(name[:-4])}
    return named or names


class Media(NamedTuple):
    """A file that came with a chat."""

    name: str
    source: str
    """What `download` needs to find it."""
    size: int
    """In bytes."""


class LooseExport:
    """A chat in a `.txt`, with its media beside it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def text(self) -> Iterator[Piece]:
        """Yield the text from its beginning. Raises Unsafe when it is none."""
        with self._source.path.open("rb") as file:
            yield from pieces(file)

    @cached_property
    def _beside(self) -> dict[str, int]:
        if not self._source.alone:
            return {}
        # Anybody may type "contacts.csv (bestand bijgevoegd)": what is not surely of this export stays out.
        own_folder = self._source.path.parent != self._source.root
        with os.scandir(self._source.path.parent) as there:
            files = (file for file in there if file.is_file(follow_symlinks=False))
            return {f.name: f.stat().st_size for f in files if own_folder or _NAME_BY_WHATSAPP.fullmatch(f.name)}

    def media(self, name: str) -> Media | None:
        """Find a file that came with the chat. None: it did not."""
        for there in (name, name.rstrip(".")):
            if there in self._beside:
                folder = self._source.path.parent.relative_to(self._source.root).as_posix()
                return Media(there, json.dumps([f"{folder}/{there}"]), self._beside[there])
        return None


class ZippedExport:
    """A chat in a `.zip`, with its media in it."""

    def __init__(self, source: Source, archive: ZipFile) -> None:
        self._source = source
        self._archive = archive
        self._members = safe_members(archive, source.path.stat().st_size)
        self._text = self._chat_text()

    def text(self) -> Iterator[Piece]:
        """Yield the text from its beginning. Raises Unsafe when it is none."""
        with self._archive.open(self._text) as file:
            yield from pieces(file)

    def media(self, name: str) -> Media | None:
        """Find a file that came with the chat. None: it did not."""
        for there in (name, name.rstrip(".")):
            if there in self._members:
                return Media(there, json.dumps([self._source.name, there]), self._members[there].file_size)
        return None

    def _chat_text(self) -> str:
        """Choose the chat among the texts: a resident may have sent a `.txt` too, even an exported chat."""
        from gemeente_connect_whatsapp_export.headers import find_form

        texts = [name for name in self._members if "/" not in name and name.lower().endswith(".txt")]
        for likely in (_IOS_TEXT, f"{self._source.path.stem}.txt"):
            if likely in texts:
                return likely
        chats = []
        for name in texts:
            with self._archive.open(name) as file:
                head = file.read(1000).decode("utf-8", errors="replace")
            if find_form(head.lstrip("\r\n\t \ufeff")):
                chats.append(name)
        if len(chats) != 1:
            message = (
                f"the zip holds {len(chats) or 'no'} chats at its top level, and one is expected: export the chat again"
            )
            raise Unsafe(message)
        return chats[0]


Export = LooseExport | ZippedExport


def safe_members(archive: ZipFile, size: int) -> dict[str, ZipInfo]:
    """Give the files in a zip of `size` bytes by name, or raise Unsafe when unpacking any of them could do harm."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    problem = _problem_of_zip(members, size) or next(filter(None, map(_problem_of_member, archive.infolist())), None)
    if problem:
        message = f"the zip is refused: {problem}; export the chat again, and leave the file as it comes"
        raise Unsafe(message)
    return {member.filename: member for member in members}


def _problem_of_zip(members: list[ZipInfo], size: int) -> str | None:
    if len(members) > MOST_MEMBERS:
        return f"it holds more than {MOST_MEMBERS:,} files"
    if len({member.filename for member in members}) < len(members):
        return "it holds two files of one name"
    if sum(member.file_size for member in members) > LARGEST_ZIP:
        return f"it would become more than {LARGEST_ZIP >> 30} GiB"
    if sum(member.file_size for member in members) > max(_SMALL, HIGHEST_RATIO * size):
        return f"it would become more than {HIGHEST_RATIO} times larger"
    if sum(member.compress_size for member in members) > size:
        return "its files overlap"
    return None


def _problem_of_member(member: ZipInfo) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    parts = PurePosixPath(member.filename).parts
    checks = {
        "a name in it leads outside the zip": ".." in parts or member.filename.startswith("/"),
        "a name in it is one of another system": "\\" in member.filename
        or bool(re.match("[A-Za-z]:", member.filename)),
        "it holds a link or a device": kind not in {0, stat.S_IFREG, stat.S_IFDIR},
        "it is locked with a password": bool(member.flag_bits & 0x1),
        "it is packed in an unusual way": member.compress_type not in {0, 8},
        f"a file in it would become more than {LARGEST_MEMBER >> 30} GiB": member.file_size > LARGEST_MEMBER,
        f"a file in it would become more than {HIGHEST_RATIO} times larger": member.file_size > _SMALL
        and member.file_size > HIGHEST_RATIO * member.compress_size,
    }
    return next((problem for problem, found in checks.items() if found), None)


def unreadable(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Name what reading a file may raise, and more. When a name in a zip is damaged, that is a UnicodeDecodeError."""
    from zipfile import BadZipFile
    from zlib import error as ZlibError  # noqa: N812 - its own name says nothing

    return Unsafe, OSError, EOFError, BadZipFile, ZlibError, NotImplementedError, UnicodeDecodeError, *more


def download(root: Path, source: str) -> Iterator[bytes]:
    """Yield the content of an attachment, by its `source`. Raises RejectedError when it is not there (any more)."""
    name, *member = json.loads(source)
    try:
        yield from _content(root, root / name, *member)
    except unreadable(KeyError) as error:
        reason = str(error) if isinstance(error, Unsafe) else "it is not there any more, or it is damaged"
        message = f"the attachment cannot be read: {reason}"
        raise RejectedError(message) from None


def _content(root: Path, path: Path, member: str | None = None) -> Iterator[bytes]:
    from zipfile import ZipFile

    if root.resolve() not in path.resolve().parents or path.is_symlink():
        message = "it lies outside `path`"
        raise Unsafe(message)
    if member is None:
        with path.open("rb") as file:
            yield from iter(lambda: file.read(BLOCK), b"")
        return
    with ZipFile(path) as archive:
        safe_members(archive, path.stat().st_size)
        with archive.open(member) as packed:
            yield from iter(lambda: packed.read(BLOCK), b"")

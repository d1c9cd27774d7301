"""The attachment store: contents, kept under the SHA-256 of what they are.

A folder, or any place that fsspec knows. What is being written stands in `incoming/` and is never opened; it gets its
own name, `<first two digits>/<sha256>`, once it is whole and on disk. So after a crash nothing is half there, and what
stands in `incoming/` while nothing runs may be deleted.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from gemeente_connect.errors import ConfigError, GemeenteConnectError, RejectedError, StorageError
from gemeente_connect.privacy import mask

_HEAD: Final = 64 * 1024  # bytes at the start, and at the end, that tell what a content is
_TAIL: Final = 8 * 1024
_ADVICE: Final = {
    errno.ENOSPC: "there is no room left: make room",
    errno.EDQUOT: "the quota is used up: make room, or have it raised",
    errno.EACCES: "access is denied: let the user that runs this read and write there",
    errno.EPERM: "access is denied: let the user that runs this read and write there",
    errno.EROFS: "it is read-only: mount it for writing, or configure another place",
    errno.EMFILE: "too many files are open: raise the limit, or use fewer workers",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept."""

    sha256: str
    """Lower-case hex digest of the content: what `open` takes."""
    size: int
    """Length of the content in bytes."""
    media_type: str
    """Judged from the content alone; `application/octet-stream` when it does not tell. Never HTML, SVG or a script."""


class FileStore:
    """The attachments that are kept, at `place`: a folder, or a URL for fsspec such as `s3://bucket/attachments`.

    A folder is made when the first content is kept, for this user alone. May be used by several threads and processes
    at once. Every method raises StorageError when the place cannot be used now, ConfigError when it never can.
    """

    def __init__(self, place: str | Path) -> None:
        self._url = str(place)
        self._name = re.sub(r"//[^/]*@", "//", self._url.split("?")[0])  # without keys that a URL may hold

    @cached_property
    def _place(self) -> _Place:
        if "://" not in self._url or self._url.startswith("file://"):
            return _Folder(Path(self._url.removeprefix("file://")).expanduser())
        return _Remote(self._url, self._name)

    def keep(self, chunks: Iterable[bytes], *, limit: int) -> Kept:
        """Keep the content that comes in parts, and say under which name. Kept before: it stays as it is.

        Raises RejectedError when it is larger than `limit` bytes. Whatever `chunks` raises passes through. In both
        cases nothing is kept.
        """
        content = _Content(limit)
        with self._trouble():
            temporary, file = self._place.create()
        try:
            for chunk in chunks:
                content.add(chunk)
                with self._trouble():
                    file.write(chunk)
            kept = Kept(content.sha256, content.size, content.media_type())
            with self._trouble():
                self._place.finish(file)
                if kept.sha256 not in self:
                    self._place.move(temporary, _path(kept.sha256))
        finally:
            with suppress(Exception):  # an error of tidying up must not hide the one that led to it
                file.close()
            with suppress(Exception):
                self._place.remove(temporary)
        return kept

    def open(self, sha256: str) -> BinaryIO:
        """Open a content for reading. Raises StorageError when it is not here, ValueError when this is no SHA-256."""
        path = _path(sha256)
        with self._trouble(missing=f"{sha256[:12]}… is not there: restore it from a backup"):
            return self._place.open(path)

    def __contains__(self, sha256: object) -> bool:
        with self._trouble():
            return isinstance(sha256, str) and bool(_SHA256.fullmatch(sha256)) and self._place.exists(_path(sha256))

    @contextmanager
    def _trouble(self, *, missing: str = "a folder of it has gone: try again") -> Iterator[None]:
        """Turn what a disk or a service says into what to do about it."""
        try:
            yield
        except GemeenteConnectError:
            raise
        except Exception as error:  # noqa: BLE001 - every service that fsspec reaches has errors of its own
            number = error.errno if isinstance(error, OSError) else None
            problem = missing if isinstance(error, FileNotFoundError) else _ADVICE.get(number or 0)
            problem = problem or (os.strerror(number) if number else type(error).__name__)
            message = f"the attachment store {self._name} cannot be used: {problem}"
            raise StorageError(message) from None


_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _path(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        message = "a SHA-256 is written as 64 lower-case hexadecimal digits"
        raise ValueError(message)
    return f"{sha256[:2]}/{sha256}"


# ---- places ----------------------------------------------------------------------------------------------------------


class _Place(Protocol):
    def create(self) -> tuple[str, BinaryIO]: ...
    def finish(self, file: BinaryIO) -> None: ...
    def move(self, temporary: str, path: str) -> None: ...
    def remove(self, temporary: str) -> None: ...
    def exists(self, path: str) -> bool: ...
    def open(self, path: str) -> BinaryIO: ...


class _Folder:
    """Without fsspec, which takes long to import and does not sync."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self) -> tuple[str, BinaryIO]:
        temporary = f"incoming/{secrets.token_hex(16)}"
        self._make(self._root, parents=True)
        self._make(self._root / "incoming")
        descriptor = os.open(self._root / temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        return temporary, os.fdopen(descriptor, "wb")

    def finish(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())
        file.close()

    def move(self, temporary: str, path: str) -> None:
        target = self._root / path
        self._make(target.parent)
        (self._root / temporary).replace(target)
        _sync(target.parent)

    def remove(self, temporary: str) -> None:
        (self._root / temporary).unlink(missing_ok=True)

    def exists(self, path: str) -> bool:
        return (self._root / path).is_file()

    def open(self, path: str) -> BinaryIO:
        return (self._root / path).open("rb")

    def _make(self, folder: Path, *, parents: bool = False) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=parents, exist_ok=True)
            _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Windows cannot, and does not need it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Remote:
    def __init__(self, url: str, name: str) -> None:
        try:
            import fsspec
        except ImportError:
            message = f'the attachment store {name} needs fsspec: pip install "gemeente-connect[remote]"'
            raise ConfigError(message) from None
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:  # they name the package that is needed, or the protocols there are
            message = f"the attachment store {name} cannot be opened: {mask(str(error))}"
            raise ConfigError(message) from None
        self._root = root.rstrip("/")

    def create(self) -> tuple[str, BinaryIO]:
        temporary = f"incoming/{secrets.token_hex(16)}"
        self._files.makedirs(f"{self._root}/incoming", exist_ok=True)
        return temporary, self._files.open(f"{self._root}/{temporary}", "wb")

    def finish(self, file: BinaryIO) -> None:
        file.close()  # only now it is sent, or sent whole

    def move(self, temporary: str, path: str) -> None:
        self._files.makedirs(f"{self._root}/{path.rpartition('/')[0]}", exist_ok=True)
        self._files.mv(f"{self._root}/{temporary}", f"{self._root}/{path}")

    def remove(self, temporary: str) -> None:
        self._files.rm(f"{self._root}/{temporary}")

    def exists(self, path: str) -> bool:
        return bool(self._files.exists(f"{self._root}/{path}"))

    def open(self, path: str) -> BinaryIO:
        file: BinaryIO = self._files.open(f"{self._root}/{path}", "rb")
        return file


# ---- what a content is -----------------------------------------------------------------------------------------------

_UNKNOWN: Final = "application/octet-stream"
_TEXTS: Final = frozenset({"application/pdf", "application/rtf", "text/vcard"})  # texts that are more than a text
_MARKUP: Final = re.compile(r"text/|.*(html|xml|json|script)$")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_OPEN_DOCUMENT: Final = re.compile(
    rb".{30}mimetype(application/(?:vnd\.oasis\.opendocument\.[a-z-]+|epub\+zip))", re.DOTALL
)
_IN_ZIP: Final = {
    b"word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


class _Content:
    """What is learnt of a content while it passes."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._digest = hashlib.sha256()
        self._head = self._tail = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = True

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._limit:
            message = f"the file is larger than {self._limit / 1_000_000:g} MB"
            raise RejectedError(message)
        self._digest.update(chunk)
        self._head += chunk[: _HEAD - len(self._head)]
        self._tail = (self._tail + chunk[-_TAIL:])[-_TAIL:]
        self._is_text = self._is_text and self._reads_as_text(chunk)

    def _reads_as_text(self, chunk: bytes, *, final: bool = False) -> bool:
        try:
            return not _CONTROL.search(self._decoder.decode(chunk, final))
        except UnicodeDecodeError:
            return False

    def media_type(self) -> str:
        edges = self._head if self.size <= _HEAD else self._head + self._tail
        found = _sniffed(edges)
        if self._is_text and self._reads_as_text(b"", final=True):
            return found if found in _TEXTS or not edges else "text/plain"
        return _UNKNOWN if _MARKUP.match(found) else found


def _sniffed(edges: bytes) -> str:
    if edges.startswith(b"PK\x03\x04"):  # for puremagic every zip is a Word document
        document = _OPEN_DOCUMENT.match(edges)
        office = (kind for name, kind in _IN_ZIP.items() if name in edges)
        return document[1].decode() if document else next(office, "application/zip")
    if edges.startswith(b"OggS"):
        return "audio/ogg" if b"OpusHead" in edges[:64] or b"\x01vorbis" in edges[:64] else "application/ogg"
    import puremagic

    try:
        matches = puremagic.magic_string(edges)
    except (LookupError, ValueError):
        return _UNKNOWN
    # two bytes that happen to be there are no proof
    return next((m.mime_type for m in matches if m.mime_type and m.confidence >= 0.3), _UNKNOWN)  # noqa: PLR2004 - three bytes

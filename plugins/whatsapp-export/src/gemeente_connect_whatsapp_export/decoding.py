"""The text of an export, in pieces that are whole lines, however large the file is."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO, NamedTuple

BLOCK = 1 << 14
"""How many bytes are read at a time."""
LONGEST_MESSAGE = 1 << 22
"""In bytes. WhatsApp allows 65,536 characters; what is far longer is no message, and would not fit in memory."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NO_TEXT = {
    b"%PDF": "the file is a PDF, with the name of a text: export the chat from WhatsApp itself",
    b"PK\x03\x04": "the file is a zip, with the name of a text: give it the name .zip",
}


class Unsafe(Exception):  # noqa: N818 - it becomes an Unreadable, or a RejectedError
    """A file that is not opened, and why."""


class Piece(NamedTuple):
    """A part of a text: whole lines, each with the line break that stands before it."""

    after: int
    """How many lines stand before it."""
    text: str


def pieces(file: IO[bytes]) -> Iterator[Piece]:
    """Yield a text from its beginning. Its first line has a line break before it too, which does not stand in the file.

    It is cut while it is bytes: a text with an emoji in it takes four times as many. Raises Unsafe when it is no text.
    """
    after, rest = 0, b"\n"
    try:
        for block in _utf8(file):
            rest += block
            cut = rest.rfind(b"\n")
            cut -= rest[:cut].endswith(b"\r")
            if cut > 0:
                yield _piece(after, rest[:cut])
                after += rest.count(b"\n", 0, cut)
                rest = rest[cut:]
            elif len(rest) > LONGEST_MESSAGE:
                raise too_long(after)
        yield _piece(after, rest)
    except UnicodeDecodeError as error:
        before = b"" if error.encoding == "utf-8" else rest
        line = after + (before + error.object[: error.start]).count(b"\n")
        message = f"line {line} is not text (UTF-8): the file is no chat, or it is damaged; export the chat again"
        raise Unsafe(message) from None


def _utf8(file: IO[bytes]) -> Iterator[bytes]:
    block = file.read(BLOCK)
    _refuse_what_is_no_text(block)
    decoder = codecs.getincrementaldecoder("utf-16")() if block[:2] in _UTF16 else None
    while block:
        yield decoder.decode(block).encode() if decoder else block
        block = file.read(BLOCK)
    if decoder:
        decoder.decode(b"", final=True)


def _refuse_what_is_no_text(head: bytes) -> None:
    message = next((problem for start, problem in _NO_TEXT.items() if head.startswith(start)), None)
    if not head:
        message = "the file is empty: export the chat again"
    if message:
        raise Unsafe(message)


def _piece(after: int, text: bytes) -> Piece:
    if b"\0" in text:
        line = after + text[: text.index(b"\0")].count(b"\n")
        message = f"line {line} holds what is not text: it is no chat, or it is damaged; export the chat again"
        raise Unsafe(message)
    return Piece(after, text.decode())


def too_long(after: int) -> Unsafe:
    """Say that a message is longer than any can be. `after`: how many lines stand before it, or its later part."""
    return Unsafe(
        f"after line {after} stands a message of more than {LONGEST_MESSAGE:,} bytes, which WhatsApp does not allow: "
        "export the chat again"
    )

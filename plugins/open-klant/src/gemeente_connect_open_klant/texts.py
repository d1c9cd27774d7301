"""What stands in a klantcontact: prose that stays readable where a portal takes the line breaks out, in whole parts."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator
from typing import Final

from gemeente_connect.models import Attachment, Message, MessageKind

LONGEST: Final = 1000
"""Characters of `inhoud`. Open Klant refuses more, and cuts nothing."""
LONGEST_ONDERWERP: Final = 200
LAPSED: Final = "(Dit deel van het bericht is verwijderd.)"

_DELETED: Final = "(Dit bericht is verwijderd.)"
_EMPTY: Final = "(Dit bericht heeft geen tekst.)"
_LABEL: Final = 70  # characters that are left for saying which part it is
_SENTENCE_END: Final = (".", "!", "?", ":", ";", ",", "…", ")", "/")
_BLANK: Final = re.compile(r"\s")
_SENTENCES: Final = re.compile(r"[.!?…/](?=\s)|\n")
_KINDS: Final[dict[MessageKind, str]] = {
    "image": "Foto",
    "video": "Video",
    "audio": "Geluid",
    "sticker": "Sticker",
    "view-once": "Eenmalig bericht",
}
_MEDIA: Final = {"image": "Foto", "video": "Video", "audio": "Geluid"}


def prose(messages: Iterable[Message]) -> str:
    """Write messages as one text. Where a line does not end as a sentence, ` /` says that the next one begins."""
    lines = [line for message in messages for line in _lines(message)]
    marked = [line if line.endswith(_SENTENCE_END) else f"{line} /" for line in lines[:-1]]
    return "\n".join([*marked, *lines[-1:]]) or _EMPTY


def _lines(message: Message) -> Iterator[str]:
    if message.deleted_at is not None:
        yield _DELETED
        return
    lines = [line for each in message.text.replace("\0", "").splitlines() if (line := each.strip())]
    if message.edited_at is not None and lines:
        lines[-1] += " (gewijzigd)"
    yield from lines
    yield from (_received(message.kind, attachment) for attachment in message.attachments)


def _received(kind: MessageKind, attachment: Attachment) -> str:
    """Say that a file came along, for no portal shows it."""
    guessed, _ = mimetypes.guess_type(attachment.name or "")
    main_type = (attachment.media_type or guessed or "").partition("/")[0]
    what = _KINDS.get(kind) or _MEDIA.get(main_type, "Document")
    name = " ".join((attachment.name or "").replace("\0", "").split())
    return f"({what} meegestuurd{f': {name}' if name else ''}; hier niet te zien.)"


def parts(text: str, *, before: str = "", of: str) -> list[str]:
    """Divide a text into parts that each fit, cut between words; every part after the first says what it continues.

    `before` stands before the first one. `of` is what they are parts of, such as `het antwoord`.
    """
    whole = f"{before}{text}"
    if len(whole) <= LONGEST:
        return [whole]
    pieces = list(_pieces(whole, LONGEST - _LABEL))
    number = len(pieces)
    first = f"{pieces[0]} (deel 1 van {number})"
    return [first, *(f"Vervolg van {of} (deel {n} van {number}): {piece}" for n, piece in enumerate(pieces[1:], 2))]


def _pieces(text: str, size: int) -> Iterator[str]:
    while len(text) > size:
        cut = _cut(text[: size + 1]) or size  # a word may be longer than a part
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    if text:
        yield text


def _cut(window: str) -> int:
    """Choose where to cut: after a sentence in the second half, else between words; 0: nowhere."""
    ends = [found.end() for found in _SENTENCES.finditer(window, len(window) // 2)]
    return ends[-1] if ends else max((found.start() for found in _BLANK.finditer(window)), default=0)

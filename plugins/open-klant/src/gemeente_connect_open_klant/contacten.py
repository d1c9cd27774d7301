"""A conversation as the klantcontacten it has to become: pure values, from the models.

The resident's first turn is the question (vraag). Every turn of an employee is an answer (antwoord), and every further
turn of the resident a follow-up (reactie). A turn that is too long for one klantcontact goes on in further parts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import quote, unquote

from gemeente_connect.conversations import digest, title
from gemeente_connect.models import Conversation, Turn
from gemeente_connect_open_klant.texts import LAPSED, LONGEST_ONDERWERP, parts, prose

Role = Literal["vraag", "antwoord", "reactie"]

_PARTS_OF: Final[dict[Role, str]] = {"vraag": "de vraag", "antwoord": "het antwoord", "reactie": "de reactie"}
_BEFORE: Final[dict[Role, str]] = {"vraag": "", "antwoord": "", "reactie": "Reactie van de inwoner: "}
_VALUE: Final = 100  # characters of a value in `metadata`; from 2.18 on more may stand there
_PLAIN: Final = string.punctuation.replace("%", "")
_IDS: Final = 25_000  # characters of ids in `metadata`; of more, only the one that the turn is named after
_NOTE: Final = "interne notitie"
_SLOT: Final = 10_000  # microseconds: as many places in a second as there are orders of messages, a hundred
_PART: Final = 1_000
_FIRST_NUMMER: Final = 10**9
_NUMMERS: Final = 9 * 10**9  # all others of ten digits


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """One klantcontact, as it has to stand there."""

    conversation: str
    account: str
    """Of the channel."""
    turn: Turn
    part: int
    """Which part of the turn, from 0."""
    role: Role
    onderwerp: str
    inhoud: str

    @property
    def external_id(self) -> str:
        """What it is called in every Open Klant, for ever. The question is named after the conversation alone."""
        if self.role == "vraag" and self.part == 0:
            return f"{self.conversation}:vraag"
        return f"{self.conversation}:{digest(self.turn.id)}:{self.part}"

    @property
    def step(self) -> str:
        """The name of the step that makes it."""
        return "vraag" if self.role == "vraag" and self.part == 0 else step(self.turn.id, self.part)

    @property
    def moment(self) -> datetime:
        """When it was said, to the second; the microseconds keep the order, and tell it from others.

        The first two digits are of the order of the messages within the second, the third of the part, and the rest of
        the external id. So a server that has no unique field can be asked for it by this time.
        """
        message = next((each for each in self.turn.messages if each.id == self.turn.id), self.turn.messages[0])
        slot = min(message.sent_at.microsecond // _SLOT + message.position, 99)
        rest = hashed(self.external_id) % _PART
        seconds, part = divmod(self.part, 10)  # a text of more than ten parts goes on in the next second
        within = timedelta(seconds=seconds, microseconds=slot * _SLOT + part * _PART + rest)
        return message.sent_at.astimezone(UTC).replace(microsecond=0) + within

    def nummers(self, count: int) -> Iterator[str]:
        """Give so many numbers of ten digits to try for it, one after the other, always the same ones."""
        first = hashed(self.external_id)
        return (str(_FIRST_NUMMER + (first + probe) % _NUMMERS) for probe in range(count))

    @property
    def checksum(self) -> str:
        """Changes with what a resident reads."""
        return checksum(self.onderwerp, self.inhoud)

    @property
    def metadata(self) -> dict[str, str]:
        """What it says of itself to us: flat, in values that every version keeps."""
        told = {"externalId": self.external_id, "gesprek": self.conversation, "som": self.checksum}
        told |= spread("account", self.account) | spread("beurt", self.turn.id)
        if self.part == 0:
            ids = json.dumps([message.id for message in self.turn.messages])
            told |= spread("berichten", ids if len(ids) <= _IDS else json.dumps([self.turn.id]))
        return told


def step(turn: str, part: int) -> str:
    """Name the step that makes a part of a turn."""
    return f"beurt/{turn}/{part}"


def checksum(onderwerp: str, inhoud: str) -> str:
    """Stand for what a resident reads, the way Open Klant keeps it: without blanks around it."""
    return digest(onderwerp.strip(), inhoud.strip())


def hashed(external_id: str) -> int:
    """Make a number of an external id."""
    return int.from_bytes(hashlib.sha256(external_id.encode()).digest())


def spread(name: str, value: str) -> dict[str, str]:
    """Keep a value of any length in `metadata`, under as many keys as it takes. It may not be empty."""
    written = quote(value, safe=_PLAIN)  # without blanks, which are taken from the ends of what stands there
    pieces = [written[start : start + _VALUE] for start in range(0, len(written), _VALUE)]
    return {f"{name}{number or ''}": piece for number, piece in enumerate(pieces)}


def gathered(name: str, metadata: Mapping[str, str]) -> str:
    """Read a value that was spread; empty: it is not there."""
    names = itertools.chain([name], (f"{name}{number}" for number in itertools.count(1)))
    return unquote("".join(metadata[each] for each in itertools.takewhile(metadata.__contains__, names)))


def shown(conversation: Conversation, *, internal_notes: bool) -> list[Turn]:
    """Give the turns that are delivered: not what employees wrote to each other, unless it is asked for."""
    return [turn for turn in conversation.turns if internal_notes or not turn.internal]


def contacts(conversation: Conversation, turns: Sequence[Turn], question: str, kanaal: str) -> Iterator[Contact]:
    """Make klantcontacten of turns, the question first and the others oldest first.

    `question`: the id of the turn that is the question, once and for all.
    """
    about = (title(turns, conversation.subject, LONGEST_ONDERWERP) or "").replace("\0", "").strip()
    onderwerp = about or f"Vraag via {kanaal}"
    for turn in sorted(turns, key=lambda each: each.id != question):
        role: Role = "vraag" if turn.id == question else "reactie" if turn.direction == "in" else "antwoord"
        before = f"({_NOTE}) " if turn.internal else _BEFORE[role]
        for number, inhoud in enumerate(parts(prose(turn.messages), before=before, of=_PARTS_OF[role])):
            yield Contact(conversation.id, conversation.account, turn, number, role, onderwerp, inhoud)


def lapsed(contact: Contact, part: int) -> Contact:
    """Make the klantcontact of a part that a turn had, and has no more since its text became shorter."""
    return replace(contact, part=part, inhoud=LAPSED)

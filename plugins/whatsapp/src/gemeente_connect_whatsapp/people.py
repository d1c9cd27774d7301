"""Who is who: the addresses under which WhatsApp knows a resident, and which of them tells people apart.

A telephone number is optional, and may be somebody else's later. So a resident is known by the id that WhatsApp gives
them for all numbers of an organisation, else by the one for this organisation, and by the number only when there is
nothing else. All of them are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace

from gemeente_connect.models import Identity, Participant
from gemeente_connect_whatsapp.wire import Sender

MUNICIPALITY = Participant(id="municipality", employee=True)
"""Whoever writes for the municipality. WhatsApp does not tell which employee that is."""

_USER = re.compile(r"[A-Z]{2}\.[0-9A-Za-z]{1,128}")
_PARENT = re.compile(r"[A-Z]{2}\.ENT\.[0-9A-Za-z]{1,128}")
_PHONE = re.compile(r"\+?([1-9][0-9]{6,14})")


@dataclass(frozen=True, slots=True, repr=False)
class Ids:
    """What one person is known by, as far as one message tells."""

    parent: str | None = None
    """The same for all numbers of an organisation, where that is switched on."""
    user: str | None = None
    """For this organisation. Another one when the person gets another telephone number."""
    phone: str | None = None
    """In E.164. None: not told, since the person goes by a username."""
    other: str | None = None
    """Something that is none of these."""

    @property
    def key(self) -> str | None:
        """What tells this person from others, and names the thread; None: nothing is known."""
        return self.parent or self.user or self.phone or self.other

    def identities(self) -> tuple[Identity, ...]:
        """Give all of it as addresses. None of them is verified."""
        phone = [Identity(kind="phone", value=self.phone)] if self.phone else []
        ids = [Identity(kind="whatsapp", value=each) for each in (self.user, self.parent, self.other) if each]
        return (*phone, *ids)

    def filled_up(self, more: Ids) -> Ids:
        """Add what is known besides, and change nothing."""
        return Ids(self.parent or more.parent, self.user or more.user, self.phone or more.phone, self.other)

    def agrees(self, other: Ids) -> bool:
        """Tell whether both are known by an id in common, and by none that differs."""
        pairs = [(self.parent, other.parent), (self.user, other.user), (self.phone, other.phone)]
        both = [(mine, theirs) for mine, theirs in pairs if mine and theirs]
        return bool(both) and all(mine == theirs for mine, theirs in both)


def ids(phone: str | None = None, user: str | None = None, parent: str | None = None) -> Ids:
    """Sort out ids. What an id is shows from its form: a user id may stand where a number is expected."""
    found = Ids()
    for value, place in ((parent, "parent"), (user, "user"), (phone, "other")):
        if not value:
            continue
        if _PARENT.fullmatch(value):
            found = replace(found, parent=found.parent or value)
        elif _USER.fullmatch(value):
            found = replace(found, user=found.user or value)
        elif number := _PHONE.fullmatch(value):
            found = replace(found, phone=found.phone or f"+{number[1]}")
        else:
            found = replace(found, **{place: getattr(found, place) or value})
    return found


def ids_of(sender: Sender) -> Ids:
    """Take the ids out of one of `value.contacts`."""
    return ids(sender.wa_id, sender.user_id, sender.parent_user_id)


class People:
    """The residents of one part of a webhook."""

    def __init__(self, senders: Iterable[Sender], names: MutableMapping[str, str]) -> None:
        """Take in who is named beside the messages. `names` gets what people call residents, by `Ids.key`."""
        self._known: Sequence[tuple[Ids, Sender]] = [(ids_of(sender), sender) for sender in senders]
        self._names = names

    def who(self, told: Ids) -> tuple[Ids, Participant | None]:
        """Say who is meant by the ids of a message, and all that is known of them; None: nobody can tell."""
        sender = None
        if told.key is None and len(self._known) == 1:
            told, sender = self._known[0]
        else:
            meant = {told.filled_up(known): each for known, each in self._known if told.agrees(known)}
            if len(meant) == 1:  # of several it may be any
                ((told, sender),) = meant.items()
        profile = sender.profile if sender else None
        if told.key is None:
            return told, None
        name = (profile.name or profile.username) if profile else None
        self.call(told, name)
        return told, Participant(id=told.key, name=name, identities=told.identities())

    def call(self, told: Ids, name: str | None = None) -> None:
        """Note what people call a resident: the number, unless they are known by that anyway; else the name."""
        if told.key is None:
            return
        if told.phone and told.phone != told.key:
            self._names[told.key] = told.phone
        elif name:
            self._names.setdefault(told.key, name)

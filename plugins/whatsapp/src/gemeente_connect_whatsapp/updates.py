"""One update of a webhook becomes a message, or changes: a reader for each kind of list that a webhook may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gemeente_connect.conversations import digest
from gemeente_connect.models import (
    Change,
    Deleted,
    Direction,
    Edited,
    IdentityChanged,
    Message,
    Participant,
    Reacted,
    Status,
    StatusChanged,
)
from gemeente_connect.timestamps import parse_timestamp
from gemeente_connect_whatsapp import wire
from gemeente_connect_whatsapp.contents import DELETED, content, with_occasion
from gemeente_connect_whatsapp.lenient import read_as
from gemeente_connect_whatsapp.people import MUNICIPALITY, Ids, People, ids, ids_of
from gemeente_connect_whatsapp.sending import NOT_TAKEN, key_of

_STATUSES: Final[dict[str, Status]] = {
    "sent": "sent", "delivered": "delivered", "read": "read", "played": "played", "failed": "failed", "error": "failed",
}  # fmt: skip
_CALLS: Final = {
    "ringing": "De oproep gaat over.", "accepted": "De oproep is aangenomen.", "rejected": "De oproep is geweigerd.",
}  # fmt: skip
_GROUPS: Final = {
    "group_create": "De groep is aangemaakt.",
    "group_delete": "De groep is verwijderd.",
    "group_settings_update": "De instellingen van de groep zijn gewijzigd.",
}
_CHANGED: Final = frozenset({"user_changed_number", "user_changed_user_id"})
_NEW_NUMBER: Final = "Het telefoonnummer van de inwoner is gewijzigd in {}."
_NEW_ID: Final = "WhatsApp kent de inwoner voortaan onder een ander kenmerk."
_OF_WHICH: Final = "changes an earlier one, and does not say which"
_INTO_WHAT: Final = "changes an earlier one, and does not say into what"
_NOBODY: Final = "does not say who the resident is"
_NEW_KIND: Final = "is one that this channel does not know"
_DECLINED: Final = "2593109"
_AHEAD: Final = timedelta(days=2)  # as much as a clock, here or of a telephone, may be wrong


class Unfit(ValueError):  # noqa: N818 - it becomes an Unreadable
    """What an update lacks, to be read after its name. `thread`: with whom it was said, where that is known."""

    def __init__(self, message: str, thread: str | None = None) -> None:
        super().__init__(message)
        self.thread = thread


@dataclass(frozen=True, slots=True)
class Place:
    """Where an update stands."""

    account: str
    own_numbers: frozenset[str]
    """The municipality's own, in digits: as it is set, and as WhatsApp shows it."""
    people: People


Found = Iterator[Message | Change | Unfit]
"""An `Unfit` goes to a person, and stops nothing of the same update."""
Reader = Callable[[Place, Any, wire.Thread | None], Found]


@dataclass(frozen=True, slots=True)
class _Said:
    """What every message has."""

    place: Place
    id: str
    thread: str
    at: datetime
    direction: Direction
    sender: Participant
    resident: Ids

    def message(self, **more: Any) -> Message:
        return Message(
            account=self.place.account, id=self.id, thread=self.thread, sent_at=self.at, direction=self.direction,
            sender=self.sender, **more,
        )  # fmt: skip

    def line(self, text: str) -> Message:
        """Make a line by WhatsApp itself."""
        return Message(
            account=self.place.account, id=self.id, thread=self.thread, sent_at=self.at, kind="system", text=text
        )


def _messages(place: Place, item: object, thread: wire.Thread | None) -> Found:
    yield from _message(place, item, thread, echo=False)


def _echoes(place: Place, item: object, thread: wire.Thread | None) -> Found:
    yield from _message(place, item, thread, echo=True)


def _message(place: Place, item: object, thread: wire.Thread | None, *, echo: bool) -> Found:
    told = read_as(wire.Message, item)
    if told is None:
        message = "is of a form that this channel does not know"
        raise Unfit(message)
    said = _said(place, told, thread, outgoing=echo or _is_ours(place, told))
    if told.type == "reaction":
        reaction = told.reaction or wire.Reaction()
        target = _needed(reaction.message_id, "is a reaction that does not say to which message", said.thread)
        yield Reacted(account=place.account, target=target, sender=said.sender, emoji=reaction.emoji or "", at=said.at)
    elif told.type == "revoke":
        target = _needed((told.revoke or wire.Revoke()).original_message_id, _OF_WHICH, said.thread)
        yield Deleted(message=said.message(text=DELETED), target=target, at=said.at)
    elif told.type == "edit":
        edit = told.edit or wire.Edit()
        target = _needed(edit.original_message_id, _OF_WHICH, said.thread)
        new = content(edit.message or wire.Message())
        if new.kind == "unsupported":  # what stood there says more
            raise Unfit(_INTO_WHAT, said.thread)
        yield Edited(message=said.message(**new._asdict()), target=target, at=said.at)
    elif told.type == "system":
        yield from _system(said, told)
    elif told.type == "request_welcome":
        yield said.line("De inwoner heeft de chat geopend.")
    else:
        status = told.history_context.status if told.history_context and said.direction == "out" else None
        yield said.message(
            **with_occasion(told, content(told))._asdict(),
            reply_to=told.context.id if told.context else None,
            status=_STATUSES.get((status or "").lower()),
        )


def _is_ours(place: Place, told: wire.Message) -> bool:
    """Tell whether the municipality wrote it: the history, and some echoes, have both sides in one list."""
    by_us = told.history_context is not None and told.history_context.from_me is True
    return by_us or (told.from_ or "").lstrip("+") in place.own_numbers


def _other_side(told: wire.Message | wire.Call, *, outgoing: bool) -> Ids:
    if outgoing:
        return ids(told.to, told.to_user_id, told.to_parent_user_id)
    return ids(told.from_, told.from_user_id, told.from_parent_user_id)


def _said(place: Place, told: wire.Message, thread: wire.Thread | None, *, outgoing: bool) -> _Said:
    named = _other_side(told, outgoing=outgoing)
    if thread is not None:
        of_thread = ids(thread.id).filled_up(ids_of(thread.context) if thread.context else Ids())
        named = of_thread.filled_up(named) if named.key is None or named.agrees(of_thread) else of_thread
    if named.key is None and told.system:  # it names the ids only there
        system = told.system
        named = ids(None, system.previous_user_id or system.user_id, system.previous_parent_user_id)
    resident, person = place.people.who(named)
    key = told.group_id or _needed(resident.key, _NOBODY)
    sender = MUNICIPALITY if outgoing else person
    if sender is None:
        message = "does not say who wrote it"
        raise Unfit(message, key)
    return _Said(
        place, _needed(told.id, "has no id", key), key, _time(told.timestamp, key), "out" if outgoing else "in", sender,
        resident,
    )  # fmt: skip


def _system(said: _Said, told: wire.Message) -> Found:
    """Read what WhatsApp reports. Another number or id is linked to the resident, and takes the place of none."""
    system = told.system or wire.System()
    new = ids(system.wa_id or system.new_wa_id, system.user_id, system.parent_user_id)
    if system.type in _CHANGED or (system.type is None and new.key):
        old = _before(said, system, new)
        key = _needed(old.key, "tells of a new number or id, and not whose", said.thread)
        said.place.people.call(old)
        person = Participant(id=key, identities=old.identities())
        gained = [identity for identity in new.identities() if identity not in person.identities]
        phone = next((identity.value for identity in gained if identity.kind == "phone"), None)
        text = _NEW_NUMBER.format(phone) if phone else _NEW_ID
        yield said.line(text).model_copy(update={"thread": key})
        for identity in gained:
            yield IdentityChanged(
                account=said.place.account, thread=key, participant=person, identity=identity, at=said.at
            )
    elif system.type == "customer_identity_changed":
        yield said.line("De beveiligingscode van de inwoner is gewijzigd: het kan een ander toestel zijn.")
    else:
        yield said.line(system.body or "WhatsApp meldt iets over dit gesprek.")


def _before(said: _Said, system: wire.System, new: Ids) -> Ids:
    """Say what the resident was known by: with a new number come new ids, and the message may bear those already."""
    known = ids(None, system.previous_user_id, system.previous_parent_user_id).filled_up(said.resident)
    stays = system.type == "user_changed_user_id"
    return Ids(
        None if known.parent == new.parent else known.parent,
        None if known.user == new.user else known.user,
        known.phone if stays or known.phone != new.phone else None,
        known.other,
    )


def _statuses(place: Place, item: object, _: wire.Thread | None) -> Found:
    told = read_as(wire.Status, item) or wire.Status()
    key = _needed(told.id, "does not say of which message")
    at = _time(told.timestamp)
    word = (told.status or "").lower()
    if word not in (_CALLS if told.type == "call" else _STATUSES):
        raise Unfit(_NEW_KIND)
    if told.type == "call":
        resident = ids(told.recipient_id, told.recipient_user_id, told.recipient_parent_user_id)
        thread = _needed(place.people.who(resident)[0].key, _NOBODY)
        yield Message(
            account=place.account, id=f"{key}/{word}", thread=thread, sent_at=at, kind="system", text=_CALLS[word]
        )
    else:
        reply = key_of(told.biz_opaque_callback_data)
        if reply and _STATUSES[word] == "failed":
            yield Unfit(_did_not_arrive(told))
        yield StatusChanged(account=place.account, target=key, status=_STATUSES[word], at=at, reply=reply)


def _did_not_arrive(told: wire.Status) -> str:
    """Say why a reply did not arrive: who sent it was told that WhatsApp took it."""
    code = next((each.code for each in told.errors if each.code and re.fullmatch("[0-9]{1,7}", each.code)), "?")
    advice = NOT_TAKEN.get(int(code)) if code != "?" else None
    return f"says that a reply did not arrive, for error {code}: {advice or 'look it up in the list of error codes'}"


def _calls(place: Place, item: object, _: wire.Thread | None) -> Found:
    """Read the end of a call as a message, for then it is known how long it was; the beginning as a line."""
    told = read_as(wire.Call, item) or wire.Call()
    key = _needed(told.id, "has no id")
    by_us = (told.from_ or "").lstrip("+") in place.own_numbers
    outgoing = by_us if told.direction is None else told.direction == "BUSINESS_INITIATED"
    resident, person = place.people.who(_other_side(told, outgoing=outgoing))
    thread = _needed(resident.key, _NOBODY)
    at = _time(told.start_time or told.timestamp, thread)
    if told.event == "terminate":
        yield Message(
            account=place.account, id=key, thread=thread, sent_at=at, direction="out" if outgoing else "in",
            sender=MUNICIPALITY if outgoing else person, kind="call", text=_of_call(told, outgoing=outgoing),
        )  # fmt: skip
    elif told.event == "connect":
        text = "De gemeente belt." if outgoing else "De inwoner belt."
        yield Message(account=place.account, id=f"{key}/connect", thread=thread, sent_at=at, kind="system", text=text)
    else:
        raise Unfit(_NEW_KIND, thread)


def _of_call(told: wire.Call, *, outgoing: bool) -> str:
    seconds = int(told.duration) if told.duration and told.duration.isdecimal() and len(told.duration) < 7 else 0  # noqa: PLR2004 - days
    if not seconds:
        return "Niet beantwoorde spraakoproep" if outgoing else "Gemiste spraakoproep"
    return f"Spraakoproep van {seconds // 60} min {seconds % 60} s"


def _groups(place: Place, item: object, _: wire.Thread | None) -> Found:
    told = read_as(wire.Group, item) or wire.Group()
    thread = _needed(told.group_id, "does not say which group")
    text = _GROUPS.get(told.type or "", "De groep of wie eraan meedoet is gewijzigd.")
    key = digest(place.account, json.dumps(item, sort_keys=True))
    at = _time(told.timestamp, thread)
    yield Message(account=place.account, id=f"group-{key}", thread=thread, sent_at=at, kind="system", text=text)


def _errors(_: Place, item: object, __: wire.Thread | None) -> Found:
    """Hand what WhatsApp itself could not do to a person."""
    code = (read_as(wire.Error, item) or wire.Error()).code or "?"
    if code == _DECLINED:
        message = "does not give the history of this number: sharing it was declined in the app"
        raise Unfit(message)
    named = code if code.isdecimal() and len(code) < 8 else "?"  # noqa: PLR2004 - codes have at most seven digits
    message = f"reports error {named}: look it up in Meta's list of error codes"
    raise Unfit(message)


def _needed(value: str | None, problem: str, thread: str | None = None) -> str:
    if value is None:
        raise Unfit(problem, thread)
    return value


def _time(timestamp: str | None, thread: str | None = None) -> datetime:
    written = _needed(timestamp, "has no time", thread)
    try:
        at = parse_timestamp(written)
    except ValueError:
        message = "has a time that is none"
        raise Unfit(message, thread) from None
    if at > datetime.now(UTC) + _AHEAD:
        message = "has a time that is still to come"
        raise Unfit(message, thread)
    return at


READERS: Final[Mapping[str, Reader]] = {
    "messages": _messages,
    "message_echoes": _echoes,
    "history": _messages,
    "statuses": _statuses,
    "calls": _calls,
    "groups": _groups,
    "errors": _errors,
}

"""A kept payload becomes messages and changes. Nothing here asks anybody anything.

Each update in it stands on its own: one that cannot be read stops no other, and is kept with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

from gemeente_connect.contracts import Batch, Unreadable
from gemeente_connect.conversations import digest
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Change, Deleted, Edited, IdentityChanged, Message
from gemeente_connect_whatsapp import wire
from gemeente_connect_whatsapp.lenient import read_as
from gemeente_connect_whatsapp.people import People
from gemeente_connect_whatsapp.updates import READERS, Place, Unfit

AccountOf = Callable[[wire.Metadata], str | None]
"""Names the account of a number; None: it does not say which number it is, or the settings name no such number."""

_BESIDE: Final = frozenset({"contacts", "messaging_product", "metadata"})
"""What stands beside updates and is read with them, such as who wrote."""
_NOT_NEEDED: Final = frozenset({"state_sync", "user_preferences"})
"""The address book of the municipality's phone, and who wants no advertisements: nobody needs those here."""
_ABOUT_THE_ACCOUNT: Final = frozenset({
    "account_alerts", "account_review_update", "account_settings_update", "account_update",
    "business_capability_update", "business_status_update", "flows", "message_template_components_update",
    "message_template_quality_update", "message_template_status_update", "partner_solutions",
    "payment_configuration_update", "phone_number_name_update", "phone_number_quality_update", "security",
    "template_category_update", "template_correct_category_detection",
})  # fmt: skip
"""Fields an app may be subscribed to, of which nothing was said by or to a resident."""
_HISTORY: Final = frozenset({"errors", "metadata", "threads"})
_LONGEST_NUMBER: Final = 20  # digits; longer ones take long to read, and none stands in a webhook
_TOO_DEEP: Final = "the webhook has more levels than can be read"
_WHICH_NUMBER: Final = "does not say for which number"
_ANOTHER_NUMBER: Final = "is for a number that no setting of this channel names: add it to `numbers`, or drop this"
_NO_KIND: Final = "is of no kind that this channel knows"
_NOT_OURS: Final = "this is no webhook of the WhatsApp Business Platform: see which product of the app sends it here"


class Update(NamedTuple):
    """One thing that a payload tells, and where it stands in it."""

    name: str
    item: Any
    thread: wire.Thread | None = None
    """Of the history: with whom it was said."""


def read_payload(body: bytes, account_of: AccountOf) -> Batch:
    """Read a payload. Raises RejectedError when it is none of WhatsApp's at all."""
    payload = _decoded(body)
    if payload.get("object") != "whatsapp_business_account":
        raise RejectedError(_NOT_OURS)
    reading = _Reading(account_of)
    try:
        for entry in _items(payload.get("entry")):
            for change in _items(entry.get("changes") if isinstance(entry, dict) else [entry]):
                reading.change(change)
    except RecursionError:
        raise RejectedError(_TOO_DEEP) from None
    return reading.batch()


def _decoded(body: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(body, parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_NUMBER else digits)
    except RecursionError:
        raise RejectedError(_TOO_DEEP) from None
    except ValueError:
        payload = None
    return payload if isinstance(payload, dict) else {}


@dataclass
class _Reading:
    """What was found so far in one payload."""

    account_of: AccountOf
    messages: list[Message] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """What people call residents, also those of whom there is no thread."""
    _places: dict[tuple[str, str, datetime], dict[str, int]] = field(default_factory=dict)
    """By second of a thread of an account, the messages in it, each with its place."""

    def batch(self) -> Batch:
        """Give all of it, and what people call the threads in it."""
        threads: set[str | None] = {each.thread for each in self.messages}
        threads |= {each.thread for each in self.unreadable.values()}
        threads |= {each.message.thread for each in self.changes if isinstance(each, Edited | Deleted)}
        threads |= {each.thread for each in self.changes if isinstance(each, IdentityChanged)}
        return Batch(
            messages=tuple(self.messages),
            changes=tuple(self.changes),
            unreadable=tuple(self.unreadable.values()),
            thread_names={thread: name for thread, name in self.names.items() if thread in threads},
            other_names=_other_names(self.messages),
        )

    def change(self, change: object) -> None:
        """Read all that stands in one change."""
        value = change.get("value") if isinstance(change, dict) else None
        if not isinstance(change, dict) or not isinstance(value, dict):
            self._refuse("", Update("changes", change), Unfit("is of a form that this channel does not know"))
            return
        metadata = read_as(wire.Metadata, value.get("metadata")) or wire.Metadata()
        account = self.account_of(metadata)
        senders = filter(None, (read_as(wire.Sender, each) for each in _items(value.get("contacts"))))
        own = {digits(metadata.display_phone_number or ""), digits(account or "")} - {""}
        place = Place(account or "", frozenset(own), People(senders, self.names))
        if str(change.get("field")) in _ABOUT_THE_ACCOUNT and not value.keys() & READERS.keys():
            return
        for update in _updates(change, value):
            try:
                found = _read(place, metadata, update)
                self._keep([each for each in found if not isinstance(each, Unfit)])
                for each in found:
                    if isinstance(each, Unfit):
                        self._refuse(place.account, update, each)
            except Unfit as unfit:
                self._refuse(place.account, update, unfit)
            except RecursionError:
                self._refuse(place.account, update, Unfit("has more levels than can be read"))
            except ValueError:  # what no model takes, such as a text of ten million characters
                self._refuse(place.account, update, Unfit("holds what no message can hold"))

    def _keep(self, found: list[Message | Change]) -> None:
        for each in found:
            if isinstance(each, Message):
                there = self._places.setdefault((each.account, each.thread, each.sent_at), {})
                position = there.setdefault(each.id, len(there))
                self.messages.append(each.model_copy(update={"position": position}) if position else each)
            else:
                self.changes.append(each)

    def _refuse(self, account: str, update: Update, unfit: Unfit) -> None:
        raw = json.dumps(update.item).encode()
        key = f"whatsapp-{digest(account, update.name, raw.decode())}"
        reason = f"{_CALLED.get(update.name, 'a part of a webhook')} {unfit}"
        self.unreadable[key] = Unreadable(id=key, reason=reason, thread=unfit.thread, raw=raw)


def _other_names(messages: Iterable[Message]) -> dict[str, tuple[str, ...]]:
    """Give, by thread, under which ids its resident may be answered besides. Not of a group."""
    found: dict[str, dict[str, None]] = {}
    for message in messages:
        resident = message.sender
        if resident and resident.id == message.thread:
            others = (each.value for each in resident.identities if each.value != message.thread)
            found.setdefault(message.thread, {}).update(dict.fromkeys(others))
    return {thread: tuple(names) for thread, names in found.items() if names}


_CALLED: Final = {
    "messages": "a message",
    "message_echoes": "a message of the municipality",
    "history": "a message of the history",
    "statuses": "a status",
    "calls": "a call",
    "groups": "news of a group",
    "errors": "WhatsApp",
}


def _read(place: Place, metadata: wire.Metadata, update: Update) -> list[Message | Change | Unfit]:
    if not place.account and update.name != "errors":  # what WhatsApp itself could not do is told of any number
        raise Unfit(_ANOTHER_NUMBER if metadata.phone_number_id else _WHICH_NUMBER)
    if update.name not in READERS:
        raise Unfit(_NO_KIND)
    return list(READERS[update.name](place, update.item, update.thread))


def _updates(change: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[Update]:
    """Take a change apart. What is of no known kind is an update too, that nobody can read."""
    for name in READERS:
        for item in _items(value.get(name)):
            if name == "history" and isinstance(item, dict) and item.keys() & _HISTORY:
                yield from _of_history(item)
            else:
                yield Update(name, item)
    known = READERS.keys() | _NOT_NEEDED
    unknown = {name: value[name] for name in value if name not in known | _BESIDE}  # in order: a digest is made of it
    if any(isinstance(each, list) for each in unknown.values()) or not value.keys() & known:
        yield Update("unknown", {**change, "value": unknown})


def _of_history(chunk: Mapping[str, Any]) -> Iterator[Update]:
    """Take a part of the history apart. Parts come in any order, and need none: times tell it."""
    yield from (Update("errors", error) for error in _items(chunk.get("errors")))
    for thread in _items(chunk.get("threads")):
        told = read_as(wire.Thread, thread)
        for item in _oldest_first(_items(thread.get("messages"))) if told else [thread]:
            yield Update("history", item, told)


def _oldest_first(items: list[Any]) -> list[Any]:
    """Turn a list round that has the newest first, as some have: within a second, the order of the list decides."""
    times = [str(item.get("timestamp")) if isinstance(item, dict) else "" for item in items]
    falls = sum((one > two) - (one < two) for one, two in pairwise(times))
    return items[::-1] if falls > 0 else items


def digits(text: str) -> str:
    """Leave only the digits of a number, however it is written."""
    return re.sub(r"[^0-9]", "", text)


def _items(value: object) -> list[Any]:
    """Give the items of a list; of something else, that one; of nothing, none."""
    return value if isinstance(value, list) else [] if value is None else [value]

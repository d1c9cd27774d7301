"""Who is who in a chat: which thread it is, who is the municipality, and who the resident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gemeente_connect.models import Identity, Participant
from gemeente_connect_whatsapp_export.contacts import Contacts, clean, number, shown_number
from gemeente_connect_whatsapp_export.reading import Who
from gemeente_connect_whatsapp_export.settings import ExportSettings
from gemeente_connect_whatsapp_export.survey import Survey, Unusable

MUNICIPALITY = "municipality"
"""The id of the participant who writes for the municipality."""


class Unresolved(Unusable):
    """A chat of which nobody can say whose it is. Carries the name it is shown under, for the person who looks."""

    def __init__(self, message: str, name: str | None) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat whose people are known."""

    thread: str
    people: Mapping[str, Who]
    """By the name that stands in the file."""
    name: str | None
    """The name of the chat in the app; None: it has only a number."""
    by_name: bool
    """The thread was found through a name: two people may bear it."""


def resolve(survey: Survey, file: str, chat_name: str | None, settings: ExportSettings, contacts: Contacts) -> Chat:
    """Find out which thread a chat is and who writes in it.

    `file`: what the file is called in `chat`; `chat_name`: the chat's name, from the file's. Raises Unresolved.
    """
    own_names = set(map(clean, settings.own_names))
    known = {clean(chat_name or ""), *own_names, *contacts}
    writers = survey.writers | {name for name in survey.doubtful if clean(name) in known}
    own = {name for name in writers if clean(name) in own_names}
    others = writers - own
    several = len(set(map(clean, others))) > 1
    if several and not own:
        message = "nobody in it writes under `own_name`: add the name under which the municipality stands in this export to `own_name`"  # noqa: E501
        raise Unresolved(message, chat_name)
    chat_name = next(iter(sorted(survey.reporters - writers)), chat_name)
    group = several or survey.group or _is_set_as_group(settings, chat_name, others)
    return (_group if group else _pair)(own, others, file, chat_name, settings, contacts)


def _pair(  # noqa: PLR0917 - all of it is needed
    own: set[str],
    others: frozenset[str],
    file: str,
    chat_name: str | None,
    settings: ExportSettings,
    contacts: Contacts,
) -> Chat:
    shown = clean(next(iter(others), chat_name or ""))
    by_file = _set_in_chat(settings, file)
    thread = by_file or shown_number(shown)
    by_name = thread is None
    thread = thread or _set_in_chat(settings, shown) or _in_contacts(contacts, shown)
    if thread is None:
        why = "has more than one number in" if shown in contacts else "is not in"
        message = (
            f"the other side of the chat {why} `contacts`: add it there or to `chat`, or skip the chat in the sync"
        )
        raise Unresolved(message, shown or None)
    resident = Participant(
        id=thread,
        name=shown if shown and not shown_number(shown) else _name_in_contacts(contacts, thread),
        identities=(Identity(kind="phone", value=thread),) if shown_number(thread) == thread else (),
    )
    people = {name: Who(">\0", "out", Participant(id=MUNICIPALITY, name=clean(name), employee=True)) for name in own}
    people |= {name: Who("<\0", "in", resident) for name in others}
    return Chat(thread, people, resident.name, by_name)


def _group(  # noqa: PLR0917 - as above
    own: set[str],
    others: frozenset[str],
    file: str,
    chat_name: str | None,
    settings: ExportSettings,
    contacts: Contacts,
) -> Chat:
    shown = clean(chat_name or "") or None
    by_file = _set_in_chat(settings, file)
    thread = by_file or (_set_in_chat(settings, shown) if shown else None)
    if thread is None:
        message = "more people than `own_name` and one resident write in it: add what is missing to `own_name`, or, when it is a group, add the group to `chat`"  # noqa: E501
        raise Unresolved(message, shown)
    people = {}
    for name in own:
        writer = clean(name)
        people[name] = Who(">\0", "out", Participant(id=f"{MUNICIPALITY}/{writer}", name=writer, employee=True))
    for name in others:
        writer = clean(name)
        known = shown_number(writer) or _in_contacts(contacts, writer)
        people[name] = Who(
            "<\0",
            "in",
            Participant(
                id=known or writer or name,
                name=None if shown_number(writer) else writer,
                identities=(Identity(kind="phone", value=known),) if known else (),
            ),
        )
    return Chat(thread, people, shown, by_name=by_file is None)


def _is_set_as_group(settings: ExportSettings, chat_name: str | None, others: frozenset[str]) -> bool:
    """Tell whether `chat` gives the name of the chat an id that is no number, and it is nobody's own name."""
    name = clean(chat_name or "")
    thread = _set_in_chat(settings, name) if name and name not in set(map(clean, others)) else None
    return thread is not None and shown_number(thread) is None


def _set_in_chat(settings: ExportSettings, name: str) -> str | None:
    """Look in the setting `chat`; a number is written as numbers are everywhere."""
    if isinstance(settings.chat, str):
        thread: str | None = settings.chat
    else:
        thread = {clean(key): value for key, value in (settings.chat or {}).items()}.get(clean(name))
    return thread and (number(thread, settings.region) or thread)


def _name_in_contacts(contacts: Contacts, known: str) -> str | None:
    """Name a number that a phone without this contact shows: a sync may skip the chat by that name."""
    return min((name for name, numbers in contacts.items() if numbers == {known}), default=None)


def _in_contacts(contacts: Contacts, name: str) -> str | None:
    known = contacts.get(name, frozenset())
    return next(iter(known)) if len(known) == 1 else None

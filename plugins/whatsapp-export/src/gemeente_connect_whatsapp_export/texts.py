"""The words that WhatsApp itself writes in an export, in Dutch, English and German, and what they say.

On iOS they begin with U+200E, which people do not type: that tells a deleted message from a resident who writes "Dit
bericht is verwijderd". Android has no such mark, so there a whole body has to be equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from gemeente_connect.models import MessageKind
from gemeente_connect_whatsapp_export.headers import MARK

VIEW_ONCE = "(bericht dat één keer te bekijken was)"
"""What is shown in place of `null`, all that an export has of such a message."""
EMPTY = "(bericht zonder inhoud in de export)"

_DELETED = frozenset({
    "Dit bericht is verwijderd", "U hebt dit bericht verwijderd", "Je hebt dit bericht verwijderd",
    "Dit bericht is verwijderd door een beheerder",
    "This message was deleted", "You deleted this message", "This message was deleted by admin",
    "Diese Nachricht wurde gelöscht", "Du hast diese Nachricht gelöscht",
})  # fmt: skip
_EDITED = ("<Dit bericht is bewerkt>", "<This message was edited>", "<Diese Nachricht wurde bearbeitet>",
           "<Diese Nachricht wurde bearbeitet.>")  # fmt: skip
_CALLS = (
    "Gemist spraakgesprek", "Gemist videogesprek", "Gemiste spraakoproep", "Gemiste video-oproep",
    "Gemiste groepsoproep", "Spraakoproep", "Video-oproep", "Spraakgesprek", "Videogesprek",
    "Missed voice call", "Missed video call", "Missed group voice call", "Missed group video call",
    "Voice call", "Video call",
    "Verpasster Sprachanruf", "Verpasster Videoanruf", "Verpasster Gruppenanruf", "Sprachanruf", "Videoanruf",
)  # fmt: skip
_CALLS_EXACT = frozenset(call for call in _CALLS if call.startswith(("Gemist", "Missed", "Verpasst")))
_LOCATIONS = ("Locatie: ", "locatie: ", "Location: ", "location: ", "Standort: ", "standort: ")
_LOCATION_LINK = re.compile(r"https://(?:maps\.google\.com|www\.google\.com/maps|foursquare\.com)[/?]")
_LIVE_LOCATIONS = frozenset({
    "live locatie gedeeld", "Live locatie gedeeld", "live location shared", "Live location shared",
    "Live-Standort wird geteilt", "Live-Standort geteilt",
})  # fmt: skip
_POLLS = ("POLL:", "PEILING:", "UMFRAGE:")
_WAITING = ("Wachten op dit bericht", "Waiting for this message", "Warte auf diese Nachricht")
_VIEW_ONCE = frozenset({"null", "<View once message omitted>", "<View once voice message omitted>"})

_OMITTED_MEDIA = ("<Media weggelaten>", "<Media omitted>", "<Medien ausgeschlossen>", "<Medien weggelassen>")
_NOUNS: dict[str, MessageKind] = {
    "afbeelding": "image", "image": "image", "Bild": "image",
    "video": "video", "Video": "video", "videonotitie": "video", "video note": "video", "Videonachricht": "video",
    "audio": "audio", "Audio": "audio", "GIF": "video", "sticker": "sticker", "Sticker": "sticker",
    "document": "document", "Dokument": "document",
    "Visitekaartje": "contact", "Contact card": "contact", "Kontaktkarte": "contact",
}  # fmt: skip
_OMITTED = re.compile(rf"{MARK}?\b({'|'.join(_NOUNS)}) (?:weggelaten|omitted|weggelassen|ausgelassen)(?=\n|$)")
_ATTACHED = re.compile(r"<(?:bijgevoegd|attached|Anhang): ([^<>\n]{1,255})>")
_FILE_ATTACHED = re.compile(r" \((?:bestand bijgevoegd|file attached|Datei angehängt)\)(?=\n|$)")
_PAGES = re.compile(r" • [^\n]{0,40}$")

_SYSTEM = (
    "end-to-end versleuteld", "end-to-end encrypted", "nde-zu-Ende-verschlüsselt", "end-to-end encryptie",
    "end-to-end encryption", "beveiligingscode", "security code", "Sicherheitsnummer",
    " heeft de groep ", " heeft deze groep ", " hebt de groep ", " hebt deze groep ", " de groep verlaten",
    " heeft het onderwerp ", " hebt het onderwerp ", " heeft de groepsafbeelding ", " heeft de groepsbeschrijving ",
    " hebt de groepsafbeelding ", " hebt de groepsbeschrijving ", " toegevoegd", " verwijderd uit ",
    " bent nu beheerder", " is nu beheerder", " neemt deel via ", " is lid geworden ", " uitnodigingslink",
    " created group ", " created this group", " added ", " left", " removed ", " changed the subject ",
    " changed the group name ", " changed this group's ", " changed the group description",
    " changed their phone number",
    " now an admin", " joined using ", " changed to ",
    " hat die Gruppe ", " hat diese Gruppe ", " hat den Betreff ", " hat das Gruppenbild ", " hat den Gruppennamen ",
    " hinzugefügt", " ist jetzt Admin", " ist der Gruppe ",
    " van telefoonnummer veranderd", " telefoonnummer gewijzigd", " hat die Telefonnummer ",
    " geblokkeerd", " blocked this contact", " unblocked this contact", " blockiert",
    "erdwijnende berichten", "elf-verdwijnende berichten", "isappearing messages", "elbstlöschende Nachrichten",
    "zakelijk account", "business account", "Unternehmensaccount", "vastgezet", " pinned a message",
)  # fmt: skip
_GROUP = (
    "de groep ", "deze groep", "het onderwerp ", "groepsafbeelding", "groepsbeschrijving", "de groep.", "beheerder",
    "created group", "this group", "the subject", "group name", "group description", "group's icon", "an admin",
    "die Gruppe", "diese Gruppe", "der Gruppe", "den Betreff", "Gruppenbild", "Gruppennamen",
)  # fmt: skip
LONGEST = 200
"""How much of a text, in characters, is looked at to find WhatsApp's own words in it."""

_OPENINGS = frozenset(
    text[:4] for text in (*_DELETED, *_CALLS_EXACT, *_LIVE_LOCATIONS, *_VIEW_ONCE, *_OMITTED_MEDIA, *_LOCATIONS,
                          *_POLLS, *_WAITING)
)  # fmt: skip
_ENDINGS = ">)"

_EXTENSIONS: dict[str, tuple[MessageKind, str]] = {
    "jpg": ("image", "image/jpeg"), "jpeg": ("image", "image/jpeg"), "png": ("image", "image/png"),
    "heic": ("image", "image/heic"), "gif": ("image", "image/gif"), "webp": ("sticker", "image/webp"),
    "mp4": ("video", "video/mp4"), "mov": ("video", "video/quicktime"), "3gp": ("video", "video/3gpp"),
    "opus": ("audio", "audio/ogg"), "ogg": ("audio", "audio/ogg"), "m4a": ("audio", "audio/mp4"),
    "mp3": ("audio", "audio/mpeg"), "aac": ("audio", "audio/aac"), "amr": ("audio", "audio/amr"),
    "vcf": ("contact", "text/vcard"), "pdf": ("document", "application/pdf"),
}  # fmt: skip


class Found(NamedTuple):
    """What a body says that is not plain text."""

    kind: MessageKind = "text"
    text: str = ""
    key: str = ""
    """What stands for the text in the id. Without names of files: another phone gives the same photo another one."""
    file: str | None = None
    """The name of the file that came with it."""
    title: str | None = None
    """The name its sender gave the file, if that differs."""
    omitted: bool = False
    """Something came with it that was left out of the export."""
    change: str | None = None
    """`edited` or `deleted`."""


def is_system(text: str) -> bool:
    """Tell whether WhatsApp reports something here, such as a new security code or subject."""
    return any(words in text[:LONGEST] for words in _SYSTEM)


def is_about_a_group(text: str) -> bool:
    """Tell whether such a report is one that only groups have."""
    return any(words in text[:LONGEST] for words in _GROUP)


def maybe_own_words(body: str) -> bool:
    """Tell quickly whether an Android body may hold WhatsApp's own words. Most do not, and need no closer look."""
    return body[-1:] in _ENDINGS or body[:4] in _OPENINGS or ("\n" in body and ")\n" in body)


def read_own_words(body: str, *, marked: bool) -> Found | None:
    """Find WhatsApp's own words in the body of a message. None: it is plain text.

    `marked`: the export is of iOS, which puts U+200E in front of them.
    """
    body, edited = _without_edited(body, marked=marked)
    found = _media(body, marked=marked) or _whole(body, marked=marked)
    if not edited or (found and found.kind == "system"):  # nobody edits what WhatsApp reports
        return found
    found = found or Found(text=body, key=body)
    return found._replace(key=f"\0edited\0{found.key}", change="edited")


def _without_edited(body: str, *, marked: bool) -> tuple[str, bool]:
    for words in _EDITED:
        if body.endswith(MARK + words if marked else words):
            return body.removesuffix(words).rstrip(f"{MARK} \n"), True
    return body, False


def _whole(body: str, *, marked: bool) -> Found | None:
    """Look at a body that is WhatsApp's own from its beginning."""
    if marked and body and not body.startswith(MARK):
        return None
    text = body.replace(MARK, "")
    if text.removesuffix(".") in _DELETED:
        return Found(text=text, key="\0deleted", change="deleted")
    if text in _VIEW_ONCE:
        return Found("view-once", VIEW_ONCE, "\0once")
    if not text:
        return Found("unsupported", EMPTY)
    kind = _kind_of_whole(text, marked=marked)
    return Found(kind, text, _key_of_whole(kind, text)) if kind else None


def _key_of_whole(kind: MessageKind, text: str) -> str:
    """Leave out what differs between languages and systems: the same call is `Gemist spraakgesprek` on iOS."""
    if kind == "poll":  # the second line is the question; the votes below it change
        return "\0poll" + text.partition("\n")[2].partition("\n")[0]
    if kind == "location":
        return f"\0location{text.partition(': ')[2]}"
    return "\0call" if kind == "call" else "\0waiting" if text.startswith(_WAITING) else text


def _kind_of_whole(text: str, *, marked: bool) -> MessageKind | None:
    if text in _CALLS_EXACT or (marked and text.startswith(_CALLS)):
        return "call"
    if text in _LIVE_LOCATIONS or (text.startswith(_LOCATIONS) and _LOCATION_LINK.search(text[:LONGEST])):
        return "location"
    if text.startswith(_POLLS):
        return "poll"
    if marked and is_system(text) and not text.startswith(_WAITING):
        return "system"
    return "unsupported" if marked or text.startswith(_WAITING) else None


def _media(body: str, *, marked: bool) -> Found | None:
    """Look for a file, attached or left out, and what was written with it."""
    if marked:
        return _media_of_ios(body) if MARK in body else None
    first, _, caption = body.partition("\n")
    if first.lstrip(MARK) in _OMITTED_MEDIA:
        return Found("document", caption, f"\0media{caption}", omitted=True)
    attached = _FILE_ATTACHED.search(first)
    if not attached:
        return None
    name = first[: attached.start()].strip(f"{MARK} ")
    return Found(kind_of_file(name)[0], caption, f"\0media{caption}", name) if name else None


def _media_of_ios(body: str) -> Found | None:
    attached = _ATTACHED.search(body)
    if attached and body[: attached.start()].endswith(MARK):
        file = attached[1].strip()
        title, caption = _around(body, attached, file.endswith)
        return Found(kind_of_file(file)[0], caption, f"\0media{caption}", file, title)
    omitted = _OMITTED.search(body)
    if omitted and (body.startswith(MARK) or omitted[0].startswith(MARK)):
        kind = _NOUNS[omitted[1]]
        title, caption = _around(body, omitted, lambda _: kind in {"document", "contact"})
        return Found(kind, caption, f"\0media{caption}", None, title, omitted=True)
    return None


def _around(body: str, found: re.Match[str], is_title: Callable[[str], bool]) -> tuple[str | None, str]:
    """Give the title of a file, which stands before it with its number of pages, and what was written with it."""
    before, after = body[: found.start()].strip(f"{MARK} \n"), body[found.end() :].strip(f"{MARK} \n")
    title = _PAGES.sub("", before).strip(f"{MARK} ")
    return (title, after) if title and is_title(title) else (None, "\n".join(filter(None, (before, after))))


def kind_of_file(name: str) -> tuple[MessageKind, str | None]:
    """Tell from a file's name which kind of message it makes, and its media type (None: unknown)."""
    return _EXTENSIONS.get(name.rstrip(".").rpartition(".")[2].lower(), ("document", None))

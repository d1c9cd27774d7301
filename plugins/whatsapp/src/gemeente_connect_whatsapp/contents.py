"""What a message says, in Dutch that can be read: the same for a webhook, an echo and the history of a number.

Where WhatsApp writes words of its own in an exported chat, such as for a place, they are the same here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from gemeente_connect.models import Attachment, MessageKind, Missing
from gemeente_connect_whatsapp import wire
from gemeente_connect_whatsapp.lenient import clean, read_as

DELETED: Final = "Dit bericht is verwijderd."
"""What stands in the place of a message that its sender deleted."""
EMPTY: Final = "(bericht zonder inhoud)"
NOT_PASSED_ON: Final = "(bericht van een soort die WhatsApp niet doorgeeft)"
_NOT_PASSED_ON: Final = {
    "poll": "(peiling: WhatsApp geeft die niet door)",
    "edit": "(een eerder bericht is bewerkt: WhatsApp geeft niet door hoe het nu luidt)",
    "video_note": "(videobericht: WhatsApp geeft dat niet door)",
    "gif": "(bewegende afbeelding: WhatsApp geeft die niet door)",
    "pin": "(een bericht is vastgezet)",
}
_CALL_PERMISSION: Final = {
    "accept": "(toestemming om te bellen gegeven)",
    "reject": "(toestemming om te bellen geweigerd)",
}
_OCCASIONS: Final = {"ad": "een advertentie", "post": "een bericht op Facebook of Instagram"}
_READABLE: Final = ("question", "title", "name", "body", "text", "caption", "description")
"""Under these names stands, in a kind of message that is not known yet, what somebody wrote."""
_TOKENS: Final = frozenset({"flow_token"})  # of a form, and nothing that anybody filled in


class Content(NamedTuple):
    """What a message says."""

    kind: MessageKind = "text"
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


def content(message: wire.Message) -> Content:
    """Read what a message says. There is always something: of a kind that is not known, what can be read of it."""
    kind = message.type or ""
    if kind == "unsupported":
        return _unsupported(message)
    if kind == "media_placeholder":
        return _placeholder()
    for name in (kind, *_READERS):  # what it says may stand under another name than that of its type
        said = _READERS[name](message) if name in _READERS else None
        if said and (said.text or said.attachments):
            return said
    return _without_content(message) if kind in {*_READERS, ""} else _unknown(message)


def with_occasion(message: wire.Message, said: Content) -> Content:
    """Say first what somebody wrote about: an advertisement or a product that they saw, if it was one."""
    referral, product = message.referral, message.context.referred_product if message.context else None
    lines = []
    if referral:
        what = _OCCASIONS.get(referral.source_type or "", "een verwijzing")
        lines.append(f"(naar aanleiding van {': '.join(filter(None, (what, referral.headline or referral.body)))})")
    if product:
        lines.append(f"(over product {product.product_retailer_id or '?'})")
    return said._replace(text="\n".join(filter(None, (*lines, said.text)))) if lines else said


def media_source(media_id: str, sha256: str | None) -> str:
    """Name a file at WhatsApp, with the hash that it was announced with: what `Attachment.source` holds."""
    return json.dumps({"id": media_id, "sha256": sha256 and hex_digest(sha256)}, sort_keys=True)


def hex_digest(written: str) -> str | None:
    """Write a SHA-256 in lower-case hex. WhatsApp writes it in base64 or in hex; None: it is none."""
    if re.fullmatch(r"[0-9A-Fa-f]{64}", written):
        return written.lower()
    try:
        digest = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 32 else None  # noqa: PLR2004 - bytes of a SHA-256


def _text(message: wire.Message) -> Content | None:
    return Content("text", message.text.body) if message.text and message.text.body else None


def _media(kind: MessageKind) -> Callable[[wire.Message], Content | None]:
    def read(message: wire.Message) -> Content | None:
        media: wire.Media | None = getattr(message, kind)
        return Content(kind, media.caption or "", (_attachment(media),)) if media else None

    return read


def _attachment(media: wire.Media) -> Attachment:
    source = media_source(media.id, media.sha256) if media.id else None
    missing: Missing | None = None if source else "omitted"
    return Attachment(name=media.filename, source=source, media_type=media.mime_type, missing=missing)


def _placeholder() -> Content:
    """Stand in for a file of the history, which comes later or not at all. It does not say what it was."""
    return Content("document", "", (Attachment(missing="omitted"),))


def _location(message: wire.Message) -> Content | None:
    place = message.location
    if place is None:
        return None
    point = f"https://maps.google.com/?q={place.latitude},{place.longitude}" if place.latitude else None
    named = ", ".join(filter(None, (place.name, place.address)))
    return Content("location", "Locatie: " + "\n".join(filter(None, (named, point)))) if named or point else None


def _contacts(message: wire.Message) -> Content | None:
    cards = list(filter(None, map(_card, message.contacts)))
    return Content("contact", "\n".join(f"Contactgegevens: {card}" for card in cards)) if cards else None


def _card(card: wire.Card) -> str:
    name = card.name or wire.Name()
    called = name.formatted_name or " ".join(filter(None, (name.first_name, name.last_name)))
    company = card.org.company if card.org else None
    numbers = (phone.phone or (phone.wa_id and f"+{phone.wa_id}") for phone in card.phones)
    emails = (each.email for each in card.emails)
    return ", ".join(filter(None, (called, company, *numbers, *emails)))


def _interactive(message: wire.Message) -> Content | None:
    chosen = message.interactive
    if chosen is None:
        return None
    reply = chosen.button_reply or chosen.list_reply
    if reply:
        return Content("text", " - ".join(filter(None, (reply.title, reply.description))))
    if chosen.nfm_reply:
        form = chosen.nfm_reply
        filled_in = _form(form.response_json or "")
        return Content("text", "\n".join(filter(None, (form.body or form.name, *filled_in))))
    if chosen.call_permission_reply:
        answer = (chosen.call_permission_reply.response or "").lower()
        return Content("text", _CALL_PERMISSION.get(answer, "(antwoord op de vraag om te mogen bellen)"))
    return Content("text", chosen.body.body or "") if chosen.body else None


def _form(response_json: str) -> Iterator[str]:
    """Yield what was filled in in a form, a line each. What is no JSON is shown as it stands."""
    try:
        answers = json.loads(response_json)
    except (ValueError, RecursionError):
        yield response_json
        return
    for name, value in answers.items() if isinstance(answers, dict) else [("", answers)]:
        if name not in _TOKENS:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield clean(f"{name}: {shown}" if name else shown)


def _button(message: wire.Message) -> Content | None:
    button = message.button
    return Content("text", button.text or button.payload or "") if button else None


def _order(message: wire.Message) -> Content | None:
    order = message.order
    if order is None:
        return None
    lines = (
        f"{each.quantity or 1} x {each.product_retailer_id or '?'}"
        + (f" ({each.item_price} {each.currency or ''})".replace(" )", ")") if each.item_price else "")
        for each in order.product_items
    )
    return Content("order", "\n".join(filter(None, ("Bestelling:", *lines, order.text))))


def _template(message: wire.Message) -> Content | None:
    template = message.template
    if template is None:
        return None
    words = (word for part in template.components for word in (part.text, *(each.text for each in part.parameters)))
    return Content("template", "\n".join(filter(None, (f"(sjabloon {template.name or '?'})", *words))))


def _unsupported(message: wire.Message) -> Content:
    kind = message.unsupported.type if message.unsupported else None
    return Content("unsupported", _NOT_PASSED_ON.get(kind or "", NOT_PASSED_ON))


def _without_content(message: wire.Message) -> Content:
    """Say so of a message that should hold something. One that came with an error is one that is not passed on."""
    errors = (message.model_extra or {}).get("errors")
    return Content("unsupported", NOT_PASSED_ON if errors else EMPTY)


def _unknown(message: wire.Message) -> Content:
    named = message.type if re.fullmatch(r"[\w-]{1,40}", message.type or "") else "?"
    body = (message.model_extra or {}).get(message.type or "")
    media = read_as(wire.Media, body)
    files = (_attachment(media),) if media and media.id and media.mime_type else ()
    return Content("unsupported", "\n".join((f"(bericht van een nieuwe soort: {named})", *_words(body))), files)


def _words(body: Any, depth: int = 4) -> Iterator[str]:
    """Yield what somebody may have written in a body of an unknown form."""
    if isinstance(body, list) and depth:
        for item in body:
            yield from _words(item, depth - 1)
    elif isinstance(body, dict) and depth:
        for name, value in body.items():
            if isinstance(value, str) and name in _READABLE:
                yield clean(value)
            else:
                yield from _words(value, depth - 1)


_READERS: Final[dict[str, Callable[[wire.Message], Content | None]]] = {
    "text": _text,
    "image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio"),
    "sticker": _media("sticker"),
    "document": _media("document"),
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "template": _template,
}

"""What Twilio pushes: its signature, and the forms of a message and of a status.

The signature is a base64 HMAC-SHA1 with the account's token over the URL that Twilio called, followed by the name and
the value of each field of the form, in order of name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Never
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, ValidationError

from gemeente_connect.abilities import Received
from gemeente_connect.contracts import Batch, Unreadable
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Attachment, Message, MessageKind, StatusChanged
from gemeente_connect_twilio.contents import STATUSES, shown
from gemeente_connect_twilio.people import bare, resident
from gemeente_connect_twilio.wire import MessageSid, Wire, unreadable

_MOST_FIELDS: Final = 1000
_MEDIA: Final = re.compile(r"/Messages/((?:SM|MM)[0-9a-fA-F]{32})/Media/(ME[0-9a-fA-F]{32})$", re.ASCII)
_DEGREES: Final = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,20})?", re.ASCII)

Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """The number that is read, and what the ledger knows it by."""

    account: str
    number: str


def no_handshake() -> Never:
    """Refuse a question that Twilio does not ask."""
    message = "Twilio asks no question before it pushes; set the webhook to HTTP POST"
    raise RejectedError(message)


# ---- signatures ------------------------------------------------------------------------------------------------------


def signature(token: SecretStr, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """Sign a request the way Twilio does. `fields` are those of its form; a field that comes twice counts once."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.get_secret_value().encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def verify(received: Received, token: SecretStr | None) -> None:
    """See whether Twilio sent this. Raises RejectedError."""
    if token is None or not token.get_secret_value():
        message = "without `auth_token` no webhook can be verified"
        raise RejectedError(message)
    given = received.headers.get("x-twilio-signature", "").encode()
    fields = _fields(received)
    right = [hmac.compare_digest(signature(token, url, fields).encode(), given) for url in _spellings(received.url)]
    if not any(right):
        message = (
            "the signature is not Twilio's: is `auth_token` the one of this account, and the URL as Twilio knows it?"
        )
        raise RejectedError(message)


def _spellings(url: str) -> Iterator[str]:
    """Give a URL with and without its usual port: some of Twilio's products sign the one, some the other."""
    yield url
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    usual = {"https": ":443", "http": ":80"}.get(scheme, "")
    if host.endswith(usual):
        yield f"{scheme}://{host.removesuffix(usual)}{slash}{path}"
    elif ":" not in host:
        yield f"{scheme}://{host}{usual}{slash}{path}"


def _fields(received: Received) -> list[tuple[str, str]]:
    try:
        return parse_qsl(received.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        message = "this is no form as Twilio sends them"
    raise RejectedError(message)


def form_of(received: Received) -> Form:
    """Read the form. Raises RejectedError when it is none."""
    return dict(_fields(received))


# ---- messages and statuses -------------------------------------------------------------------------------------------


class _Pushed(Wire):
    sid: Annotated[MessageSid, Field(alias="MessageSid")]
    sender: Annotated[str, Field(alias="From")] = ""
    to: Annotated[str, Field(alias="To")] = ""
    body: Annotated[str, Field(alias="Body")] = ""
    status: Annotated[str, Field(alias="MessageStatus")] = ""
    num_media: Annotated[int, Field(alias="NumMedia", ge=0, le=100)] = 0
    name: Annotated[str, Field(alias="ProfileName")] = ""
    user_id: Annotated[str, Field(alias="ExternalUserId")] = ""
    replied: Annotated[str, Field(alias="OriginalRepliedMessageSid")] = ""
    latitude: Annotated[str, Field(alias="Latitude")] = ""
    longitude: Annotated[str, Field(alias="Longitude")] = ""
    label: Annotated[str, Field(alias="Label")] = ""
    address: Annotated[str, Field(alias="Address")] = ""

    @property
    def is_inbound(self) -> bool:
        """Tell a message that came in from the status of one that was sent."""
        return self.status in {"", "received", "receiving"}


def read_form(received: Received, line: Line) -> Batch:
    """Read a form of Twilio's messaging. Raises RejectedError when it is none."""
    form = form_of(received)
    at = received.received_at or datetime.now(UTC)
    try:
        pushed = _Pushed.model_validate(form)
        if pushed.is_inbound and pushed.to == line.number:
            return Batch(messages=(_message(pushed, form, line, at),))
        if not pushed.is_inbound and pushed.sender in {line.number, ""}:
            return _outcome(pushed, line, at)
    except ValidationError as error:
        return Batch(unreadable=(unreadable({"sid": form.get("MessageSid"), **form}, error, "webhook"),))
    reason = "it is of another number than `number`: give that number a channel and a webhook of its own"
    return Batch(unreadable=(Unreadable(id=pushed.sid, reason=reason, raw=received.body),))


def _outcome(pushed: _Pushed, line: Line, at: datetime) -> Batch:
    status = STATUSES.get(pushed.status)
    if status is None:
        return Batch()  # on its way, or a word that says nothing to us
    return Batch(changes=(StatusChanged(account=line.account, target=pushed.sid, status=status, at=at),))


def _message(pushed: _Pushed, form: Form, line: Line, at: datetime) -> Message:
    attachments = _attachments(pushed, form)
    kind, text = _shown(pushed, attachments)
    return Message(
        account=line.account,
        id=pushed.sid,
        thread=bare(pushed.sender),
        sent_at=at,
        direction="in",
        sender=resident(pushed.sender, name=pushed.name, user_id=pushed.user_id),
        kind=kind,
        text=text,
        attachments=attachments,
        reply_to=pushed.replied or None,
    )


def _shown(pushed: _Pushed, attachments: tuple[Attachment, ...]) -> tuple[MessageKind, str]:
    if not (_DEGREES.fullmatch(pushed.latitude) and _DEGREES.fullmatch(pushed.longitude)):
        return shown(pushed.body, attachments)
    named = ", ".join(filter(None, (pushed.label, pushed.address)))
    place = f"{pushed.latitude}, {pushed.longitude}"
    return "location", f"Locatie: {named} ({place})" if named else f"Locatie: {place}"


def _attachments(pushed: _Pushed, form: Form) -> tuple[Attachment, ...]:
    """Name the files in the order of their SIDs, as the list of messages has them. Their host counts for nothing."""
    found = []
    for number in range(pushed.num_media):
        link = _MEDIA.search(urlsplit(form.get(f"MediaUrl{number}", "")).path)
        if link and link[1] == pushed.sid:
            found.append((link[2], form.get(f"MediaContentType{number}")))
    kept = [
        Attachment(source=f"Messages/{pushed.sid}/Media/{sid}", media_type=media_type)
        for sid, media_type in sorted(set(found), key=lambda each: each[0])
    ]
    return (*kept, *[Attachment(missing="expired")] * (pushed.num_media - len(kept)))

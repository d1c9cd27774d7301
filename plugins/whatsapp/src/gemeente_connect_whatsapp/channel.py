"""The channel: what WhatsApp pushes to the webhook of one of a municipality's numbers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from gemeente_connect.abilities import Finding, Outgoing, Received
from gemeente_connect.contracts import Batch, Cursor, Page
from gemeente_connect.errors import RejectedError, RemoteError
from gemeente_connect.models import Attachment, Message
from gemeente_connect_whatsapp.settings import WhatsAppSettings

if TYPE_CHECKING:  # receiving does without
    from gemeente_connect_whatsapp.graph import Graph
    from gemeente_connect_whatsapp.wire import Metadata

_SIGNATURE = "x-hub-signature-256"


class WhatsAppChannel:
    """One telephone number on the WhatsApp Business Platform. May be used from several threads."""

    kind = "whatsapp"

    def __init__(self, settings: WhatsAppSettings) -> None:
        self.account = _account(settings.account)
        others = {key: _account(number) for key, number in settings.numbers.items()}
        self._accounts = {**others, settings.phone_number_id: self.account}
        self._settings = settings
        self._secret = settings.app_secret.get_secret_value().encode()

    # -- receiving

    def handshake(self, query: Mapping[str, str]) -> str:
        """Give back the challenge to who knows the word that was agreed on. Raises RejectedError to others."""
        agreed = self._settings.verify_token.get_secret_value()
        given = query.get("hub.verify_token", "")
        known = hmac.compare_digest(_bytes(given), _bytes(agreed))
        if not known or query.get("hub.mode") != "subscribe" or not query.get("hub.challenge"):
            message = (
                "this is no handshake with the right `verify_token`: enter the same word here and in the App Dashboard"
            )
            raise RejectedError(message)
        return query["hub.challenge"]

    def verify(self, received: Received) -> None:
        """See whether the body, byte for byte, was signed with the app secret. Raises RejectedError: it was not."""
        ours = f"sha256={hmac.new(self._secret, received.body, hashlib.sha256).hexdigest()}"
        if not hmac.compare_digest(_bytes(received.headers.get(_SIGNATURE, "")), _bytes(ours)):
            message = "it is not signed with the app secret: see whether `app_secret` is that of the app"
            raise RejectedError(message)

    def read(self, received: Received) -> Batch:
        """Read a payload. Raises RejectedError when it is none of WhatsApp's; else nothing in it stops the rest."""
        from gemeente_connect_whatsapp.reading import read_payload

        return read_payload(received.body, self._account_of)

    def _account_of(self, metadata: Metadata) -> str | None:
        """Name the account a change belongs to, by the id of the number: how it is shown tells nothing sure."""
        number = metadata.phone_number_id
        if number is None:  # then it can be no other's than what is signed with this secret
            from gemeente_connect_whatsapp.reading import digits

            shown = f"whatsapp:{digits(metadata.display_phone_number or '')}"
            return self.account if shown == self.account else None
        return self._accounts.get(number)

    # -- asking

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield no messages: WhatsApp has nothing to ask them from. With `report_lost`, yield what was lost."""
        if self._settings.report_lost:
            from gemeente_connect_whatsapp.lost import lost

            yield from lost(self._graph, self.account, self._settings.app_id)

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content of a photo, document or voice message. Raises RejectedError when it is gone."""
        if attachment.source is None:
            message = "the file cannot be had: WhatsApp did not pass it on"
            raise RejectedError(message)
        yield from self._graph.download(attachment.source)

    # -- replying

    def draft(self, outgoing: Outgoing) -> Message:
        """Make the message as it will stand in the conversation. Raises RejectedError: WhatsApp would not take it."""
        from gemeente_connect_whatsapp.sending import draft

        return draft(outgoing, self.account)

    def reply(self, outgoing: Outgoing) -> str:
        """Send a text or a template to who wrote last, once, and give its id."""
        from gemeente_connect_whatsapp.sending import request

        return self._graph.send(request(outgoing))

    # -- seeing whether it works

    def check(self) -> Iterator[Finding]:
        """See whether the token, the version and the number are right. Writes nothing."""
        from gemeente_connect_whatsapp.checking import check

        try:
            yield from check(self._graph, self._settings)
        except RemoteError as error:
            yield Finding(ok=False, text=str(error))

    def close(self) -> None:
        """Let go of the connections."""
        graph = self.__dict__.pop("_graph", None)
        if graph:
            graph.close()

    @cached_property
    def _graph(self) -> Graph:
        from gemeente_connect_whatsapp.graph import Graph

        return Graph(self._settings)


def _account(number: str) -> str:
    return f"whatsapp:{number.removeprefix('+')}"


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")  # comparing in constant time takes bytes, or ASCII only

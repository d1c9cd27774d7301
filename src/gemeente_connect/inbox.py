"""Webhooks: verify what comes, keep it, answer. The channel reads it later, so receiving never waits for understanding.

Framework-free: whoever has a request gives it as a `Received`, and sends back the `Answer`.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from gemeente_connect.abilities import Received, Receiver
from gemeente_connect.contracts import Channel
from gemeente_connect.errors import GemeenteConnectError, PluginError
from gemeente_connect.ledger import Ledger

LARGEST = 3 * 1024 * 1024
"""Bytes of a payload. WhatsApp sends up to three megabytes; more is refused unread."""

_OK, _NOT_MEANT, _NOT_ALLOWED, _TOO_LARGE, _LATER = 200, 403, 405, 413, 503


class Answer(NamedTuple):
    """What to send back: a status, and a plain text."""

    status: int
    text: str = ""


class Inbox:
    """The webhook of one channel. May be used from several threads.

    Raises PluginError for a channel that cannot be pushed to.
    """

    def __init__(self, channel: Channel, ledger: Ledger) -> None:
        if not isinstance(channel, Receiver):
            message = f"{channel.account} is a channel that is read, and cannot be pushed to"
            raise PluginError(message)
        self._channel: Receiver = channel
        self._account = channel.account
        self._ledger = ledger
        ledger.inbox.open(channel.account, channel.kind)

    def answer(self, received: Received) -> Answer:
        """Verify a request, keep it durably, and say what to answer. Raises nothing.

        200 only after what came survives a power cut; 403 where the signature is wrong, of which nothing is kept; 503
        where it cannot be kept now, so that the other side sends it again.
        """
        if received.method == "GET":
            return self._handshake(received.url)
        if received.method != "POST":
            return Answer(_NOT_ALLOWED)
        if len(received.body) > LARGEST:
            return Answer(_TOO_LARGE)
        try:
            self._channel.verify(received)
        except Exception:  # noqa: BLE001 - hostile input may make a plugin raise anything, and tells nobody why
            return Answer(_NOT_MEANT)
        try:
            self._ledger.inbox.keep(self._account, received)
        except GemeenteConnectError:
            return Answer(_LATER)
        return Answer(_OK)

    def _handshake(self, url: str) -> Answer:
        try:
            query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
            return Answer(_OK, self._channel.handshake(query))
        except Exception:  # noqa: BLE001 - as above
            return Answer(_NOT_MEANT)

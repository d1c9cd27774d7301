"""The channel `twilio-conversations`: what one number talked about, and who answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gemeente_connect.abilities import Finding, Received
from gemeente_connect.contracts import Batch, Cursor, Page
from gemeente_connect.errors import RejectedError
from gemeente_connect.http import ApiSession, read
from gemeente_connect.models import Attachment
from gemeente_connect_twilio.checking import check_conversations
from gemeente_connect_twilio.events import read_event
from gemeente_connect_twilio.following import Run
from gemeente_connect_twilio.settings import ConversationsSettings
from gemeente_connect_twilio.webhooks import Line, no_handshake, verify
from gemeente_connect_twilio.wire import StoredMedia

LARGEST: Final = 300 * 1024 * 1024  # bytes of a file: more than Twilio takes
_SOURCE: Final = re.compile(r"Services/IS[0-9a-fA-F]{32}/Media/ME[0-9a-fA-F]{32}", re.ASCII)


class ConversationsChannel:
    """Reads the conversations of one number, and is told by webhook what became of their messages."""

    def __init__(self, settings: ConversationsSettings) -> None:
        self.account = settings.named("twilio-conversations")
        self.kind: str = settings.kind
        self._settings = settings
        self._line = Line(self.account, settings.number)
        self._api = ApiSession(settings.url, auth=settings.auth)
        self._media = ApiSession(settings.media_url, auth=settings.auth)

    def close(self) -> None:
        """Let go of the connections."""
        self._api.close()
        self._media.close()

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield what happened in the conversations since the cursor."""
        return Run(self._api, self._settings, self._line, since).pages()

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content of a file. RejectedError: it was deleted, or is somewhere it should not be."""
        source = attachment.source or ""
        if not _SOURCE.fullmatch(source):
            message = "this is no file of a conversation at Twilio"
            raise RejectedError(message)
        link = read(self._media.get(f"v1/{source}"), StoredMedia).links.get("content_direct_temporary")
        if not link:
            message = "Twilio gives no link to this file"
            raise RejectedError(message)
        yield from self._media.download(link, limit=LARGEST, hosts=self._settings.media_hosts)

    def handshake(self, query: Mapping[str, str]) -> str:
        """Refuse: Twilio asks no question before it pushes."""
        return no_handshake()

    def verify(self, received: Received) -> None:
        """See whether Twilio signed it."""
        verify(received, self._settings.auth_token)

    def read(self, received: Received) -> Batch:
        """Read what a list does not show: that a message was removed, and what became of one."""
        return read_event(received, self._line)

    def check(self) -> Iterator[Finding]:
        """Ask for a conversation and its last message."""
        return check_conversations(self._api, self._settings)

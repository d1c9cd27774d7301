"""A channel in one file: letters that a scan street leaves as JSON, one a line."""

import json
from collections.abc import Iterable, Iterator

from gemeente_connect import (
    Attachment,
    Channel,
    Connector,
    Identity,
    Message,
    Page,
    Participant,
    RejectedError,
    hookimpl,
)
from gemeente_connect.contracts import ChannelConnector, Cursor, LocalPath, Settings, Unreadable
from gemeente_connect.timestamps import parse_timestamp


class LettersSettings(Settings):
    """Where the letters are."""

    path: LocalPath
    """A file of JSON lines that only grows."""
    account: str = "post:scan-street"


class Letters:
    """Reads one line a letter. The cursor is the number of lines that were read."""

    kind = "post"

    def __init__(self, settings: LettersSettings) -> None:
        self.account = settings.account
        self._path = settings.path

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield a page a letter."""
        with self._path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if number > int(since or 0):
                    yield self._page(number, line)

    def _page(self, number: int, line: str) -> Page:
        cursor = Cursor(str(number))
        try:
            return Page(messages=(self._message(json.loads(line)),), cursor=cursor)
        except (ValueError, KeyError):
            reason = f"line {number} is no letter: correct it and send it again as a new line"
            broken = Unreadable(id=f"line-{number}", reason=reason, raw=line.encode())
            return Page(unreadable=(broken,), cursor=cursor)

    def _message(self, letter: dict[str, str]) -> Message:
        email = Identity(kind="email", value=letter["email"].lower())
        return Message(
            account=self.account,
            id=letter["id"],
            thread=email.value,
            sent_at=parse_timestamp(letter["received"]),
            direction="in",
            sender=Participant(id=email.value, name=letter["name"], identities=(email,)),
            kind="document",
            text=letter["text"],
        )

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Letters have no attachments."""
        message = "letters have no attachments"
        raise RejectedError(message)

    def close(self) -> None:
        """Nothing stays open."""


def open_letters(settings: LettersSettings) -> Channel:
    """Open the channel."""
    return Letters(settings)


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    """Name the one channel of this plugin."""
    return [Connector(name="letters", settings=LettersSettings, open=open_letters)]

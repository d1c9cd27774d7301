"""What an administrator sets for this channel."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gemeente_connect.addresses import international
from gemeente_connect.contracts import LocalPath, Settings
from gemeente_connect.models import NonEmpty

Order = Literal["dmy", "mdy"]
"""Whether a date begins with its day or with its month. A year in front is seen, and never asked for."""


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "there is no time zone of that name; one is Europe/Amsterdam"
        raise ValueError(message) from None
    return name


def _several(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


class ExportSettings(Settings):
    """The settings of the channel `whatsapp-export`."""

    path: LocalPath
    """An exported chat (`.txt` or `.zip`), or a folder of them that may grow."""
    account: Annotated[str, AfterValidator(international)]
    """The number of the municipality's WhatsApp, with its country code. Keep it for ever: it is part of every id."""
    own_name: Annotated[
        NonEmpty | Annotated[tuple[NonEmpty, ...], Field(min_length=1)],
        AfterValidator(_several),
    ]
    """The name, or the names, under which the municipality itself writes in the exports."""
    chat: NonEmpty | dict[NonEmpty, NonEmpty] | None = None
    """The thread of the one chat that `path` names, or a table of them by file name or name of the chat: a telephone
    number, or an id of your own. None: threads are found by number or through `contacts`."""
    contacts: LocalPath | None = None
    """CSV or vCard file that says which number a name stands for. None: only chats that show a number are read."""
    date_order: Order | None = None
    """Used for a file whose own dates do not decide. None: such a file is asked about."""
    timezone: Annotated[str, AfterValidator(_zone)] = "Europe/Amsterdam"
    """The zone (IANA name) of the phones that made the exports."""
    until: datetime | date | None = None
    """Messages from this moment on are left to another source; a date means its first minute. None: all are read."""
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "NL"
    """The country (ISO 3166) of telephone numbers without a country code, in `contacts` and `chat`."""

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names of the municipality, always as a tuple."""
        return _several(self.own_name)

    @property
    def end(self) -> datetime | None:
        """`until` as a moment; None: there is no end."""
        if self.until is None or (isinstance(self.until, datetime) and self.until.tzinfo):
            return self.until
        from zoneinfo import ZoneInfo

        moment = self.until if isinstance(self.until, datetime) else datetime.combine(self.until, time())
        return moment.replace(tzinfo=ZoneInfo(self.timezone))

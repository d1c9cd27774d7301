"""What `twilio-messages` remembers: how far it has read, also in the middle of a list that begins with the newest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, Field

from gemeente_connect_twilio.cursors import Remembered
from gemeente_connect_twilio.wire import MessageRow, Wire

Way = Literal["To", "From"]
"""Of messages to the municipality, or from it: Twilio lists them apart."""
Time = TypeVar("Time", date, datetime)
WAYS: tuple[Way, ...] = ("To", "From")
MARGIN = timedelta(minutes=10)
"""How much later than its own time a change may be seen in the list."""


class Walk(Wire):
    """How far one of the two lists was read.

    A list begins with the newest message, so only its end makes the next run ask for less: what is then known stands
    here from the first page on, and holds once the last one was read.
    """

    day: date | None = None
    """The day from which on messages are asked for; None: all."""
    mark: AwareDatetime | None = None
    """What was changed before this was read, but for a margin; None: nothing was."""
    next: str | None = None
    """The link to go on with; None: the walk begins."""
    next_day: date | None = None
    next_mark: AwareDatetime | None = None
    second: AwareDatetime | None = None
    """When the last message on the pages so far was sent: times are in whole seconds."""
    within: int = 0
    """How many messages of that second there were."""

    def is_known(self, row: MessageRow) -> bool:
        """Tell whether an earlier walk has read a message as it is now."""
        return bool(self.mark and row.date_updated and row.date_updated < self.mark - MARGIN)

    def past(self, row: MessageRow) -> Walk:
        """Pass a message."""
        within = self.within + 1 if row.at == self.second else 1
        return self.model_copy(update={"second": row.at, "within": within})

    @property
    def position(self) -> int:
        """The order among messages of the second that was passed last, counted back from its newest."""
        return 1 - self.within

    def noting(self, rows: list[MessageRow], overlap: timedelta) -> Walk:
        """Note on the first page what the next walk may leave out: what changes from now on is newer than all of it."""
        if self.next:
            return self
        sent = max((row.date_sent for row in rows if row.date_sent), default=None)
        updated = max((row.date_updated for row in rows if row.date_updated), default=None)
        return self.model_copy(
            update={
                "next_day": _later(self.day, (sent.astimezone(UTC) - overlap).date() if sent else None),
                "next_mark": _later(self.mark, updated),
            }
        )

    def not_all(self) -> Walk:
        """Note that something could not be read, so that the next walk looks at all of the last days again."""
        return self.model_copy(update={"next_mark": self.mark})

    def after(self, link: str | None) -> Walk:
        """Give where to go on after a page. `link` is to the next one; None: the list was read to its end."""
        if link is None:
            return Walk(day=self.next_day, mark=self.next_mark)
        return self.model_copy(update={"next": link})

    def from_its_start(self) -> Walk:
        """Begin the walk again, for a link that is not taken any more."""
        return Walk(day=self.day, mark=self.mark)


class State(Remembered):
    """The cursor, taken apart."""

    to: Walk = Walk()
    from_: Annotated[Walk, Field(alias="from")] = Walk()

    def walk(self, way: Way) -> Walk:
        """Give one of the two walks."""
        return self.to if way == "To" else self.from_

    def with_walk(self, way: Way, walk: Walk) -> State:
        """Put one of the two walks."""
        return self.model_copy(update={"to" if way == "To" else "from_": walk})


def _later(first: Time | None, second: Time | None) -> Time | None:
    return second if first is None or (second is not None and second > first) else first

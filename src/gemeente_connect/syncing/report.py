"""What a run did, and how it tells on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from gemeente_connect.contracts import Findable
from gemeente_connect.errors import GemeenteConnectError, PluginError
from gemeente_connect.privacy import blame
from gemeente_connect.syncing.deliveries import Deliveries


@dataclass(slots=True)
class Report:
    """What a run did. Holds ids and counts, no personal data."""

    new: int = 0
    """Messages that were not known."""
    known: int = 0
    """Messages that were known and had not changed."""
    changed: int = 0
    """Messages that were edited, deleted or completed."""
    skipped: int = 0
    """Messages of threads on the skip list. They are not kept."""
    delivered: Deliveries = field(default_factory=Deliveries)
    refused: dict[str, str] = field(default_factory=dict)
    """Reasons, by what was refused for the first time in this run: conversations, unreadable things, attachments; and
    of conversations that may be doubles of another source, by the ids of both."""
    deferred: dict[str, str] = field(default_factory=dict)
    """Reasons, by conversation, of what the other side could not take now. It is tried again at the next run."""
    before_start: int = 0
    """Conversations that began before the start, and were not delivered."""
    errors: list[GemeenteConnectError] = field(default_factory=list)
    """What ended collecting or delivering early. What was done before stays done."""

    @property
    def findable(self) -> int:
        """Number of delivered conversations that their resident finds."""
        return sum(delivery.receipt.findable is Findable.YES for delivery in self.delivered)

    @property
    def held_back(self) -> int:
        """Number of delivered conversations of which the case system makes no record yet."""
        return sum(delivery.receipt.reference is None for delivery in self.delivered)

    @property
    def not_findable(self) -> Mapping[Findable, int]:
        """Number of delivered conversations that nobody finds, by reason."""
        reasons = Counter(delivery.receipt.findable for delivery in self.delivered)
        del reasons[Findable.YES]
        return dict(sorted(reasons.items()))


Watch = Callable[[Literal["collect", "deliver"], int, int | None], None]
"""Called on the way with what is being done, how many are done, and of how many (None: not known)."""


def unwatched(what: Literal["collect", "deliver"], done: int, of: int | None) -> None:
    """Tell nobody."""


def bug(account: str, error: Exception) -> str:
    """Say that a plugin failed, and where. Not its message, which may hold personal data."""
    return f"the plugin of {account} failed with {blame(error)}: report it to its maker"


@contextmanager
def guarded(account: str) -> Iterator[None]:
    """Make a PluginError of whatever a plugin raises that is not one of ours."""
    try:
        yield
    except GemeenteConnectError:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
        raise PluginError(bug(account, error)) from None  # its message may hold personal data

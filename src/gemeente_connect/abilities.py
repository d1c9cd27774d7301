"""What a channel or a case system may be able to do beyond its contract: small protocols, tested with `isinstance`.

A plugin that has the methods has the ability; there is nothing to declare.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime, Field

from gemeente_connect.contracts import Batch, Findable, Refs
from gemeente_connect.models import Conversation, Identity, Message, Model, NonEmpty, Participant
from gemeente_connect.privacy import Personal


class Received(Model):
    """One request that a channel was sent, as it came."""

    method: NonEmpty
    url: Annotated[str, Personal("address")]
    """The whole URL by which the sender knows us: some sign it."""
    headers: Annotated[Mapping[str, str], Personal("address")] = {}
    """By name in lower case."""
    body: Annotated[bytes, Personal("text")] = b""
    """The bytes as they came: a signature is over these."""
    received_at: AwareDatetime | None = None
    """When it was kept, for what tells no time of its own. Set by the ledger; None: it is not kept yet."""


@runtime_checkable
class Receiver(Protocol):
    """A channel that is pushed to. What comes is verified, kept and answered first, and read when it is collected.

    Three pure functions: they ask nobody, and know no ledger.
    """

    def handshake(self, query: Mapping[str, str]) -> str:
        """Answer the question by which the other side sees whether this is us. Raises RejectedError: it is not."""

    def verify(self, received: Received) -> None:
        """See whether the other side sent this. Raises RejectedError, which says nothing of the body."""

    def read(self, received: Received) -> Batch:
        """Read a payload that was kept. It may hold messages of several accounts.

        What in it cannot be read is `unreadable`, and stops nothing else. Whatever this raises, the payload is kept.
        """


@runtime_checkable
class Prompt(Protocol):
    """A case system that knows how long a request that was sent to it can still take effect."""

    lands_within: timedelta
    """A step in doubt that is not found is made again after this time. Zero: at once, since the case system enforces a
    key and making it twice makes it once. Case systems that do not say so are given five minutes."""


@runtime_checkable
class Flushes(Protocol):
    """A case system that makes what it was given survive a power cut when it is told to, for many conversations.

    Others have done so when `deliver` returns.
    """

    def flush(self) -> None:
        """Let all that was delivered survive a power cut. Receipts are kept after it."""


class Template(Model):
    """A text that was approved beforehand, which the channel knows by name."""

    name: NonEmpty
    language: NonEmpty = "nl"
    parameters: Annotated[tuple[str, ...], Personal("text")] = ()
    """What is filled in, in order."""


class Outgoing(Model):
    """What a person answers a resident."""

    key: NonEmpty
    """Ours, and of this one alone. A channel that can, sends it along, and gives it back as `StatusChanged.reply`."""
    thread: Annotated[str, Field(min_length=1), Personal("address")]
    to: Participant
    """Who wrote last in the conversation, with all that is known of them."""
    heard_at: AwareDatetime
    """When a resident last wrote in the thread, in this conversation or in another."""
    at: AwareDatetime
    """When it is sent."""
    said: Annotated[str | Template, Personal("text")]
    """What is said: a text that is not empty, or a template."""


@runtime_checkable
class Replies(Protocol):
    """A channel in which residents can be answered. Only a person who says so does that; no sync ever calls it."""

    def draft(self, outgoing: Outgoing) -> Message:
        """Make the message as it will stand in the conversation, with the key for an id. Asks nobody.

        Raises RejectedError, which says what to do, when it cannot be sent: too long, too late, no address.
        """

    def reply(self, outgoing: Outgoing) -> str:
        """Send it, and give the id under which the channel knows it from now on. Never tries twice.

        Raises AuthError, RejectedError, or TemporaryError with `nothing_done` only where it was certainly not sent.
        Any other TemporaryError leaves it in doubt.
        """


class Finding(Model):
    """One thing that was checked, in a sentence without personal data."""

    ok: bool
    text: NonEmpty


@runtime_checkable
class Checkable(Protocol):
    """A channel or case system that can say whether its settings and credentials work, without writing."""

    def check(self) -> Iterable[Finding]:
        """Yield what was checked."""


class Plan(Model):
    """What delivering a conversation would do."""

    action: Literal["create", "update", "nothing", "refuse"]
    findable: Findable
    missing: tuple[str, ...] = ()


@runtime_checkable
class Plans(Protocol):
    """A case system that can say beforehand what `deliver` would do, without writing."""

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        """Plan a conversation, given the steps that were done for it before."""


class Record(Model):
    """What a case system holds of one conversation, as it stands there now."""

    conversation: str | None
    """Our id of the conversation, the external id there; None: the record bears none."""
    reference: str | None
    findable: Findable
    """What its portal shows now."""
    changed: bool = False
    """Somebody else changed it there, as far as the case system can tell without the ledger."""
    changed_at: AwareDatetime | None = None
    """When it was last changed there, by whoever; None: that is not known."""
    account: str | None = None
    """The account of the channel its messages came through; None: that is not known."""
    turns: Mapping[str, tuple[str, ...]] = {}
    """The ids of its messages, by the id of their turn, oldest first, as far as they are kept there: at least the
    message that a turn is named after. A ledger that was lost finds its conversations again by them."""
    done: Mapping[str, Refs] = {}
    """All steps of `Steps.once` that are done for it, by name, but for the shared ones."""
    kept: Annotated[Mapping[str, str], Personal("text")] = {}
    """What `Steps.keep` has to have kept for it, by name: what was put there last, or else what stands there now."""
    detached: tuple[Identity, ...] = ()
    """The residents it was taken away from."""


@runtime_checkable
class Lists(Protocol):
    """A case system that can list what it holds of ours, so that it can be compared, and a lost ledger rebuilt."""

    def records(self, since: datetime | None) -> Iterator[Record]:
        """Yield the records of conversations, in any order, a page at a time from the other side.

        `since`: what has certainly not changed after this moment may be left out; None: everything. Writes nothing.
        """


@runtime_checkable
class Detachable(Protocol):
    """A case system that can take a record away from a resident."""

    def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
        """Take a conversation away from a resident, and never tie it to them again.

        `done`: the steps that were done for it. `who`: the resident, as an identity that proves who somebody is, such
        as a BSN; the record may not be there yet. None: whoever finds it now. Gives all residents it was ever taken
        away from; none: nobody finds it. Doing it twice does it once.
        """

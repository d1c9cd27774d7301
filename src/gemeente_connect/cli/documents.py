"""What `--json` prints, one object a command. Fields are only ever added; ids and counts, no personal data.

| Command | Object |
|---|---|
| `sync`, `collect`, `deliver` | `Runs` |
| `plan` | `Planning` |
| `check` | `Checks` |
| `plugins` | `Installed` |
| `refused list` | `RefusedList` |
| `refused show` | `RefusedOne` |
| `refused retry`, `refused drop` | `RefusedDone` |
| `reconcile` | `Comparison` |
| `adopt` | `Adoption` |
| `detach` | `Detaching` |
| `reply` | `Replied` |
| `stats` | `Stats` |
| any, when an error ended it | `Failure` |

Times are ISO 8601 with an offset. Wrong usage prints nothing on stdout.
"""

# Without postponed annotations: they hide NotRequired from whoever asks a TypedDict for its required keys.

from typing import Literal, NotRequired, TypedDict

from gemeente_connect.errors import GemeenteConnectError


class Error(TypedDict):
    """What went wrong."""

    type: str
    """`ConfigError`, `PluginError`, `StorageError`, `AuthError`, `TemporaryError`, …"""
    message: str
    retry_after: NotRequired[float]
    """Seconds that the other side asks to wait, if it says."""


def describe(error: GemeenteConnectError) -> Error:
    """Give an error as it is printed."""
    told = Error(type=type(error).__name__, message=str(error))
    wait = getattr(error, "retry_after", None)
    return {**told, "retry_after": wait} if wait is not None else told


class Failure(TypedDict):
    """An error that ended a command."""

    error: Error
    exit_code: int


class Messages(TypedDict):
    """Counts of what was read from the channel."""

    new: int
    known: int
    changed: int
    skipped: int
    """Of threads on the skip list. They are not kept."""


class Conversations(TypedDict):
    """Counts of what was delivered to the case system."""

    delivered: int
    new: int
    updated: int
    findable: int
    not_findable: dict[str, int]
    """By reason, such as `no-resident-known`."""
    held_back: int
    """Of these, what the case system makes no record of yet."""
    refused: int
    """New in this run; also unreadable things, changes and attachments."""
    deferred: int
    before_start: int


class Delivered(TypedDict):
    """A conversation that was delivered."""

    conversation: str
    update: bool
    reference: str | None
    findable: str
    missing: list[str]


class NewlyRefused(TypedDict):
    """What was refused for the first time in this run."""

    number: int | None
    """For `refused show|retry|drop`; null: it was settled later in the same run."""
    reason: str


class Deferred(TypedDict):
    """A conversation that the other side could not take now."""

    conversation: str
    reason: str


class Run(TypedDict):
    """What one sync did."""

    name: str
    channel: str
    case_system: str
    start: str | None
    """The first day that is delivered, `all`, or null: nothing was to be delivered."""
    messages: Messages
    conversations: Conversations
    delivered: list[Delivered]
    refused: list[NewlyRefused]
    deferred: list[Deferred]
    errors: list[Error]
    exit_code: int


class Runs(TypedDict):
    """What `sync`, `collect` or `deliver` did."""

    command: str
    syncs: list[Run]
    open_refusals: int
    """All that needs a person now, also from earlier runs."""
    exit_code: int


class PlannedOne(TypedDict):
    """What a sync would do with a conversation."""

    conversation: str
    action: Literal["create", "update", "nothing", "refuse", "unknown"]
    """`unknown`: this case system cannot say beforehand."""
    findable: str | None
    missing: list[str]


class Planning(TypedDict):
    """What a sync would do."""

    name: str
    channel: str
    case_system: str
    start: str
    messages: Messages
    before_start: int
    conversations: list[PlannedOne]
    refused: list[str]
    """Reasons of what collecting would refuse."""
    errors: list[Error]
    exit_code: int


class Check(TypedDict):
    """One thing that was checked."""

    about: str
    """`configuration`, `ledger`, `files`, `channel NAME`, `case system NAME`."""
    ok: bool
    text: str


class Checks(TypedDict):
    """What was checked."""

    checks: list[Check]
    exit_code: int


class InstalledOne(TypedDict):
    """A connector that is installed."""

    name: str
    kind: Literal["channel", "case system"]
    distribution: str
    version: str | None


class BrokenOne(TypedDict):
    """A plugin that cannot be used."""

    plugin: str
    distribution: str
    reason: str


class Installed(TypedDict):
    """The connectors that are installed."""

    connectors: list[InstalledOne]
    broken: list[BrokenOne]


class RefusedSummary(TypedDict):
    """Something that needs a person."""

    number: int
    kind: Literal["conversation", "unreadable", "change", "attachment", "double"]
    account: str
    key: str
    reason: str
    attempts: int
    since: str
    next_try: str | None
    """Before it nothing is tried; null: it is not tried again by itself."""
    dropped: bool


class RefusedList(TypedDict):
    """What needs a person."""

    refused: list[RefusedSummary]


class RefusedOne(RefusedSummary):
    """One thing that needs a person. Holds personal data, for the person who looks at it."""

    name: str | None
    """What a person knows it by, such as a file name."""
    content_base64: NotRequired[str | None]
    """With --content; null: it stands elsewhere."""


class RefusedDone(TypedDict):
    """What was done with refusals, by number. One of the two."""

    retried: NotRequired[list[int]]
    dropped: NotRequired[list[int]]


class Differing(TypedDict):
    """Something in which the ledger and a case system differ."""

    kind: str
    """`missing-there`, `changed-there`, `there-twice`, `no-longer-findable`, `newly-findable` or `unknown-here`."""
    conversation: str | None
    """Null: the record bears no id of ours."""
    reference: str | None
    """Of the record; null: it has none, or is missing."""
    findable: str | None
    """What the portal shows now; null: there is no record."""


class Comparison(TypedDict):
    """What differs between the ledger and a case system."""

    name: str
    since: str | None
    """The first day that was looked at; null: everything."""
    differences: list[Differing]
    exit_code: int


class Doubtful(TypedDict):
    """A record that a person has to look at."""

    outcome: Literal["known", "adopted", "incomplete", "twice", "unmatched"]
    """One of the last three."""
    conversation: str | None
    reference: str | None


class Adoption(TypedDict):
    """What came of the records of a case system."""

    name: str
    records: dict[Literal["known", "adopted", "incomplete", "twice", "unmatched"], int]
    doubtful: list[Doubtful]
    exit_code: int


class Detached(TypedDict):
    """What came of it at one case system."""

    name: str
    detached: bool
    """False: nobody finds it there, or it went wrong."""
    error: NotRequired[Error]
    exit_code: int


class Detaching(TypedDict):
    """A conversation that was taken away from a resident, at each case system that has it."""

    conversation: str
    case_systems: list[Detached]
    exit_code: int


class Replied(TypedDict):
    """A message that was sent to a resident. Without its id: WhatsApp puts the telephone number into that."""

    conversation: str
    channel: str
    """Its name in the configuration."""
    template: str | None
    """The name of the template; null: a text was sent."""
    characters: int
    """Length of what stands in the conversation."""
    sent_at: str
    exit_code: int


class Month(TypedDict):
    """Conversations of a channel that began in a month, in Dutch time."""

    channel: str
    month: str
    """Such as `2026-11`."""
    conversations: int
    delivered: int
    findable: int


class Stats(TypedDict):
    """Conversations by channel and month, oldest month first."""

    months: list[Month]


class Receiving(TypedDict):
    """What `receive` says once, when it listens."""

    webhooks: dict[str, str]
    """The URL of each channel that can be pushed to, by its name."""

"""What a plugin gives and gets: channels, case systems, and how they are opened.

Two protocols with few methods and no base class. What a plugin can do beyond them is a small protocol of its own,
tested with `isinstance`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Generic, NewType, Protocol, Self, TypeVar, runtime_checkable

from pydantic import AfterValidator, AwareDatetime, ConfigDict, ValidationError, ValidationInfo, model_validator

from gemeente_connect.errors import ConfigError
from gemeente_connect.models import (
    Attachment,
    Change,
    Conversation,
    Deleted,
    Edited,
    Message,
    Model,
    NonEmpty,
)
from gemeente_connect.privacy import Personal

CONTRACT = 1
"""The version of what stands on this page. A plugin made for another one is reported at discovery."""

Cursor = NewType("Cursor", str)
"""Where to go on. Opaque to everybody but the channel that made it."""

Refs = Mapping[str, str]
"""What was made at the other side, by name: one request may create several things."""


# ---- reading from a channel ------------------------------------------------------------------------------------------


class Unreadable(Model):
    """Something a channel found and could not read. Kept with its reason; never stops the rest."""

    id: NonEmpty
    """The same for the same thing, so that finding it again adds nothing."""
    reason: NonEmpty
    """What is wrong and what to do, without personal data."""
    thread: Annotated[str | None, Personal("address")] = None
    """The thread it belongs to, if that is known."""
    name: Annotated[str | None, Personal("file")] = None
    """What a person knows it by, such as a file name. Shown to the person who looks at it, not in reports."""
    raw: Annotated[bytes | None, Personal("text")] = None
    """The content; None: the source still has it and it is read again when asked for."""


class Batch(Model):
    """Things read together, in any order."""

    messages: tuple[Message, ...] = ()
    changes: tuple[Change, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    readable: tuple[str, ...] = ()
    """Ids that were `Unreadable` before and have now been read: they no longer need a person."""
    thread_names: Annotated[Mapping[str, str], Personal("name")] = {}
    """What people call a thread, by thread, where the channel knows: a setting may skip a thread by it."""
    other_names: Annotated[Mapping[str, tuple[NonEmpty, ...]], Personal("address")] = {}
    """By thread, under which names its messages may come as well, such as the telephone number of who goes by a user
    id. Within the quiet gap they join its conversation, as long as only one resident can be meant."""

    @model_validator(mode="after")
    def _every_message_has_a_side(self) -> Self:
        """Checked here and not in `Message`, where it would cost a quarter of the time that validation takes."""
        stated = (change.message for change in self.changes if isinstance(change, Edited | Deleted))
        if any((message.kind == "system") is not (message.direction is None) for message in (*self.messages, *stated)):
            msg = "every message has a direction, except one of kind 'system'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _messages_share_what_is_the_same(self) -> Self:
        """Which fields were given is nearly always the same, and takes almost as much memory as a message."""
        known: dict[frozenset[str], set[str]] = {}
        shared: set[str] = set()
        for message in self.messages:
            given = message.__pydantic_fields_set__  # `model_fields_set` asks for it in Python
            if given != shared:  # most often it is as in the message before
                shared = known.setdefault(frozenset(given), given)
            object.__setattr__(message, "__pydantic_fields_set__", shared)
        return self


class Page(Batch):
    """A batch that is stored in one transaction, with where to go on after it."""

    cursor: Cursor


@runtime_checkable
class Channel(Protocol):
    """Where residents write: opened for one account."""

    account: str
    """The account, for ever the same, such as `whatsapp:31591123456`."""
    kind: str
    """What residents know the channel as: `whatsapp`, `email`, `telefoon`."""

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        """Yield what is new since the cursor (None: everything), in pages that are stored one by one.

        May raise `ConfigError`, `AuthError` or `TemporaryError`; what was yielded before stays stored.
        """

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield the content of an attachment whose `source` is not None. `RejectedError`: it can never be had.

        Called between the pages, and in later runs.
        """

    def close(self) -> None:
        """Let go of connections and files."""


# ---- delivering to a case system -------------------------------------------------------------------------------------


class Findable(StrEnum):
    """Whether the resident finds the record in Mijn Loket, and if not, why not."""

    YES = "yes"
    NO_RESIDENT_KNOWN = "no-resident-known"
    """No verified address ties a resident to these messages."""
    MORE_THAN_ONE_RESIDENT = "more-than-one-resident"
    """Several people could be meant, or several residents wrote: nobody may be chosen."""
    NOT_VALID_THEN = "not-valid-then"
    """The address is known, but was not this resident's when the messages were sent."""
    NO_QUESTION = "no-question"
    """No resident wrote anything in it that the portal could show."""
    NOT_SHOWN = "not-shown"
    """The portal of this case system does not show such a record."""


class Receipt(Model):
    """What a case system says of a delivered conversation."""

    reference: str | None
    """URL or number of the record, without personal data; None: it was held back."""
    findable: Findable
    missing: tuple[str, ...] = ()
    """What the record cannot show, in closed terms: `attachment-omitted`, `attachment-absent`, …"""
    checked_at: AwareDatetime


class Steps(Protocol):
    """How a case system creates and updates without doubling, on APIs that have no idempotency keys.

    One object a conversation and case system. Names of steps are the plugin's own and stable, such as `record` or
    `turn/<id>/partij`.
    """

    def once(
        self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None], *, shared: bool = False
    ) -> Refs:
        """Make something that must exist once, and return what was made, now or earlier.

        Intent is written before `make` and the result after it. A step in doubt is looked up with `find`, which must
        work from the conversation alone, before it is made again. `shared`: a thing of the case system, not of this
        conversation, such as an employee.
        """

    def keep(self, name: str, value: str, put: Callable[[], None]) -> None:
        """Call `put` when `value` differs from what was last kept under this name. `put` may be repeated safely."""

    def kept(self, name: str) -> str | None:
        """Give what was last kept under this name; None: nothing was.

        For looking, before an update, whether what stands there is still what was put there: what a colleague changed
        is never overwritten.
        """

    def begun(self, name: str) -> bool:
        """Tell whether a step of `once` with this name, and not a shared one, was begun, be it done or in doubt.

        For what a conversation no longer has, such as the last part of a text that became shorter.
        """


class Files(Protocol):
    """The attachments that are kept, for reading."""

    def __contains__(self, sha256: object) -> bool:
        """Tell whether a content is here. One that is not was lost: leave it out, and name it in `missing`."""

    def open(self, sha256: str) -> BinaryIO:
        """Open the content of an attachment that has a `sha256`. Raises StorageError when it cannot be read."""


@runtime_checkable
class CaseSystem(Protocol):
    """Where conversations are kept, so that residents find them."""

    account: str
    """The identity of the system, for ever: configuration that is renamed redelivers nothing."""

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        """Record the conversation, or update its record, and say whether the resident finds it.

        May be called from several threads at once, for different conversations. May raise `RejectedError` (this
        conversation needs a person), `TemporaryError`, `AuthError`.
        """

    def close(self) -> None:
        """Let go of connections and files."""


# ---- opening ---------------------------------------------------------------------------------------------------------


class Settings(Model):
    """The base of a plugin's settings. Secrets are `pydantic.SecretStr`, paths are `LocalPath`."""

    model_config = ConfigDict(validate_default=True)  # a path that is a default starts at the same folder


def _from_the_folder_of_the_configuration(path: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / path.expanduser()


LocalPath = Annotated[Path, AfterValidator(_from_the_folder_of_the_configuration)]
"""A path in a plugin's settings. A relative one starts at the folder of the configuration file."""

SettingsT = TypeVar("SettingsT", bound=Settings)
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)  # without slots: with them Connector[A, B](…) fails on Python 3.11
class Connector(Generic[SettingsT, T_co]):
    """A name, the settings it takes, and how to open it."""

    name: str
    settings: type[SettingsT]
    open: Callable[[SettingsT], T_co]
    contract: int = CONTRACT

    def connect(
        self,
        values: Mapping[str, object],
        *,
        folder: Path | None = None,
        where: str | None = None,
        beside: Iterable[str] = (),
    ) -> T_co:
        """Check the values and open it. Relative paths start at `folder`; None: the current one.

        Raises ConfigError that names the settings that are wrong, and never a value. It says `where` they stand (None:
        by the connector's name), and knows the keys that may stand `beside` them.
        """
        try:
            settings = self.settings.model_validate(values, context={"folder": folder or Path()})
        except ValidationError as error:
            known = (*self.settings.model_fields, *beside)
            problems = "; ".join(problem(each, known) for each in error.errors(include_input=False))
            message = f"{where or self.name}: {problems}"
            raise ConfigError(message) from None
        return self.open(settings)


ChannelConnector = Connector[Any, Channel]
CaseSystemConnector = Connector[Any, CaseSystem]


def problem(error: Any, known: Iterable[str]) -> str:
    """Say what is wrong with a setting, from one of pydantic's errors and the names that are known in its place."""
    name = ".".join(map(str, error["loc"])) or "the settings"
    if error["type"] == "extra_forbidden":
        return f"there is no setting {name!r}{did_you_mean(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return f"the setting {name!r} is needed"
    return f"{name!r}: {error['msg'].removeprefix('Value error, ')}"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Say which choices there are, with the likeliest first: the end of an error message."""
    import difflib  # only where something is wrong

    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint or ';'} choose from: {', '.join(known) or 'none'}"

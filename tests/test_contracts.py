from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, ValidationError

from gemeente_connect.abilities import Checkable, Finding, Plan, Plans
from gemeente_connect.contracts import (
    CONTRACT,
    CaseSystem,
    Channel,
    Connector,
    Cursor,
    Files,
    Findable,
    LocalPath,
    Page,
    Receipt,
    Refs,
    Settings,
    Steps,
    Unreadable,
    did_you_mean,
)
from gemeente_connect.errors import ConfigError
from gemeente_connect.models import Attachment, Conversation, Edited
from gemeente_connect.testing.builders import message

SECRET = "Zeer-Geheim-Teken-42"


class Letters:
    """The least a channel needs."""

    account = "letters:1"
    kind = "brief"

    def __init__(self, settings: LetterSettings) -> None:
        self.settings = settings

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        yield Page(cursor=since or Cursor("0"))

    def download(self, attachment: Attachment) -> Iterator[bytes]:
        yield b""

    def close(self) -> None:
        pass


class Cabinet:
    """The least a case system needs, and two abilities."""

    account = "cabinet:1"

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        return Receipt(reference=None, findable=Findable.NO_QUESTION, checked_at=datetime.now(UTC))

    def close(self) -> None:
        pass

    def check(self) -> Iterable[Finding]:
        yield Finding(ok=True, text="the cabinet is open")

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        return Plan(action="nothing", findable=Findable.NO_QUESTION)


class Box(Settings):
    drawer: int


class LetterSettings(Settings):
    path: LocalPath
    token: SecretStr | None = None
    days: int = Field(default=30, ge=1, le=365)
    boxes: tuple[Box, ...] = ()


letters: Connector[LetterSettings, Channel] = Connector(name="letters", settings=LetterSettings, open=Letters)


def opened(folder: Path | None = None, **values: object) -> LetterSettings:
    channel = letters.connect(values, folder=folder)
    assert isinstance(channel, Letters)
    return channel.settings


# ---- what a plugin is ------------------------------------------------------------------------------------------------


def test_a_channel_needs_no_base_class() -> None:
    assert isinstance(Letters(LetterSettings(path=Path())), Channel)
    assert not isinstance(Cabinet(), Channel)


def test_a_case_system_needs_no_base_class() -> None:
    assert isinstance(Cabinet(), CaseSystem)
    assert not isinstance(Letters(LetterSettings(path=Path())), CaseSystem)


def test_what_a_plugin_can_do_beyond_that_can_be_asked() -> None:
    assert isinstance(Cabinet(), Checkable)
    assert isinstance(Cabinet(), Plans)
    assert not isinstance(Letters(LetterSettings(path=Path())), Checkable)


def test_a_receipt_tells_when_it_was_checked_in_a_time_with_a_zone() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Receipt(reference="1", findable=Findable.YES, checked_at=datetime(2026, 11, 23))  # noqa: DTZ001 - that is what is refused


def test_an_unreadable_thing_is_printed_without_its_content() -> None:
    one = Unreadable(id="u1", reason="half a line", thread="+31612345678", name="Anna.txt", raw=b"niet geleegd")
    assert not any(secret in repr(one) for secret in ("31612345678", "Anna", "geleegd"))


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_connecting_checks_the_settings_and_opens() -> None:
    settings = opened(path="brieven", token=SECRET)
    assert settings.token is not None
    assert settings.token.get_secret_value() == SECRET
    assert letters.contract == CONTRACT


def test_a_relative_path_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    assert opened(tmp_path, path="brieven").path == tmp_path / "brieven"
    assert opened(path="brieven").path == Path("brieven")
    assert opened(tmp_path, path="/var/brieven").path == Path("/var/brieven")
    assert opened(tmp_path, path="~/brieven").path == Path.home() / "brieven"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "letters: the setting 'path' is needed"),
        (
            {"path": "x", "tokn": SECRET},
            "letters: there is no setting 'tokn'; did you mean 'token'? choose from: boxes, days, path, token",
        ),
        (
            {"path": "x", "quux": SECRET},
            "letters: there is no setting 'quux'; choose from: boxes, days, path, token",
        ),
        ({"path": "x", "days": 400}, "letters: 'days': Input should be less than or equal to 365"),
        ({"path": "x", "token": {"a": SECRET}}, "letters: 'token': Input should be a valid string"),
        ({"path": "x", "boxes": [{"drawer": SECRET}]}, "letters: 'boxes.0.drawer': Input should be a valid integer, "),
        ({"days": SECRET}, "letters: the setting 'path' is needed; 'days': Input should be a valid integer, "),
    ],
)
def test_settings_that_are_wrong_are_named_and_their_values_are_not(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        letters.connect(values)
    assert str(caught.value).startswith(told)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_settings_cannot_be_changed_and_keep_their_secrets() -> None:
    settings = opened(path="x", token=SECRET)
    assert SECRET not in repr(settings)
    with pytest.raises(ValidationError, match="frozen"):
        settings.days = 2  # type: ignore[misc] # that is what is refused


# ---- naming the choices ----------------------------------------------------------------------------------------------


def test_the_choices_are_named_with_the_likeliest_first() -> None:
    assert did_you_mean("tokn", ["path", "token"]) == "; did you mean 'token'? choose from: path, token"
    assert did_you_mean("zzz", ["path", "token"]) == "; choose from: path, token"
    assert did_you_mean("zzz", []) == "; choose from: none"


@given(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_every_choice_is_always_named(name: str, choices: list[str]) -> None:
    assert all(choice in did_you_mean(name, iter(choices)) for choice in choices)


@pytest.mark.parametrize("wrong", [{"direction": None}, {"kind": "system"}])
def test_a_page_refuses_a_message_whose_direction_was_forgotten(wrong: dict[str, Any]) -> None:
    good = message()
    bad = good.model_copy(update=wrong)
    for page in ({"messages": [good, bad]}, {"changes": [Edited(message=bad, target="x")]}):
        with pytest.raises(ValidationError, match="every message has a direction"):
            Page.model_validate({"cursor": "1", **page})
    assert Page(messages=(good, good.model_copy(update={"kind": "system", "direction": None})), cursor=Cursor("1"))


def test_messages_of_a_page_share_which_fields_were_given_and_a_copy_has_its_own() -> None:
    one, other, edited = Page(
        messages=(message(1), message(2), message(3, edited_at=datetime(2026, 3, 2, tzinfo=UTC))), cursor="1"
    ).messages
    assert one.model_fields_set is other.model_fields_set
    assert edited.model_fields_set == other.model_fields_set | {"edited_at"}
    copied = one.model_copy(update={"reply_to": "m-1"})
    assert "reply_to" in copied.model_fields_set
    assert "reply_to" not in other.model_fields_set


def test_a_path_that_is_a_default_starts_at_the_folder_of_the_configuration_too(tmp_path: Path) -> None:
    class WithDefault(Settings):
        path: LocalPath = Path("chats")

    connector = Connector[WithDefault, Path](name="x", settings=WithDefault, open=lambda settings: settings.path)
    assert connector.connect({}, folder=tmp_path) == tmp_path / "chats"

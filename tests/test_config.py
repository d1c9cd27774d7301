"""The configuration file: what is wrong is named with its choices, and no secret comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gemeente_connect.config import Config, load
from gemeente_connect.contracts import Connector, LocalPath, Settings
from gemeente_connect.errors import ConfigError, PluginError
from gemeente_connect.plugins import Plugins
from gemeente_connect.testing.fakes import FakeCaseSystem, FakeChannel

SECRET = "geheim-7f3a9c"
GOOD = """
ledger = "state/ledger.sqlite"
files = "state/files"

[channels.whatsapp]
plugin = "fake-channel"
path = "chats"
quiet_gap_hours = 12

[case_systems.loket]
plugin = "fake-case-system"
token = { env = "LOKET_TOKEN" }

[syncs.daily]
channel = "whatsapp"
case_system = "loket"
start = 2026-01-01
skip = ["Mama"]
"""

Write = Callable[[str], Path]
opened: list[Settings] = []


class ChannelSettings(Settings):
    path: LocalPath
    own_name: str = "Gemeente"


class CaseSystemSettings(Settings):
    token: SecretStr
    tokens: tuple[SecretStr, ...] = ()
    nested: dict[str, Any] | None = None


def _open_channel(settings: ChannelSettings) -> FakeChannel:
    opened.append(settings)
    return FakeChannel()


def _open_case_system(settings: CaseSystemSettings) -> FakeCaseSystem:
    opened.append(settings)
    return FakeCaseSystem()


PLUGINS = Plugins(
    channels={"fake-channel": Connector(name="fake-channel", settings=ChannelSettings, open=_open_channel)},
    case_systems={
        "fake-case-system": Connector(name="fake-case-system", settings=CaseSystemSettings, open=_open_case_system)
    },
)


@pytest.fixture(autouse=True)
def _nothing_opened() -> Iterator[None]:
    opened.clear()
    yield
    opened.clear()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setenv("LOKET_TOKEN", SECRET)

    def write(text: str) -> Path:
        path = tmp_path / "gemeente-connect.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _settings(config: Config) -> CaseSystemSettings:
    config.open_case_system("loket", PLUGINS)
    (settings,) = opened
    assert isinstance(settings, CaseSystemSettings)
    return settings


def test_a_good_file_gives_what_stands_in_it_and_opens_it_by_name(write: Write, tmp_path: Path) -> None:
    config = load(write(GOOD))
    assert (config.ledger, config.files) == (tmp_path / "state/ledger.sqlite", str(tmp_path / "state/files"))
    entry = config.sync("daily")
    assert (entry.channel, entry.case_system, entry.start) == ("whatsapp", "loket", date(2026, 1, 1))
    assert entry.skip == ("Mama",)
    assert config.quiet_gap("whatsapp") == timedelta(hours=12)
    assert isinstance(config.open_channel("whatsapp", PLUGINS), FakeChannel)
    assert isinstance(config.open_case_system("loket", PLUGINS), FakeCaseSystem)


def test_an_empty_file_has_defaults_next_to_it_wherever_it_is_read_from(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load(Path("../gemeente-connect.toml"))
    assert Path(str(config.ledger)).resolve() == tmp_path / "ledger.sqlite"
    assert Path(config.files).resolve() == tmp_path / "attachments"


def test_relative_paths_start_at_the_folder_of_the_file_also_in_a_plugin(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(GOOD)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    load(path).open_channel("whatsapp", PLUGINS)
    (settings,) = opened
    assert isinstance(settings, ChannelSettings)
    assert settings.path == tmp_path / "chats"


@pytest.mark.parametrize("place", ["/var/lib/gc", "s3://bucket/attachments"])
def test_an_absolute_path_or_a_url_stays_what_it_is(write: Write, place: str) -> None:
    config = load(write(f'files = "{place}"\nledger = "/var/lib/ledger.sqlite"'))
    assert (config.files, config.ledger) == (place, Path("/var/lib/ledger.sqlite"))


def test_a_home_folder_may_be_written_as_a_tilde(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = load(write('files = "~/files"\nledger = "~/ledger.sqlite"'))
    assert config.files == str(tmp_path / "home/files")
    assert config.ledger == tmp_path / "home/ledger.sqlite"


@pytest.mark.parametrize("place", ['{ env = "LEDGER_URL" }', '{ file = "ledger-url" }'])
def test_a_ledger_on_postgresql_is_named_by_a_secret_that_does_not_come_out(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    url = f"postgresql://gemeente:{SECRET}@db.example.nl/gemeente"
    monkeypatch.setenv("LEDGER_URL", url)
    (tmp_path / "ledger-url").write_text(f"{url}\n")
    config = load(write(f"ledger = {place}"))
    assert isinstance(config.ledger, SecretStr)
    assert config.ledger.get_secret_value() == url
    assert SECRET not in f"{config!r} {config.ledger}"


def test_a_secret_may_also_name_a_file(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", "state/ledger.sqlite")
    assert load(write('ledger = { env = "LEDGER" }')).ledger == tmp_path / "state/ledger.sqlite"


def test_a_url_without_a_password_may_stand_in_the_file(write: Write) -> None:
    url = "postgresql://gemeente@db.example.nl/gemeente?sslmode=verify-full"
    assert load(write(f'ledger = "{url}"')).ledger == SecretStr(url)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (f"postgresql://gemeente:{SECRET}@db.example.nl/gemeente", r"write { env = \"NAME\" } or { file = \"PATH\" }"),
        (f"postgres://db.example.nl/gemeente?user=a&password={SECRET}", r"write { env = \"NAME\" }"),
        (f"mysql://gemeente:{SECRET}@db.example.nl/gemeente", "neither the path of a file nor a URL that begins with"),
    ],
)
def test_a_password_in_the_file_and_another_database_are_refused_without_telling_it(
    write: Write, place: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load(write(f'ledger = "{place}"'))
    assert SECRET not in str(caught.value)


# ---- what is wrong is named, with what it could be


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("files =", "filse ="), "there is no setting 'filse'; did you mean 'files'? choose from: case_systems"),
        (("[syncs.daily]", "[snycs.daily]"), "there is no setting 'snycs'; did you mean 'syncs'?"),
        (
            ("case_system =", "casesystem ="),
            "there is no setting 'syncs.daily.casesystem'; did you mean 'case_system'?",
        ),
        (('plugin = "fake-channel"', ""), "the setting 'channels.whatsapp.plugin' is needed"),
        (("start = 2026-01-01", 'start = "soon"'), "'syncs.daily.start': Input should be a valid date"),
        (
            ("quiet_gap_hours = 12", "quiet_gap_hours = 0"),
            "'channels.whatsapp.quiet_gap_hours': Input should be greater",
        ),
        (
            ("quiet_gap_hours = 12", "quiet_gap_hours = inf"),
            "'channels.whatsapp.quiet_gap_hours': Input should be less",
        ),
        (("quiet_gap_hours = 12", "quiet_gap_hours = nan"), "'channels.whatsapp.quiet_gap_hours': Input should be"),
        (('channel = "whatsapp"', 'channel = "watsapp"'), "'watsapp' in the configuration; did you mean 'whatsapp'?"),
        (('case_system = "loket"', 'case_system = "luket"'), "'luket' in the configuration; did you mean 'loket'?"),
    ],
)
def test_a_mistake_is_named_with_what_was_likely_meant(write: Write, change: tuple[str, str], told: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(ConfigError) as caught:
        load(write(GOOD.replace(*change)))
    assert told in str(caught.value)


def test_how_a_case_system_is_delivered_to_stands_with_it(write: Write) -> None:
    entry = load(write(GOOD)).case_system("loket")
    assert (entry.workers, entry.offer_again_hours) == (1, 23)
    more = GOOD.replace("token =", "workers = 8\noffer_again_hours = 1.5\ntoken =")
    entry = load(write(more)).case_system("loket")
    assert (entry.workers, entry.offer_again_hours) == (8, 1.5)
    with pytest.raises(ConfigError, match="choose from: loket"):
        load(write(more)).case_system("lokets")


@pytest.mark.parametrize("place", ["", "gemeente:geheim-7f3a9c@db.example.nl/gemeente"])
def test_a_ledger_from_the_environment_that_is_no_url_becomes_no_file_and_is_not_repeated(
    write: Write, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("LEDGER_URL", place)
    path = write(GOOD.replace('"state/ledger.sqlite"', '{ env = "LEDGER_URL" }'))
    with pytest.raises(ConfigError, match="neither the path of a file nor a URL") as told:
        load(path)
    assert SECRET not in str(told.value)


def test_several_mistakes_are_named_at_once(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"'one'.*'two'"):
        load(write("one = 1\ntwo = 2"))


def test_a_mistake_in_a_setting_of_a_plugin_is_named_when_it_is_opened(write: Write) -> None:
    config = load(write(GOOD.replace('path = "chats"', 'paht = "chats"')))
    with pytest.raises(ConfigError) as caught:
        config.open_channel("whatsapp", PLUGINS)
    assert "the setting 'path' is needed" in str(caught.value)
    assert "there is no setting 'paht'; did you mean 'path'? choose from: own_name, path" in str(caught.value)


def test_a_plugin_that_is_not_installed_is_told_with_those_that_are(write: Write) -> None:
    config = load(write(GOOD.replace('"fake-channel"', '"fake-chanel"')))
    with pytest.raises(PluginError, match="did you mean 'fake-channel'\\? installed: fake-channel"):
        config.open_channel("whatsapp", PLUGINS)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda config: config.sync("dayly"), "there is no sync 'dayly' in the configuration; did you mean 'daily'?"),
        (lambda config: config.quiet_gap("x"), "there is no channel 'x' in the configuration; choose from: whatsapp"),
        (lambda config: config.open_channel("x", PLUGINS), "there is no channel 'x'"),
        (lambda config: config.open_case_system("x", PLUGINS), "there is no case system 'x'"),
    ],
)
def test_a_name_that_is_not_in_the_file_is_told_with_those_that_are(
    write: Write, ask: Callable[[Config], object], told: str
) -> None:
    config = load(write(GOOD))
    with pytest.raises(ConfigError) as caught:
        ask(config)
    assert told in str(caught.value)


# ---- a file that cannot be read


def test_wrong_toml_names_the_file_and_the_line(write: Write) -> None:
    path = write('ledger = "a"\nfiles = \n')
    with pytest.raises(ConfigError, match=f"{path} is no TOML: .*line 2"):
        load(path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gemeente-connect.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no TOML"):
        load(path)


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no configuration file .*nothing.toml: .*--config"):
        load(tmp_path / "nothing.toml")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


# ---- secrets


def test_a_secret_comes_from_the_environment(write: Write) -> None:
    assert _settings(load(write(GOOD))).token.get_secret_value() == SECRET


def test_a_secret_comes_from_a_file_next_to_the_configuration_without_its_line_end(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\r\n", encoding="utf-8")
    config = load(write(GOOD.replace('{ env = "LOKET_TOKEN" }', '{ file = "token" }')))
    assert _settings(config).token.get_secret_value() == SECRET


def test_secrets_may_stand_deeper_and_in_lists(write: Write) -> None:
    deeper = 'tokens = [{ env = "LOKET_TOKEN" }, "b"]\nnested = { a = { b = { env = "LOKET_TOKEN" } } }\n[syncs.daily]'
    settings = _settings(load(write(GOOD.replace("[syncs.daily]", deeper))))
    assert [token.get_secret_value() for token in settings.tokens] == [SECRET, "b"]
    assert settings.nested == {"a": {"b": SECRET}}


@pytest.mark.parametrize("value", ['{ env = "A", file = "b" }', "{ env = 1 }", '{ other = "x" }'])
def test_a_table_that_names_no_single_secret_is_a_setting_like_any_other(write: Write, value: str) -> None:
    config = load(write(GOOD.replace("[syncs.daily]", f"nested = {value}\n[syncs.daily]")))
    assert list(_settings(config).nested or {}) == [word for word in ("env", "file", "other") if word in value]


def test_a_channel_may_be_called_env(write: Write) -> None:
    text = GOOD.replace("[channels.whatsapp]", "[channels.env]").replace('channel = "whatsapp"', 'channel = "env"')
    assert list(load(write(text)).channels) == ["env"]


def test_a_variable_that_is_not_set_is_told_with_its_place(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(GOOD)
    monkeypatch.delenv("LOKET_TOKEN")
    with pytest.raises(ConfigError, match=r"case_systems.loket.token: the environment variable LOKET_TOKEN is not set"):
        load(path)


def test_a_file_of_a_secret_that_is_not_there_is_told_with_its_place(write: Write) -> None:
    path = write(GOOD.replace('{ env = "LOKET_TOKEN" }', '{ file = "nowhere" }'))
    with pytest.raises(ConfigError, match=r"case_systems.loket.token: the file .*nowhere cannot be read"):
        load(path)


def test_no_secret_and_no_name_of_a_chat_comes_out_of_what_is_shown(write: Write) -> None:
    config = load(write(GOOD + 'extra = "x"\n'.replace("extra", "#")))
    settings = _settings(config)
    shown = f"{config!r} {config!s} {config.case_systems['loket']!r} {settings!r} {config.sync('daily')!r}"
    assert SECRET not in shown
    assert "Mama" not in shown


@pytest.mark.parametrize("setting", [f'tokken = "{SECRET}"', 'nested = { env = "LOKET_TOKEN" }', "tokens = 3"])
def test_no_secret_comes_out_of_an_error(write: Write, setting: str) -> None:
    config = load(write(GOOD.replace("[syncs.daily]", f"{setting}\n[syncs.daily]")))
    with pytest.raises(ConfigError) as caught:
        config.open_case_system("loket", PLUGINS)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_two_syncs_of_one_channel_that_skip_different_chats_are_refused_without_naming_the_chats(write: Write) -> None:
    second = '[syncs.weekly]\nchannel = "whatsapp"\ncase_system = "loket"\nskip = ["Papa"]\n'
    with pytest.raises(ConfigError, match="'daily' and 'weekly' read the same channel") as caught:
        load(write(GOOD + second))
    assert "Mama" not in str(caught.value)
    assert set(load(write(GOOD + second.replace("Papa", "Mama"))).syncs) == {"daily", "weekly"}

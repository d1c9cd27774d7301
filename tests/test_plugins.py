"""With real distributions, made in a folder on the path."""

from __future__ import annotations

import inspect
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from gemeente_connect import hookspecs
from gemeente_connect.errors import PluginError
from gemeente_connect.plugins import Broken, discover

Install = Callable[..., str]

GOOD = """
from gemeente_connect.contracts import Connector, Settings
from gemeente_connect.hookspecs import hookimpl

@hookimpl
def register_channels():
    return [Connector(name={channel!r}, settings=Settings, open=print)]

@hookimpl
def register_case_systems():
    return [Connector(name={case_system!r}, settings=Settings, open=print)]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with one plugin, where nothing else is installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(place for place in sys.path if "site-packages" not in place)])

    def make(distribution: str, source: str, *, plugin: str | None = None) -> str:
        module = f"plugin_{uuid.uuid4().hex}"  # a name of its own, since Python remembers modules
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[gemeente_connect]\n{plugin or distribution} = {module}\n")
        return module

    return make


def good(channel: str, case_system: str) -> str:
    return GOOD.format(channel=channel, case_system=case_system)


@pytest.mark.usefixtures("install")
def test_with_nothing_installed_there_is_nothing() -> None:
    found = discover()
    assert (dict(found.channels), dict(found.case_systems), found.broken) == ({}, {}, ())


def test_what_a_plugin_offers_is_found_by_name_with_the_distribution_it_came_with(install: Install) -> None:
    install("gemeente-connect-brieven", good("brieven", "kast"))
    found = discover()
    assert found.channel("brieven").name == "brieven"
    assert found.case_system("kast").name == "kast"
    assert found.distributions == {"brieven": "gemeente-connect-brieven", "kast": "gemeente-connect-brieven"}
    assert found.broken == ()


def test_a_plugin_may_offer_only_one_kind_and_several_of_it(install: Install) -> None:
    source = good("een", "x").partition("@hookimpl\ndef register_case")[0]
    install(
        "een",
        source.replace("return [", "yield Connector(name='twee', settings=Settings, open=print)\n    yield from ["),
    )
    assert sorted(discover().channels) == ["een", "twee"]
    assert discover().case_systems == {}


def test_a_name_that_is_not_there_is_refused_with_what_is_installed(install: Install) -> None:
    install("een", good("brieven", "kast"))
    with pytest.raises(PluginError, match=r"^no channel 'briven'; did you mean 'brieven'\? installed: brieven$"):
        discover().channel("briven")
    with pytest.raises(PluginError, match=r"^no case system 'brieven'; installed: kast$"):
        discover().case_system("brieven")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import bestaat_niet", "ModuleNotFoundError: No module named 'bestaat_niet'"),
        ("raise RuntimeError('call +31612345678, ?bsn=999990676')", "RuntimeError: call <number>, ?<query>"),
        (good("x", "y").replace("register_channels", "register_chanels"), "unknown hook 'register_chanels'"),
        (good("x", "y").replace("return [", "return 7, ["), "AttributeError"),
        (
            good("x", "y").replace("open=print", "open=print, contract=0"),
            "it follows plugin contract 0, and this is 1: upgrade the plugin",
        ),
        (
            good("x", "y").replace("open=print", "open=print, contract=2"),
            "it follows plugin contract 2, and this is 1: upgrade gemeente-connect",
        ),
    ],
)
def test_a_broken_plugin_is_reported_and_stops_no_other(install: Install, source: str, reason: str) -> None:
    install("aaa-stuk", source)
    install("zzz-heel", good("brieven", "kast"))
    found = discover()
    assert list(found.channels) == ["brieven"]
    assert [(each.plugin, each.distribution) for each in found.broken] == [("aaa-stuk", "aaa-stuk")]
    assert reason in found.broken[0].reason


def test_asking_for_what_is_missing_tells_of_the_plugin_that_is_broken(install: Install) -> None:
    install("stuk", "import bestaat_niet")
    with pytest.raises(PluginError, match=r"installed: none; the plugin 'stuk' of stuk is broken: ModuleNotFoundError"):
        discover().channel("brieven")


def test_a_name_that_two_distributions_claim_belongs_to_neither(install: Install) -> None:
    install("een", good("brieven", "kast"))
    install("twee", good("brieven", "lade"))
    found = discover()
    assert found.channels == {}
    assert sorted(found.case_systems) == ["kast", "lade"]
    assert found.broken == (Broken("brieven", "een and twee", "they claim the same name: uninstall one of them"),)


def test_two_claims_are_also_noticed_when_the_name_is_one_of_the_other_kind_too(install: Install) -> None:
    install("een", good("brieven", "kast"))
    install("twee", good("brieven", "brieven"))
    found = discover()
    assert found.channels == {}
    assert [each.distribution for each in found.broken] == ["een and twee"]
    assert sorted(found.case_systems) == ["brieven", "kast"]


def test_two_plugins_of_one_entry_point_name_are_both_found(install: Install) -> None:
    install("een", good("brieven", "kast"), plugin="zelfde")
    install("twee", good("briefjes", "lade"), plugin="zelfde")
    assert sorted(discover().channels) == ["briefjes", "brieven"]


@pytest.mark.parametrize("name", ["register_channels", "register_case_systems"])
def test_every_hook_says_when_it_is_called_and_what_not_to_do(name: str) -> None:
    hook = getattr(hookspecs, name)
    assert "Called once, when plugins are discovered. Do no work here" in (inspect.getdoc(hook) or "")
    assert "Iterable" in str(inspect.signature(hook).return_annotation)
    assert inspect.signature(hook).parameters == {}

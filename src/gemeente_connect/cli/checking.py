"""The commands that look at what is there: check, plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import metadata
from typing import Literal

import click

from gemeente_connect.abilities import Checkable
from gemeente_connect.cli import documents, options
from gemeente_connect.cli.documents import Check, InstalledOne
from gemeente_connect.cli.drawing import Column, Tick, say, say_json, table, warn
from gemeente_connect.cli.opening import installed, load, named, open_case_system, open_channel
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome, of_error, worst
from gemeente_connect.config import Config
from gemeente_connect.contracts import CaseSystem, Channel
from gemeente_connect.errors import GemeenteConnectError
from gemeente_connect.files import FileStore
from gemeente_connect.ledger import Ledger
from gemeente_connect.ledger.database import exists
from gemeente_connect.plugins import Plugins, discover
from gemeente_connect.syncing.report import guarded

_NOBODYS_CONTENT = "0" * 64


@click.command()
@options.common
@click.pass_obj
def check(wishes: Wishes) -> int:
    """Check settings, connections and credentials. Writes nothing."""
    config = load(wishes)
    connections = [*config.channels.values(), *config.case_systems.values()]
    checks = _Checks()
    checks.run(config, installed(entry.plugin for entry in connections))
    outcome = worst(checks.outcomes)
    if wishes.form == "json":
        say_json(documents.Checks(checks=checks.found, exit_code=outcome))
    else:
        rows = [(Tick(each["ok"]), each["about"], each["text"]) for each in checks.found]
        table((Column(""), Column("Checked"), Column("Found")), rows)
    return outcome


class _Checks:
    """Goes on past what is wrong, so that one look shows all of it."""

    def __init__(self) -> None:
        self.found: list[Check] = []
        self.outcomes: list[Outcome] = []

    def run(self, config: Config, plugins: Plugins) -> None:
        self._settings(config)
        with self._about("ledger"):
            self._ledger(config)
        with self._about("files"):
            _ = _NOBODYS_CONTENT in FileStore(config.files)  # asks the place, and writes nothing
            self._keep("files", f"{config.files} can be used", ok=True)
        for name in config.channels:
            self._connection(f"channel {name}", partial(open_channel, config, plugins, name))
        for name in config.case_systems:
            self._connection(f"case system {name}", partial(open_case_system, config, plugins, name))

    def _settings(self, config: Config) -> None:
        if not config.syncs:
            self._keep("configuration", "it has no [syncs.NAME], so nothing is delivered", ok=False)
        for name, entry in config.syncs.items():
            start = f"since {entry.start}" if entry.start else "it has no `start`, so it has to be run with --all"
            self._keep("configuration", f"sync {name}: {entry.channel} to {entry.case_system}, {start}", ok=True)

    def _ledger(self, config: Config) -> None:
        if not exists(config.ledger):
            self._keep("ledger", f"{named(config)} is not there yet: the first run makes it", ok=True)
            return
        with Ledger(config.ledger) as ledger:
            self._keep("ledger", f"{named(config)} can be used; {len(ledger.refusals())} refused", ok=True)

    def _connection(
        self, about: str, open_: Callable[[], AbstractContextManager[Channel] | AbstractContextManager[CaseSystem]]
    ) -> None:
        with self._about(about), open_() as connection:
            if not isinstance(connection, Checkable):
                self._keep(about, "it opens, and has nothing more to check", ok=True)
                return
            with guarded(about):
                for finding in connection.check():
                    self._keep(about, finding.text, ok=finding.ok)

    @contextmanager
    def _about(self, about: str) -> Iterator[None]:
        try:
            yield
        except GemeenteConnectError as error:
            self.found.append(Check(about=about, ok=False, text=str(error)))
            self.outcomes.append(of_error(error))

    def _keep(self, about: str, text: str, *, ok: bool) -> None:
        self.found.append(Check(about=about, ok=ok, text=text))
        self.outcomes += [Outcome.WRONG] * (not ok)


@click.command()
@options.common
@click.pass_obj
def plugins(wishes: Wishes) -> int:
    """List the channels and case systems that are installed."""
    found = discover()
    connectors = [_one(found, name, "channel") for name in sorted(found.channels)]
    connectors += [_one(found, name, "case system") for name in sorted(found.case_systems)]
    for each in found.broken:
        warn(f"warning: the plugin {each.plugin!r} of {each.distribution} is broken: {each.reason}")
    if wishes.form == "json":
        broken = [
            documents.BrokenOne(plugin=each.plugin, distribution=each.distribution, reason=each.reason)
            for each in found.broken
        ]
        say_json(documents.Installed(connectors=connectors, broken=broken))
    elif connectors:
        columns = (Column("Plugin", style="bold"), Column("Kind"), Column("Distribution"), Column("Version"))
        table(columns, [(e["name"], e["kind"], e["distribution"], e["version"] or "?") for e in connectors])
    else:
        say("No plugins are installed. A channel and a case system each come as a package: gemeente-connect-NAME.")
    return Outcome.DONE


def _one(found: Plugins, name: str, kind: Literal["channel", "case system"]) -> InstalledOne:
    distribution = found.distributions[name]
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = None
    return InstalledOne(name=name, kind=kind, distribution=distribution, version=version)

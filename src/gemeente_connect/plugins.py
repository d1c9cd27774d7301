"""Finding the plugins that are installed, and choosing a connector by its name.

pluggy asks a plugin what it offers. The loop over entry points is our own, because pluggy's loader stops at the first
plugin that fails to import, silently skips the second of two equal names, and does not say which plugin answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple, TypeVar

import pluggy

from gemeente_connect import hookspecs
from gemeente_connect.contracts import CONTRACT, CaseSystemConnector, ChannelConnector, did_you_mean
from gemeente_connect.errors import PluginError
from gemeente_connect.privacy import mask

ConnectorT = TypeVar("ConnectorT", ChannelConnector, CaseSystemConnector)


class Broken(NamedTuple):
    """A plugin, or a claim of one, that cannot be used."""

    plugin: str
    distribution: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plugins:
    """The connectors that are installed, by name, and the plugins that could not be used."""

    channels: Mapping[str, ChannelConnector]
    case_systems: Mapping[str, CaseSystemConnector]
    distributions: Mapping[str, str] = field(default_factory=dict)
    """By connector, the distribution it came with."""
    broken: tuple[Broken, ...] = ()

    def channel(self, name: str) -> ChannelConnector:
        """Choose a channel. Raises PluginError that names the installed ones."""
        return self._choose("channel", name, self.channels)

    def case_system(self, name: str) -> CaseSystemConnector:
        """Choose a case system. Raises PluginError that names the installed ones."""
        return self._choose("case system", name, self.case_systems)

    def _choose(self, what: str, name: str, choices: Mapping[str, ConnectorT]) -> ConnectorT:
        if name in choices:
            return choices[name]
        reasons = [f"; the plugin {b.plugin!r} of {b.distribution} is broken: {b.reason}" for b in self.broken]
        installed = did_you_mean(name, choices).replace("choose from", "installed")
        message = f"no {what} {name!r}{installed}{''.join(reasons)}"
        raise PluginError(message)


def discover() -> Plugins:
    """Load every installed plugin and ask it once what it offers.

    A plugin that cannot be used is reported in `broken` and stops no other. A name that two distributions claim
    belongs to neither.
    """
    channels: dict[str, list[tuple[str, ChannelConnector]]] = {}
    case_systems: dict[str, list[tuple[str, CaseSystemConnector]]] = {}
    broken: list[Broken] = []
    installed = [(_distribution(entry), entry) for entry in entry_points(group=hookspecs.PROJECT)]
    for distribution, entry in sorted(installed, key=lambda pair: (pair[0], pair[1].name)):
        try:
            found_channels, found_case_systems = _ask(entry)
        except Exception as error:  # noqa: BLE001 - importing a plugin runs its code, and anything may come of it
            broken.append(Broken(entry.name, distribution, _reason(error)))
            continue
        for channel in found_channels:
            channels.setdefault(channel.name, []).append((distribution, channel))
        for case_system in found_case_systems:
            case_systems.setdefault(case_system.name, []).append((distribution, case_system))
    claims: list[tuple[str, list[tuple[str, Any]]]] = [*channels.items(), *case_systems.items()]
    broken += [_claimed_twice(name, made) for name, made in claims if len(made) > 1]
    return Plugins(
        channels=_single(channels),
        case_systems=_single(case_systems),
        distributions={name: made[0][0] for name, made in claims},
        broken=tuple(broken),
    )


def _distribution(entry: EntryPoint) -> str:
    """Name the distribution. It reads the whole metadata to do so, so once is enough."""
    return entry.dist.name if entry.dist else "?"


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, PluginError) else mask(f"{type(error).__name__}: {error}")


def _ask(entry: EntryPoint) -> tuple[list[ChannelConnector], list[CaseSystemConnector]]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(entry.load())
    manager.check_pending()  # a misspelt hook is silent without this
    found = _flat(manager.hook.register_channels()), _flat(manager.hook.register_case_systems())
    for connector in (*found[0], *found[1]):
        if connector.contract != CONTRACT:
            older = "the plugin" if connector.contract < CONTRACT else "gemeente-connect"
            message = f"it follows plugin contract {connector.contract}, and this is {CONTRACT}: upgrade {older}"
            raise PluginError(message)
    return found


def _flat(answers: Iterable[Iterable[ConnectorT]]) -> list[ConnectorT]:
    return [connector for answer in answers for connector in answer]


def _single(claims: Mapping[str, list[tuple[str, ConnectorT]]]) -> dict[str, ConnectorT]:
    return {name: made[0][1] for name, made in claims.items() if len(made) == 1}


def _claimed_twice(name: str, made: Iterable[tuple[str, object]]) -> Broken:
    both = " and ".join(distribution for distribution, _ in made)
    return Broken(name, both, "they claim the same name: uninstall one of them")

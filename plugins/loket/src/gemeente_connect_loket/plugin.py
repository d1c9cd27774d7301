"""What discovery loads: the name of the case system, its settings, and how to open it."""

from __future__ import annotations

from collections.abc import Iterable

from gemeente_connect.contracts import CaseSystem, CaseSystemConnector, Connector, LocalPath, Settings
from gemeente_connect.hookspecs import hookimpl


class LoketSettings(Settings):
    """Where the embedded case system keeps its records."""

    database: LocalPath
    """The SQLite file, also given to `mijn-loket`. It is made at the first delivery; its folder must exist."""


def open_loket(settings: LoketSettings) -> CaseSystem:
    """Open the case system. Raises ConfigError when the path holds something that is no database of ours."""
    from gemeente_connect_loket.case_system import Loket
    from gemeente_connect_loket.store import Store

    return Loket(Store(settings.database))


@hookimpl
def register_case_systems() -> Iterable[CaseSystemConnector]:
    """Name the one case system of this plugin."""
    return [Connector(name="loket", settings=LoketSettings, open=open_loket)]

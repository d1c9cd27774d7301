"""What discovery loads: the name of the case system, its settings, and how to open it."""

from __future__ import annotations

from collections.abc import Iterable

from gemeente_connect.contracts import CaseSystem, CaseSystemConnector, Connector
from gemeente_connect.hookspecs import hookimpl
from gemeente_connect_open_klant.settings import OpenKlantSettings


def open_open_klant(settings: OpenKlantSettings) -> CaseSystem:
    """Open the case system. Asks nothing yet. Raises ConfigError when the URL or the token cannot be used."""
    from gemeente_connect_open_klant.case_system import OpenKlant

    return OpenKlant(settings)


@hookimpl
def register_case_systems() -> Iterable[CaseSystemConnector]:
    """Name the one case system of this plugin."""
    return [Connector(name="open-klant", settings=OpenKlantSettings, open=open_open_klant)]

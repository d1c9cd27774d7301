"""Makes worlds, and processes to run in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.faults.processes import SITE, Zygote
from tests.faults.worlds import DeskWorld, ExportWorld

from gemeente_connect import discover
from gemeente_connect.plugins import Plugins
from gemeente_connect.testing import FaultyProxy, RestServer


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """All that is installed, and the example `desk` of this folder, which only the tests here are to find."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SITE)
        return discover()


@pytest.fixture(scope="session")
def zygotes() -> Iterator[tuple[Zygote, Zygote]]:
    """Two, for what has to run at the same time."""
    with closing(Zygote()) as one, closing(Zygote()) as other:
        yield one, other


@pytest.fixture
def proxy(server: RestServer) -> Iterator[FaultyProxy]:
    """A network before the server, without faults until it is told."""
    with FaultyProxy(server.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def server() -> Iterator[RestServer]:
    with RestServer(page_size=4) as server:
        yield server


@pytest.fixture
def places(tmp_path: Path) -> Callable[[], Path]:
    """Give a new folder each time, in memory where the machine has that: a kill needs no disk."""
    numbers = itertools.count()

    def place() -> Path:
        folder = tmp_path / f"world-{next(numbers)}"
        folder.mkdir()
        return folder

    return place


@pytest.fixture
def export_world(places: Callable[[], Path], plugins: Plugins) -> Callable[[], ExportWorld]:
    """Make worlds on their first day, from one that was made before."""
    made = ExportWorld(places(), plugins)
    made.day_one()

    def world() -> ExportWorld:
        return made.copy(places())

    return world


@pytest.fixture
def desk_world(places: Callable[[], Path], plugins: Plugins, server: RestServer) -> Callable[..., DeskWorld]:
    """Make worlds on their first day."""

    def world(*, enforces_key: bool = False, url: str | None = None, **more: Any) -> DeskWorld:
        made = DeskWorld(places(), plugins, server=server, enforces_key=enforces_key, url=url or server.url, **more)
        made.day_one()
        return made

    return world

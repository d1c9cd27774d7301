"""The two hooks a plugin may implement, and the marker to do it with."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from gemeente_connect.contracts import CaseSystemConnector, ChannelConnector

PROJECT = "gemeente_connect"
"""The name of the pluggy project and of the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_channels() -> Iterable[ChannelConnector]:  # type: ignore[empty-body] # a specification has no body
    """Name the channels this plugin can read from.

    Called once, when plugins are discovered. Do no work here: no network, no files.
    """


@hookspec
def register_case_systems() -> Iterable[CaseSystemConnector]:  # type: ignore[empty-body] # a specification has no body
    """Name the case systems this plugin can deliver to.

    Called once, when plugins are discovered. Do no work here: no network, no files.
    """

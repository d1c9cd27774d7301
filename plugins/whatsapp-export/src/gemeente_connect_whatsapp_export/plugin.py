"""What this distribution offers to gemeente_connect: the channel `whatsapp-export`."""

from __future__ import annotations

from collections.abc import Iterable

from gemeente_connect.contracts import Channel, ChannelConnector, Connector
from gemeente_connect.hookspecs import hookimpl
from gemeente_connect_whatsapp_export.settings import ExportSettings


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    """Offer the channel."""
    return [Connector(name="whatsapp-export", settings=ExportSettings, open=_open)]


def _open(settings: ExportSettings) -> Channel:
    from gemeente_connect_whatsapp_export.channel import ExportChannel

    return ExportChannel(settings)

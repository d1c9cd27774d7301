"""What this distribution offers to gemeente_connect: the channel `whatsapp`."""

from __future__ import annotations

from collections.abc import Iterable

from gemeente_connect.contracts import Channel, ChannelConnector, Connector
from gemeente_connect.hookspecs import hookimpl
from gemeente_connect_whatsapp.settings import WhatsAppSettings


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    """Offer the channel."""
    return [Connector(name="whatsapp", settings=WhatsAppSettings, open=_open)]


def _open(settings: WhatsAppSettings) -> Channel:
    from gemeente_connect_whatsapp.channel import WhatsAppChannel

    return WhatsAppChannel(settings)

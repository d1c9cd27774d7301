"""What this distribution offers to gemeente_connect: the channels `twilio-messages` and `twilio-conversations`."""

from __future__ import annotations

from collections.abc import Iterable

from gemeente_connect.contracts import Channel, ChannelConnector, Connector
from gemeente_connect.hookspecs import hookimpl
from gemeente_connect_twilio.settings import ConversationsSettings, MessagesSettings


@hookimpl
def register_channels() -> Iterable[ChannelConnector]:
    """Offer both channels."""
    return [
        Connector(name="twilio-messages", settings=MessagesSettings, open=_open_messages),
        Connector(name="twilio-conversations", settings=ConversationsSettings, open=_open_conversations),
    ]


def _open_messages(settings: MessagesSettings) -> Channel:
    from gemeente_connect_twilio.messages import MessagesChannel

    return MessagesChannel(settings)


def _open_conversations(settings: ConversationsSettings) -> Channel:
    from gemeente_connect_twilio.conversations import ConversationsChannel

    return ConversationsChannel(settings)

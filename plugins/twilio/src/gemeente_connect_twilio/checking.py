"""What `gemeente-connect check` asks of Twilio. Reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from gemeente_connect.abilities import Finding
from gemeente_connect.http import ApiSession, read
from gemeente_connect_twilio.settings import ConversationsSettings, MessagesSettings, TwilioSettings
from gemeente_connect_twilio.wire import Chat, ChatMessage, ChatMessages, Chats, MessageRows

_SLACK: Final = timedelta(seconds=5)
_STANDS_STILL: Final = (
    "a conversation does not say that it changed when somebody writes in it: set `every_conversation = true`, or new "
    "messages are missed"
)


def check_messages(api: ApiSession, settings: MessagesSettings) -> Iterator[Finding]:
    """Ask for one message in each direction. Raises AuthError when the credentials are refused."""
    found = []
    for way in ("To", "From"):
        params: dict[str, str | int] = {way: settings.number, "PageSize": 1}
        path = f"2010-04-01/Accounts/{settings.account_sid}/Messages.json"
        found += read(api.get(path, params=params), MessageRows).messages
    yield Finding(ok=True, text="Twilio takes the credentials, and shows the list of messages")
    text = "there are messages of this number" if found else "there is no message of this number yet: is it right?"
    yield Finding(ok=True, text=text)
    yield from _token(settings)


def check_conversations(api: ApiSession, settings: ConversationsSettings) -> Iterator[Finding]:
    """Ask for one conversation, and for its last message. Raises AuthError when the credentials are refused."""
    root = f"v1/Services/{settings.service}/Conversations" if settings.service else "v1/Conversations"
    chats = read(api.get(root, params={"State": "active", "PageSize": 1}), Chats).conversations
    yield Finding(ok=True, text="Twilio takes the credentials, and shows the list of conversations")
    if chats and not settings.every_conversation:
        yield from _moves(api, root, chats[0])
    yield from _token(settings)


def _moves(api: ApiSession, root: str, raw: dict[str, object]) -> Iterator[Finding]:
    """See whether the last message of a conversation made it change."""
    try:
        chat = Chat.model_validate(raw)
        answer = api.get(f"{root}/{chat.sid}/Messages", params={"Order": "desc", "PageSize": 1})
        last = [ChatMessage.model_validate(each) for each in read(answer, ChatMessages).messages]
    except ValidationError:
        return
    if last and chat.date_updated:
        moved = last[0].date_created <= chat.date_updated + _SLACK
        yield Finding(
            ok=moved, text="a conversation says that it changed when somebody writes in it" if moved else _STANDS_STILL
        )


def _token(settings: TwilioSettings) -> Iterator[Finding]:
    if settings.auth_token is None:
        yield Finding(ok=True, text="`auth_token` is not set: webhooks cannot be verified, and are refused")

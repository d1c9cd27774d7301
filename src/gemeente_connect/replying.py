"""Answering a resident in the channel they wrote in. A person does that: nothing here is ever called by a sync.

    with Ledger("ledger.sqlite") as ledger:
        reply(channel, ledger, "3f1c0a9be27d44180c5e91aa", "Uw paspoort ligt klaar.")

No API of a channel has an idempotency key, so sending is never repeated. It is begun durably before it is sent; where
a crash or an unclear answer comes in between, a person is told, and the channel or that person decides.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from gemeente_connect.abilities import Outgoing, Prompt, Replies, Template
from gemeente_connect.contracts import Channel
from gemeente_connect.errors import AuthError, ConfigError, PluginError, RejectedError, StorageError, TemporaryError
from gemeente_connect.ledger import LANDS_WITHIN, Ledger
from gemeente_connect.ledger.replies import IN_DOUBT
from gemeente_connect.models import Message
from gemeente_connect.syncing.report import guarded

__all__ = ["Template", "reply"]

_CLEAR = (AuthError, ConfigError, RejectedError)  # the other side answered that it sent nothing


def reply(channel: Channel, ledger: Ledger, conversation: str, said: str | Template, *, again: bool = False) -> Message:
    """Send a resident one message, once, and give it as it stands in the conversation.

    `conversation`: its id, as reports give it. `said`: a text, or a template where the channel takes no other (any
    more). `again`: a person looked, and wants it sent although an earlier reply is in doubt or said the same.

    Raises PluginError where the channel cannot do it; ConfigError for an unknown conversation or an empty text;
    RejectedError where the channel does not take it, and where it is in doubt whether it was sent; TemporaryError
    (with `retry_after`, if the channel says) and AuthError when it was not sent.
    """
    if not isinstance(channel, Replies):
        message = f"{channel.account} cannot send: answer in the channel itself, and what was said is collected from it"
        raise PluginError(message)
    to = ledger.replies.addressee(conversation)
    if to.account != channel.account:
        message = f"this conversation is not one of {channel.account}: reply through the channel that it came in by"
        raise ConfigError(message)
    at = max(datetime.now(UTC), to.heard_at + timedelta(microseconds=1))  # the channel's clock may be ahead of ours
    outgoing = Outgoing(
        key=secrets.token_hex(16), thread=to.thread, to=to.resident, heard_at=to.heard_at, at=at, said=_worded(said)
    )
    with guarded(channel.account):
        draft = channel.draft(outgoing).model_copy(update={"id": outgoing.key, "account": channel.account})
    lands_within = channel.lands_within if isinstance(channel, Prompt) else LANDS_WITHIN
    ledger.replies.begin(to, draft, lands_within, again=again)
    message_id = _sent(channel, channel.account, ledger, outgoing)
    try:
        ledger.replies.sent(channel.account, outgoing.key, message_id)
    except StorageError as error:
        message = f"the reply was sent, and could not be kept as sent ({error}): do not send it again"
        raise StorageError(message) from None
    return draft.model_copy(update={"id": message_id})


def _worded(said: str | Template) -> str | Template:
    if isinstance(said, Template):
        return said
    text = said.strip()
    if not text:
        message = "the text is empty: nothing was sent"
        raise ConfigError(message)
    try:
        text.encode()
    except UnicodeEncodeError:
        message = "the text holds half a character: nothing was sent"
        raise ConfigError(message) from None
    if "\0" in text:
        message = "the text holds a character that no text can have (NUL): nothing was sent"
        raise ConfigError(message)
    return text


def _sent(channel: Replies, account: str, ledger: Ledger, outgoing: Outgoing) -> str:
    """Send it, and give its id. What was certainly not sent leaves nothing behind; anything else is in doubt."""
    try:
        with guarded(account):
            return channel.reply(outgoing)
    except _CLEAR:
        ledger.replies.not_sent(outgoing.key)
        raise
    except TemporaryError as error:
        if error.nothing_done:
            ledger.replies.not_sent(outgoing.key)
            raise
        message = f"{error}: {IN_DOUBT}"
        raise RejectedError(message) from None
    except PluginError as error:
        message = f"{error}: {IN_DOUBT}"
        raise PluginError(message) from None

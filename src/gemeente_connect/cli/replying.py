"""The command by which a person answers a resident."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import click

from gemeente_connect.abilities import Template
from gemeente_connect.cli import documents, options
from gemeente_connect.cli.drawing import say, say_json
from gemeente_connect.cli.opening import existing_ledger, installed, load, open_channel
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.config import Config
from gemeente_connect.contracts import Channel
from gemeente_connect.errors import ConfigError, GemeenteConnectError
from gemeente_connect.models import Message
from gemeente_connect.replying import reply as send

_STDIN = "-"
_LARGEST = 1_000_000  # bytes that are read: no channel takes so many


@click.command()
@click.argument("conversation")
@click.option("--text", help="What to say; `-` reads it from standard input.")
@click.option("--template", metavar="NAME", help="A template that was approved, instead of a text.")
@click.option("--language", metavar="CODE", default="nl", show_default=True, help="The language of the template.")
@click.option("--parameter", "parameters", multiple=True, help="What is filled in in the template; repeat it in order.")
@click.option("--again", is_flag=True, help="Send it although an earlier reply is in doubt, or said the same.")
@options.common
@click.pass_obj
def reply(
    wishes: Wishes, conversation: str, *, text: str | None, template: str | None, language: str,
    parameters: Sequence[str], again: bool,
) -> int:  # fmt: skip
    """Answer a resident in the channel they wrote in. Sends one message, once.

    CONVERSATION is its id, as reports and `refused show` give it, or the reference of its record (after `--`, if it
    begins with a dash). Nothing is sent twice by itself: where it is in doubt whether it was sent, that is told.
    """
    said = _said(text, template, language, parameters)
    config = load(wishes)
    with existing_ledger(config) as ledger:
        conversation = ledger.mending.named(conversation)
        account = ledger.replies.addressee(conversation).account
        with _channel_of(config, account) as (name, channel):
            message = send(channel, ledger, conversation, said, again=again)
    if wishes.form == "json":
        say_json(_document(conversation, name, message, template))
    else:
        what = f"The template {template!r} ({language})" if template else f"A text of {len(message.text)} characters"
        say(f"{what} was sent through {name!r}, in conversation {conversation}.")
    return Outcome.DONE


def _said(text: str | None, template: str | None, language: str, parameters: Sequence[str]) -> str | Template:
    if (text is None) == (template is None):
        message = "give the --text of the reply, or the --template to send"
        raise ConfigError(message)
    if template is not None:
        if not template or not language:
            message = "a template has a name and a language"
            raise ConfigError(message)
        return Template(name=template, language=language, parameters=tuple(parameters))
    if parameters:
        message = "a --parameter is for a --template: a text is sent as it stands"
        raise ConfigError(message)
    return _from_stdin() if text == _STDIN else text or ""


def _from_stdin() -> str:
    try:
        return sys.stdin.buffer.read(_LARGEST).decode()
    except UnicodeDecodeError:
        message = "what came in is no text in UTF-8: nothing was sent"
        raise ConfigError(message) from None


@contextmanager
def _channel_of(config: Config, account: str) -> Iterator[tuple[str, Channel]]:
    """Open the channel of an account. What is wrong with another one matters only where it is not found."""
    plugins = installed(entry.plugin for entry in config.channels.values())
    problem: GemeenteConnectError | None = None
    with ExitStack() as opened:
        for name in config.channels:
            try:
                channel = opened.enter_context(open_channel(config, plugins, name))
            except GemeenteConnectError as error:
                problem = error
                continue
            if channel.account == account:
                yield name, channel
                return
    message = "no channel of the configuration has the account that this conversation came in by"
    raise problem or ConfigError(message)


def _document(conversation: str, name: str, message: Message, template: str | None) -> documents.Replied:
    return documents.Replied(
        conversation=conversation,
        channel=name,
        template=template,
        characters=len(message.text),
        sent_at=message.sent_at.isoformat(),
        exit_code=Outcome.DONE,
    )

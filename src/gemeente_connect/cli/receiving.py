"""The command that receives what channels are pushed."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import ExitStack
from typing import Any

import click

from gemeente_connect.abilities import Receiver
from gemeente_connect.cli import documents, options
from gemeente_connect.cli.drawing import say, say_json
from gemeente_connect.cli.opening import installed, load, open_channel
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome
from gemeente_connect.errors import ConfigError, PluginError
from gemeente_connect.inbox import LARGEST, Inbox
from gemeente_connect.ledger import Ledger

_THREADS = 16  # what they bring at the same time waits for the disk once
_BACKLOG = 1024
_CONNECTIONS = 2000  # at the same time: some hundreds that were left half open stop nobody
_SILENT = 30  # seconds without a byte, after which a connection is closed


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8322, show_default=True, type=click.IntRange(0, 65535))
@click.option("--public-url", metavar="URL", help="How senders know this server, where a proxy stands before it.")
@options.common
@click.pass_obj
def receive(wishes: Wishes, host: str, port: int, public_url: str | None) -> int:
    """Receive what channels are pushed, and keep it in the ledger. `sync` and `collect` read it from there.

    Each channel that can be pushed to has the path /webhooks/NAME; /health tells whether all is well. Put a proxy with
    HTTPS before it. Stop it with Ctrl-C.
    """
    try:
        from gemeente_connect.receiver import WEBHOOKS, create_app
    except ImportError:
        message = "receiving needs a web server: pip install 'gemeente-connect[receiver]'"
        raise PluginError(message) from None
    config = load(wishes)
    plugins = installed(entry.plugin for entry in config.channels.values())
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(config.ledger))
        channels = {name: stack.enter_context(open_channel(config, plugins, name)) for name in config.channels}
        inboxes = {name: Inbox(each, ledger) for name, each in channels.items() if isinstance(each, Receiver)}
        if not inboxes:
            message = "none of the channels can be pushed to: `sync` reads them"
            raise ConfigError(message)
        server = _server(create_app(inboxes, ledger, public_url=public_url), host, port)
        shown = f"[{host}]" if ":" in host else host
        urls = {name: f"http://{shown}:{server.effective_port}{WEBHOOKS}/{name}" for name in inboxes}
        if wishes.form == "json":
            say_json(documents.Receiving(webhooks=urls))
        else:
            for name, url in urls.items():
                say(f"{name}: {url}")
            say("receiving (stop with Ctrl-C)")
        sys.stdout.flush()
        server.run()
    return Outcome.DONE


def _server(app: Any, host: str, port: int) -> Any:
    """Take the port. Raises ConfigError when it is not to be had."""
    from waitress import create_server

    logging.getLogger("waitress").setLevel(logging.CRITICAL)  # it would print the path of a failed request
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
        )
    except OSError as error:
        message = f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host or --port"
        raise ConfigError(message) from None
    return create_server(
        app,
        sockets=[listening],
        ident=None,
        threads=_THREADS,
        max_request_body_size=LARGEST + 1,
        backlog=_BACKLOG,
        connection_limit=_CONNECTIONS,
        channel_timeout=_SILENT,
        asyncore_use_poll=True,  # `select` ends at 1024 files
    )

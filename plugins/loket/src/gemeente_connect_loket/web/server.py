"""Listening: what has to be right before the page opens."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import click
from flask import Flask

from gemeente_connect.errors import ConfigError
from gemeente_connect_loket.store import Store
from gemeente_connect_loket.web import Theme, create_app
from gemeente_connect_loket.web.sign_in import DemoSignIn, ProxySignIn, SignIn, is_loopback

_MAX_BODY: Final = 64 * 1024  # bytes; waitress keeps a body before the application sees it


def listen(
    store: Store,
    *,
    host: str,
    port: int,
    demo: bool = False,
    identity_header: str | None = None,
    trusted_proxy: tuple[str, ...] = (),
    sign_out_url: str | None = None,
    theme: Path | None = None,
    municipality: str = "Voorbeeldstad",
) -> None:
    """Serve until it is stopped. Raises ConfigError before it opens, when something is not right."""
    sign_in = choose_sign_in(host, demo=demo, identity_header=identity_header, trusted_proxy=trusted_proxy)
    with store.reading():
        pass  # a wrong file is told now, and not to the first resident
    app = create_app(store, sign_in, municipality=municipality, theme=Theme.read(theme), sign_out_url=sign_out_url)
    server = open_server(app, host, port)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"Mijn Loket: http://{shown}:{getattr(server, 'effective_port', port)}/ (stop with Ctrl-C)")
    if demo:
        click.echo("DEMONSTRATION: anybody on this computer can read everything. Use made-up data only.")
    server.run()


def open_server(app: Flask, host: str, port: int) -> Any:
    """Take the port; `run()` of what this gives serves. Raises ConfigError when the port is not to be had."""
    from waitress import create_server

    logging.getLogger("waitress").setLevel(logging.CRITICAL)  # it would print the path of a failed request
    try:
        return create_server(
            app,
            host=host,
            port=port,
            ident=None,
            max_request_body_size=_MAX_BODY,
            # The application itself judges who speaks, and must see every header as it came.
            clear_untrusted_proxy_headers=False,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this computer has no such address"
        message = f"cannot listen on {host} port {port}: {reason}; choose another with --host or --port"
        raise ConfigError(message) from None


def choose_sign_in(host: str, *, demo: bool, identity_header: str | None, trusted_proxy: tuple[str, ...]) -> SignIn:
    """Choose how residents sign in. Raises ConfigError when that would not be safe."""
    if demo:
        if identity_header or trusted_proxy:
            message = "--demo stands alone: leave out --identity-header and --trusted-proxy"
            raise ConfigError(message)
        if not is_loopback(host):
            message = f"--demo has no sign-in, so it listens on this computer only, not on {host}: use 127.0.0.1"
            raise ConfigError(message)
        return DemoSignIn()
    if not identity_header or not trusted_proxy:
        message = (
            "no identity provider is configured: give --identity-header NAME and --trusted-proxy ADDRESS, "
            "or --demo to try it with made-up data"
        )
        raise ConfigError(message)
    return ProxySignIn(identity_header, trusted_proxy)

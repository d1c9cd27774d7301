"""The web application that receives webhooks: a path for each channel, and one that tells whether it is well.

Needs the extra `receiver`. `gemeente-connect receive` serves it with waitress; any other WSGI server may, given what
`create_app` gives. It writes no access log: paths and queries may name residents.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, abort, request

from gemeente_connect.abilities import Received
from gemeente_connect.errors import GemeenteConnectError
from gemeente_connect.inbox import LARGEST, Answer, Inbox
from gemeente_connect.ledger import Ledger

WEBHOOKS = "/webhooks"
"""Under this path each channel has its own, by its name in the configuration."""


def create_app(inboxes: Mapping[str, Inbox], ledger: Ledger, *, public_url: str | None = None) -> Flask:
    """Make the application.

    `inboxes` by the name of the channel. `public_url` is how the outside knows this server, without a path, where a
    proxy stands before it: some senders sign the URL they used. None: as the request says.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST

    @app.route(f"{WEBHOOKS}/<name>", methods=["GET", "POST"])
    def webhook(name: str) -> Response:
        """Receive for a channel."""
        if name not in inboxes:
            abort(404)
        received = Received(
            method=request.method,
            url=f"{public_url.rstrip('/')}{request.full_path.rstrip('?')}" if public_url else request.url,
            headers={header.lower(): value for header, value in request.headers},
            body=request.get_data(cache=False),
        )
        return _plain(inboxes[name].answer(received))

    @app.get("/health")
    def health() -> Response:
        """Tell whether what comes can be kept."""
        try:
            ledger.inbox.ready()
        except GemeenteConnectError:
            return _plain(Answer(503, "the ledger cannot be written"))
        return _plain(Answer(200, "ok"))

    return app


def _plain(answer: Answer) -> Response:
    return Response(answer.text, answer.status, mimetype="text/plain", headers={"Cache-Control": "no-store"})

"""The Mijn Loket page: a Flask application over the file of the case system."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from gemeente_connect.errors import ConfigError, StorageError
from gemeente_connect_loket.store import Store
from gemeente_connect_loket.web import dutch, views
from gemeente_connect_loket.web.sign_in import DemoSignIn, SignIn

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
"""On every answer. A view may set its own, stricter one before."""

_MAX_FORM: Final = 16 * 1024  # bytes; our forms have two short fields
_THEME_CLASS: Final = re.compile(r"\.([a-z][a-z0-9-]*-theme)(?![\w-])")

_ERRORS: Final = {
    400: ("Dit ging niet goed", "Uw aanvraag kon niet worden verwerkt. Ga terug en probeer het opnieuw."),
    403: ("Geen toegang", "U bent niet ingelogd, of u mag deze pagina niet bekijken."),
    404: ("Pagina niet gevonden", "Deze pagina bestaat niet, of hij is niet van u."),
    405: ("Dit kan hier niet", "Deze pagina kan op deze manier niet worden gebruikt."),
    413: ("Te groot", "Uw aanvraag is te groot."),
    500: ("Er ging iets mis", "Er ging bij ons iets mis. Probeer het later opnieuw."),
    503: ("Even niet beschikbaar", "Mijn Loket is even niet beschikbaar. Probeer het over een paar minuten opnieuw."),
}


@dataclass(frozen=True, slots=True)
class Theme:
    """A stylesheet with NL Design System tokens, and the classes under which it sets them."""

    css: bytes
    classes: str

    @classmethod
    def read(cls, path: Path | None) -> Theme:
        """Read the municipality's stylesheet; None: our own. Raises ConfigError when it cannot be read."""
        path = path or Path(__file__).parent / "static" / "theme.css"
        try:
            css = path.read_bytes()
        except OSError as error:
            message = f"--theme {path}: {error.strerror}"
            raise ConfigError(message) from None
        classes = dict.fromkeys(_THEME_CLASS.findall(css.decode("utf-8", "replace")))
        return cls(css, " ".join(classes))


def create_app(
    store: Store,
    sign_in: SignIn,
    *,
    municipality: str = "Voorbeeldstad",
    theme: Theme | None = None,
    sign_out_url: str | None = None,
) -> Flask:
    """Make the application. `sign_out_url`: where an identity provider signs somebody out; None: it does not say."""
    theme = theme or Theme.read(None)
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=_MAX_FORM, MAX_FORM_MEMORY_SIZE=_MAX_FORM)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        dutch=dutch,
        municipality=municipality,
        demo=isinstance(sign_in, DemoSignIn),
        sign_out_url=sign_out_url,
        theme_classes=theme.classes,
    )
    app.extensions[views.SITE] = views.Site(store, sign_in, theme.css)
    app.register_blueprint(views.pages)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _any_error)
    app.after_request(_harden)
    return app


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint in ("static", "pages.theme"):
        response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _http_error(error: HTTPException) -> Any:
    code = error.code or 500
    if code < 400:  # noqa: PLR2004 - a redirect is an HTTPException too
        return error
    title, text = _ERRORS.get(code, _ERRORS[400 if code < 500 else 500])  # noqa: PLR2004 - whose fault it is
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
    return render_template("error.html", title=title, text=text), code, headers


def _any_error(error: Exception) -> Any:
    """Answer an error that nobody expected. Its kind and place are logged and nothing it says: that may be anything."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    said = f": {error}" if isinstance(error, StorageError) else ""  # ours, and without personal data
    print(f"mijn-loket: {type(error).__name__} in {place}{said}", file=sys.stderr)  # noqa: T201 - a server's log
    return _http_error(ServiceUnavailable() if isinstance(error, StorageError) else InternalServerError())

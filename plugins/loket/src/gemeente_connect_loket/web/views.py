"""The pages: sign in, Mijn vragen, a conversation, an attachment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, g, redirect, render_template, request, url_for

from gemeente_connect_loket import finding
from gemeente_connect_loket.register import residents
from gemeente_connect_loket.store import Store
from gemeente_connect_loket.web import reading
from gemeente_connect_loket.web.sign_in import COOKIE, DemoSignIn, Session, SignIn

SITE: Final = "mijn-loket"
PAGE: Final = 50
IMAGES: Final = {"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp"}
"""What the page itself shows, with the ending of a file without a name."""
_DOWNLOADS: Final = {
    "application/pdf": ".pdf",
    "audio/aac": ".aac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "text/plain": ".txt",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}
_ENDINGS: Final = IMAGES | _DOWNLOADS
_ANYTHING: Final = "application/octet-stream"

pages = Blueprint("pages", __name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What the views work with."""

    store: Store
    sign_in: SignIn
    css: bytes


def _site() -> Site:
    return cast("Site", current_app.extensions[SITE])


@pages.before_app_request
def _who() -> None:
    """Find out who asks, before anything is shown; the pages of errors have their styles without it."""
    g.session = g.name = None
    if request.endpoint in ("static", "pages.theme"):
        return
    g.session = _site().sign_in.session(request)
    if g.session and g.session.bsn:
        with _site().store.reading() as connection:
            g.name = reading.name_of(connection, g.session.bsn)


@pages.get("/")
def home() -> Any:
    """Go where the questions are."""
    return redirect(url_for("pages.questions"))


@pages.get("/vragen")
def questions() -> Any:
    """List the questions of whoever is signed in, the latest first."""
    if (bsn := _signed_in()) is None:
        return redirect(url_for("pages.sign_in"))
    page = request.args.get("pagina", 1, type=int)
    with _site().store.reading() as connection:
        mine = finding.records_of(connection, bsn)
        count = max(1, -(-len(mine) // PAGE))
        if not 1 <= page <= count:
            abort(404)
        lines = reading.summaries(connection, mine[(page - 1) * PAGE : page * PAGE])
    return render_template("questions.html", lines=lines, total=len(mine), page=page, pages=count)


@pages.get("/vragen/<reference>")
def question(reference: str) -> Any:
    """Show a whole conversation, to the resident whose it is."""
    if _signed_in() is None:
        return redirect(url_for("pages.sign_in"))
    with _mine(reference) as (connection, record):
        (summary,) = reading.summaries(connection, [record])
        turns = reading.turns(connection, record)
    return render_template("question.html", summary=summary, turns=turns, images=IMAGES)


@pages.get("/vragen/<reference>/bijlagen/<sha256>")
def attachment(reference: str, sha256: str) -> Any:
    """Give the content of an attachment, to the resident whose it is."""
    if _signed_in() is None:
        return redirect(url_for("pages.sign_in"))
    with _mine(reference) as (connection, record):
        found = reading.attachment(connection, record, sha256)
    if found is None or found.size is None:
        abort(404)
    media_type = (found.media_type or _ANYTHING).partition(";")[0].strip().lower()
    response = Response(
        reading.parts(_site().store, sha256),
        mimetype=media_type if media_type in _ENDINGS else _ANYTHING,
        direct_passthrough=True,
    )
    response.content_length = found.size
    shown = "inline" if media_type in IMAGES else "attachment"
    response.headers["Content-Disposition"] = f"{shown}; filename*=UTF-8''{_file_name(found.name, media_type)}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@pages.get("/thema.css")
def theme() -> Any:
    """Give the tokens of the municipality."""
    return Response(_site().css, mimetype="text/css")


# ---- the sign-in of a demonstration ----------------------------------------------------------------------------------


@pages.get("/inloggen")
def sign_in() -> Any:
    """Offer the test residents to choose from."""
    demo = _demo()
    if demo is None or _signed_in():
        return redirect(url_for("pages.questions"))
    session = g.session = g.session or demo.sessions.start()
    people = [(demo.handle(bsn), name) for bsn, name, _ in residents(_site().store)]
    return _with_cookie(Response(render_template("sign_in.html", people=people)), session)


@pages.post("/inloggen")
def signed_in() -> Any:
    """Sign in as the chosen test resident, under a new session."""
    demo, session = _form()
    chosen = request.form.get("bewoner", "")
    bsn = next((bsn for bsn, _, _ in residents(_site().store) if demo.handle(bsn) == chosen), None)
    if bsn is None:
        abort(400)
    demo.sessions.end(session)
    return _with_cookie(redirect(url_for("pages.questions"), 303), demo.sessions.start(bsn))


@pages.post("/uitloggen")
def sign_out() -> Any:
    """End the session."""
    demo, session = _form()
    demo.sessions.end(session)
    response = redirect(url_for("pages.sign_in"), 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax")
    return response


def _demo() -> DemoSignIn | None:
    sign_in = _site().sign_in
    return sign_in if isinstance(sign_in, DemoSignIn) else None


def _form() -> tuple[DemoSignIn, Session]:
    """Take a form of ours. Aborts with 404 outside a demonstration, and with 400 when it is not from our page."""
    demo = _demo()
    if demo is None:
        abort(404)
    session: Session | None = g.session
    if session is None or not session.sent(request.form.get("sleutel", "")):
        abort(400)
    return demo, session


def _with_cookie(response: Any, session: Session) -> Any:
    response.set_cookie(COOKIE, session.key, httponly=True, samesite="Lax")
    return response


# ---- whose it is -----------------------------------------------------------------------------------------------------


def _signed_in() -> str | None:
    session: Session | None = g.session
    return session.bsn if session else None


@contextmanager
def _mine(reference: str) -> Iterator[tuple[Any, int]]:
    """Give the number of a record of the signed-in resident. Aborts with 404 for another's, as for one there is not."""
    bsn = _signed_in()
    with _site().store.reading() as connection:
        record = finding.record_for(connection, reference, bsn) if bsn else None
        if record is None:
            abort(404)
        yield connection, record


def _file_name(name: str | None, media_type: str) -> str:
    """Make a name that is safe in a header and on any disk."""
    plain = "".join(c for c in (name or "").replace("\\", "/").rpartition("/")[2] if c.isprintable())
    return quote(plain.strip(". ") or f"bijlage{_ENDINGS.get(media_type, '')}", safe="")

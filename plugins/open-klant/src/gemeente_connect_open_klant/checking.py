"""What `gemeente-connect check` asks of an Open Klant. Reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from gemeente_connect.abilities import Finding
from gemeente_connect.errors import RemoteError
from gemeente_connect.http import ApiSession, read
from gemeente_connect_open_klant.api import LARGEST_PAGE, Klantinteracties
from gemeente_connect_open_klant.settings import OpenKlantSettings, Portaal, Referentielijst
from gemeente_connect_open_klant.wire import Actor, Item, Page

_NO_VERIFICATION: Final = (
    "Open Klant before 2.11 does not keep that an address is verified, so no address ties anybody: upgrade it, or only "
    "a conversation that bears a BSN is found"
)


def check(api: Klantinteracties, settings: OpenKlantSettings) -> Iterator[Finding]:
    """Yield what was found. Raises AuthError when the token is refused, and what else asking raises."""
    dialect = api.dialect
    yield Finding(ok=True, text=f"{api.root} answers with API-version {dialect.version}, and takes the token")
    yield _of_keys(numbered=dialect.numbered)
    if not dialect.verifies:
        yield Finding(ok=False, text=_NO_VERIFICATION)
    yield from _portal(settings, refuses_inp=dialect.refuses_inp)
    if settings.referentielijsten:
        yield _kanalen(settings.referentielijsten, settings.kanalen.values())
    else:
        yield Finding(
            ok=True, text="`referentielijsten` is not set: whether Open Klant takes these kanalen is not known"
        )
    if settings.taak_actor:
        found = api.one("actoren", str(settings.taak_actor), Actor) is not None
        yield Finding(ok=found, text=f"the actor of `taak_actor` is {'there' if found else 'not there: correct it'}")
    if settings.internal_notes:
        yield Finding(ok=True, text="internal notes are delivered, and the portal SHOWS THEM TO THE RESIDENT")


def _of_keys(*, numbered: bool) -> Finding:
    if numbered:
        return Finding(ok=True, text="klantcontacten bear a number of ours that it keeps unique: none can be doubled")
    text = (
        "Open Klant before 2.16: after a crash, klantcontacten are looked up by their time and text; `reconcile`, "
        "`adopt` and `detach` cannot be used"
    )
    return Finding(ok=True, text=text)


def _portal(settings: OpenKlantSettings, *, refuses_inp: bool) -> Iterator[Finding]:
    if settings.portaal is Portaal.NONE:
        yield Finding(ok=True, text="there is no portal (portaal = 'none'), so no resident finds anything")
    elif settings.portaal is Portaal.OPEN_INWONER_2026:
        yield Finding(ok=True, text="Open Inwoner shows every kanaal, and the question with all its answers")
    else:
        if refuses_inp:
            text = (
                "Open Inwoner 1.24 looks residents up by a code ('inp') that Open Klant refuses since 2.5, so nobody "
                "finds anything: upgrade Open Inwoner, and set portaal = 'open-inwoner-2026'"
            )
            yield Finding(ok=False, text=text)
        hidden = sorted(each for each in settings.kanalen.values() if each != settings.mijn_vragen_kanaal)
        shown = f"Open Inwoner 1.24 shows the kanaal {settings.mijn_vragen_kanaal!r} only"
        text = f"{shown}, and hides {', '.join(map(repr, hidden))}" if hidden else shown
        yield Finding(ok=not hidden, text=text)


def _kanalen(where: Referentielijst, kanalen: Collection[str]) -> Finding:
    try:
        with closing(ApiSession(where.url)) as api:
            response = api.get("items", params={"tabel__code": where.tabel, "pageSize": LARGEST_PAGE})
            items = read(response, Page[Item]).results
    except RemoteError as error:
        return Finding(ok=False, text=f"the list of kanalen could not be read: {error}")
    now = datetime.now(UTC)
    valid = {each.code for each in items if each.holds(now)}
    wrong = sorted(set(kanalen) - valid)
    if wrong:
        missing, choices = ", ".join(map(repr, wrong)), ", ".join(sorted(valid)) or "none"
        return Finding(ok=False, text=f"the list of kanalen has no {missing}; choose from: {choices}")
    return Finding(ok=True, text="the list of kanalen has all of `kanalen`")

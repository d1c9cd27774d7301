"""Taking a conversation away from a resident it was wrongly tied to, and remembering it in Open Klant itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from gemeente_connect.contracts import Refs
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Identity, IdentityKind
from gemeente_connect_open_klant.api import Klantinteracties
from gemeente_connect_open_klant.contacten import gathered, spread
from gemeente_connect_open_klant.partijen import Partijen
from gemeente_connect_open_klant.portals import View
from gemeente_connect_open_klant.wire import Betrokkene, Klantcontact

_KEY: Final = "losgemaaktVan"
_KINDS: Final[Mapping[str, IdentityKind]] = {"bsn": "bsn", "kvk": "kvk"}
_CANNOT: Final = (
    "an Open Klant before 2.16 keeps no metadata, so it cannot remember whom a conversation was taken away from: take "
    "it away there by hand, from the question and every answer, and drop this conversation here"
)
_BREAKS: Final = (
    "in Open Inwoner 1.24 a question of nobody breaks the page of every resident, so it is not taken away: give its "
    "klantcontacten another kanaal in Open Klant first, or tie them to the right partij there"
)
_NOT_YET: Final = (
    "its question is not in Open Klant yet, so nothing there can remember that it was taken away from a resident "
    "elsewhere: retry this to deliver it all the same, or drop it"
)


def taken_from(question: Klantcontact) -> list[str]:
    """Read whom a question was taken away from, as `Partijen.known_as` names them."""
    told = gathered(_KEY, question.metadata)
    return [str(each) for each in json.loads(told)] if told else []


def identities(known_as: Iterable[str]) -> tuple[Identity, ...]:
    """Give the BSNs and KVK numbers of those who are named so."""
    parts = (each.partition(":") for each in known_as)
    return tuple(Identity(kind=_KINDS[kind], value=value) for kind, _, value in parts if kind in _KINDS)


def detach(
    api: Klantinteracties, partijen: Partijen, view: View, done: Mapping[str, Refs], who: Identity | None
) -> tuple[Identity, ...]:
    """Take the klantcontacten of a conversation away from a partij, and write that down with the question.

    `done`: the steps that were done for the conversation. `who`: the resident, who may have no partij yet; None:
    whoever has it now. Gives all residents it was ever taken away from. Raises RejectedError where it cannot be done,
    or not be remembered.
    """
    if not api.dialect.numbered:
        raise RejectedError(_CANNOT)
    question = api.klantcontact(done["vraag"]["klantcontact"]) if "vraag" in done else None
    if question is None:
        if who is None:
            return ()
        raise RejectedError(_NOT_YET)
    uuids = [refs["betrokkene"] for refs in done.values() if "betrokkene" in refs]
    betrokkenen = [each for uuid in uuids if (each := api.one("betrokkenen", uuid, Betrokkene))]
    tied = {each.was_partij.uuid for each in betrokkenen if each.was_partij}
    leaving = tied if who is None else {uuid} if (uuid := partijen.partij(who)) else set()
    if leaving & tied and view.breaks_on_nobody(question.kanaal):
        raise RejectedError(_BREAKS)
    before = taken_from(question)
    named = [f"{who.kind}:{who.value}"] if who else []
    gone = [each for uuid in sorted(leaving) for each in partijen.known_as(uuid)]
    ever = list(dict.fromkeys([*before, *named, *gone]))
    if ever != before:  # remembered first: what breaks off after it is done by the next try
        metadata = question.metadata | spread(_KEY, json.dumps(ever))
        api.change("klantcontacten", question.uuid, {"metadata": metadata})
    for each in betrokkenen:
        if each.was_partij and each.was_partij.uuid in leaving:
            api.change("betrokkenen", each.uuid, {"wasPartij": None})
    return identities(ever)

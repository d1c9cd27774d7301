"""What Open Klant holds of our conversations, read back from the klantcontacten themselves.

They know what they belong to by their `metadata`, so a ledger that was lost can be rebuilt from them. The list comes
newest first, and a conversation is whole only when all was seen: some hundred bytes of each klantcontact are kept.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gemeente_connect.abilities import Record
from gemeente_connect.contracts import Findable, Refs
from gemeente_connect.errors import PluginError
from gemeente_connect.models import Identity
from gemeente_connect_open_klant.api import LARGEST_PAGE, Klantinteracties
from gemeente_connect_open_klant.beside import HANDELING, actor_step, adres_step, bijlage_step, taak_step
from gemeente_connect_open_klant.contacten import checksum, gathered, step
from gemeente_connect_open_klant.detaching import identities, taken_from
from gemeente_connect_open_klant.partijen import Partijen, Resident
from gemeente_connect_open_klant.portals import View
from gemeente_connect_open_klant.wire import Klantcontact

_EXPAND: Final = (
    "hadBetrokkenen,hadBetrokkenen.digitaleAdressen,gingOverOnderwerpobjecten,omvatteBijlagen,leiddeTotInterneTaken"
)
_PART: Final = re.compile(r":(vraag|[0-9]{1,6})$")
_CANNOT: Final = (
    "an Open Klant before 2.16 keeps no metadata, so its klantcontacten do not say which conversation they belong to: "
    "they can be listed after it was upgraded, as far as they were made since"
)


@dataclass(slots=True)
class _Seen:
    """What was seen of a conversation."""

    question: str | None = None
    """Its URL."""
    findable: Findable = Findable.NO_QUESTION
    changed: bool = False
    account: str | None = None
    turns: dict[str, tuple[datetime, tuple[str, ...]]] = field(default_factory=dict)
    done: dict[str, Refs] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    detached: tuple[Identity, ...] = ()
    doubles: list[str] = field(default_factory=list)
    """URLs of klantcontacten of which there is another one."""


def records(api: Klantinteracties, partijen: Partijen, view: View) -> Iterator[Record]:
    """Yield a record of each conversation, and one more for each klantcontact that is there twice."""
    if not api.dialect.numbered:
        raise PluginError(_CANNOT)
    conversations: dict[str, _Seen] = defaultdict(_Seen)
    seen: set[str] = set()
    for row in api.find("klantcontacten", Klantcontact, pageSize=LARGEST_PAGE, expand=_EXPAND):
        conversation, part = row.metadata.get("gesprek"), _PART.search(row.metadata.get("externalId", ""))
        if conversation and part and row.uuid not in seen:  # a row may move to the next page meanwhile
            seen.add(row.uuid)
            _add(conversations[conversation], row, part[1], partijen, view)
    for conversation, its in conversations.items():
        yield _record(conversation, its)
        for url in its.doubles:
            yield Record(conversation=conversation, reference=url, findable=its.findable)


def _record(conversation: str, its: _Seen) -> Record:
    in_order = sorted(its.turns.items(), key=lambda turn: turn[1][0])
    return Record(
        conversation=conversation,
        reference=its.question,
        findable=its.findable,
        changed=its.changed or its.question is None,
        account=its.account,
        turns={turn: ids for turn, (_, ids) in in_order},
        done=its.done,
        kept={name: value for name, value in its.kept.items() if value or not its.detached},  # untied by us
        detached=its.detached,
    )


def _add(its: _Seen, row: Klantcontact, part: str, partijen: Partijen, view: View) -> None:
    turn = gathered("beurt", row.metadata)
    name = "vraag" if part == "vraag" else step(turn, int(part))
    if name in its.done:
        its.doubles.append(row.url)
        return
    betrokkene = next(iter(row.expand.had_betrokkenen), None)
    partij = betrokkene.was_partij.uuid if betrokkene and betrokkene.was_partij else None
    now = checksum(row.onderwerp, row.inhoud)
    refs = {"klantcontact": row.uuid, "url": row.url, "beurt": turn}
    its.done[name] = refs | {"betrokkene": betrokkene.uuid if betrokkene else ""}
    its.kept |= {f"{name}/tekst": now, f"{name}/partij": partij or ""}
    its.changed |= now != row.metadata.get("som")
    its.account = gathered("account", row.metadata) or its.account
    if part in {"vraag", "0"}:
        its.turns[turn] = row.plaatsgevonden_op, _messages(row) or (turn,)
    if part == "vraag":
        who = partijen.resident_of(partij) if partij else Resident(Findable.NO_RESIDENT_KNOWN)
        shown = row.nummer is not None
        its.question, its.findable = row.url, view.findable(who, row.kanaal) if shown else Findable.NOT_SHOWN
        its.detached = identities(taken_from(row))
    its.done.update(_beside(row, turn))


def _messages(row: Klantcontact) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(gathered("berichten", row.metadata))))
    except (ValueError, TypeError):
        return ()  # somebody else wrote there


def _beside(row: Klantcontact, turn: str) -> Iterator[tuple[str, Refs]]:
    """Yield the steps that put something beside a klantcontact."""
    beside = row.expand
    for adres in (each for betrokkene in beside.had_betrokkenen for each in betrokkene.expand.digitale_adressen):
        yield adres_step(adres.soort_digitaal_adres, adres.adres), {"uuid": adres.uuid}
    for actor in row.had_betrokken_actoren:
        yield actor_step(turn, actor.actoridentificator.object_id), {"uuid": actor.uuid}
    for taak in (each for each in beside.leidde_tot_interne_taken if each.gevraagde_handeling == HANDELING):
        yield taak_step(turn), {"uuid": taak.uuid}
    for bijlage in beside.omvatte_bijlagen:
        yield bijlage_step(bijlage.bijlageidentificator.object_id), {"uuid": bijlage.uuid}
    for about in (each for each in beside.ging_over_onderwerpobjecten if not each.was_klantcontact):
        yield "zaak", {"uuid": about.uuid}

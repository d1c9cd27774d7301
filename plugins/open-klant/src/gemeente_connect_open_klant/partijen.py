"""The right resident, or nobody: which partij of Open Klant a conversation belongs to.

By a BSN or KVK number that the channel verified, else by a verified digitaal adres of an active persoon with a BSN. An
address in Open Klant has a day on which it was verified (`verificatieDatum`), and no more: it ties its holder to what
was written from that day on, as long as nobody else has it. No partij is ever made, and none gets a new address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gemeente_connect.contracts import Findable
from gemeente_connect.models import Identity, Message
from gemeente_connect.residents import NOBODY, Address, Holder, claim, judge
from gemeente_connect_open_klant.api import Klantinteracties
from gemeente_connect_open_klant.wire import DigitaalAdres, Identificator, Partij, PartijIdentificator

_AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")
_REMEMBERED: Final = 10_000  # residents; memory stays flat
SOORTEN: Final = {"phone": "telefoonnummer", "email": "email"}
"""The kinds of identity that are a digitaal adres of a kind of its own."""
_DUTCH: Final = "+31"
_OF: Final[dict[Literal["bsn", "kvk"], str]] = {"bsn": "persoon", "kvk": "organisatie"}  # whom a portal looks for
_CODES: Final[dict[Literal["bsn", "kvk"], str]] = {"bsn": "bsn", "kvk": "kvk_nummer"}


@dataclass(frozen=True, slots=True, repr=False)
class Resident:
    """Who a conversation belongs to."""

    findable: Findable
    """YES: the resident is known; whether a portal shows it is another question."""
    partij: str | None = None
    """The uuid of their partij; None: nobody is known."""
    code_objecttype: str = ""
    """The kind of number by which a portal finds the partij."""


class Partijen:
    """Looks up partijen, and remembers them for as long as it lives. May be used from several threads."""

    def __init__(self, api: Klantinteracties, before_verification: timedelta) -> None:
        self._api = api
        self._before = before_verification
        self._holders = lru_cache(_REMEMBERED)(self._ask_for_holders)
        self._known = lru_cache(_REMEMBERED)(self._ask_for_number)
        self._partij = lru_cache(_REMEMBERED)(self._ask_for_partij)

    def resident(self, messages: Sequence[Message], *, never: frozenset[str] = NOBODY) -> Resident:
        """Say who these messages belong to. `never`: whom they were taken away from, as `known_as` names them."""
        who = self._judged(messages, frozenset(each.removeprefix("bsn:") for each in never))
        return (
            Resident(Findable.NOT_VALID_THEN) if who.partij and never.intersection(self.known_as(who.partij)) else who
        )

    def _judged(self, messages: Sequence[Message], never: frozenset[str]) -> Resident:
        claimed = claim(messages)
        companies = _verified(messages, "kvk")
        if companies and claimed.residents == 1 and not any(kind == "bsn" for kind, _ in claimed.addresses):
            return self._of("kvk", *companies) if len(companies) == 1 else Resident(Findable.MORE_THAN_ONE_RESIDENT)
        held = [each for address in claimed.addresses for each in self._holders(address)]
        verdict = judge(claimed, [holder for holder, _ in held], self._before, never)
        if verdict.bsn is None:
            return Resident(verdict.findable)
        partij = next((partij for holder, partij in held if holder.bsn == verdict.bsn), None)
        return self.resident_of(partij) if partij else self._of("bsn", verdict.bsn)

    def _of(self, kind: Literal["bsn", "kvk"], number: str) -> Resident:
        partij = self._known(kind, number)
        return self.resident_of(partij.uuid) if partij else Resident(Findable.NO_RESIDENT_KNOWN)

    def resident_of(self, partij: str) -> Resident:
        """Say who has the klantcontacten of a partij, by its uuid."""
        known = self._partij(partij)
        numbers = _numbers(known) if known else ()
        fits = (each for kind, each in numbers if known and known.soort_partij == _OF[kind])
        return Resident(Findable.YES, partij, next((each.code_objecttype for each in fits), ""))

    def known_as(self, partij: str) -> list[str]:
        """Name a partij in all ways by which it must be known again: `partij:<uuid>`, `bsn:…`, `kvk:…`."""
        known = self._partij(partij)
        numbers = _numbers(known) if known else ()
        return [f"partij:{partij}", *(f"{kind}:{each.object_id}" for kind, each in numbers)]

    def partij(self, who: Identity) -> str | None:
        """Give the uuid of the partij with a BSN or KVK number; None: there is none."""
        known = self._known(who.kind, who.value) if who.kind in {"bsn", "kvk"} else None
        return known.uuid if known else None

    # -- asking

    def _ask_for_number(self, kind: str, number: str) -> Partij | None:
        code = _CODES["kvk" if kind == "kvk" else "bsn"]
        filters = {"partijIdentificator__codeSoortObjectId": code, "partijIdentificator__objectId": number}
        for row in self._api.find("partijen", Partij, **filters):
            partij = self._whole(row)
            if any(each.object_id == number for each in _identificatoren(partij, code)):  # an old one ignores filters
                return partij
        return None

    def _ask_for_partij(self, uuid: str) -> Partij | None:
        partij = self._api.one("partijen", uuid, Partij)
        return self._whole(partij) if partij else None

    def _whole(self, partij: Partij) -> Partij:
        """Read how a partij is known elsewhere, where its Open Klant only refers to that."""
        known = [
            each
            if each.partij_identificator
            else self._api.one("partij-identificatoren", each.uuid, PartijIdentificator)
            for each in partij.partij_identificatoren
        ]
        return partij.model_copy(update={"partij_identificatoren": [each for each in known if each]})

    def _ask_for_holders(self, address: Address) -> tuple[tuple[Holder, str], ...]:
        """Give who holds an address, each with the uuid of their partij."""
        kind, value = address
        if kind not in SOORTEN or not self._api.dialect.verifies:
            return ()  # such an address says nothing of who somebody is
        return tuple(
            (self._holder(address, row, row.verstrekt_door_partij.uuid), row.verstrekt_door_partij.uuid)
            for row in {row.uuid: row for row in self._rows(kind, value)}.values()
            if row.verstrekt_door_partij
            and row.soort_digitaal_adres == SOORTEN[kind]
            and comparable(row.adres) == value
        )

    def _rows(self, kind: str, value: str) -> Iterator[DigitaalAdres]:
        if self._api.dialect.strict:
            core = value.removeprefix(_DUTCH).removeprefix("+") if kind == "phone" else value
            # without it, whoever wrote from the address is listed too; others matter where a verification reaches back
            for soort in ("persoon", "organisatie", "contactpersoon") if self._before else ("persoon",):
                filters = {"adres__icontains": core, "verstrektDoorPartij__soortPartij": soort}
                yield from self._api.find("digitaleadressen", DigitaalAdres, **filters)
        else:  # the filter on a part of an address breaks before 2.14
            for spelling in _spellings(value):
                yield from self._api.find("digitaleadressen", DigitaalAdres, adres=spelling)

    def _holder(self, address: Address, row: DigitaalAdres, uuid: str) -> Holder:
        """Say what an address proves. Of a partij that is no active person with a BSN it proves nothing."""
        partij = self._partij(uuid)
        bsns = _identificatoren(partij, "bsn") if partij else []
        active = partij is not None and partij.indicatie_actief and partij.soort_partij == "persoon"
        day = row.verificatie_datum if active and bsns else None
        verified_at = datetime.combine(day, time(), _AMSTERDAM) if day else None
        return Holder(bsns[0].object_id if bsns else f"nobody:{row.uuid}", *address, verified_at, None, None)


def comparable(adres: str) -> str:
    """Write an address so that equal ones compare equal: `06…`, `0031…` and `+31…` are one number."""
    adres = adres.strip().lower()
    if "@" in adres:
        return adres
    if adres.startswith("00"):
        return f"+{adres[2:]}"
    return f"{_DUTCH}{adres[1:]}" if adres.startswith("0") else adres


def _spellings(value: str) -> Iterable[str]:
    yield value
    if value.startswith("+"):
        yield f"00{value[1:]}"
    if value.startswith(_DUTCH):
        yield f"0{value.removeprefix(_DUTCH)}"


def _identificatoren(partij: Partij, code: str) -> list[Identificator]:
    every = (each.partij_identificator for each in partij.partij_identificatoren)
    return [each for each in every if each and each.code_soort_object_id == code]


def _numbers(partij: Partij) -> Iterator[tuple[Literal["bsn", "kvk"], Identificator]]:
    yield from (("bsn", each) for each in _identificatoren(partij, _CODES["bsn"]))
    yield from (("kvk", each) for each in _identificatoren(partij, _CODES["kvk"]))


def _verified(messages: Iterable[Message], kind: str) -> set[str]:
    senders = (message.sender for message in messages if message.direction == "in" and message.sender)
    return {each.value for who in senders for each in who.identities if each.kind == kind and each.verified_at}

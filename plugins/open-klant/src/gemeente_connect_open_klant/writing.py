"""Writing klantcontacten: each made once, changed only where nobody else changed it, and never removed.

Where the server keeps `nummer` unique, making one twice makes one: a create that is in doubt is simply made again, and
the refusal (400 `unique`) says that it was there. Elsewhere it is looked up by its time and its text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Final

from gemeente_connect.contracts import Refs, Steps
from gemeente_connect.errors import ConfigError, GemeenteConnectError, RejectedError, TemporaryError
from gemeente_connect.http import StatusError
from gemeente_connect_open_klant.api import Body, Klantinteracties
from gemeente_connect_open_klant.contacten import Contact, checksum, gathered
from gemeente_connect_open_klant.wire import Betrokkene, Klantcontact, Onderwerpobject

PROBES: Final = 50
"""Numbers that are tried for one klantcontact. Of 100,000 klantcontacten, one or none needs a second number."""

_FOUND: Final = "gevonden"  # kept as soon as something is found that the ledger did not know
_GONE: Final = (
    "removed-there: a klantcontact of this conversation was removed from Open Klant, and is not made again: drop this, "
    "or restore a backup of Open Klant"
)
_CHANGED: Final = (
    "changed-there: somebody else changed a klantcontact of this conversation in Open Klant, and that is not "
    "overwritten: undo the change there, or drop this"
)
_NO_NUMMER: Final = f"the {PROBES} numbers that follow from its id are taken in Open Klant by others"
_CONFLICT: Final = 409
_PARTIJ_GONE: Final = "the partij of its resident was removed from Open Klant while this ran: the next run looks anew"
_NO_MORE: Final = (
    "Open Klant can give no more numbers, since somebody gave a klantcontact the highest one: have an administrator "
    "change that `nummer`, or upgrade to Open Klant 2.16"
)
_KANAAL: Final = (
    "Open Klant refuses the kanaal {!r}: correct `kanalen`, or see whether Open Klant can reach its Referentielijsten"
)


@dataclass(repr=False)
class Writing:
    """The klantcontacten of one conversation, on their way to Open Klant."""

    api: Klantinteracties
    steps: Steps
    kanaal: str
    partij: str | None
    """Who it belongs to, by uuid; None: nobody is known."""
    naam: str
    """Of the resident, as the channel has it; empty: it has none."""
    taken_from: Collection[str] = ()
    """Whom it was taken away from, as `Partijen.known_as` names them."""
    refuses: str | None = None
    """Why no klantcontact may be made now; None: it may."""
    _fresh: set[str] = field(default_factory=set)

    def made(self, contact: Contact, link: str | None, others: Callable[[], Iterable[Contact]] = tuple) -> Refs:
        """Make a klantcontact, or give what was made before.

        `link`: the uuid of the klantcontact that it answers. `others`: what an earlier run may have made in its place.
        """
        make = partial(self._make, contact, link, others)
        find = make if self.api.dialect.numbered else partial(self._look_up, contact, link, others)
        return self.steps.once(contact.step, make, find)

    def had(self, contact: Contact) -> bool:
        """Tell whether making it was ever begun, by this ledger or another one."""
        if self.steps.begun(contact.step):
            return True
        numbered = self.has_found and self.api.dialect.numbered
        return numbered and self._numbered(contact, next(contact.nummers(1))) is not None

    @property
    def has_found(self) -> bool:
        """Tell whether something was there that the ledger did not know: what stands beside it may be there as well."""
        return self.steps.kept(_FOUND) is not None

    def is_fresh(self, step: str) -> bool:
        """Tell whether what a step makes was made just now, and so stands as it was made."""
        return step in self._fresh

    # -- making

    def _make(self, contact: Contact, link: str | None, others: Callable[[], Iterable[Contact]]) -> Refs:
        if not self.api.dialect.numbered:
            return self._post_or_find(contact, link, None, partial(self._look_up, contact, link, others))
        for nummer in contact.nummers(PROBES):
            find = partial(self._numbered, contact, nummer)
            try:
                return self._post_or_find(contact, link, nummer, find)
            except StatusError as error:
                if ("klantcontact.nummer", "unique") not in error.problems:
                    raise
            found = find()
            if found is not None:
                return found
        raise RejectedError(_NO_NUMMER)

    def _post_or_find(
        self, contact: Contact, link: str | None, nummer: str | None, find: Callable[[], Refs | None]
    ) -> Refs:
        """Make it once. After an unclear answer, such as the 500 for one of two that race, look whether it is there."""
        try:
            return self._post(contact, link, nummer)
        except TemporaryError as error:
            if error.nothing_done:
                raise
            found = None
            with suppress(GemeenteConnectError):  # it stays in doubt, whatever is said of the look-up
                found = find()
            if found is None:
                raise
            return found

    def _post(self, contact: Contact, link: str | None, nummer: str | None) -> Refs:
        if self.refuses:
            raise RejectedError(self.refuses)
        answers = {"wasKlantcontact": {"uuid": link}} if link else None
        try:
            made = self.api.make_klantcontact(self._klantcontact(contact, nummer), self._betrokkene(contact), answers)
        except StatusError as error:
            raise self._understood(error) from None
        self._fresh.add(contact.step)
        return _refs(made.klantcontact, made.betrokkene.uuid, contact.turn.id)

    def _klantcontact(self, contact: Contact, nummer: str | None) -> Body:
        told: dict[str, Any] = {
            "kanaal": self.kanaal,
            "onderwerp": contact.onderwerp,
            "inhoud": contact.inhoud,
            "taal": "nld",
            "vertrouwelijk": False,  # it hides nothing
            "indicatieContactGelukt": True,
            "plaatsgevondenOp": contact.moment.isoformat(),
        }
        return told if nummer is None else told | {"nummer": nummer, "metadata": contact.metadata}

    def _betrokkene(self, contact: Contact) -> Body:
        told: dict[str, Any] = {
            "wasPartij": {"uuid": self.partij} if self.partij else None,
            "rol": "klant",
            "initiator": contact.role != "antwoord",
        }
        if self.naam:
            leeg = {"voorletters": "", "voornaam": "", "voorvoegselAchternaam": ""}  # a name is not taken apart
            told["contactnaam"] = leeg | {"achternaam": self.naam}
        return told

    def _understood(self, error: StatusError) -> GemeenteConnectError:
        names = [name for name, _ in error.problems]
        if any(name.startswith("onderwerpobject") for name in names):
            return RejectedError(_GONE)
        if any(name.startswith("betrokkene.wasPartij") for name in names):
            return TemporaryError(_PARTIJ_GONE, nothing_done=True)
        if error.status == _CONFLICT:
            return ConfigError(_NO_MORE)
        return ConfigError(_KANAAL.format(self.kanaal)) if "klantcontact.kanaal" in names else error

    # -- finding

    def _numbered(self, contact: Contact, nummer: str) -> Refs | None:
        for row in self.api.find("klantcontacten", Klantcontact, nummer=nummer):
            if row.metadata.get("externalId") == contact.external_id:
                return self._found(row, gathered("beurt", row.metadata))
        return None

    def _look_up(self, contact: Contact, link: str | None, others: Callable[[], Iterable[Contact]]) -> Refs | None:
        """Look for it where the server keeps no number of ours: by its time, and by all that tells it from others."""
        for each in chain([contact], others()):
            moment = each.moment
            for row in self.api.find("klantcontacten", Klantcontact, plaatsgevondenOp=moment.isoformat()):
                if row.plaatsgevonden_op == moment and row.kanaal == self.kanaal and self._is(row, each, link):
                    return self._found(row, each.turn.id)
        return None

    def _is(self, row: Klantcontact, contact: Contact, link: str | None) -> bool:
        """Tell whether a klantcontact of the same time is this one: by what it answers, or else by who asked what."""
        about = (
            self.api.one("onderwerpobjecten", ref.uuid, Onderwerpobject) for ref in row.ging_over_onderwerpobjecten
        )
        answers = next((each.was_klantcontact.uuid for each in about if each and each.was_klantcontact), None)
        if answers or link:
            return answers == link
        if not contact.inhoud.startswith(row.inhoud) or not row.had_betrokkenen:  # the turn may have grown since
            return False
        who = self.api.one("betrokkenen", row.had_betrokkenen[0].uuid, Betrokkene)
        if who is None or who.contactnaam.achternaam != self.naam:
            return False
        return who.was_partij is None or who.was_partij.uuid == self.partij

    def _found(self, row: Klantcontact, turn: str) -> Refs:
        self.steps.keep(_FOUND, "ja", _nothing)
        return _refs(row, row.had_betrokkenen[0].uuid if row.had_betrokkenen else "", turn)

    # -- changing

    def keep(self, contact: Contact, refs: Refs) -> None:
        """See to it that a klantcontact reads as it should, and belongs to whom it should."""
        self._keep_text(contact, refs)
        self._keep_partij(contact, refs)

    def standing(self, refs: Refs) -> Klantcontact:
        """Read a klantcontact as it stands there now. Raises RejectedError when it was removed."""
        stands = self.api.klantcontact(refs["klantcontact"])
        if stands is None:
            raise RejectedError(_GONE)
        return stands

    def tied(self, refs: Refs) -> str:
        """Give the partij that a klantcontact is tied to; empty: none. Raises RejectedError when that was removed."""
        betrokkene = self.api.one("betrokkenen", refs["betrokkene"], Betrokkene)
        if betrokkene is None:
            raise RejectedError(_GONE)
        return betrokkene.was_partij.uuid if betrokkene.was_partij else ""

    def is_by_hand(self, tied: str) -> bool:
        """Tell whether it was a colleague who tied the question to this partij, and nobody took it away from that."""
        return tied != self.steps.kept("vraag/partij") and f"partij:{tied}" not in self.taken_from

    def refuse_if_tied_by_others(self, tied: str) -> None:
        """Raise RejectedError where somebody else tied the question, or untied it: then we may mean somebody else."""
        if not self._may_be_ours(tied, self.steps.kept("vraag/partij")):
            raise RejectedError(_CHANGED)

    def _may_be_ours(self, tied: str, kept: str | None) -> bool:
        """Tell whether we may have tied a klantcontact so. `kept`: what was put last; None: that is not known."""
        if f"partij:{kept}" in self.taken_from:  # untied by `detach`
            kept = None
        return tied in {kept or "", self.partij or ""} or f"partij:{tied}" in self.taken_from

    def _keep_text(self, contact: Contact, refs: Refs) -> None:
        name = f"{contact.step}/tekst"
        kept = self.steps.kept(name)
        if kept == contact.checksum:
            return
        if self.is_fresh(contact.step):
            self.steps.keep(name, contact.checksum, _nothing)
            return
        stands = self.standing(refs)
        now = checksum(stands.onderwerp, stands.inhoud)
        if now not in {contact.checksum, stands.metadata.get("som", kept or now)}:
            raise RejectedError(_CHANGED)
        body: dict[str, Any] = {"onderwerp": contact.onderwerp, "inhoud": contact.inhoud}
        if self.api.dialect.numbered:  # a PATCH replaces `metadata` whole
            body["metadata"] = _theirs(stands.metadata) | contact.metadata
        self.steps.keep(name, contact.checksum, lambda: self.api.change("klantcontacten", stands.uuid, body))

    def _keep_partij(self, contact: Contact, refs: Refs) -> None:
        name, partij = f"{contact.step}/partij", self.partij or ""
        kept = self.steps.kept(name)
        if kept == partij:
            return
        if self.is_fresh(contact.step):
            self.steps.keep(name, partij, _nothing)
            return
        if not self._may_be_ours(self.tied(refs), kept):
            raise RejectedError(_CHANGED)
        body = {"wasPartij": {"uuid": partij} if partij else None}
        self.steps.keep(name, partij, lambda: self.api.change("betrokkenen", refs["betrokkene"], body))


def tied_to(klantcontact: Klantcontact) -> str | None:
    """Give the partij of a klantcontact that was read with its betrokkenen; None: it has none."""
    return next((each.was_partij.uuid for each in klantcontact.expand.had_betrokkenen if each.was_partij), None)


def _nothing() -> None:
    """Put nothing: it stands as it was made."""


def _refs(klantcontact: Klantcontact, betrokkene: str, turn: str) -> Refs:
    return {"klantcontact": klantcontact.uuid, "url": klantcontact.url, "betrokkene": betrokkene, "beurt": turn}


def _theirs(metadata: dict[str, str]) -> dict[str, str]:
    """Leave out what is ours in `metadata`, and is written anew."""
    ours = ("externalId", "gesprek", "som", "account", "beurt", "berichten")
    return {key: value for key, value in metadata.items() if key.rstrip("0123456789") not in ours}

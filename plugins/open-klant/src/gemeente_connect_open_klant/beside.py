"""What stands beside the klantcontacten of a conversation: addresses, employees, a zaak, taken, documents.

None of these is unique in Open Klant: that each is made once is the work of our steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from gemeente_connect.contracts import Files, Refs, Steps
from gemeente_connect.conversations import digest
from gemeente_connect.errors import ConfigError
from gemeente_connect.http import StatusError
from gemeente_connect.models import Attachment, Conversation, Identity, Message, Participant, Turn
from gemeente_connect_open_klant.api import Body, Klantinteracties
from gemeente_connect_open_klant.documents import Documents
from gemeente_connect_open_klant.partijen import SOORTEN, comparable
from gemeente_connect_open_klant.wire import (
    Actor,
    ActorKlantcontact,
    Bijlage,
    DigitaalAdres,
    InterneTaak,
    Onderwerpobject,
)

LONGEST_ADRES: Final = 80
_LONGEST_OMSCHRIJVING: Final = 40
_OTHERS: Final = ("whatsapp", "messenger", "instagram", "x")  # ids at a channel; a bsn or kvk is no address
HANDELING: Final = "Vraag beantwoorden"
"""What a taak of ours asks for: we know it by this."""
_NO_ACTOR: Final = "Open Klant knows no actor with the uuid of `taak_actor`: correct it"


@dataclass(frozen=True, repr=False)
class Beside:
    """Puts things beside the klantcontacten of one conversation."""

    api: Klantinteracties
    steps: Steps
    looks: bool
    """Look whether a thing is there before it is made: the ledger did not know of the klantcontact it stands beside."""

    def _once(self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None]) -> Refs:
        return self.steps.once(name, (lambda: find() or make()) if self.looks else make, find)

    def adressen(self, turn: Turn, betrokkene: str, kanaal: str) -> Iterator[str]:
        """Keep the addresses that a turn was written from, with its betrokkene. Yields what could not be kept.

        Never with the partij: the portal would take an id of a channel for the resident's telephone number.
        """
        senders = {message.sender.id: message.sender for message in turn.messages if message.sender}
        for identity in (each for who in senders.values() for each in who.identities):
            soort, adres = _adres(identity)
            if adres and len(adres) <= LONGEST_ADRES:
                body = {
                    "verstrektDoorPartij": None,
                    "verstrektDoorBetrokkene": {"uuid": betrokkene},
                    "soortDigitaalAdres": soort,
                    "adres": adres,
                    "omschrijving": kanaal[:_LONGEST_OMSCHRIJVING].rstrip(),
                }
                make = partial(self._make, "digitaleadressen", body)
                try:
                    self._once(adres_step(soort, adres), make, partial(self._find_adres, betrokkene, adres))
                except StatusError as error:  # its rules for addresses are its own, and differ by version
                    if all(name != "adres" for name, _ in error.problems):
                        raise
                    yield "address-not-kept"
            elif adres:
                yield "address-not-kept"

    def _find_adres(self, betrokkene: str, adres: str) -> Refs | None:
        for row in self.api.find("digitaleadressen", DigitaalAdres, verstrektDoorBetrokkene__uuid=betrokkene):
            theirs = row.verstrekt_door_betrokkene
            if theirs and theirs.uuid == betrokkene and row.adres == adres:
                return {"uuid": row.uuid}
        return None

    def actoren(self, turn: Turn, klantcontact: str) -> None:
        """Say which employees answered, as far as the channel tells their e-mail address."""
        for email, who in _employees(turn):
            actor = self._actor(email, who)
            body = {"actor": {"uuid": actor}, "klantcontact": {"uuid": klantcontact}}
            find = partial(self._find_link, actor, klantcontact)
            self._once(actor_step(turn.id, email), partial(self._make_link, body, find), find)

    def _make_link(self, body: Body, find: Callable[[], Refs | None]) -> Refs:
        try:
            return self._make("actorklantcontacten", body)
        except StatusError as error:
            found = find() if any(code == "unique" for _, code in error.problems) else None  # a colleague made it
            if found is None:
                raise
            return found

    def _actor(self, email: str, who: Participant) -> str:
        def make() -> Refs:  # KISS may have made it
            return self._find_actor(email) or self._new_actor(email, who)

        return self.steps.once(f"actor/{digest(email)}", make, partial(self._find_actor, email), shared=True)["uuid"]

    def _new_actor(self, email: str, who: Participant) -> Refs:
        # the convention of KISS, so that both know the same employees
        codes = {"objectId": email, "codeObjecttype": "mdw", "codeRegister": "msei", "codeSoortObjectId": "email"}
        naam = (who.name or "").strip()[:200].rstrip() or email
        body = {"naam": naam, "soortActor": "medewerker", "indicatieActief": True, "actoridentificator": codes}
        return self._make("actoren", body)

    def _find_actor(self, email: str) -> Refs | None:
        for row in self.api.find("actoren", Actor, actoridentificatorObjectId=email):
            if is_employee(row, email):
                return {"uuid": row.uuid}
        return None

    def _find_link(self, actor: str, klantcontact: str) -> Refs | None:
        filters = {"actor__uuid": actor, "klantcontact__uuid": klantcontact}
        for row in self.api.find("actorklantcontacten", ActorKlantcontact, **filters):
            if (row.actor.uuid, row.klantcontact.uuid) == (actor, klantcontact):
                return {"uuid": row.uuid}
        return None

    def zaak(self, conversation: Conversation, question: str) -> Iterator[str]:
        """Link the question to its zaak, if there is one. Yields what cannot be linked: a portal shows one at most."""
        zaken = [each.value for each in conversation.references if each.kind == "zaak"]
        known = [str(UUID(each)) for each in zaken if _is_uuid(each)]
        if len(zaken) > 1 or len(known) < len(zaken):
            yield "zaak-not-linked"
        if known:
            # the convention that Open Inwoner and KISS share
            codes = {"codeObjecttype": "zgw-Zaak", "codeRegister": "openzaak", "codeSoortObjectId": "uuid"}
            body = {
                "klantcontact": {"uuid": question},
                "wasKlantcontact": None,
                "onderwerpobjectidentificator": {"objectId": known[0], **codes},
            }
            find = partial(self._find_zaak, question)
            # a colleague may have linked it already
            self.steps.once("zaak", lambda: find() or self._make("onderwerpobjecten", body), find)

    def _find_zaak(self, question: str) -> Refs | None:
        for row in self.api.find("onderwerpobjecten", Onderwerpobject, klantcontact__uuid=question):
            if row.klantcontact and row.klantcontact.uuid == question and row.onderwerpobjectidentificator.object_id:
                return {"uuid": row.uuid}
        return None

    def taken(self, turns: Sequence[Turn], klantcontacten: dict[str, str], actor: str) -> None:
        """Ask somebody to answer the last turn while it is the resident's, and close what was answered.

        `klantcontacten`: their uuids, by turn. `actor`: the uuid of who gets the taak.
        """
        for turn in (each for each in turns if each.direction == "in"):
            name, waits = taak_step(turn.id), turn is turns[-1]
            if waits or self.steps.begun(name):
                klantcontact = klantcontacten[turn.id]
                made = self._once(
                    name, partial(self._new_taak, klantcontact, actor), partial(self._find_taak, klantcontact)
                )
                if not waits:
                    self.steps.keep(f"{name}/status", "verwerkt", partial(self._close, made["uuid"]))

    def _new_taak(self, klantcontact: str, actor: str) -> Refs:
        body = {
            "aanleidinggevendKlantcontact": {"uuid": klantcontact},
            "gevraagdeHandeling": HANDELING,
            "toelichting": "",
            "status": "te_verwerken",
            "toegewezenAanActor": {"uuid": actor},
        }
        try:
            return self._make("internetaken", body)
        except StatusError as error:
            if any(name.startswith("toegewezenAan") for name, _ in error.problems):
                raise ConfigError(_NO_ACTOR) from None
            raise

    def _find_taak(self, klantcontact: str) -> Refs | None:
        filters = {"aanleidinggevendKlantcontact__uuid": klantcontact}
        for row in self.api.find("internetaken", InterneTaak, **filters):
            theirs = row.aanleidinggevend_klantcontact
            if theirs and theirs.uuid == klantcontact and row.gevraagde_handeling == HANDELING:
                return {"uuid": row.uuid}
        return None

    def _close(self, taak: str) -> None:
        """Say that a taak was done. One that was removed, or is closed already, stays as it is."""
        stands = self.api.one("internetaken", taak, InterneTaak)
        if stands and stands.status != "verwerkt":
            self.api.change("internetaken", taak, {"status": "verwerkt"})

    def bijlagen(self, turn: Turn, klantcontact: str, files: Files, documents: Documents) -> None:
        """Keep the files of a turn in a register of documents, and name them beside the klantcontact."""
        for key, attachment in attachments(turn):
            if attachment.sha256 and attachment.sha256 in files:
                with files.open(attachment.sha256) as content:
                    media_type = attachment.media_type or "application/octet-stream"
                    document = documents.keep(key, attachment.name or "bijlage", media_type, content)
                codes = {"codeObjecttype": "enkelvoudiginformatieobject", "codeSoortObjectId": "uuid"}
                codes |= {"objectId": document, "codeRegister": documents.code_register}
                body = {"wasBijlageVanKlantcontact": {"uuid": klantcontact}, "bijlageidentificator": codes}
                make = partial(self._make, "bijlagen", body)
                self._once(bijlage_step(document), make, partial(self._find_bijlage, document))

    def _find_bijlage(self, document: str) -> Refs | None:
        for row in self.api.find("bijlagen", Bijlage, bijlageidentificatorObjectId=document):
            if row.bijlageidentificator.object_id == document:
                return {"uuid": row.uuid}
        return None

    def _make(self, collection: Any, body: Body) -> Refs:
        return {"uuid": self.api.make(collection, body)}


def adres_step(soort: str, adres: str) -> str:
    """Name the step that keeps an address."""
    return f"adres/{digest(soort, adres)}"


def actor_step(turn: str, email: str) -> str:
    """Name the step that says who answered."""
    return f"beurt/{turn}/actor/{digest(email)}"


def taak_step(turn: str) -> str:
    """Name the step that asks for an answer to a turn."""
    return f"taak/{turn}"


def bijlage_step(document: str) -> str:
    """Name the step that names a document."""
    return f"bijlage/{document}"


def is_employee(actor: Actor, email: str) -> bool:
    """Tell whether an actor is the employee with this e-mail address."""
    codes = actor.actoridentificator
    return codes.object_id == email and codes.code_soort_object_id == "email"


def attachments(turn: Turn) -> Iterator[tuple[str, Attachment]]:
    """Yield the attachments that a turn shows, each with a key that stays the same."""
    for message in turn.messages:
        if message.deleted_at is None:
            yield from ((digest(message.id, str(n)), each) for n, each in enumerate(message.attachments))


def _adres(identity: Identity) -> tuple[str, str]:
    """Write an address the way Open Klant takes it; empty: it is none."""
    if identity.kind in SOORTEN:
        return SOORTEN[identity.kind], comparable(identity.value)
    return "overig", f"{identity.kind}:{identity.value}" if identity.kind in _OTHERS else ""


def _employees(turn: Turn) -> Iterable[tuple[str, Participant]]:
    if turn.direction == "in":
        return ()
    senders: Iterable[Message] = (message for message in turn.messages if message.sender)
    known = {
        each.value: message.sender
        for message in senders
        if message.sender
        for each in message.sender.identities
        if each.kind == "email"
    }
    return known.items()


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True

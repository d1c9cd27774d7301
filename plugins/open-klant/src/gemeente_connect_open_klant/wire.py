"""What Open Klant answers, as far as it is read here: the shapes of the Klantinteracties API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

T = TypeVar("T")


class Wire(BaseModel):
    """A part of an answer. Fields that nobody here needs are left out."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        defer_build=True,
        alias_generator=to_camel,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, values: Any) -> Any:
        """Take `null` for what is not there: which of the two stands there differs by version."""
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None}


class Ref(Wire):
    """A reference to something, by its uuid."""

    uuid: str


class Page(Wire, Generic[T]):
    """A page of a list."""

    next: str | None = None
    results: list[T]


class Identificator(Wire):
    """The four codes that say what something is elsewhere: a BSN in the BRP, an e-mail address of an employee."""

    object_id: str = ""
    code_objecttype: str = ""
    code_register: str = ""
    code_soort_object_id: str = ""


class PartijIdentificator(Wire):
    """How a partij is known elsewhere."""

    uuid: str
    partij_identificator: Identificator | None = None
    """None: an old Open Klant only refers to it."""


class Partij(Wire):
    """Somebody the municipality knows."""

    uuid: str
    soort_partij: str
    indicatie_actief: bool = True
    partij_identificatoren: list[PartijIdentificator] = []


class DigitaalAdres(Wire):
    """An address, of a partij or of somebody who took part in one klantcontact."""

    uuid: str
    adres: str
    soort_digitaal_adres: str
    verstrekt_door_partij: Ref | None = None
    verstrekt_door_betrokkene: Ref | None = None
    verificatie_datum: date | None = None


class Actor(Wire):
    """Somebody of the municipality."""

    uuid: str
    actoridentificator: Identificator = Identificator()


class ActorKlantcontact(Wire):
    """Who of the municipality took part in a klantcontact."""

    uuid: str
    actor: Ref
    klantcontact: Ref


class Onderwerpobject(Wire):
    """What a klantcontact is about: another klantcontact that it answers, or a zaak."""

    uuid: str
    klantcontact: Ref | None = None
    was_klantcontact: Ref | None = None
    onderwerpobjectidentificator: Identificator = Identificator()


class Bijlage(Wire):
    """A document that came with a klantcontact, kept elsewhere."""

    uuid: str
    bijlageidentificator: Identificator = Identificator()


class InterneTaak(Wire):
    """Something that somebody of the municipality has to do."""

    uuid: str
    status: str
    gevraagde_handeling: str = ""
    aanleidinggevend_klantcontact: Ref | None = None


class BetrokkeneExpand(Wire):
    """What stands beside a betrokkene when it is asked for."""

    digitale_adressen: list[DigitaalAdres] = []


class Contactnaam(Wire):
    """How somebody is called."""

    achternaam: str = ""


class Betrokkene(Wire):
    """Somebody who took part in a klantcontact."""

    uuid: str
    was_partij: Ref | None = None
    contactnaam: Contactnaam = Contactnaam()
    expand: BetrokkeneExpand = Field(BetrokkeneExpand(), alias="_expand")


class KlantcontactExpand(Wire):
    """What stands beside a klantcontact when it is asked for. What it has none of, is not there."""

    had_betrokkenen: list[Betrokkene] = []
    ging_over_onderwerpobjecten: list[Onderwerpobject] = []
    omvatte_bijlagen: list[Bijlage] = []
    leidde_tot_interne_taken: list[InterneTaak] = []


class Klantcontact(Wire):
    """A question, or an answer to one."""

    uuid: str
    url: str
    nummer: str | None = None
    kanaal: str
    onderwerp: str
    inhoud: str = ""
    plaatsgevonden_op: AwareDatetime
    metadata: dict[str, str] = {}
    had_betrokkenen: list[Ref] = []
    ging_over_onderwerpobjecten: list[Ref] = []
    had_betrokken_actoren: list[Actor] = []
    expand: KlantcontactExpand = Field(KlantcontactExpand(), alias="_expand")


class Made(Wire):
    """What `maak-klantcontact` made."""

    klantcontact: Klantcontact
    betrokkene: Ref


class Item(Wire):
    """An item of a list in the Referentielijsten API."""

    code: str
    begindatum_geldigheid: AwareDatetime | None = None
    einddatum_geldigheid: AwareDatetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether it is valid at a moment."""
        begins, ends = self.begindatum_geldigheid, self.einddatum_geldigheid
        return (begins is None or begins <= moment) and (ends is None or moment < ends)

"""What the loopback Open Klant keeps of contacts: klantcontacten, betrokkenen, onderwerpobjecten, actoren, taken."""

from __future__ import annotations

from gemeente_connect_open_klant.testing import checks
from gemeente_connect_open_klant.testing.checks import Version
from gemeente_connect_open_klant.testing.fields import (
    Around,
    Choice,
    Field,
    Flag,
    Group,
    Moment,
    Pairs,
    Reference,
    Several,
    Text,
    Values,
)
from gemeente_connect_open_klant.testing.problems import refuse
from gemeente_connect_open_klant.testing.shape import (
    LOOSE,
    NAME,
    OBJECT,
    UNNUMBERED,
    Computed,
    First,
    Part,
    Related,
    Shape,
    adres,
    code,
    group,
    kind_again,
    nummer,
    referentienummer,
)

LATEST = (0, 9)


def contacts(version: Version, kanalen: tuple[str, ...] | None) -> dict[str, Shape]:
    """Give what a klantcontact consists of. `kanalen` is the closed list of channels; None: any goes."""
    to_contact = Reference(to="klantcontacten", null=True, required_before=LOOSE)
    return {
        "klantcontacten": _klantcontact(version, kanalen),
        "betrokkenen": _betrokkene(version),
        "onderwerpobjecten": Shape(
            {
                "klantcontact": to_contact,
                "wasKlantcontact": to_contact,
                "onderwerpobjectidentificator": group(OBJECT),
            }
        ),
        "bijlagen": Shape({"wasBijlageVanKlantcontact": to_contact, "bijlageidentificator": group(OBJECT)}),
    }


def _klantcontact(version: Version, kanalen: tuple[str, ...] | None) -> Shape:
    latest = version >= LATEST

    def kanaal(value: str) -> None:
        if kanalen is not None and value not in kanalen:
            refuse("invalid", f"'{value}' is geen geldig kanaal. Toegestaan: {', '.join(kanalen)}")

    parts: dict[str, Part] = {
        "gingOverOnderwerpobjecten": Related("onderwerpobjecten", "klantcontact"),
        "hadBetrokkenActoren": Computed("had_betrokken_actoren"),
        "omvatteBijlagen": Related("bijlagen", "wasBijlageVanKlantcontact"),
        "hadBetrokkenen": Related("betrokkenen", "hadKlantcontact"),
        "leiddeTotInterneTaken": Related("internetaken", "aanleidinggevendKlantcontact"),
        "nummer": nummer(version),
        "referentienummer": referentienummer(),
        "kanaal": Text(longest=50, required=True, checks=(kanaal,)),
        "onderwerp": Text(longest=200, required=True),
        "inhoud": Text(longest=1000, blank=True),
        "reactie": Text(longest=4000 if latest else 1000, blank=True, since=UNNUMBERED),
        "indicatieContactGelukt": Flag(null=True),
        "hoofdOnderwerpType": Text(longest=200, blank=True, nature=checks.web_address, since=LATEST),
        "verdereActieOndernomen": Flag(empty=False, resets=True, since=LATEST),
        "taal": Text(longest=3, required=True),
        "vertrouwelijk": Flag(required=True),
        "plaatsgevondenOp": Moment(),
        "metadata": Pairs(each=Text(longest=255 if latest else 100), empty={}, since=UNNUMBERED),
    }
    expands = {
        "gingOverOnderwerpobjecten": "onderwerpobjecten",
        "omvatteBijlagen": "bijlagen",
        "hadBetrokkenen": "betrokkenen",
        "hadBetrokkenen.wasPartij": "partijen",
        "hadBetrokkenen.digitaleAdressen": "digitaleadressen",
        "leiddeTotInterneTaken": "internetaken",
    }
    return Shape(parts, expands, rules=(_no_action_after_success,) if latest else ())


def _no_action_after_success(values: Values, around: Around) -> None:
    if around.now(values, "verdereActieOndernomen") and around.now(values, "indicatieContactGelukt"):
        sic = "no-further-action-when-contact-succesful"
        refuse(sic, "Na een gelukt contact is er geen verdere actie.", "nonFieldErrors")


def _betrokkene(version: Version) -> Shape:
    parts: dict[str, Part] = {
        "wasPartij": Reference(to="partijen", null=True, required_before=LOOSE),
        "hadKlantcontact": Reference(to="klantcontacten", required=True),
        "digitaleAdressen": Related("digitaleadressen", "verstrektDoorBetrokkene"),
        "bezoekadres": adres(version),
        "correspondentieadres": adres(version),
        "contactnaam": group(NAME),
        "volledigeNaam": Computed("volledige_naam"),
        "rol": Choice(options=("vertegenwoordiger", "klant"), required=True),
        "organisatienaam": code(),
        "initiator": Flag(required=True),
    }
    return Shape(parts, {"digitaleAdressen": "digitaleadressen"} if version >= LOOSE else None)


def actors(version: Version) -> dict[str, Shape]:
    """Give who deals with contacts, and what is still to be done."""
    return {
        "actoren": _actor(version),
        "actorklantcontacten": Shape(
            {
                "actor": Reference(to="actoren", required=True),
                "klantcontact": Reference(to="klantcontacten", required=True),
            },
            rules=(_linked_once,),
        ),
        "internetaken": _taak(version),
    }


def _actor(version: Version) -> Shape:
    phone, mail = checks.telephone(version), Text(longest=254, blank=True, nature=checks.email)
    functie = Text(longest=40, required=True)
    variants: dict[str, dict[str, Field]] = {
        "medewerker": {
            "functie": functie,
            "emailadres": mail,
            "telefoonnummer": Text(longest=20, required=True, checks=(phone,)),
        },
        "geautomatiseerde_actor": {"functie": functie, "omschrijving": code()},
        "organisatorische_eenheid": {
            "omschrijving": code(),
            "emailadres": mail,
            "faxnummer": code(20),
            "telefoonnummer": Text(longest=20, blank=True, checks=(phone,)),
        },
    }
    parts: dict[str, Part] = {
        "naam": Text(longest=200, required=True),
        "soortActor": Choice(options=tuple(variants), required=True),
        "indicatieActief": Flag(empty=True),
        "actoridentificator": group(OBJECT),
        "actorIdentificatie": Computed("variant"),
    }
    groups = {kind: Group(fields=fields, whole=False) for kind, fields in variants.items()}
    return Shape(
        parts, kinds=("soortActor", "actorIdentificatie"), variants=groups, rules=kind_again(version, "soortActor")
    )


def _linked_once(values: Values, around: Around) -> None:
    if around.another({name: around.now(values, name) for name in ("actor", "klantcontact")}):
        refuse("unique", "Deze actor is al aan dit klantcontact gekoppeld.", "nonFieldErrors")


def _taak(version: Version) -> Shape:
    parts: dict[str, Part] = {
        "nummer": nummer(version),
        "referentienummer": referentienummer(),
        "gevraagdeHandeling": Text(longest=200, required=True),
        "aanleidinggevendKlantcontact": Reference(to="klantcontacten", required=True),
        "toegewezenAanActor": First(to="actoren"),
        "toegewezenAanActoren": Several(each=Reference(to="actoren"), empty=[]),
        "toelichting": Text(longest=1000, blank=True),
        "status": Choice(options=("te_verwerken", "verwerkt"), required=True),
        "toegewezenOp": Computed("kept"),
        "afgehandeldOp": Moment(null=True),
    }
    return Shape(parts, rules=(_assigned_once, _done_when_dealt_with))


def _assigned_once(_values: Values, around: Around) -> None:
    one, several = around.sent("toegewezenAanActor"), around.sent("toegewezenAanActoren")
    if (one and several) or not (one or several or around.partial):
        reason = "Geef `toegewezenAanActor` of `toegewezenAanActoren`, en niet beide."
        refuse("invalid", reason, "nonFieldErrors")


def _done_when_dealt_with(values: Values, around: Around) -> None:
    if values.get("afgehandeldOp") and around.now(values, "status") != "verwerkt":
        refuse("invalid", "Alleen een verwerkte taak is afgehandeld.", "afgehandeldOp")

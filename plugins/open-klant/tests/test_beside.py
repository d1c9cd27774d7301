"""What stands beside the klantcontacten: addresses, employees, a zaak, taken and documents, each made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, BinaryIO

import pytest
import requests

from gemeente_connect import Ledger
from gemeente_connect.abilities import Plan
from gemeente_connect.contracts import Files, Findable, Receipt, Refs, Steps
from gemeente_connect.errors import ConfigError
from gemeente_connect.models import Attachment, Conversation, Identity, Message, Participant, Reference
from gemeente_connect.syncing import plan
from gemeente_connect.testing.builders import START, conversation, message, participant
from gemeente_connect_open_klant.beside import attachments
from gemeente_connect_open_klant.case_system import OpenKlant
from gemeente_connect_open_klant.settings import OpenKlantSettings
from gemeente_connect_open_klant.testing.server import OpenKlantServer

ZAAK, OTHER_ZAAK = "095be615-a8ad-4c33-8e9c-c7612fbf6c9f", "c49eeb62-3166-4241-a194-2a22556b44d1"
FATIMA = participant(employee=True, name="Fatima", identities=(Identity(kind="email", value="fatima@example.nl"),))
OMAR = participant(2, employee=True, name="Omar", identities=(Identity(kind="email", value="omar@example.nl"),))
DAYS = timedelta(days=3)
VERSIONS = ["0.0.3", "0.6.0", "0.9.0"]
"""Versions that differ in what stands beside a klantcontact."""
OLD_PORTAL = {"portaal": "open-inwoner-1.24", "mijn_vragen_kanaal": "Mijn vragen"}

Row = dict[str, Any]


def answer(number: int = 2, sender: Participant = FATIMA, **fields: Any) -> Message:
    return message(number, direction="out", sender=sender, **fields)


def known_by(*identities: tuple[str, str]) -> Participant:
    return participant(identities=tuple(Identity.model_validate({"kind": k, "value": v}) for k, v in identities))


def wrote(server: OpenKlantServer, collection: str) -> int:
    """How often something was put there."""
    return sum(each.method != "GET" and each.path.split("/")[0] == collection for each in server.requests)


@pytest.fixture
def colleague(server: OpenKlantServer) -> Callable[..., Row]:
    """Let somebody else do something in the same Open Klant."""

    def do(method: str, path: str, body: Row) -> Row:
        url = f"{server.url}/klantinteracties/api/v1/{path}"
        done = requests.request(method, url, json=body, headers={"Authorization": f"Token {server.token}"}, timeout=5)
        done.raise_for_status()
        found: Row = done.json()
        return found

    return do


# -- addresses


@pytest.mark.parametrize(
    ("identity", "soort", "adres"),
    [
        (("phone", "+31612345671"), "telefoonnummer", "+31612345671"),
        (("email", "anna@example.nl"), "email", "anna@example.nl"),
        (("whatsapp", "31612345671"), "overig", "whatsapp:31612345671"),
        (("messenger", "psid-1"), "overig", "messenger:psid-1"),
        (("instagram", "igsid-1"), "overig", "instagram:igsid-1"),
        (("x", "Anna_1"), "overig", "x:Anna_1"),
    ],
)
def test_an_address_is_kept_as_the_kind_that_open_klant_knows(
    desk: Any, identity: tuple[str, str], soort: str, adres: str
) -> None:
    desk.say(message(1, sender=known_by(identity)))
    assert desk.deliver().missing == ()
    (row,) = desk.rows("digitaleadressen")
    assert (row["soortDigitaalAdres"], row["adres"], row["omschrijving"]) == (soort, adres, "WhatsApp")


@pytest.mark.parametrize("identity", [("bsn", "999990676"), ("kvk", "12345678"), ("postal", "Dorpsstraat 12")])
def test_what_is_no_address_at_a_channel_is_not_kept_as_one(desk: Any, identity: tuple[str, str]) -> None:
    desk.say(message(1, sender=known_by(identity)))
    assert desk.deliver().missing == ()
    assert desk.rows("digitaleadressen") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_addresses_stand_with_the_betrokkene_of_the_question_and_never_with_the_partij(desk: Any, version: str) -> None:
    with OpenKlantServer(version) as desk.server:
        desk.server.add_partij(bsn="999990676", naam="Anna de Vries")
        anna = (Identity(kind="bsn", value="999990676", verified_at=START), Identity(kind="messenger", value="psid-1"))
        sender = participant(identities=(*anna, Identity(kind="phone", value="+31612345671")))
        desk.say(message(1, sender=sender), answer(), message(3, sender=sender))
        desk.deliver()
        (question,) = (row for row in desk.rows("betrokkenen") if row["hadKlantcontact"] == desk.contacten()[0]["uuid"])
        rows = desk.rows("digitaleadressen")
        assert len(rows) == 2
        assert {row["verstrektDoorBetrokkene"] for row in rows} == {question["uuid"]}
        assert {row["verstrektDoorPartij"] for row in rows} == {None}


def test_an_address_is_kept_once_however_often_it_is_delivered(desk: Any) -> None:
    desk.say(message(1))
    desk.deliver()
    for number in (2, 3):
        desk.say(message(number))
        desk.deliver()
    assert len(desk.rows("digitaleadressen")) == wrote(desk.server, "digitaleadressen") == 1


@pytest.mark.parametrize(("length", "kept"), [(80, True), (81, False)])
def test_an_address_that_is_longer_than_open_klant_takes_is_told_as_missing(
    desk: Any, length: int, *, kept: bool
) -> None:
    adres = f"{'a' * 60}@{'b' * (length - 64)}.nl"
    assert len(adres) == length
    desk.say(message(1, sender=known_by(("email", adres), ("messenger", "psid-1"))))
    assert desk.deliver().missing == (() if kept else ("address-not-kept",))
    assert len(desk.rows("digitaleadressen")) == 1 + kept


def test_a_long_kanaal_is_cut_for_the_description_of_an_address(desk: Any) -> None:
    desk.settings = {"kanalen": {"whatsapp": f"{'a' * 39} {'b' * 10}"}}
    desk.say(message(1))
    desk.deliver()
    assert desk.rows("digitaleadressen")[0]["omschrijving"] == "a" * 39


# -- employees


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_says_which_employee_gave_it_by_the_convention_of_kiss(desk: Any, version: str) -> None:
    with OpenKlantServer(version) as desk.server:
        desk.say(message(1), answer())
        desk.deliver()
        (actor,), (link,) = desk.rows("actoren"), desk.rows("actorklantcontacten")
        assert (actor["naam"], actor["soortActor"], actor["indicatieActief"]) == ("Fatima", "medewerker", True)
        assert actor["actoridentificator"] == {
            "objectId": "fatima@example.nl",
            "codeObjecttype": "mdw",
            "codeRegister": "msei",
            "codeSoortObjectId": "email",
        }
        assert (link["actor"], link["klantcontact"]) == (actor["uuid"], desk.contacten()[1]["uuid"])


def kiss(codes: Row) -> Row:
    """An actor the way KISS makes one."""
    known = {"objectId": "fatima@example.nl", "codeObjecttype": "mdw", "codeRegister": "msei"}
    return {
        "naam": "Fatima Klant",
        "soortActor": "medewerker",
        "indicatieActief": True,
        "actoridentificator": known | {"codeSoortObjectId": "email"} | codes,
    }


def test_an_employee_whom_kiss_knows_is_not_made_again(desk: Any, colleague: Callable[..., Row]) -> None:
    uuid = colleague("POST", "actoren", kiss({}))["uuid"]
    desk.say(message(1), answer())
    desk.deliver()
    assert [row["naam"] for row in desk.rows("actoren")] == ["Fatima Klant"]
    assert desk.rows("actorklantcontacten")[0]["actor"] == uuid


@pytest.mark.parametrize("codes", [{"objectId": "omar@example.nl"}, {"codeSoortObjectId": "idf"}])
def test_an_actor_who_is_somebody_else_is_not_taken_for_the_employee(
    desk: Any, colleague: Callable[..., Row], codes: Row
) -> None:
    uuid = colleague("POST", "actoren", kiss(codes))["uuid"]
    desk.say(message(1), answer())
    desk.deliver()
    assert len(desk.rows("actoren")) == 2
    assert desk.rows("actorklantcontacten")[0]["actor"] != uuid


def test_a_server_that_ignores_filters_leads_to_no_other_employee(desk: Any) -> None:
    with OpenKlantServer("0.3.0") as desk.server:
        desk.server._api.lists.known = desk.server._api.lists.known | {"actoren": {}}
        desk.say(message(1), answer(), message(3), answer(4, OMAR))
        desk.deliver()
        names = {row["uuid"]: row["naam"] for row in desk.rows("actoren")}
        assert [names[row["actor"]] for row in desk.rows("actorklantcontacten")] == ["Fatima", "Omar"]


def test_conversations_and_turns_share_their_employee(desk: Any) -> None:
    for thread in range(3):
        at = START + thread * DAYS
        later: list[dict[str, Any]] = [{"sent_at": at + timedelta(minutes=n)} for n in range(4)]
        ids = [f"m{thread}{n}" for n in range(4)]
        desk.say(
            message(1, id=ids[0], **later[0]),
            answer(id=ids[1], **later[1]),
            message(1, id=ids[2], **later[2]),
            answer(id=ids[3], **later[3]),
        )
    report = desk.sync(workers=3)
    assert (len(report.delivered), report.errors, report.refused) == (3, [], {})
    assert len(desk.rows("actoren")) == 1
    links = {(row["actor"], row["klantcontact"]) for row in desk.rows("actorklantcontacten")}
    assert len(links) == len(desk.rows("actorklantcontacten")) == 6


def test_an_answer_of_two_employees_names_both_once_and_again_when_it_grows(desk: Any) -> None:
    desk.say(message(1), answer(2), answer(3, OMAR), answer(4))
    desk.deliver()
    desk.say(answer(5, OMAR))
    desk.deliver()
    answered = desk.contacten()[1]["uuid"]
    assert [row["klantcontact"] for row in desk.rows("actorklantcontacten")] == [answered, answered]
    assert sorted(row["naam"] for row in desk.rows("actoren")) == ["Fatima", "Omar"]
    assert wrote(desk.server, "actorklantcontacten") == 2


def test_an_employee_without_an_e_mail_address_is_not_named_and_nor_is_a_resident(desk: Any) -> None:
    desk.say(message(1, sender=known_by(("email", "anna@example.nl"))), message(2, direction="out"))
    desk.deliver()
    assert desk.rows("actoren") == []
    assert desk.rows("actorklantcontacten") == []


@pytest.mark.parametrize("name", [None, "", "  "])
def test_an_employee_without_a_name_is_called_after_the_address(desk: Any, name: str | None) -> None:
    desk.say(message(1), answer(sender=FATIMA.model_copy(update={"name": name})))
    desk.deliver()
    assert desk.rows("actoren")[0]["naam"] == "fatima@example.nl"


def test_a_name_is_cut_where_open_klant_takes_no_more(desk: Any) -> None:
    long = "naam " * 60
    desk.say(message(1, sender=participant(name=long)), answer(sender=FATIMA.model_copy(update={"name": long})))
    desk.deliver()
    assert desk.rows("actoren")[0]["naam"] == long[:200].rstrip()
    assert desk.rows("betrokkenen")[0]["contactnaam"]["achternaam"] == long[:200].rstrip()


# -- a zaak


class About:
    """The case system, given conversations of which the channel knows what they are about."""

    def __init__(self, inner: OpenKlant, references: tuple[Reference, ...]) -> None:
        self.inner, self.references, self.account = inner, references, inner.account

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        return self.inner.deliver(self._with(conversation), steps, files)

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        return self.inner.plan(self._with(conversation), done)

    def close(self) -> None:
        self.inner.close()

    def _with(self, conversation: Conversation) -> Conversation:
        return conversation.model_copy(update={"references": self.references})


@pytest.fixture
def about(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    opened = desk.open

    def tell(*zaken: str, kind: str = "zaak") -> None:
        references = tuple(Reference.model_validate({"kind": kind, "value": each}) for each in zaken)
        monkeypatch.setattr(desk, "open", lambda: About(opened(), references))

    return tell


def linked(desk: Any) -> list[tuple[str, str]]:
    """What the klantcontacten are about, but for those that they answer: of which klantcontact, and what."""
    rows = [row for row in desk.rows("onderwerpobjecten") if not row["wasKlantcontact"]]
    return [(row["klantcontact"], row["onderwerpobjectidentificator"]["objectId"]) for row in rows]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_zaak_is_linked_to_the_question_once_by_the_convention_of_kiss(
    desk: Any, about: Callable[..., None], version: str
) -> None:
    with OpenKlantServer(version) as desk.server:
        about(ZAAK)
        desk.say(message(1), answer())
        assert desk.deliver().missing == ()
        desk.say(message(3))
        desk.deliver()
        assert linked(desk) == [(desk.contacten()[0]["uuid"], ZAAK)]
        (row,) = (row for row in desk.rows("onderwerpobjecten") if not row["wasKlantcontact"])
        assert row["onderwerpobjectidentificator"] == {
            "objectId": ZAAK,
            "codeObjecttype": "zgw-Zaak",
            "codeRegister": "openzaak",
            "codeSoortObjectId": "uuid",
        }


def test_of_several_zaken_one_is_linked_for_the_portal_shows_no_link_with_two(
    desk: Any, about: Callable[..., None]
) -> None:
    about(ZAAK, OTHER_ZAAK)
    desk.say(message(1))
    assert desk.deliver().missing == ("zaak-not-linked",)
    assert [zaak for _, zaak in linked(desk)] == [ZAAK]


@pytest.mark.parametrize("zaak", ["2026-0001", "https://openzaak.example.nl/zaken/api/v1/zaken/1"])
def test_a_zaak_that_no_portal_could_link_is_told_as_missing(desk: Any, about: Callable[..., None], zaak: str) -> None:
    about(zaak)
    desk.say(message(1))
    assert desk.deliver().missing == ("zaak-not-linked",)
    assert linked(desk) == []


def test_a_zaak_that_cannot_be_linked_does_not_keep_another_from_it(desk: Any, about: Callable[..., None]) -> None:
    about("2026-0001", ZAAK.upper())
    desk.say(message(1))
    assert desk.deliver().missing == ("zaak-not-linked",)
    assert [zaak for _, zaak in linked(desk)] == [ZAAK]


def test_a_zaak_that_becomes_known_later_is_linked_then(desk: Any, about: Callable[..., None]) -> None:
    desk.say(message(1))
    desk.deliver()
    assert linked(desk) == []
    about(ZAAK)
    desk.say(answer())
    desk.deliver()
    assert linked(desk) == [(desk.contacten()[0]["uuid"], ZAAK)]


def test_a_question_that_a_colleague_linked_gets_no_second_zaak(
    desk: Any, about: Callable[..., None], colleague: Callable[..., Row]
) -> None:
    desk.say(message(1))
    desk.deliver()
    codes = {"codeObjecttype": "zgw-Zaak", "codeRegister": "openzaak", "codeSoortObjectId": "uuid"}
    body = {"klantcontact": {"uuid": desk.contacten()[0]["uuid"]}, "wasKlantcontact": None}
    colleague("POST", "onderwerpobjecten", body | {"onderwerpobjectidentificator": codes | {"objectId": OTHER_ZAAK}})
    about(ZAAK)
    desk.say(answer())
    desk.deliver()
    assert [zaak for _, zaak in linked(desk)] == [OTHER_ZAAK]


def test_for_the_old_portal_no_zaak_is_linked_for_it_would_hide_the_question(
    desk: Any, about: Callable[..., None]
) -> None:
    desk.settings = OLD_PORTAL
    about(ZAAK)
    desk.say(message(1), answer())
    assert desk.deliver().missing == ("zaak-not-linked",)
    assert linked(desk) == []


def test_what_is_no_zaak_is_not_linked(desk: Any, about: Callable[..., None]) -> None:
    about(ZAAK, kind="product")
    desk.say(message(1))
    assert desk.deliver().missing == ()
    assert linked(desk) == []


# -- taken


@pytest.fixture
def kcc(desk: Any) -> str:
    """Somebody who gets taken."""
    actor: str = desk.server.add_actor("KCC")
    desk.settings = {"taak_actor": actor}
    return actor


def taken(desk: Any) -> list[tuple[str, str]]:
    """The taken: the text of their klantcontact, and their status."""
    texts = {row["uuid"]: row["inhoud"] for row in desk.rows("klantcontacten")}
    return [(texts[row["aanleidinggevendKlantcontact"]], row["status"]) for row in desk.rows("internetaken")]


def test_a_question_that_nobody_answered_asks_somebody_to(desk: Any, kcc: str) -> None:
    desk.say(message(1))
    desk.deliver()
    (row,) = desk.rows("internetaken")
    assert row["toegewezenAanActoren"] == [kcc]
    assert row["gevraagdeHandeling"] == "Vraag beantwoorden"
    assert taken(desk) == [("Bericht 1", "te_verwerken")]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_taak_is_closed_by_the_answer_and_a_new_question_makes_another(desk: Any, version: str) -> None:
    with OpenKlantServer(version) as desk.server:
        desk.settings = {"taak_actor": desk.server.add_actor("KCC")}
        desk.say(message(1))
        desk.deliver()
        desk.say(answer())
        desk.deliver()
        assert taken(desk) == [("Bericht 1", "verwerkt")]
        desk.say(message(3))
        desk.deliver()
        assert [status for _, status in taken(desk)] == ["verwerkt", "te_verwerken"]
        assert len({row["nummer"] for row in desk.rows("internetaken")} - {None, ""}) in {0, 2}


def test_what_was_answered_before_it_came_needs_no_taak(desk: Any, kcc: str) -> None:
    desk.say(message(1), answer(), message(3), answer(4))
    desk.deliver()
    assert desk.rows("internetaken") == []
    assert kcc


def test_a_note_between_employees_is_no_answer(desk: Any, kcc: str) -> None:
    desk.settings = {"taak_actor": kcc, "internal_notes": True}
    desk.say(message(1), answer(internal=True, text="Wie weet dit?"))
    desk.deliver()
    assert [status for _, status in taken(desk)] == ["te_verwerken"]


def test_the_status_that_a_colleague_gave_a_taak_stays(desk: Any, kcc: str, colleague: Callable[..., Row]) -> None:
    desk.say(message(1))
    desk.deliver()
    colleague("PATCH", f"internetaken/{desk.rows('internetaken')[0]['uuid']}", {"status": "verwerkt"})
    desk.say(message(2))
    desk.deliver()
    assert [status for _, status in taken(desk)] == ["verwerkt"]
    desk.say(answer(3))
    desk.deliver()
    assert [status for _, status in taken(desk)] == ["verwerkt"]
    assert kcc


def test_a_taak_that_a_colleague_opened_again_after_the_answer_stays_open(
    desk: Any, kcc: str, colleague: Callable[..., Row]
) -> None:
    desk.say(message(1))
    desk.deliver()
    desk.say(answer())
    desk.deliver()
    colleague("PATCH", f"internetaken/{desk.rows('internetaken')[0]['uuid']}", {"status": "te_verwerken"})
    desk.say(answer(3))
    desk.deliver()
    assert [status for _, status in taken(desk)] == ["te_verwerken"]
    assert kcc


def test_a_taak_that_a_colleague_removed_is_not_made_again(desk: Any, kcc: str) -> None:
    desk.say(message(1))
    desk.deliver()
    desk.server.rows["internetaken"].clear()
    desk.say(answer())
    desk.deliver()
    assert desk.rows("internetaken") == []
    assert kcc


def test_a_taak_of_kiss_is_left_alone(desk: Any, kcc: str, colleague: Callable[..., Row]) -> None:
    desk.say(message(1))
    desk.deliver()
    question = {"aanleidinggevendKlantcontact": {"uuid": desk.contacten()[0]["uuid"]}}
    body = {"gevraagdeHandeling": "Contact opnemen met betrokkene", "status": "te_verwerken", "toelichting": ""}
    colleague("POST", "internetaken", question | body | {"toegewezenAanActor": {"uuid": kcc}})
    desk.say(answer())
    desk.deliver()
    assert sorted(status for _, status in taken(desk)) == ["te_verwerken", "verwerkt"]


def test_an_actor_that_is_not_there_is_an_error_of_the_configuration(desk: Any) -> None:
    desk.settings = {"taak_actor": "16d6f3d9-8159-45d4-8fb8-57098386b3ab"}
    desk.say(message(1))
    (error,) = desk.sync().errors
    assert type(error) is ConfigError
    assert "`taak_actor`" in str(error)
    desk.settings = {"taak_actor": desk.server.add_actor("KCC")}
    desk.deliver()
    assert [status for _, status in taken(desk)] == ["te_verwerken"]
    assert len(desk.contacten()) == 1


def test_without_the_setting_no_taken_are_made(desk: Any) -> None:
    desk.say(message(1))
    desk.deliver()
    assert desk.rows("internetaken") == []


# -- documents


class Archive:
    """A register of documents in memory."""

    code_register = "openzaak"

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, str, bytes]] = {}
        self.calls = 0

    def keep(self, key: str, name: str, media_type: str, content: BinaryIO) -> str:
        self.calls += 1
        self.kept.setdefault(key, (name, media_type, content.read()))
        return f"00000000-0000-4000-8000-{list(self.kept).index(key):012}"


@pytest.fixture
def archive(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Archive:
    found = Archive()

    def opened() -> OpenKlant:
        known = {"url": desk.server.url, "token": desk.server.token, "portaal": "open-inwoner-2026"}
        settings = OpenKlantSettings.model_validate(known | {"kanalen": {"whatsapp": "WhatsApp"}} | desk.settings)
        return OpenKlant(settings, found)

    monkeypatch.setattr(desk, "open", opened)
    return found


def photo(name: str | None = "kapot.jpg", source: str = "1") -> Attachment:
    return Attachment(name=name, source=source, media_type="image/jpeg")


def test_a_file_is_kept_elsewhere_and_named_beside_its_klantcontact(desk: Any, archive: Archive) -> None:
    desk.channel.contents["1"] = b"\xff\xd8\xff een foto"
    desk.say(message(1), answer(attachments=(photo(),)))
    assert desk.deliver().missing == ("attachment-not-shown",)
    ((name, media_type, content),) = archive.kept.values()
    assert (name, media_type, content) == ("kapot.jpg", "image/jpeg", b"\xff\xd8\xff een foto")
    (bijlage,) = desk.rows("bijlagen")
    assert bijlage["wasBijlageVanKlantcontact"] == desk.contacten()[1]["uuid"]
    assert bijlage["bijlageidentificator"] == {
        "objectId": "00000000-0000-4000-8000-000000000000",
        "codeObjecttype": "enkelvoudiginformatieobject",
        "codeRegister": "openzaak",
        "codeSoortObjectId": "uuid",
    }


def test_a_file_is_named_once_however_often_its_conversation_is_delivered(desk: Any, archive: Archive) -> None:
    desk.channel.contents |= {"1": b"\xff\xd8\xff een", "2": b"\xff\xd8\xff twee"}
    desk.say(message(1, attachments=(photo(), photo("b.jpg", "2"))))
    desk.deliver()
    desk.say(answer())
    desk.deliver()
    assert len(archive.kept) == len(desk.rows("bijlagen")) == wrote(desk.server, "bijlagen") == 2


def test_two_files_of_one_content_are_two_documents(desk: Any, archive: Archive) -> None:
    desk.channel.contents["1"] = b"\xff\xd8\xff dezelfde"
    desk.say(message(1, attachments=(photo(),)), message(2, attachments=(photo(),)))
    desk.deliver()
    assert len(archive.kept) == len(desk.rows("bijlagen")) == 2


def test_a_file_without_a_name_or_a_kind_is_kept_all_the_same(desk: Any, archive: Archive) -> None:
    desk.channel.contents["1"] = b"\x00\x01\x02"
    desk.say(message(1, attachments=(Attachment(source="1"),)))
    desk.deliver()
    ((name, media_type, _),) = archive.kept.values()
    assert name == "bijlage"
    assert "/" in media_type


def test_a_file_that_is_not_there_and_one_of_a_deleted_message_are_not_kept(desk: Any, archive: Archive) -> None:
    desk.channel.contents["1"] = b"\xff\xd8\xff een"
    gone = Attachment(name="weg.pdf", missing="expired")
    deleted = message(2, deleted_at=START + timedelta(minutes=9), attachments=(photo(),))
    desk.say(message(1, attachments=(gone,)), deleted)
    assert desk.deliver().missing == ("attachment-not-shown",)
    assert archive.kept == {}
    assert desk.rows("bijlagen") == []


def test_the_files_of_a_deleted_message_are_not_among_those_of_its_turn() -> None:
    said = message(1, attachments=(photo(), photo())), message(2, deleted_at=START, attachments=(photo(),))
    (turn,) = conversation(*said).turns
    keys = [key for key, _ in attachments(turn)]
    assert len(keys) == len(set(keys)) == 2


def test_without_a_register_of_documents_the_text_says_that_a_file_came_along(desk: Any) -> None:
    desk.channel.contents["1"] = b"\xff\xd8\xff een"
    desk.say(message(1, attachments=(photo(),)))
    assert desk.deliver().missing == ("attachment-not-shown",)
    assert desk.rows("bijlagen") == []
    assert desk.contacten()[0]["inhoud"] == "Bericht 1 /\n(Foto meegestuurd: kapot.jpg; hier niet te zien.)"


# -- beforehand


def test_a_plan_names_what_will_be_missing_and_writes_nothing(desk: Any, about: Callable[..., None]) -> None:
    desk.settings = OLD_PORTAL
    about(ZAAK)
    desk.say(message(1, attachments=(photo(),)), answer(), message(3))
    with Ledger(desk.folder / "ledger.sqlite") as ledger:
        _, (planned,) = plan(desk.channel, desk.open(), ledger=ledger, start="all")
    missing = ("attachment-not-shown", "turn-not-shown", "zaak-not-linked")
    assert planned.plan == Plan(action="create", findable=Findable.NO_RESIDENT_KNOWN, missing=missing)
    assert {each.method for each in desk.server.requests} == {"GET"}

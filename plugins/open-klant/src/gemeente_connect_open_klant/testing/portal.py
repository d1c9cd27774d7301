"""What a resident sees under 'Mijn vragen' in Open Inwoner, read from an Open Klant by the portal's own rules.

    portal = OpenInwoner2026(server.url, server.token)
    [question] = portal.questions("999990676")
    assert (question.status, question.answers) == ("Beantwoord", ("Morgen tussen 8 en 12 uur.",))

The two readers share nothing with the plugin, so that they are evidence. `OpenInwoner124` follows the source of v1.24
of December 2024, and was compared with the pages of the program itself. `OpenInwoner2026` follows rules that were read
in single files of the version of August 2026, which was not run: say so when you quote what it shows. Neither writes:
where the portal makes a partij for a resident whom it does not find, they show no questions.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

Json = dict[str, Any]
HERE = ZoneInfo("Europe/Amsterdam")


class PageFailed(Exception):  # noqa: N818 - named for what the resident sees
    """The portal answers 500: the resident sees no question at all."""


class PageIncomplete(Exception):  # noqa: N818 - named for what the resident sees
    """The portal says that questions could not be fetched completely, and shows none of Open Klant."""


@dataclass(frozen=True)
class Question:
    """A question as the pages show it."""

    uuid: str
    nummer: str
    """The 'Vraagnummer'."""
    onderwerp: str
    inhoud: str
    """On one line, as a browser shows it: newlines become spaces."""
    kanaal: str
    """With one capital: `WhatsApp` is shown as `Whatsapp`."""
    datum: datetime
    """In Dutch time."""
    status: str
    """`Onbeantwoord`, `Beantwoord` or `Afgehandeld`."""
    answers: tuple[str, ...]
    """What is shown as answers, whoever wrote it."""
    zaak: str | None
    """The uuid of the zaak that the page links to."""


def on_one_line(text: str) -> str:
    """Give a text as HTML shows it."""
    return re.sub(r"[ \t\n\r\f]+", " ", text).strip(" ")


def _question(contact: Json, status: str, answers: Iterable[str], zaak: str | None = None) -> Question:
    return Question(
        uuid=contact["uuid"],
        nummer=contact["nummer"],
        onderwerp=on_one_line(contact["onderwerp"]),
        inhoud=on_one_line(contact["inhoud"]),
        kanaal=contact["kanaal"].capitalize(),
        datum=datetime.fromisoformat(contact["plaatsgevondenOp"]).astimezone(HERE),
        status=status,
        answers=tuple(on_one_line(text) for text in answers),
        zaak=zaak,
    )


class _Reader:
    """Reads an Open Klant with GET requests; what goes wrong is raised as `broken`."""

    broken: type[Exception] = PageFailed

    def __init__(self, url: str, token: str, objecttype: str) -> None:
        self.root, self.objecttype = f"{url}/klantinteracties/api/v1/", objecttype
        self.headers = {"Authorization": f"Token {token}"}

    def get(self, path: str, **query: str) -> Json:
        answer = requests.get(f"{self.root}{path}", params=query, headers=self.headers, timeout=15)
        if answer.status_code != requests.codes.ok:
            message = f"GET {path}: status {answer.status_code}"
            raise self.broken(message)
        body: Json = answer.json()
        return body

    def rows(self, path: str, **query: str) -> Iterator[Json]:
        number = 1
        while True:
            page = self.get(path, **query, page=str(number))
            yield from page["results"]
            if not page["next"]:
                return
            number += 1

    def partij(self, bsn: str) -> str | None:
        """Find the resident by the number on a partij, and by nothing else."""
        found = self.get(
            "partijen",
            partijIdentificator__codeSoortObjectId="bsn",
            partijIdentificator__codeRegister="brp",
            partijIdentificator__codeObjecttype=self.objecttype,
            partijIdentificator__objectId=bsn,
            soortPartij="persoon",
        )["results"]
        return str(found[0]["uuid"]) if found else None


class OpenInwoner124:
    """The pages of v1.24, December 2024.

    `mijn_vragen_kanaal` is the one channel that the portal is set up to show. `objecttype` is the word by which it
    looks for residents: as released `inp`, which no Open Klant from 2.5 on knows.
    """

    def __init__(
        self, url: str, token: str, *, mijn_vragen_kanaal: str, objecttype: str = "natuurlijk_persoon"
    ) -> None:
        self._open_klant, self._kanaal = _Reader(url, token, objecttype), mijn_vragen_kanaal

    def questions(self, bsn: str) -> list[Question]:
        """Give what the resident sees, the newest first. Raises `PageFailed`."""
        partij = self._open_klant.partij(bsn)
        if partij is None:
            return []
        contacts = {each["uuid"]: each for each in self._contacts() if partij in _parties_of(each)}
        questions, answers = [], {}
        for contact in contacts.values():
            objects = contact["gingOverOnderwerpobjecten"]
            if not objects:
                questions.append(contact)
                continue
            first = self._open_klant.get(f"onderwerpobjecten/{objects[0]['uuid']}")["wasKlantcontact"]
            if first:  # the last that is read counts, and the newest is read first; one about something else is hidden
                answers[first["uuid"]] = contact["inhoud"]
        shown = [self._shown(question, answers.get(question["uuid"])) for question in questions]
        return sorted(shown, key=lambda question: question.datum, reverse=True)

    def _contacts(self) -> Iterator[Json]:
        expand = "leiddeTotInterneTaken,gingOverOnderwerpobjecten,hadBetrokkenen,hadBetrokkenen.wasPartij"
        return self._open_klant.rows("klantcontacten", kanaal=self._kanaal, expand=expand)

    def _shown(self, contact: Json, answer: str | None) -> Question:
        if contact["nummer"] is None:
            message = "a question without a nummer"
            raise PageFailed(message)
        return _question(contact, "Onbeantwoord" if answer is None else "Beantwoord", [answer] if answer else [])


def _parties_of(contact: Json) -> list[str]:
    """Give the partijen of a klantcontact. Raises `PageFailed` where the portal did not think of there being none."""
    try:
        return [betrokkene["wasPartij"]["uuid"] for betrokkene in contact["_expand"]["hadBetrokkenen"]]
    except (KeyError, TypeError):
        message = f"klantcontact {contact['uuid']} has a betrokkene without a partij, or none"
        raise PageFailed(message) from None


class OpenInwoner2026:
    """The pages of August 2026, as far as single files of its source tell.

    `budget` is the time in seconds that the portal takes at most to fetch what belongs to the questions.
    """

    def __init__(self, url: str, token: str, *, budget: float = 15.0) -> None:
        self._open_klant, self._budget = _Reader(url, token, "natuurlijk_persoon"), budget
        self._open_klant.broken = PageIncomplete

    def questions(self, bsn: str) -> list[Question]:
        """Give what the resident sees, the newest first. Raises `PageIncomplete`."""
        partij = self._open_klant.partij(bsn)
        if partij is None:
            return []
        rows = self._open_klant.rows("klantcontacten", hadBetrokkene__wasPartij__uuid=partij, expand=EXPAND)
        contacts = {each["uuid"]: each for each in rows}
        below = self._below(contacts)
        questions = [each for each in contacts.values() if not any(_asked(link) for link in _links(each))]
        shown = [self._shown(question, _conversation(question["uuid"], contacts, below)) for question in questions]
        return sorted(shown, key=lambda question: question.datum, reverse=True)

    def _below(self, contacts: dict[str, Json]) -> dict[str, list[str]]:
        """Find what answers each klantcontact, and fetch what of it was not among those of the resident."""
        below: dict[str, list[str]] = {}
        until, todo = time.monotonic() + self._budget, list(contacts)
        with ThreadPoolExecutor(max_workers=8) as workers:
            while todo:
                below |= dict(zip(todo, workers.map(self._answers_to, todo), strict=True))
                todo = [key for each in todo for key in below[each] if key not in contacts]
                contacts |= dict(zip(todo, workers.map(self._contact, todo), strict=True))
                if time.monotonic() > until:
                    message = f"not fetched within {self._budget} seconds"
                    raise PageIncomplete(message)
        return below

    def _answers_to(self, key: str) -> list[str]:
        links = self._open_klant.rows("onderwerpobjecten", wasKlantcontact__uuid=key)
        return [link["klantcontact"]["uuid"] for link in links if link["klantcontact"]]

    def _contact(self, key: str) -> Json:
        return self._open_klant.get(f"klantcontacten/{key}", expand=EXPAND)

    def _shown(self, contact: Json, replies: list[Json]) -> Question:
        if None in [each["nummer"] for each in (contact, *replies)]:
            message = "a klantcontact without a nummer"
            raise PageIncomplete(message)
        tasks = [
            task for each in (contact, *replies) for task in each.get("_expand", {}).get("leiddeTotInterneTaken", [])
        ]
        done = bool(tasks) and all(task["status"] == "verwerkt" for task in tasks)
        status = "Afgehandeld" if done else "Beantwoord" if replies else "Onbeantwoord"
        return _question(contact, status, [reply["inhoud"] for reply in replies], _zaak(_links(contact)))


EXPAND = "gingOverOnderwerpobjecten,leiddeTotInterneTaken"


def _links(contact: Json) -> list[Json]:
    links: list[Json] = contact.get("_expand", {}).get("gingOverOnderwerpobjecten", [])
    return links


def _asked(link: Json) -> bool:
    return link["wasKlantcontact"] is not None


def _conversation(key: str, contacts: dict[str, Json], below: dict[str, list[str]]) -> list[Json]:
    """Give all replies below a question, replies to replies too, the oldest first."""
    found: dict[str, Json] = {}
    todo = [key]
    while todo:
        fresh = [each for each in below[todo.pop()] if each not in found and each != key]
        found |= {each: contacts[each] for each in fresh}
        todo += fresh
    return sorted(found.values(), key=lambda each: datetime.fromisoformat(each["plaatsgevondenOp"]))


def _zaak(links: list[Json]) -> str | None:
    """Give the uuid of the zaak: there must be exactly one onderwerpobject."""
    if len(links) != 1:
        return None
    try:
        return str(uuid.UUID(links[0]["onderwerpobjectidentificator"]["objectId"]))
    except ValueError:
        return None

"""Delivering to Open Klant with eight workers, against a bare script that sends the same requests with eight threads.

Runnable alone: `python -m bench.open_klant`. With OPEN_KLANT_URL and OPEN_KLANT_TOKEN it measures a real Open Klant,
and leaves conversations in it: give it an empty one that may be thrown away. Without, it measures the one of the
testing kit, which answers ten times as fast, so that what we cost shows. A conversation is a question, two answers, and
what the resident said in between. The script knows what to send and keeps nothing.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import requests

from bench.measure import median, table
from bench.whole import judged
from gemeente_connect import Ledger
from gemeente_connect.contracts import Cursor, Page
from gemeente_connect.models import Identity, Message, Participant
from gemeente_connect.syncing import deliver
from gemeente_connect.testing.builders import message
from gemeente_connect_open_klant.plugin import register_case_systems
from gemeente_connect_open_klant.testing.server import OpenKlantServer

API = "klantinteracties/api/v1"
WORKERS = 8
CONVERSATIONS = 96
RESIDENTS = 24
ROUNDS = 4
GOAL = 0.9
EMPLOYEE = "kcc@example.nl"
QUESTION = "Wanneer wordt mijn container geleegd?"


@contextmanager
def open_klant() -> Iterator[tuple[str, str, bool]]:
    """Give the URL, the token, and whether it is a real one."""
    if "OPEN_KLANT_URL" in os.environ:
        yield os.environ["OPEN_KLANT_URL"], os.environ["OPEN_KLANT_TOKEN"], True
        return
    kit_of = "from gemeente_connect_open_klant.testing.server import OpenKlantServer as Server"
    code = f"{kit_of}; s = Server(); print(s.url, s.token, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as kit:
        assert kit.stdout
        url, token = kit.stdout.readline().split()
        yield url, token, False
        kit.communicate("\n")


class Script:
    """The bare script: one session, as lean as requests can be."""

    def __init__(self, url: str, token: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=WORKERS))
        self.session.headers["Authorization"] = f"Token {token}"
        self.base = f"{url}/{API}"
        self.partij_of = cache(self._partij_of)

    def _partij_of(self, phone: str) -> str:
        row = self.get("digitaleadressen", adres__icontains=phone, verstrektDoorPartij__soortPartij="persoon")
        partij: str = self.get(f"partijen/{row['results'][0]['verstrektDoorPartij']['uuid']}")["uuid"]
        return partij

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.session.post(f"{self.base}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str, **query: str) -> Any:
        answer = self.session.get(f"{self.base}/{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def klantcontact(self, partij: str, text: str, *, answers: str | None, first: bool) -> Any:
        body: dict[str, Any] = {
            "klantcontact": {
                "kanaal": "WhatsApp", "onderwerp": QUESTION, "inhoud": text, "taal": "nld",
                "vertrouwelijk": False, "indicatieContactGelukt": True, "plaatsgevondenOp": "2026-03-02T09:01:00Z",
                "nummer": str(10**9 + secrets.randbelow(9 * 10**9)), "metadata": {"externalId": secrets.token_hex(24)},
            },
            "betrokkene": {
                "wasPartij": {"uuid": partij}, "rol": "klant", "initiator": first, "contactnaam": {
                    "voorletters": "", "voornaam": "", "voorvoegselAchternaam": "", "achternaam": "Inwoner"
                },
            },
        }  # fmt: skip
        if answers:
            body["onderwerpobject"] = {"wasKlantcontact": {"uuid": answers}}
        return self.post("maak-klantcontact", body)

    def conversation(self, phone: str, actor: str) -> None:
        """Send what one conversation takes, each request after the one it needs."""
        partij = self.partij_of(phone)
        question = self.klantcontact(partij, QUESTION, answers=None, first=True)
        asked, answered = question["klantcontact"]["uuid"], ""
        for text in ("Morgen tussen acht en twaalf.", "Dank u wel. Mag hij nu al buiten staan?", "Ja, dat mag."):
            first = text.startswith("Dank")
            made = self.klantcontact(partij, text, answers=answered if first else asked, first=first)
            answered = made["klantcontact"]["uuid"]
            if not first:
                self.post("actorklantcontacten", {"actor": {"uuid": actor}, "klantcontact": {"uuid": answered}})
        self.post(
            "digitaleadressen",
            {
                "verstrektDoorPartij": None, "verstrektDoorBetrokkene": {"uuid": question["betrokkene"]["uuid"]},
                "soortDigitaalAdres": "telefoonnummer", "adres": f"+31{phone}", "omschrijving": "WhatsApp",
            },
        )  # fmt: skip

    def add_residents(self, phones: list[str]) -> None:
        for phone, bsn in zip(phones, bsns(), strict=False):
            partij = self.post("partijen", {
                "soortPartij": "persoon", "indicatieActief": True, "digitaleAdressen": [],
                "voorkeursDigitaalAdres": None, "rekeningnummers": [], "voorkeursRekeningnummer": None,
                "partijIdentificatie": {"contactnaam": {
                    "voorletters": "", "voornaam": "", "voorvoegselAchternaam": "", "achternaam": "Inwoner",
                }},
            })["uuid"]  # fmt: skip
            self.post("partij-identificatoren", {
                "identificeerdePartij": {"uuid": partij}, "partijIdentificator": {
                    "codeObjecttype": "natuurlijk_persoon", "codeSoortObjectId": "bsn", "objectId": bsn,
                    "codeRegister": "brp",
                },
            })  # fmt: skip
            self.post("digitaleadressen", {
                "verstrektDoorPartij": {"uuid": partij}, "verstrektDoorBetrokkene": None,
                "soortDigitaalAdres": "telefoonnummer", "adres": f"+31{phone}", "omschrijving": "",
                "verificatieDatum": "2026-01-10",
            })  # fmt: skip


def bsns() -> Iterator[str]:
    """Yield made-up numbers that pass the eleven-test."""
    for number in itertools.count(99_900_000):
        last = sum(weight * int(digit) for weight, digit in zip(range(9, 1, -1), str(number), strict=True)) % 11
        if last in range(10):
            yield f"{number}{last}"


def said(number: int, phone: str, account: str) -> list[Message]:
    """Give the messages of one conversation."""
    identity = Identity(kind="phone", value=f"+31{phone}")
    resident = Participant(id=identity.value, name="Inwoner", identities=(identity,))
    employee = Participant(id="kcc", name="KCC", employee=True, identities=(Identity(kind="email", value=EMPLOYEE),))
    texts = (
        "Wanneer wordt mijn container geleegd?", "Morgen tussen acht en twaalf.",
        "Dank u wel. Mag hij nu al buiten staan?", "Ja, dat mag.",
    )  # fmt: skip
    return [
        message(place, id=f"{number}-{place}", thread=f"{account}-{number}", account=account, text=text,
                direction="out" if place % 2 else "in", sender=employee if place % 2 else resident)
        for place, text in enumerate(texts)
    ]  # fmt: skip


def run_script(url: str, token: str, phones: list[str], actor: str) -> float:
    script = Script(url, token)
    before = time.perf_counter()
    with closing(script.session), ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda n: script.conversation(phones[n % RESIDENTS], actor), range(CONVERSATIONS)):
            pass
    return time.perf_counter() - before


def run_ours(url: str, token: str, phones: list[str], conversations: int = CONVERSATIONS) -> float:
    account = f"bench:{secrets.token_hex(6)}"
    (connector,) = register_case_systems()
    settings = {"url": url, "token": token, "portaal": "open-inwoner-2026", "kanalen": {"whatsapp": "WhatsApp"}}
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for number in range(conversations):
            chat = said(number, phones[number % RESIDENTS], account)
            ledger.store(account, "whatsapp", Page(messages=tuple(chat), cursor=Cursor(str(number))))
        case_system = connector.connect(settings)
        before = time.perf_counter()
        with closing(case_system):
            report = deliver(case_system, ledger, account=account, start="all", workers=WORKERS)
        took = time.perf_counter() - before
    assert len(report.delivered) == conversations, report
    assert all(each.receipt.findable == "yes" for each in report.delivered)
    return took


def requests_of_one() -> Counter[str]:
    """Count what one conversation takes, in a run of its own."""
    with OpenKlantServer() as server:
        phone = "612345678"
        script = Script(server.url, server.token)
        script.add_residents([phone])
        server.requests.clear()
        run_ours(server.url, server.token, [phone], conversations=1)
        return Counter(f"{seen.method} {seen.path.partition('/')[0]}" for seen in server.requests)


def main() -> None:
    with open_klant() as (url, token, real):
        bare = Script(url, token)
        phones = [f"6{random.randrange(10**7, 10**8)}" for _ in range(RESIDENTS)]
        bare.add_residents(phones)
        codes = {"objectId": EMPLOYEE, "codeObjecttype": "mdw", "codeRegister": "msei", "codeSoortObjectId": "email"}
        body = {"naam": "KCC", "soortActor": "medewerker", "indicatieActief": True, "actoridentificator": codes}
        actor = bare.post("actoren", body)["uuid"]
        rounds = []
        for number in range(ROUNDS):  # in turn the one and the other first, for the second one finds more rows there
            ours = [run_ours(url, token, phones)] if number % 2 else []
            script = run_script(url, token, phones, actor)
            rounds.append((script, *(ours or [run_ours(url, token, phones)])))
    rate = median([a / b for a, b in rounds])
    what = "a real Open Klant" if real else "the Open Klant of the testing kit"
    table(
        f"Delivering to {what}: {CONVERSATIONS} conversations, {WORKERS} workers",
        ["what", "figure", "goal", "reached"],
        [
            ["bare script, conversations a second", f"{CONVERSATIONS / median([a for a, _ in rounds]):.1f}", "", ""],
            ["ours, conversations a second", f"{CONVERSATIONS / median([b for _, b in rounds]):.1f}", "", ""],
            ["rate: ours / bare script", *(judged(rate, GOAL, least=True) if real else (f"{rate:.2f}", "", ""))],
        ],
    )  # fmt: skip
    counted = sorted(requests_of_one().items())
    table("Requests of the first conversation of a run", ["request", "times"], [[a, str(b)] for a, b in counted])


if __name__ == "__main__":
    main()

"""A real Open Klant to test against, or a recording of one. How to record stands in test_live.py."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from vcr import VCR
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.record_mode import RecordMode

from gemeente_connect.conversations import conversation_id
from gemeente_connect.http import ApiSession, StatusError
from gemeente_connect.models import Direction, Identity, Message
from gemeente_connect.testing.builders import ACCOUNT, message, participant
from gemeente_connect_open_klant.api import PATH
from gemeente_connect_open_klant.dialect import dialect

Row = dict[str, Any]

RECORDINGS: Final = Path(__file__).parent / "recordings"
ROOT: Final = "http://open-klant.example.nl"  # what a recording calls its server
RECORDED: Final = 9067  # the run that is recorded: its BSN is 999990676
_LEFT_OUT: Final = frozenset({"bezoekadres", "correspondentieadres", "betrokkenen"})  # empty, empty, and in no order
_PARTS: Final = {"klantcontact": "klantcontacten", "betrokkene": "betrokkenen", "onderwerpobject": "onderwerpobjecten"}


# ---- recordings ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scrubbed:
    """A recording as a file: what was asked on one line and what was answered on the next, and nothing that is secret.

    No header but the two that are read here. A uuid that the server made up becomes a number, and a moment of its own
    clock the start of 2026: so recording anew changes only what the server does in another way.
    """

    root: str = ROOT
    token: str = ""

    def serialize(self, cassette: Row) -> str:
        text = ",\n".join(map(self._lines, cassette["interactions"])).replace(self.root, ROOT)
        found: dict[str, str] = {}

        def numbered(uuid: re.Match[str]) -> str:
            return found.setdefault(uuid[0], f"00000000-0000-4000-8000-{len(found) + 1:012}")

        text = re.sub(r"(?!0{8}-)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", numbered, text)
        text = re.sub(r'"(toegewezenOp|afgehandeldOp)": "[^"]+"', r'"\1": "2026-01-01T00:00:00Z"', text)
        others = {host for host in re.findall(r"https?://[^/\"\s]+", text) if host != ROOT}
        assert not others, "this Open Klant calls itself by another name than OPEN_KLANT_URL, so it is not recorded"
        assert not self.token or self.token not in text
        return f"[\n{text}\n]\n"

    def _lines(self, interaction: Row) -> str:
        asked, answered = interaction["request"], interaction["response"]
        headers = {name.lower(): values[0] for name, values in answered["headers"].items()}
        request = {
            "request": f"{asked['method']} {asked['uri'].removeprefix(self.root)}",
            "body": _value(asked["body"]),
        }
        answer = {
            "status": answered["status"]["code"],
            "type": headers.get("content-type", ""),
            "API-version": headers["api-version"],
            "answer": _value(answered["body"]["string"], _LEFT_OUT),
        }
        return f"[{json.dumps(request, ensure_ascii=False)},\n {json.dumps(answer, ensure_ascii=False)}]"

    def deserialize(self, text: str) -> Row:
        return {"interactions": [self._interaction(*both) for both in json.loads(text)]}

    def _interaction(self, asked: Row, answered: Row) -> Row:
        method, _, where = asked["request"].partition(" ")
        headers = {"Content-Type": [answered["type"]], "API-version": [answered["API-version"]]}
        return {
            "request": {"method": method, "uri": f"{ROOT}{where}", "body": _text(asked["body"]), "headers": {}},
            "response": {
                "status": {"code": answered["status"], "message": ""},
                "headers": headers,
                "body": {"string": _text(answered["answer"])},
            },
        }


def _value(body: str | None, leave_out: frozenset[str] = frozenset()) -> Any:
    def hook(row: Row) -> Row:
        return {key: value for key, value in row.items() if key not in leave_out}

    return json.loads(body, object_hook=hook) if body else None


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def _same_json(asked: Any, recorded: Any) -> None:
    assert _value(asked.body) == _value(recorded.body)


def _recorder(scrubbed: Scrubbed) -> VCR:
    vcr = VCR(
        serializer="scrubbed",
        match_on=("method", "path", "query", "json"),
        filter_headers=("Authorization",),
        decode_compressed_response=True,
    )
    vcr.register_serializer("scrubbed", scrubbed)
    vcr.register_matcher("json", _same_json)
    return vcr


# ---- the server ------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """An Open Klant, seen from its wire: what was asked, and what became of what was made there."""

    url: str
    token: str = field(repr=False)
    run: int
    """What tells the ids and people of this run from those of others; `RECORDED` in every recording."""
    sent: list[str] = field(default_factory=list)
    """Every request, without the query and uuids: `POST klantcontacten`."""
    unexpected: list[str] = field(default_factory=list)
    """What was asked, and is not in the recording."""
    _made: list[tuple[str, str]] = field(default_factory=list)
    _lost: dict[int, BaseException] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._api = ApiSession(f"{self.url}/{PATH}", headers={"Authorization": f"Token {self.token}"})

    # -- who and what is made up

    @property
    def phone(self) -> str:
        """The number of the resident. Before the mobile ones came, 066 was for pagers: it is nobody's."""
        return "+31612345678" if self.run == RECORDED else f"+3166000{self.run:04}"

    @property
    def email(self) -> str:
        """The address of the employee."""
        return f"fatima-{self.run}@example.nl"

    @property
    def bsn(self) -> str:
        """A BSN of the kind that is given out for tests."""
        return f"9999{self.run:04}{_check_digit(self.run)}"

    @property
    def conversation(self) -> str:
        """The id of the conversation that begins with message 1."""
        first = self.said(1)
        return conversation_id(ACCOUNT, first.thread, first.id)

    def said(self, number: int, text: str = "", *, direction: Direction = "in", **fields: Any) -> Message:
        """Make a message of the resident, or of the employee."""
        kind, address = ("phone", self.phone) if direction == "in" else ("email", self.email)
        name = "Anna de Vries" if direction == "in" else "Fatima"
        identities = (Identity.model_validate({"kind": kind, "value": address}),)
        sender = participant(employee=direction == "out", id=address, name=name, identities=identities)
        told: dict[str, Any] = {"thread": f"live-{self.run}", "sender": sender, "text": text or f"Bericht {number}"}
        return message(number, direction=direction, id=f"live-{self.run}-{number}", **told | fields)

    # -- what is there beforehand

    def make(self, collection: str, body: Row) -> str:
        """Make something, and give its uuid."""
        return str(self._api.post(collection, body).json()["uuid"])

    def add_partij(self, *, adres: str | None = None, verified: str | None = None) -> str:
        """Let the municipality know the resident, by the BSN and, if given, by an address."""
        nothing: Row = dict.fromkeys(("voorkeursDigitaalAdres", "voorkeursRekeningnummer"))
        body = nothing | {"soortPartij": "persoon", "indicatieActief": True, "indicatieGeheimhouding": False}
        body |= {"digitaleAdressen": [], "rekeningnummers": [], "voorkeurstaal": "nld"}
        partij = self.make("partijen", body)
        bsn = {"codeObjecttype": "natuurlijk_persoon", "codeSoortObjectId": "bsn", "codeRegister": "brp"}
        known = {"identificeerdePartij": {"uuid": partij}, "partijIdentificator": bsn | {"objectId": self.bsn}}
        self.make("partij-identificatoren", known)
        if adres:
            told = {"adres": adres, "soortDigitaalAdres": "telefoonnummer", "verificatieDatum": verified}
            of = {"verstrektDoorPartij": {"uuid": partij}, "verstrektDoorBetrokkene": None, "omschrijving": ""}
            self.make("digitaleadressen", told | of)
        return partij

    def add_actor(self) -> str:
        """Let the employee be known, as KISS does."""
        codes = {"codeObjecttype": "mdw", "codeRegister": "msei", "codeSoortObjectId": "email"}
        told = {"naam": "Fatima", "soortActor": "medewerker", "indicatieActief": True}
        return self.make("actoren", told | {"actoridentificator": codes | {"objectId": self.email}})

    def change(self, collection: str, uuid: str, body: Row) -> None:
        """Change something, as a colleague does."""
        self._api.patch(f"{collection}/{uuid}", body)

    # -- what is there afterwards

    @property
    def rows(self) -> Server:
        """What stands there of what was made, by collection; of a list that is not ours alone, nothing else is."""
        return self

    def __getitem__(self, collection: str) -> list[Row]:
        return [self._api.get(f"{collection}/{uuid}").json() for where, uuid in self._made if where == collection]

    def clear(self) -> None:
        """Take away what was made, the last first: what is taken away with something else is gone already."""
        for collection, uuid in reversed(self._made):
            try:
                self._api.delete(f"{collection}/{uuid}")
            except StatusError as error:
                if error.status != requests.codes.not_found:
                    raise

    # -- the wire

    def lose(self, create: int, error: BaseException) -> None:
        """Let the answer to the klantcontact with this number (from 1) never come: it is made, and the error raised."""
        self._lost[create] = error

    def watch(self, send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
        """Wrap how requests sends."""

        def watched(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            collection = urlsplit(request.url or "").path.partition(f"{PATH}/")[2].partition("/")[0]
            what = f"{request.method} {collection}"
            self.sent.append(what)
            try:
                response = send(adapter, request, **options)
            except CannotOverwriteExistingCassetteException as error:
                self.unexpected.append(str(error))
                raise
            if response.status_code == requests.codes.created:
                self._keep(collection, response.json())
                if lost := self._lost.pop(sum(where == "klantcontacten" for where, _ in self._made), None):
                    raise lost
            return response

        return watched

    def _keep(self, collection: str, answer: Row) -> None:
        parts = {collection: answer} if "uuid" in answer else answer
        for name, part in parts.items():
            if part:
                self._made.append((_PARTS.get(name, name), part["uuid"]))


def _check_digit(run: int) -> int:
    digits = map(int, f"9999{run:04}")
    return sum(weight * digit for weight, digit in zip(range(9, 1, -1), digits, strict=True)) % 11


# ---- which servers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Live:
    """The real server of this run."""

    url: str
    token: str = field(repr=False)
    version: str
    """Of its API."""
    empty: bool

    @property
    def run(self) -> int:
        """The number of the next run; on an empty server the one that is recorded."""
        start = RECORDED if self.empty else secrets.randbelow(9000)
        return next(number for number in count(start) if _check_digit(number) < 10)


_LIVE: Final = pytest.StashKey[Live | None]()
_PASSED: Final = pytest.StashKey[bool]()


def _live(config: pytest.Config) -> Live | None:
    if _LIVE not in config.stash:
        asked = config.getoption("markexpr") == "live"  # so nobody writes to a server by just running all tests
        given = [os.environ.get(name) for name in ("OPEN_KLANT_URL", "OPEN_KLANT_TOKEN")]
        url, token = given
        config.stash[_LIVE] = _ask(url.rstrip("/").removesuffix(f"/{PATH}"), token) if asked and url and token else None
    return config.stash[_LIVE]


def _ask(url: str, token: str) -> Live:
    with closing(ApiSession(f"{url}/{PATH}", headers={"Authorization": f"Token {token}"})) as api:
        collections = ("klantcontacten", "betrokkenen", "partijen", "digitaleadressen", "actoren", "internetaken")
        answers = [api.get(collection, params={"pageSize": 1}) for collection in collections]
    empty = not any(answer.json()["count"] for answer in answers)
    return Live(url, token, answers[0].headers["API-version"], empty)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every version that it is about: those that were recorded, and that of the real server."""
    if "version" not in metafunc.fixturenames:
        return
    live = _live(metafunc.config)
    versions = {each.name for each in RECORDINGS.glob("*")} | ({live.version} if live else set())
    for name, is_numbered in (("numbered", True), ("counted", False)):
        if name in metafunc.fixturenames:
            versions = {each for each in versions if dialect(each).numbered is is_numbered}
    metafunc.parametrize("version", [pytest.param(each, marks=_may_talk(live, each)) for each in sorted(versions)])


def _may_talk(live: Live | None, version: str) -> list[pytest.MarkDecorator]:
    """Let a test talk to the real server; to no other machine."""
    return [pytest.mark.allow_hosts([urlsplit(live.url).hostname])] if live and live.version == version else []


@pytest.fixture
def numbered() -> None:
    """Mark a test that is about Open Klant from 2.16 on, where our numbers are kept unique."""


@pytest.fixture
def counted() -> None:
    """Mark a test that is about Open Klant before 2.16, which counts by itself."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether a test passed."""
    report = yield
    item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
def server(version: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Open the real server or, where it has another version or there is none, a recording."""
    live = _live(request.config)
    recording = RECORDINGS / version / f"{request.node.originalname}.json"
    if live is None or live.version != version:
        with _recorder(Scrubbed()).use_cassette(recording, record_mode=RecordMode.NONE) as cassette:
            server = Server(ROOT, "none", RECORDED)
            monkeypatch.setattr(HTTPAdapter, "send", server.watch(HTTPAdapter.send))
            yield server
        assert not server.unexpected, "\n".join(server.unexpected)
        assert cassette.all_played or not request.node.stash[_PASSED], "less was asked than was recorded"
        return
    recorder = _recorder(Scrubbed(live.url, live.token))
    server = Server(live.url, live.token, live.run)
    mode = {"record_mode": RecordMode.ALL, "drop_unused_requests": True}
    with recorder.use_cassette(recording, **mode) if live.empty else nullcontext() as cassette:
        monkeypatch.setattr(HTTPAdapter, "send", server.watch(HTTPAdapter.send))
        yield server
        if cassette and not request.node.stash[_PASSED]:
            cassette.dirty = False  # what failed is not written over what passed
    server.clear()

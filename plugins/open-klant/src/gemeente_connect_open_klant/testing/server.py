"""An Open Klant on this machine, in memory: the other side for tests of what speaks Klantinteracties.

    with OpenKlantServer(version="0.9.0") as server:
        anna = server.add_partij(bsn="999990676", naam="Anna de Vries")
        deliver_to(server.url, server.token)
        assert len(server.rows["klantcontacten"]) == 2

It behaves as the real one, and was checked against it: required fields and limits, unknown fields dropped, numbers
that are unique, joins that find a row twice, duplicates that race each other into a 400 or a 500, bodies of errors. A
request takes about a millisecond while there are some hundreds of rows; nothing is written to a disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from gemeente_connect.testing.loopback import Loopback
from gemeente_connect_open_klant.testing.api import Api
from gemeente_connect_open_klant.testing.http import Answer, Asked, answered, asked_of
from gemeente_connect_open_klant.testing.rows import Rows, Store
from gemeente_connect_open_klant.testing.shape import LOOSE

VERSIONS = {"0.0.3": "2.4", "0.3.0": "2.11", "0.5.0": "2.14", "0.6.0": "2.15", "0.7.0": "2.16", "0.9.0": "2.18"}
"""The API-versions that can be behaved as, and the Open Klant that answers with each."""


class Seen(NamedTuple):
    """A request that came."""

    method: str
    path: str
    """Below the root of the API: `klantcontacten/<uuid>`. Of anything else the whole path."""
    query: str
    """As it was sent, without the question mark."""


class OpenKlantServer(Loopback):
    """Serves the API from a thread on the loopback interface, until it is closed.

    `version` is the API-version to behave as, one of `VERSIONS`. `kanalen` is the closed list of channels where a
    municipality has one; None takes any. `delay` is the time in seconds that a change takes at most before it looks,
    and again between looking and keeping: give some to have parallel requests race each other.
    """

    def __init__(self, version: str = "0.9.0", *, kanalen: Iterable[str] | None = None, delay: float = 0.0) -> None:
        if version not in VERSIONS:
            message = f"no API-version {version!r}; known: {', '.join(VERSIONS)}"
            raise ValueError(message)
        self.version, self.token = version, "loopback-token"
        self.requests: list[Seen] = []
        """What was asked since the start, or since `clear`, in the order of arrival."""
        self._number = tuple(int(part) for part in version.split("."))
        self._store = Store(self._number)
        known = tuple(kanalen) if kanalen is not None else None
        self._api = Api(self._store, self._number, known, self.token, delay)
        super().__init__(lambda request: answered(self._answer(asked_of(request)), version))

    @property
    def rows(self) -> Rows:
        """What is kept, by collection, the oldest first; a reference is kept as the uuid of the other row.

        A test may look at rows and change them, as a colleague could: `server.rows["klantcontacten"][0]["inhoud"] = …`.
        """
        return self._store.rows

    def clear(self) -> None:
        """Forget all rows and requests, as if it were a new system."""
        self._store.clear()
        self.requests.clear()

    def add_partij(
        self,
        *,
        bsn: str | None = None,
        naam: str = "",
        adressen: Iterable[tuple[str, str, str | None]] = (),
        actief: bool = True,
        soort: str = "persoon",
    ) -> str:
        """Keep a partij as a colleague would, and give its uuid.

        The first word of `naam` is the voornaam, the last the achternaam, and what stands between is the voorvoegsel.
        Each of `adressen` is the kind of address, the address, and the day on which it was verified or None.
        """
        partij = self._add(
            "partijen", soortPartij=soort, indicatieActief=actief, partijIdentificatie=_named(soort, naam)
        )
        if bsn:
            kind = "natuurlijk_persoon" if self._number >= LOOSE else "inp"
            parts = {"codeObjecttype": kind, "codeSoortObjectId": "bsn", "objectId": bsn, "codeRegister": "brp"}
            self._add("partij-identificatoren", identificeerdePartij=partij, partijIdentificator=parts)
        for kind, adres, verified in adressen:
            when = {"verificatieDatum": verified} if self._number >= LOOSE else {}
            self._add("digitaleadressen", verstrektDoorPartij=partij, soortDigitaalAdres=kind, adres=adres, **when)
        return partij

    def add_actor(self, naam: str) -> str:
        """Keep an organisatorische eenheid, which may be given taken, and give its uuid."""
        return self._add("actoren", naam=naam, soortActor="organisatorische_eenheid", indicatieActief=True)

    def _add(self, collection: str, **values: Any) -> str:
        keep = self._api.writer.create(collection, values)
        with self._store.transaction() as transaction:
            return str(keep(transaction)["uuid"])

    def _answer(self, asked: Asked) -> Answer:
        self.requests.append(Seen(asked.method, asked.path, asked.query))
        return self._api.answer(asked)


def _named(soort: str, naam: str) -> dict[str, Any]:
    if soort == "organisatie":
        return {"naam": naam}
    words = naam.split()
    first, last = (words[0], words[-1]) if len(words) > 1 else ("", naam)
    parts = {"voorletters": "", "voornaam": first, "voorvoegselAchternaam": " ".join(words[1:-1]), "achternaam": last}
    return ({"werkteVoorPartij": None} if soort == "contactpersoon" else {}) | {"contactnaam": parts}

"""The rows of the loopback Open Klant: kept in lists, changed in transactions, and read by what refers to what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gemeente_connect_open_klant.testing.checks import Version
from gemeente_connect_open_klant.testing.problems import Crash, Fault, Invalid, Refused, refuse

Row = dict[str, Any]
Rows = dict[str, list[Row]]

COLLECTIONS = (
    "partijen",
    "partij-identificatoren",
    "digitaleadressen",
    "actoren",
    "actorklantcontacten",
    "klantcontacten",
    "betrokkenen",
    "onderwerpobjecten",
    "bijlagen",
    "internetaken",
)

GO_ALONG = {
    "klantcontacten": (
        ("betrokkenen", "hadKlantcontact"),
        ("onderwerpobjecten", "klantcontact"),
        ("onderwerpobjecten", "wasKlantcontact"),
        ("bijlagen", "wasBijlageVanKlantcontact"),
        ("internetaken", "aanleidinggevendKlantcontact"),
        ("actorklantcontacten", "klantcontact"),
    ),
    "partijen": (
        ("betrokkenen", "wasPartij"),
        ("digitaleadressen", "verstrektDoorPartij"),
        ("partij-identificatoren", "identificeerdePartij"),
    ),
    "actoren": (("actorklantcontacten", "actor"),),
}
"""Rows that are deleted with the row that they refer to."""
LET_GO = {
    "betrokkenen": (("digitaleadressen", "verstrektDoorBetrokkene"),),
    "digitaleadressen": (("partijen", "voorkeursDigitaalAdres"),),
}
"""Rows that stay when the row that they refer to is deleted, with the reference set to null: orphans."""
ORPHANS, LOOSE = (0, 6), (0, 1)
"""The first API-versions in which the addresses of a betrokkene stay, and in which a BSN is of one partij only."""
UNIQUE = {
    "klantcontacten": (("nummer",), ("referentienummer",)),
    "internetaken": (("nummer",), ("referentienummer",)),
    "partijen": (("nummer",),),
    "actorklantcontacten": (("actor", "klantcontact"),),
}
"""Fields that no two rows may have alike, null apart; the empty text counts as a value."""


class View:
    """A look at the rows, for one request: what refers to a row is found once for all rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._indexes: dict[tuple[str, str], dict[Any, list[Row]]] = {}
        self._asked: set[tuple[str, str]] = set()

    def row(self, collection: str, key: str | None) -> Row | None:
        """Give a row by its uuid. None: there is none."""
        return next(iter(self.referring(collection, "uuid", key)), None) if key else None

    def referring(self, collection: str, field: str, key: str | None) -> list[Row]:
        """Give the rows whose `field` is `key`, the oldest first."""
        rows = self.rows.get(collection, [])
        if (collection, field) not in self._asked:  # the first time, looking is faster than making an index
            self._asked.add((collection, field))
            return [row for row in rows if row.get(field) == key]
        if (collection, field) not in self._indexes:
            index: dict[Any, list[Row]] = {}
            for row in rows:
                index.setdefault(row.get(field), []).append(row)
            self._indexes[collection, field] = index
        return self._indexes[collection, field].get(key, [])


class Store:
    """All rows, and the lock under which they change."""

    def __init__(self, version: Version) -> None:
        self.rows: Rows = {collection: [] for collection in COLLECTIONS}
        self.lock = threading.RLock()
        self.orphans, self.checks_identifiers = version >= ORPHANS, version >= LOOSE

    def clear(self) -> None:
        """Forget all rows."""
        with self.lock:
            for rows in self.rows.values():
                rows.clear()

    def find(self, collection: str, key: str | None) -> Row | None:
        """Give a row by its uuid. None: there is none."""
        rows = self.rows.get(collection, ())
        return next((row for row in rows if row["uuid"] == key), None) if key else None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Change rows together: what was changed is taken back when an exception leaves the block."""
        with self.lock:
            transaction = Transaction(self)
            try:
                yield transaction
            except (Crash, Invalid, Refused):
                transaction.roll_back()
                raise


class Transaction:
    """Changes to rows under the lock, that raise `Crash` where a database would refuse them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._undo: list[Callable[[], None]] = []

    def roll_back(self) -> None:
        """Take back all changes, the last first."""
        for step in reversed(self._undo):
            step()

    def insert(self, collection: str, row: Row) -> Row:
        """Add a row."""
        self._refuse_double(collection, row)
        rows = self.store.rows[collection]
        rows.append(row)
        self._undo.append(lambda: rows.remove(row))
        return row

    def update(self, collection: str, row: Row, values: Row) -> None:
        """Change fields of a row."""
        self._refuse_double(collection, row | values)
        before = dict(row)
        row.update(values)
        self._undo.append(lambda: row.update(before))

    def delete(self, collection: str, row: Row) -> None:
        """Delete a row, with those that cannot be without it."""
        rows = self.store.rows[collection]
        if row not in rows:
            return
        key = row["uuid"]
        for other, field in GO_ALONG.get(collection, ()):
            for each in [each for each in self.store.rows[other] if each[field] == key]:
                self.delete(other, each)
        for other, field in LET_GO.get(collection, ()):
            for each in [each for each in self.store.rows[other] if each[field] == key]:
                if self.store.orphans or collection != "betrokkenen":
                    self.update(other, each, {field: None})
                else:
                    self.delete(other, each)
        if collection == "actoren":
            self._take_off_tasks(key)
        if collection == "partij-identificatoren":
            self._keep_if_it_has_branches(key)
        at = rows.index(row)
        del rows[at]
        self._undo.append(lambda: rows.insert(at, row))

    def _take_off_tasks(self, actor: str) -> None:
        for task in self.store.rows["internetaken"]:
            if actor in task["toegewezenAanActoren"]:
                left = [each for each in task["toegewezenAanActoren"] if each != actor]
                self.update("internetaken", task, {"toegewezenAanActoren": left})

    def _keep_if_it_has_branches(self, key: str) -> None:
        if any(each.get("subIdentificatorVan") == key for each in self.store.rows["partij-identificatoren"]):
            refuse("invalid", "Andere identificatoren horen hieronder.", "nonFieldErrors")

    def _refuse_double(self, collection: str, row: Row) -> None:
        for fields in UNIQUE.get(collection, ()):
            same = {field: row.get(field) for field in fields}
            if None in same.values():
                continue
            if any(other["uuid"] != row["uuid"] for other in alike(self.store.rows[collection], same)):
                raise Crash

    def refuse_double_identifier(self, row: Row) -> None:
        """Raise `Invalid` when another row has the same number, or this partij another number of the same kind."""
        if not self.store.checks_identifiers:
            return
        rows, parts, faults = self.store.rows["partij-identificatoren"], row["partijIdentificator"], []
        others = [each for each in rows if each["uuid"] != row["uuid"]]
        above = row.get("subIdentificatorVan")
        if any(each["partijIdentificator"] == parts and each.get("subIdentificatorVan") == above for each in others):
            faults.append(Fault("__all__", "invalid", "Deze `PartijIdentificator` moet uniek zijn: er is er al een."))
        partij, kind = row["identificeerdePartij"], parts["codeSoortObjectId"]
        of_partij = [each for each in others if partij and each["identificeerdePartij"] == partij]
        if any(each["partijIdentificator"]["codeSoortObjectId"] == kind for each in of_partij):
            faults.append(Fault("__all__", "invalid", "Deze partij heeft al een nummer van deze soort."))
        if faults:
            raise Invalid(faults)


def alike(rows: list[Row], same: Row) -> list[Row]:
    """Give the rows that have all these values."""
    for field, value in same.items():
        rows = [row for row in rows if row.get(field) == value]
    return rows

"""How the loopback Open Klant makes and changes rows: it looks first without a lock, and keeps under one.

Between the two, as in the real one, another request may have kept the same: then this one crashes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gemeente_connect_open_klant.testing.fields import Values, read_object
from gemeente_connect_open_klant.testing.moments import as_kept
from gemeente_connect_open_klant.testing.naming import as_answered
from gemeente_connect_open_klant.testing.problems import Crash, Refused, refuse
from gemeente_connect_open_klant.testing.rows import Row, Store, Transaction, alike
from gemeente_connect_open_klant.testing.shape import UNNUMBERED, Linked, Shape

Keep = Callable[[Transaction], Row]
"""Keeps what was looked at, and gives the row."""


class Request:
    """A body that is read for a row, new or known: what fields and rules may ask about it (`fields.Around`)."""

    def __init__(
        self, store: Store, collection: str, body: Any, row: Row | None = None, *, partial: bool = False
    ) -> None:
        self.store, self.collection, self.row, self.partial = store, collection, row, partial
        self.body = as_answered(body)

    def exists(self, collection: str, key: str) -> bool:
        """Tell whether there is such a row."""
        return self.store.find(collection, key) is not None

    def row_of(self, collection: str, key: str | None) -> Row | None:
        """Give a row of another collection."""
        return self.store.find(collection, key)

    def taken(self, field: str, value: str) -> bool:
        """Tell whether another row has this value."""
        return self.another({field: value})

    def another(self, same: Values, *, itself: bool = False) -> bool:
        """Tell whether another row has all these values, or with `itself` this one."""
        mine = self.row["uuid"] if self.row and not itself else None
        return any(row["uuid"] != mine for row in alike(self.store.rows[self.collection], same))

    def sent(self, name: str) -> bool:
        """Tell whether the body has the field."""
        return isinstance(self.body, dict) and name in self.body

    def given(self, name: str) -> Any:
        """Give what the body has in a field, as it is, or else what is kept."""
        return self.body[name] if self.sent(name) else (self.row or {}).get(name)

    def now(self, values: Values, name: str) -> Any:
        """Give the value that a field will have."""
        return values[name] if name in values else (self.row or {}).get(name)


def read(request: Request, shape: Shape, *, without: str = "") -> Values:
    """Read the body. `without` is a field that the server fills in itself. Raises `Invalid`."""
    fields = {name: field for name, field in shape.fields.items() if name != without}
    values = read_object(fields, request.body, request)
    kind, name = shape.kinds
    variant = shape.variants.get(request.body.get(kind)) if kind else None
    if variant and name in request.body:
        sent = read_object({name: variant}, request.body, request)
        values |= sent if set(variant.fields) & set(request.body[name]) else {}
    for rule in shape.rules:
        rule(values, request)
    if request.row is not None and not request.partial:
        resets = {name: field.empty for name, field in fields.items() if field.resets and name not in values}
        values |= resets
    return values


class Writer:
    """Makes and changes rows of any collection, as one API-version does."""

    def __init__(self, store: Store, shapes: dict[str, Shape], version: tuple[int, ...]) -> None:
        self.store, self.shapes, self.version = store, shapes, version

    def create(self, collection: str, values: Values) -> Keep:
        """Look at what is needed for a new row, and give what keeps it."""
        row = self._row(collection, values)
        kept = {name: value for name, value in row.items() if not self._is_linked(collection, name)}
        if collection == "digitaleadressen":
            return self._standard(kept, lambda transaction: transaction.insert(collection, kept))
        if collection == "partij-identificatoren":
            return lambda transaction: self._identify(transaction, kept)
        if collection == "partijen":
            return lambda transaction: self._partij(transaction, kept, values)
        return lambda transaction: transaction.insert(collection, kept)

    def change(self, collection: str, row: Row, values: Values) -> Keep:
        """Look at what is needed to change a row, and give what keeps it."""
        values = _task(values, row) if collection == "internetaken" else values
        kept = {name: value for name, value in values.items() if not self._is_linked(collection, name)}
        kept |= self._numbered(collection, row | kept)

        def keep(transaction: Transaction) -> Row:
            if not any(each is row for each in self.store.rows[collection]):
                raise Refused(404, "NotFound", "not_found", "Niet gevonden.")
            if collection == "partijen":
                self._link(transaction, row, values)
            if collection == "partij-identificatoren":
                transaction.refuse_double_identifier(row | kept)
            transaction.update(collection, row, kept)
            return row

        return self._standard(row | kept, keep) if collection == "digitaleadressen" else keep

    def _is_linked(self, collection: str, name: str) -> bool:
        return isinstance(self.shapes[collection].parts.get(name), Linked)

    def _row(self, collection: str, values: Values) -> Row:
        shape = self.shapes[collection]
        row: Row = {"uuid": str(uuid.uuid4())}
        row |= {name: _empty(field.empty) for name, field in shape.fields.items()} | values
        if shape.kinds[1]:
            row.setdefault(shape.kinds[1], None)
        if row.get("soortPartij") == "contactpersoon" and row["partijIdentificatie"]:
            row["partijIdentificatie"] = {"uuid": str(uuid.uuid4())} | row["partijIdentificatie"]
        row |= self._numbered(collection, row)
        if collection == "klantcontacten":
            row["plaatsgevondenOp"] = values.get("plaatsgevondenOp") or as_kept(datetime.now(UTC))
        if collection == "internetaken":
            row |= {"toegewezenOp": as_kept(datetime.now(UTC))} | _task(row, {})
        return row

    def _numbered(self, collection: str, row: Row) -> Row:
        """Give the number that a row gets which has none, where the server gives them."""
        if "nummer" not in self.shapes[collection].parts or self.version >= UNNUMBERED or row["nummer"]:
            return {}
        return {"nummer": self._next_number(collection)}

    def _next_number(self, collection: str) -> str:
        numbers = [row["nummer"] for row in self.store.rows[collection] if row["nummer"]]
        if not "".join(numbers).isascii():  # a number in other digits was taken, but the database cannot count it
            raise Crash
        highest = max(map(int, numbers), default=0)
        number = str(highest + 1).rjust(10, "0")
        if len(number) > 10:  # noqa: PLR2004 - the length of a number
            raise Refused(409, "Conflict", "conflict", "Er is geen volgend nummer meer.")
        return number

    def _standard(self, row: Row, keep: Keep) -> Keep:
        """Take the place of another standard address. One that was kept meanwhile is not seen, and crashes this."""
        others = [each for each in self.store.rows["digitaleadressen"] if _is_standard_beside(each, row)]

        def replace(transaction: Transaction) -> Row:
            for each in self.store.rows["digitaleadressen"]:
                if _is_standard_beside(each, row):
                    if each not in others:
                        raise Crash
                    transaction.update("digitaleadressen", each, {"isStandaardAdres": False})
            referentie = {name: row.get(name) for name in ("verstrektDoorPartij", "referentie", "soortDigitaalAdres")}
            others_alike = alike(self.store.rows["digitaleadressen"], referentie) if all(referentie.values()) else []
            if any(each["uuid"] != row["uuid"] for each in others_alike):
                raise Crash
            return keep(transaction)

        return replace

    def _identify(self, transaction: Transaction, row: Row) -> Row:
        transaction.refuse_double_identifier(row)
        return transaction.insert("partij-identificatoren", row)

    def _partij(self, transaction: Transaction, row: Row, values: Values) -> Row:
        preferred = values.get("voorkeursDigitaalAdres")
        if preferred and values.get("digitaleAdressen") is None:
            raise Crash
        if preferred and preferred not in values["digitaleAdressen"]:
            refuse("invalid", "Het voorkeursadres is geen adres van deze partij.", "voorkeursDigitaalAdres")
        transaction.insert("partijen", row)
        self._link(
            transaction, row, {name: value for name, value in values.items() if name != "voorkeursDigitaalAdres"}
        )
        return row

    def _link(self, transaction: Transaction, row: Row, values: Values) -> None:
        """Keep what of a partij stands in other collections."""
        if "digitaleAdressen" in values:
            self._link_addresses(transaction, row["uuid"], values["digitaleAdressen"] or [])
        preferred = values.get("voorkeursDigitaalAdres")
        adres = self.store.find("digitaleadressen", preferred)
        if adres and adres["verstrektDoorPartij"] != row["uuid"]:
            refuse("invalid", "Het voorkeursadres is geen adres van deze partij.", "voorkeursDigitaalAdres")
        if values.get("partijIdentificatoren") is not None:
            self._link_identifiers(transaction, row["uuid"], values["partijIdentificatoren"])

    def _link_addresses(self, transaction: Transaction, partij: str, keys: list[str]) -> None:
        for each in self.store.rows["digitaleadressen"]:
            if each["verstrektDoorPartij"] == partij and each["uuid"] not in keys:
                transaction.update("digitaleadressen", each, {"verstrektDoorPartij": None})
            if each["uuid"] in keys:
                transaction.update("digitaleadressen", each, {"verstrektDoorPartij": partij})

    def _link_identifiers(self, transaction: Transaction, partij: str, given: list[Values]) -> None:
        keys = [each["uuid"] for each in given if "uuid" in each]
        rows = self.store.rows["partij-identificatoren"]
        for each in [each for each in rows if each["identificeerdePartij"] == partij and each["uuid"] not in keys]:
            transaction.delete("partij-identificatoren", each)
        for values in given:
            required = self.shapes["partij-identificatoren"].fields["partijIdentificator"].required
            if required and not {"partijIdentificator", "uuid"} & set(values):
                refuse("required", "Dit veld is vereist.", "partijIdentificator")
            values = values | {"identificeerdePartij": partij}  # noqa: PLW2901 - completed
            known = self.store.find("partij-identificatoren", values.get("uuid"))
            if known:
                transaction.refuse_double_identifier(known | values)
                transaction.update("partij-identificatoren", known, values)
            else:
                self._identify(transaction, self._row("partij-identificatoren", values))


def _empty(value: Any) -> Any:
    return value.copy() if isinstance(value, dict | list) else value


def _task(values: Values, row: Row) -> Values:
    """Complete what is kept of an interne taak: its actors, and when it was dealt with."""
    values = dict(values)
    if "toegewezenAanActoren" in values:
        values["toegewezenAanActoren"] = list(dict.fromkeys(values["toegewezenAanActoren"]))
    if values.get("toegewezenAanActor"):
        values["toegewezenAanActoren"] = [values["toegewezenAanActor"]]
    values.pop("toegewezenAanActor", None)
    status = values.get("status", row.get("status"))
    done = values.get("afgehandeldOp", row.get("afgehandeldOp"))
    return values | {"afgehandeldOp": (done or as_kept(datetime.now(UTC))) if status == "verwerkt" else None}


def _is_standard_beside(each: Row, row: Row) -> bool:
    same = all(each[name] == row[name] for name in ("verstrektDoorPartij", "soortDigitaalAdres"))
    return bool(row["isStandaardAdres"] and each["isStandaardAdres"] and same and each["uuid"] != row["uuid"])

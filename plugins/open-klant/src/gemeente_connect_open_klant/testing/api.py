"""What the loopback Open Klant does with each request: which rows it gives, makes, changes or deletes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from random import random
from typing import Any

from gemeente_connect_open_klant.testing.answers import Answers
from gemeente_connect_open_klant.testing.checks import Version
from gemeente_connect_open_klant.testing.contacts import actors, contacts
from gemeente_connect_open_klant.testing.fields import REQUIRED, Values
from gemeente_connect_open_klant.testing.filters import filters
from gemeente_connect_open_klant.testing.http import ROOT, Answer, Asked
from gemeente_connect_open_klant.testing.lists import Lists
from gemeente_connect_open_klant.testing.naming import as_answered
from gemeente_connect_open_klant.testing.parties import parties
from gemeente_connect_open_klant.testing.problems import Crash, Fault, Invalid, Refused, body, refuse
from gemeente_connect_open_klant.testing.rows import Row, Store, Transaction, View
from gemeente_connect_open_klant.testing.shape import in_version
from gemeente_connect_open_klant.testing.writing import Request, Writer, read

STRICT, CASCADES = (0, 5), (0, 6)
"""The first API-versions that refuse unknown parameters, and that know `?cascade=true`."""
TOGETHER = {
    "klantcontact": ("klantcontacten", ""),
    "betrokkene": ("betrokkenen", "hadKlantcontact"),
    "onderwerpobject": ("onderwerpobjecten", "klantcontact"),
}
"""What `maak-klantcontact` makes: of which collection each is, and by which field it refers to the klantcontact."""
NO_PAGE = "<!doctype html><title>404</title><h1>Pagina niet gevonden</h1>"


class Api:
    """Answers requests from the rows of a store, as one API-version does."""

    def __init__(
        self, store: Store, version: Version, kanalen: tuple[str, ...] | None, token: str, delay: float
    ) -> None:
        made = parties(version) | contacts(version, kanalen) | actors(version)
        self.shapes = {collection: in_version(shape, version) for collection, shape in made.items()}
        self.store, self.version, self.token, self.delay = store, version, token, delay
        self.writer = Writer(store, self.shapes, version)
        self.lists = Lists(self.shapes, filters(version), strict=version >= STRICT)

    def answer(self, asked: Asked) -> Answer:
        """Answer a request, whatever it is."""
        if not asked.path and asked.method == "GET":
            names = (*self.shapes, "maak-klantcontact")
            return 200, {name: f"{asked.root}{ROOT}{name}" for name in names}  # this is told to anybody
        collection, _, key = asked.path.partition("/")
        if not (collection in self.shapes or asked.path == "maak-klantcontact") or "/" in key or asked.path[-1:] == "/":
            return 404, NO_PAGE
        try:
            asked.check(self.token)
            if asked.path == "maak-klantcontact":
                return 201, self._together(asked)
            return self._row(asked, collection, key) if key else self._collection(asked, collection)
        except (Invalid, Refused, Crash) as error:
            return body(asked.root, error)

    def _collection(self, asked: Asked, collection: str) -> Answer:
        match asked.method:
            case "GET":
                with self.store.lock:
                    return 200, self.lists.page(asked, collection, self._answers(asked), self.store.rows)
            case "POST":
                return 201, self._create(asked, collection)
        raise asked.not_allowed()

    def _row(self, asked: Asked, collection: str, key: str) -> Answer:
        match asked.method:
            case "GET":
                with self.store.lock:
                    return 200, self._one(asked, collection, key)
            case "PUT" | "PATCH":
                return 200, self._change(asked, collection, key)
            case "DELETE":
                return self._delete(asked, collection, key)
        raise asked.not_allowed()

    def _answers(self, asked: Asked) -> Answers:
        return Answers(View(self.store.rows), self.shapes, f"{asked.root}{ROOT}")

    def _find(self, collection: str, key: str) -> Row:
        row = self.store.find(collection, key)
        if row is None:
            raise Refused(404, "NotFound", "not_found", "Niet gevonden.")
        return row

    def _one(self, asked: Asked, collection: str, key: str) -> dict[str, Any]:
        return self.lists.one(asked, collection, self.store.find(collection, key), self._answers(asked))

    def _create(self, asked: Asked, collection: str) -> dict[str, Any]:
        self._pause()
        request = Request(self.store, collection, asked.read())
        keep = self.writer.create(collection, read(request, self.shapes[collection]))
        self._pause()
        with self.store.transaction() as transaction:
            row = keep(transaction)
            return self._answers(asked).of(collection, row)

    def _change(self, asked: Asked, collection: str, key: str) -> dict[str, Any]:
        self._pause()
        row = self._find(collection, key)
        request = Request(self.store, collection, asked.read(), row, partial=asked.method == "PATCH")
        keep = self.writer.change(collection, row, read(request, self.shapes[collection]))
        self._pause()
        with self.store.transaction() as transaction:
            keep(transaction)
            return self._answers(asked).of(collection, row)

    def _pause(self) -> None:
        """Take some time, before looking and between looking and keeping: another request may come between."""
        if self.delay:
            time.sleep(self.delay * random())  # noqa: S311 - it keeps no secret

    def _delete(self, asked: Asked, collection: str, key: str) -> Answer:
        asks = collection == "onderwerpobjecten" and self.version >= CASCADES
        cascades = asks and asked.values().get("cascade", "").lower() == "true"
        with self.store.transaction() as transaction:
            row = self._find(collection, key)
            left = self._cascade(transaction, row) if cascades else []
            transaction.delete(collection, row)
        if cascades:
            return 200, {"behouden": [f"{asked.root}{ROOT}klantcontacten/{each}" for each in left]}
        return 204, None

    def _cascade(self, transaction: Transaction, link: Row) -> list[str]:
        """Delete the klantcontacten that only this onderwerpobject refers to, and give the uuids of those that stay."""
        left = []
        ends = [link["klantcontact"], link["wasKlantcontact"]]
        others = [each for each in self.store.rows["onderwerpobjecten"] if each is not link]
        for key in [key for key in ends if key]:
            if any(key in (each["klantcontact"], each["wasKlantcontact"]) for each in others):
                left.append(key)
                continue
            view = View(self.store.rows)
            for betrokkene in view.referring("betrokkenen", "hadKlantcontact", key):
                for adres in view.referring("digitaleadressen", "verstrektDoorBetrokkene", betrokkene["uuid"]):
                    if not adres["verstrektDoorPartij"]:
                        transaction.delete("digitaleadressen", adres)
            contact = self.store.find("klantcontacten", key)
            if contact:
                transaction.delete("klantcontacten", contact)
        return left

    def _together(self, asked: Asked) -> dict[str, Any]:
        """Make a klantcontact with a betrokkene and an onderwerpobject, or nothing at all."""
        if asked.method != "POST":
            raise asked.not_allowed()
        self._pause()
        values = self._read_together(as_answered(asked.read()))
        contact = {"uuid": str(uuid.uuid4())}
        keeps = {}
        for name, (collection, own) in TOGETHER.items():
            if values.get(name):
                keeps[name] = self.writer.create(
                    collection, values[name] | ({own: contact["uuid"]} if own else contact)
                )
        self._pause()
        with self.store.transaction() as transaction:
            rows = {name: keep(transaction) for name, keep in keeps.items()}
            answers = self._answers(asked)
            return {
                name: answers.of(collection, rows[name]) if name in rows else None
                for name, (collection, _) in TOGETHER.items()
            }

    def _read_together(self, given: Any) -> dict[str, Values]:
        if not isinstance(given, Mapping):
            refuse("invalid", "Ongeldige gegevens. Verwachtte een object.", "nonFieldErrors")
        values: dict[str, Values] = {}
        faults: list[Fault] = []
        for name, (collection, own) in TOGETHER.items():
            try:
                if name in given and given[name] is None:
                    refuse("null", "Dit veld mag niet leeg zijn.")
                if name in given:
                    request = Request(self.store, collection, given[name])
                    values[name] = read(request, self.shapes[collection], without=own)
                elif not own:
                    raise Invalid([REQUIRED])  # noqa: TRY301 - a fault as any other
            except Invalid as error:
                faults += [each.below(name) for each in error.faults]
        if faults:
            raise Invalid(faults)
        return values

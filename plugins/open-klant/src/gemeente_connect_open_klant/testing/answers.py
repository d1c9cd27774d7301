"""How the loopback Open Klant answers with a row: references with their URL, what refers to it, and `_expand`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from gemeente_connect_open_klant.testing.fields import Reference, Several
from gemeente_connect_open_klant.testing.rows import Row, View
from gemeente_connect_open_klant.testing.shape import Computed, First, Linked, Part, Related, Shape

Body = dict[str, Any]


class Answers:
    """Makes answers of rows, for one request. `api` is the URL of the API as the client knows it."""

    def __init__(self, view: View, shapes: Mapping[str, Shape], api: str) -> None:
        self.view, self.shapes, self.api = view, shapes, api

    def of(self, collection: str, row: Row) -> Body:
        """Give the whole answer for a row."""
        parts = self.shapes[collection].parts
        body = self._reference(collection, row["uuid"])
        body.update({name: self._part(collection, name, part, row) for name, part in parts.items()})
        return body

    def _reference(self, collection: str, key: str) -> Body:
        return {"uuid": key, "url": f"{self.api}{collection}/{key}"}

    def _part(self, collection: str, name: str, part: Part, row: Row) -> Any:
        match part:
            case Related() | Linked():
                return self._related(part.shown if isinstance(part, Linked) else part, row)
            case Computed():
                return getattr(self, part.how)(collection, name, row)
            case First():
                return self.first_actor(collection, name, row)
            case Reference(to=to):
                return self._reference(to, row[name]) if row[name] else None
            case Several(each=Reference(to=to)):
                return [self._reference(to, key) for key in row[name]]
        return row[name]

    def _related(self, part: Related, row: Row) -> list[Body]:
        found = self.view.referring(part.collection, part.by, row["uuid"])
        if part.whole:
            return [self.of(part.collection, each) for each in found]
        return [self._reference(part.collection, each["uuid"]) for each in found]

    def first_actor(self, _collection: str, _name: str, row: Row) -> Body:
        """Give the actor of a task that stands for all; a task without has one without a uuid."""
        actors = row["toegewezenAanActoren"]
        return self._reference("actoren", actors[0]) if actors else {"uuid": None}

    def had_betrokken_actoren(self, _collection: str, _name: str, row: Row) -> list[Body]:
        """Give the actors of a klantcontact, with all that is known of them."""
        links = self.view.referring("actorklantcontacten", "klantcontact", row["uuid"])
        actors = [self.view.row("actoren", link["actor"]) for link in links]
        return [self.of("actoren", actor) for actor in actors if actor]

    def volledige_naam(self, _collection: str, _name: str, row: Row) -> str:
        """Give the name of a betrokkene in one."""
        return full_name(row["contactnaam"])

    def kept(self, _collection: str, name: str, row: Row) -> Any:
        """Give what the server itself keeps."""
        return row[name]

    def variant(self, collection: str, name: str, row: Row) -> Body | None:
        """Give what follows from the kind of the row. None: it was never sent."""
        kind, kept = row[self.shapes[collection].kinds[0]], row[name]
        if kept is None:
            return None
        body = dict(kept)
        if body.get("werkteVoorPartij"):
            body["werkteVoorPartij"] = self._reference("partijen", body["werkteVoorPartij"])
        return body | {"volledigeNaam": full_name(kept["contactnaam"])} if kind in NAMED else body

    def expanded(self, collection: str, rows: Sequence[Row], paths: set[str], *, in_list: bool) -> list[Body]:
        """Give the answers for rows with what `expand` brings.

        Two oddities of the real one are here on purpose. A row is brought once for a request, so where a second one
        refers to it, it is null or missing. And of several relations without rows, only the first is there.
        """
        seen: set[tuple[str, str]] = set()
        bodies: dict[str, Body] = {}
        for row in rows:
            if row["uuid"] in bodies:  # a filter may give a row twice
                continue
            body = bodies[row["uuid"]] = self.of(collection, row)
            wanted = {path: to for path, to in (self.shapes[collection].expands or {}).items() if path in paths}
            brought = self._brought(collection, row, "", wanted, seen)
            if in_list or brought:
                body["_expand"] = brought
        return [bodies[row["uuid"]] for row in rows]

    def _brought(
        self, collection: str, row: Row, above: str, wanted: Mapping[str, str], seen: set[tuple[str, str]]
    ) -> Body:
        brought: Body = {}
        nothing = False
        for name, part in self.shapes[collection].parts.items():
            path = f"{above}{name}"
            if path not in wanted:
                continue
            single = isinstance(part, Reference)
            found = []
            for other in self._others(part, name, row):
                if (wanted[path], other["uuid"]) in seen:
                    continue
                seen.add((wanted[path], other["uuid"]))
                body = self.of(wanted[path], other)
                below = self._brought(wanted[path], other, f"{path}.", wanted, seen)
                found.append(body | ({"_expand": below} if below else {}))
            if found:
                brought[name] = found[0] if single else found
            elif not nothing:
                nothing = True
                brought[name] = None if single else []
        return brought

    def _others(self, part: Part, name: str, row: Row) -> list[Row]:
        if isinstance(part, Reference):
            other = self.view.row(part.to, row[name])
            return [other] if other else []
        shown = part.shown if isinstance(part, Linked) else cast(Related, part)
        return self.view.referring(shown.collection, shown.by, row["uuid"])


NAMED = {"persoon", "contactpersoon"}


def full_name(parts: Mapping[str, str]) -> str:
    """Give a name in one, without its initials."""
    return " ".join(filter(None, (parts["voornaam"], parts["voorvoegselAchternaam"], parts["achternaam"])))

"""The lists of the loopback Open Klant: which rows, in which order, on which page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from gemeente_connect_open_klant.testing.answers import Answers
from gemeente_connect_open_klant.testing.filters import Filter
from gemeente_connect_open_klant.testing.http import ROOT, Asked
from gemeente_connect_open_klant.testing.naming import snake
from gemeente_connect_open_klant.testing.problems import Invalid, Refused, refuse
from gemeente_connect_open_klant.testing.rows import Row, Rows, View
from gemeente_connect_open_klant.testing.shape import Shape

PAGE, LONGEST_PAGE = 100, 500
PAGING = {"page", "pageSize"}


class Lists:
    """Answers what is asked of a list. `strict`: a parameter that is not known is refused, else it is passed over."""

    def __init__(self, shapes: Mapping[str, Shape], known: Mapping[str, Mapping[str, Filter]], *, strict: bool) -> None:
        self.shapes, self.known, self.strict = shapes, known, strict

    def one(self, asked: Asked, collection: str, row: Row | None, answers: Answers) -> dict[str, Any]:
        """Give a single row with what was asked. Raises `Invalid` or `Refused`."""
        takes_expand = self.shapes[collection].expands is not None
        self._refuse_unknown(asked, ({"expand"} if takes_expand else set(self.known[collection])) | PAGING)
        paths = self._paths(asked, collection) if takes_expand else set()
        # where there is no `expand`, the real one filters a single row as it does a list
        found = [row] if takes_expand else self._found(asked, collection, answers.view, [row] if row else [])
        if not found or not found[0]:
            raise Refused(404, "NotFound", "not_found", "Niet gevonden.")
        return answers.expanded(collection, [found[0]], paths, in_list=False)[0]

    def page(self, asked: Asked, collection: str, answers: Answers, rows: Rows) -> dict[str, Any]:
        """Give a page of what was asked. Raises `Invalid` or `Refused`."""
        takes_expand = self.shapes[collection].expands is not None
        self._refuse_unknown(asked, set(self.known[collection]) | ({"expand"} if takes_expand else set()) | PAGING)
        paths = self._paths(asked, collection) if takes_expand else set()
        found = self._found(asked, collection, answers.view, rows[collection])
        number, size = self._number(asked, len(found))
        shown = found[(number - 1) * size : number * size]
        if takes_expand:
            bodies = answers.expanded(collection, shown, paths, in_list=True)
        else:
            bodies = [answers.of(collection, row) for row in shown]
        after = _link(asked, collection, number + 1) if number * size < len(found) else None
        before = _link(asked, collection, number - 1) if number > 1 else None
        return {"count": len(found), "next": after, "previous": before, "results": bodies}

    def _refuse_unknown(self, asked: Asked, known: set[str]) -> None:
        unknown = sorted(set(asked.values()) - known)
        if unknown and self.strict:
            refuse("unknown-parameters", f"Onbekende parameters: {', '.join(unknown)}", "nonFieldErrors")

    def _paths(self, asked: Asked, collection: str) -> set[str]:
        known = self.shapes[collection].expands or {}
        given = [value for name, value in parse_qsl(asked.query) if name == "expand"]
        given = given if self.strict else given[-1:]  # where a parameter is passed over, the last `expand` counts
        paths = {path for value in given for path in value.split(",")}
        for path in sorted(paths - set(known)):
            refuse("invalid_choice", f"{path} is geen keuze.", "expand")
        return paths

    def _found(self, asked: Asked, collection: str, view: View, rows: list[Row]) -> list[Row]:
        wanted, faults = [], []
        for name, value in asked.values().items():
            each = self._filter(collection, name)
            try:
                read = each.read(value) if each else None
            except Invalid as error:
                faults += [one.below(name) for one in error.faults]
            else:
                wanted += [(each, read)] if each and read is not None else []
        if faults:
            raise Invalid(faults)
        found = rows[::-1]
        for each, read in wanted:
            found = each.found(found, read, view)
        if collection == "klantcontacten":
            found.sort(key=lambda row: str(row["plaatsgevondenOp"]).rstrip("Z"), reverse=True)
        return found

    def _filter(self, collection: str, name: str) -> Filter | None:
        known = self.known[collection]
        if self.strict or name in known:
            return known.get(name)
        return next((each for other, each in known.items() if snake(other) == name), None)

    def _number(self, asked: Asked, rows: int) -> tuple[int, int]:
        values = asked.values()
        given = values.get("pageSize", "")
        size = min(int(given), LONGEST_PAGE) if given.isdecimal() and int(given) else PAGE
        last = max(1, -(-rows // size))
        number = str(last) if values.get("page") == "last" else values.get("page") or "1"
        if not number.isdecimal() or not 1 <= int(number) <= last:
            raise Refused(404, "NotFound", "not_found", "Deze pagina is er niet.")
        return int(number), size


def _link(asked: Asked, collection: str, number: int) -> str:
    values = {name: value for name, value in asked.values().items() if name != "page"}
    if number > 1:
        values["page"] = str(number)
    query = urlencode(sorted(values.items()))
    return f"{asked.root}{ROOT}{collection}{'?' * bool(query)}{query}"

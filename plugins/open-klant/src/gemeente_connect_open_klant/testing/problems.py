"""What the loopback Open Klant answers when something is wrong.

Every error body has the fields `type, code, title, status, detail, instance`; one about values has `invalidParams` too.
The texts are Dutch, as the real ones, but our own: only `code` is fit to be tested.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn


class Fault(NamedTuple):
    """One thing that is wrong with what was sent."""

    name: str
    """Dotted path of the field; empty: the value itself, whose name the caller knows."""
    code: str
    reason: str

    def below(self, name: str) -> Fault:
        """Give the same fault as seen from the object that has this value under `name`."""
        return self._replace(name=f"{name}.{self.name}" if self.name else name)


class Invalid(Exception):  # noqa: N818 - named for the answer
    """What was sent does not pass: it becomes a 400 with `invalidParams`."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = list(faults)


def refuse(code: str, reason: str, name: str = "") -> NoReturn:
    """Raise `Invalid` for a single fault."""
    raise Invalid([Fault(name, code, reason)])


class Refused(Exception):  # noqa: N818 - named for the answer
    """A request is answered with an error that is not about values."""

    def __init__(self, status: int, kind: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.code, self.detail = status, kind, code, detail


class Crash(Exception):  # noqa: N818 - named for the answer
    """The real server has a bug here, or lost a race in its database: it becomes a 500 with a JSON body."""


TITLES = {
    400: "Aanvraag kan niet gelezen worden.",
    401: "Geen of ongeldige authenticatiegegevens.",
    404: "Niet gevonden.",
    405: "Methode niet toegestaan.",
    406: "Aan de Accept header kan niet voldaan worden.",
    409: "Er is een conflict.",
    415: "Dit mediatype wordt niet gelezen.",
    500: "Er is een serverfout opgetreden.",
}


def body(root: str, error: Invalid | Refused | Crash) -> tuple[int, dict[str, Any]]:
    """Give the status and the body of the answer that tells of `error`; `root` is the URL of the server."""
    match error:
        case Invalid():
            text = "Ongeldige invoerwaarde."
            status, answer = 400, _body(root, 400, "ValidationError", "invalid", text) | {"title": text}
            answer["invalidParams"] = [each._asdict() for each in error.faults]
        case Refused():
            status = error.status
            answer = _body(root, status, error.kind, error.code, error.detail)
        case _:
            status, answer = 500, _body(root, 500, "APIException", "error", "Internal Server Error")
    return status, answer


def _body(root: str, status: int, kind: str, code: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"{root}/ref/fouten/{kind}/",
        "code": code,
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{uuid.uuid4()}",
    }

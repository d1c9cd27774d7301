"""The part of the stand-in that sends: the window of 24 hours, templates, limits, and the statuses that follow."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from gemeente_connect_whatsapp.testing.payloads import RESIDENT, USER_ID, Item, status

_WINDOW: Final = 24 * 60 * 60
_APART: Final = 6  # seconds between two messages to one resident
_BURST: Final = 45  # messages that may borrow from the time after them
_A_SECOND: Final = 80  # messages, to all residents
_LONGEST: Final = 4096


class NotSent(Exception):  # noqa: N818 - it becomes an answer
    """A message that is refused, with the code of the error."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Phone:
    """Sends messages to one resident, or more, by the rules of WhatsApp. Told when they last wrote."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        """The time, in seconds since 1970."""
        self.users: dict[str, str] = {USER_ID: RESIDENT}
        """Telephone numbers, by user id. Who is not here is not on WhatsApp."""
        self.heard: dict[str, float] = {}
        """When a resident last wrote, by telephone number."""
        self.templates: dict[tuple[str, str], int] = {}
        """The number of parameters of each template that was approved, by name and language."""
        self.fails_later: int | None = None
        """A code: messages are taken, and fail with it afterwards, as the window does at times. None: they arrive."""
        self.sent: list[Item] = []
        """What arrives at residents, as it was asked, each with its `id`."""
        self.statuses: list[Item] = []
        """What WhatsApp pushes about it, to be put into webhooks: `payload(*statuses, name="statuses")`."""
        self._free_at: dict[str, float] = defaultdict(float)
        self._taken: list[float] = []

    def send(self, asked: Item) -> Item:
        """Send a message, and give the answer to the request. Raises NotSent."""
        if asked.get("messaging_product") != "whatsapp":
            raise NotSent(100)
        number = self._number(asked)
        self._see_the_content(asked, number)
        self._see_the_limits(number)
        key = f"wamid.sent{len(self.statuses) + 1}"
        self._tell(key, asked, number)
        if self.fails_later is None:
            self.sent.append({**asked, "id": key})
        by_number = "to" in asked
        who = {"input": asked["to"], "wa_id": number} if by_number else {"input": asked["recipient"]}
        contact = who if by_number else {**who, "user_id": asked["recipient"]}
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": key}]}

    def _number(self, asked: Item) -> str:
        if "to" not in asked and "recipient" not in asked:
            raise NotSent(131008)
        number = str(asked["to"]) if "to" in asked else self.users.get(str(asked["recipient"]), "")  # `to` wins
        if number not in self.users.values():
            raise NotSent(131026)
        return number

    def _see_the_content(self, asked: Item, number: str) -> None:
        kind = asked.get("type")
        if kind == "text":
            if not 1 <= len(str(asked["text"]["body"])) <= _LONGEST:
                raise NotSent(100)
            if self.clock() - self.heard.get(number, 0) >= _WINDOW:
                raise NotSent(131047)
        elif kind == "template":
            template: dict[str, Any] = asked["template"]
            wanted = self.templates.get((template["name"], template["language"]["code"]))
            given = sum(len(part["parameters"]) for part in template.get("components", ()))
            if wanted is None:
                raise NotSent(132001)
            if wanted != given:
                raise NotSent(132000)
        else:
            raise NotSent(131051)

    def _see_the_limits(self, number: str) -> None:
        now = self.clock()
        free_at = max(self._free_at[number], now)
        if free_at - now >= _BURST * _APART:
            raise NotSent(131056)
        self._taken = [each for each in self._taken if now - each < 1]
        if len(self._taken) >= _A_SECOND:
            raise NotSent(130429)
        self._taken.append(now)
        self._free_at[number] = free_at + _APART

    def _tell(self, key: str, asked: Item, number: str) -> None:
        more: Item = {"recipient_id": number} if "to" in asked else {"recipient_user_id": asked["recipient"]}
        if "biz_opaque_callback_data" in asked:
            more["biz_opaque_callback_data"] = asked["biz_opaque_callback_data"]
        if self.fails_later is not None:
            more["errors"] = [{"code": self.fails_later, "title": "It went wrong"}]
        word = "sent" if self.fails_later is None else "failed"
        self.statuses.append(status(key, word, at=int(self.clock()), **more))

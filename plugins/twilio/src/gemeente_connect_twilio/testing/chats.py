"""Conversations (`/v1/Conversations`, or those of a service) and where their files can be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gemeente_connect_twilio.testing.lists import NUMBER, RESIDENT, START, Answer, Files, Row, cut, error, sid

_MOST: Final = 100
_HOST: Final = "https://conversations.twilio.com"


class Chats:
    """All conversations of the account, in its default service."""

    def __init__(self, account_sid: str, files: Files) -> None:
        self.service = sid("IS", "service")
        self.rows: list[Row] = []
        """In the order in which they were made."""
        self.people: dict[str, list[Row]] = {}
        """Participants, by the SID of their conversation."""
        self.messages: dict[str, list[Row]] = {}
        """Messages, oldest first, by the SID of their conversation."""
        self.stands_still = False
        """True: a message does not change the `date_updated` of its conversation, nor its timers."""
        self._account = account_sid
        self._files = files
        self._index: dict[str, int] = {}
        self._now = START

    # ---- what happens ------------------------------------------------------------------------------------------------

    def open(
        self, *, resident: str | None = RESIDENT, number: str = NUMBER, employees: Sequence[str] = (),
        at: datetime | None = None, name: str | None = None,
    ) -> str:  # fmt: skip
        """Make a conversation between a resident and a number. None: nobody is there yet. Gives its SID."""
        key, moment = sid("CH"), _iso(self._at(at))
        url = f"{_HOST}/v1/Conversations/{key}"
        self.rows.append(
            {
                "sid": key,
                "account_sid": self._account,
                "chat_service_sid": self.service,
                "messaging_service_sid": sid("MG", "messaging"),
                "friendly_name": name,
                "unique_name": None,
                "attributes": "{}",
                "date_created": moment,
                "date_updated": moment,
                "state": "active",
                "timers": {},
                "bindings": {},
                "url": url,
                "links": {each.lower(): f"{url}/{each}" for each in ("Participants", "Messages", "Webhooks", "Export")},
            }
        )
        self.people[key], self.messages[key], self._index[key] = [], [], 0
        if resident:
            kind = "whatsapp" if number.startswith("whatsapp:") else "sms"
            self.join(key, binding={"type": kind, "address": resident, "proxy_address": number})
        for employee in employees:
            self.join(key, identity=employee)
        return key

    def join(self, key: str, *, identity: str | None = None, binding: Row | None = None) -> str:
        """Let somebody take part. Gives the SID of the participant."""
        participant = sid("MB")
        moment = self.row(key)["date_updated"]
        self.people[key].append(
            {
                "account_sid": self._account,
                "conversation_sid": key,
                "sid": participant,
                "identity": identity,
                "attributes": "{}",
                "messaging_binding": binding,
                "role_sid": sid("RL", "role"),
                "date_created": moment,
                "date_updated": moment,
                "url": f"{_HOST}/v1/Conversations/{key}/Participants/{participant}",
                "last_read_message_index": None,
                "last_read_timestamp": None,
            }
        )
        return participant

    def leave(self, key: str) -> None:
        """Let everybody leave."""
        self.people[key] = []
        self._touch(key, None)

    def say(
        self, key: str, author: str, body: str | None, *, at: datetime | None = None, skip: int = 0,
        media: Sequence[tuple[str, str, bytes]] = (), delivery: Row | None = None,
    ) -> str:  # fmt: skip
        """Let somebody write. `skip` makes a gap before the index; `media` are names, types and contents."""
        message = sid("IM")
        index = self._index[key] + skip
        self._index[key] = index + 1
        moment = _iso(self._touch(key, at))
        url = f"{_HOST}/v1/Conversations/{key}/Messages/{message}"
        self.messages[key].append(
            {
                "sid": message,
                "account_sid": self._account,
                "conversation_sid": key,
                "body": body,
                "media": [self._file(*each) for each in media] or None,
                "author": author,
                "participant_sid": self._participant(key, author),
                "attributes": "{}",
                "date_created": moment,
                "date_updated": moment,
                "index": index,
                "delivery": delivery,
                "content_sid": None,
                "url": url,
                "links": {"delivery_receipts": f"{url}/Receipts", "channel_metadata": f"{url}/ChannelMetadata"},
            }
        )
        return message

    def edit(self, key: str, message: str, **fields: Any) -> None:
        """Change a message."""
        moment = _iso(self._touch(key, None))
        next(row for row in self.messages[key] if row["sid"] == message).update(fields, date_updated=moment)

    def remove(self, key: str, message: str) -> None:
        """Take a message out of all lists."""
        self.messages[key] = [row for row in self.messages[key] if row["sid"] != message]
        self._touch(key, None)

    def move(self, key: str, state: str) -> None:
        """Let a conversation become `inactive` or `closed`."""
        self.row(key).update(state=state, date_updated=_iso(self._at(None)))

    def row(self, key: str) -> Row:
        """Give a conversation."""
        return next(row for row in self.rows if row["sid"] == key)

    def _at(self, at: datetime | None) -> datetime:
        self._now = at or self._now + timedelta(minutes=1)
        return self._now

    def _touch(self, key: str, at: datetime | None) -> datetime:
        moment = self._at(at)
        if not self.stands_still:
            self.row(key)["date_updated"] = _iso(moment)
        return moment

    def _participant(self, key: str, author: str) -> str | None:
        for each in self.people[key]:
            if author in {each["identity"], (each["messaging_binding"] or {}).get("address")}:
                return str(each["sid"])
        return None

    def _file(self, name: str, media_type: str, content: bytes) -> Row:
        key = self._files.add(media_type, content)
        return {"sid": key, "size": len(content), "content_type": media_type, "filename": name}

    # ---- what is asked -----------------------------------------------------------------------------------------------

    def answer(self, path: Sequence[str], query: Mapping[str, str], root: str) -> Answer:
        """Answer a GET below `/v1`. Links begin with `root`, by which the client knows this server."""
        here = f"{root}/v1/{'/'.join(path)}"
        match path:
            case ["Services", self.service, "Media", key] if key in self._files.contents:
                return self._media(key)
            case ["Services", self.service, *rest]:
                return self._below(rest, query, here)
        return self._below(path, query, here)

    def _below(self, path: Sequence[str], query: Mapping[str, str], here: str) -> Answer:
        match path:
            case ["Conversations"]:
                return _page("conversations", self._found(query), query, here)
            case ["Conversations", key] if key in self.messages:
                return Answer(200, self.row(key))
            case ["Conversations", key, "Participants"] if key in self.messages:
                return _page("participants", self.people[key], query, here)
            case ["Conversations", key, "Messages"] if key in self.messages:
                rows = self.messages[key]
                return _page("messages", rows[::-1] if query.get("Order") == "desc" else rows, query, here)
        return error(404, 20404, f"The requested resource /{'/'.join(path)} was not found")

    def _found(self, query: Mapping[str, str]) -> list[Row]:
        """Filter on the state, and on the day on which it was made: newest first then, else oldest first."""
        first, last = query.get("StartDate", ""), query.get("EndDate", "9")
        rows = [row for row in self.rows if first <= row["date_created"][:10] <= last]
        rows = [row for row in rows if query.get("State", row["state"]) == row["state"]]
        return rows[::-1] if {"StartDate", "EndDate"} & set(query) else rows

    def _media(self, key: str) -> Answer:
        media_type, content = self._files.contents[key]
        path = f"/v1/Services/{self.service}/Media/{key}"
        return Answer(
            200,
            {
                "sid": key,
                "service_sid": self.service,
                "content_type": media_type,
                "size": len(content),
                "filename": None,
                "author": None,
                "category": "media",
                "url": path,
                "links": {"content": f"{path}/Content", "content_direct_temporary": self._files.link(key)},
            },
        )


def _page(name: str, rows: Sequence[Row], query: Mapping[str, str], here: str) -> Answer:
    page = cut(rows, query, most=_MOST)
    if page is None:
        return error(400, 20001, "Invalid page token")
    filters = "".join(f"{each}={query[each]}&" for each in ("Order", "State", "StartDate", "EndDate") if each in query)
    more = "&".join(f"{each}={value}" for each, value in (page.next or {}).items())
    meta = {
        "page": page.page,
        "page_size": page.size,
        "first_page_url": f"{here}?{filters}PageSize={page.size}&Page=0",
        "previous_page_url": None,
        "url": f"{here}?{filters}PageSize={page.size}&Page={page.page}",
        "next_page_url": f"{here}?{filters}{more}" if page.next else None,
        "key": name,
    }
    return Answer(200, {"meta": meta, name: page.rows})


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

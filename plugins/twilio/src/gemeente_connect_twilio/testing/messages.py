"""The list of messages (`/2010-04-01/Accounts/{sid}/Messages.json`) and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final
from urllib.parse import quote_plus, urlencode

from gemeente_connect_twilio.testing.lists import NUMBER, RESIDENT, START, Answer, Files, Row, cut, error, sid

_MOST: Final = 1000
_FILTERS: Final = ("To", "From", "DateSent", "DateSent<", "DateSent>")


class Messages:
    """All messages of the account."""

    def __init__(self, account_sid: str, files: Files) -> None:
        self.rows: list[Row] = []
        """In the order in which they came to be."""
        self.media: dict[str, list[str]] = {}
        """SIDs of files, by the SID of their message."""
        self.spoilt: dict[str, Row] = {}
        """Fields that are shown as they should not be, by SID."""
        self._account = account_sid
        self._files = files

    # ---- what happens ------------------------------------------------------------------------------------------------

    def receive(
        self, body: str, *, sender: str = RESIDENT, to: str = NUMBER, at: datetime | None = None,
        media: Sequence[tuple[str, bytes]] = (),
    ) -> str:  # fmt: skip
        """Let a resident write. `media` are types and contents. Gives the SID."""
        return self._add(body, sender, to, at, media, direction="inbound", status="received")

    def send(
        self, body: str, *, sender: str = NUMBER, to: str = RESIDENT, at: datetime | None = None,
        media: Sequence[tuple[str, bytes]] = (), status: str = "sent",
    ) -> str:  # fmt: skip
        """Let the municipality write. Gives the SID."""
        return self._add(body, sender, to, at, media, direction="outbound-api", status=status)

    def move(self, key: str, status: str, *, at: datetime | None = None) -> None:
        """Change what became of a message."""
        row = self.row(key)
        moment = format_datetime(at or self._later())
        row |= {"status": status, "date_updated": moment}
        row["date_sent"] = row["date_sent"] or moment

    def redact(self, key: str, *, at: datetime | None = None) -> None:
        """Empty a message, as a municipality may do at Twilio once it has kept the text itself."""
        self.row(key).update(body="", date_updated=format_datetime(at or self._later()))

    def row(self, key: str) -> Row:
        """Give a message."""
        return next(row for row in self.rows if row["sid"] == key)

    def _later(self) -> datetime:
        latest = max((parsedate_to_datetime(row["date_updated"]) for row in self.rows), default=START)
        return latest + timedelta(minutes=1)

    def _add(
        self, body: str, sender: str, to: str, at: datetime | None, media: Sequence[tuple[str, bytes]], *,
        direction: str, status: str,
    ) -> str:  # fmt: skip
        key = sid("MM" if media else "SM")
        moment = format_datetime(at or self._later())
        waits = status in {"accepted", "scheduled", "queued", "sending", "canceled"}
        uri = f"/2010-04-01/Accounts/{self._account}/Messages/{key}"
        self.media[key] = [self._files.add(*each) for each in media]
        self.rows.append(
            {
                "account_sid": self._account,
                "api_version": "2010-04-01",
                "body": body,
                "date_created": moment,
                "date_sent": None if waits else moment,
                "date_updated": moment,
                "direction": direction,
                "error_code": None,
                "error_message": None,
                "from": sender,
                "messaging_service_sid": None,
                "num_media": str(len(media)),
                "num_segments": "1",
                "price": None,
                "price_unit": "USD",
                "sid": key,
                "status": status,
                "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
                "to": to,
                "uri": f"{uri}.json",
            }
        )
        return key

    # ---- what is asked -----------------------------------------------------------------------------------------------

    def answer(self, path: Sequence[str], query: Mapping[str, str]) -> Answer:
        """Answer a GET below the account."""
        match path:
            case ["Messages.json"]:
                return self._list(query)
            case ["Messages", key, "Media.json"] if key in self.media:
                return self._list_media(key)
            case ["Messages", key, "Media", file] if file in self.media.get(key, ()):
                return Answer(307, {}, {"Location": self._files.link(file)})
        return error(404, 20404, f"The requested resource /{'/'.join(path)} was not found")

    def _list(self, query: Mapping[str, str]) -> Answer:
        found = [row for row in self.rows if _matches(row, query)]
        found = [row for _, row in sorted(enumerate(found), key=lambda each: (_sent(each[1]), each[0]), reverse=True)]
        page = cut(found, query, most=_MOST)
        if page is None:
            return error(400, 20001, "Invalid page token")
        filters = {name: query[name] for name in _FILTERS if name in query}
        here = {"PageSize": str(page.size), "Page": str(page.page)}
        start = page.page * page.size
        return Answer(
            200,
            {
                "end": start + max(len(page.rows) - 1, 0),
                "first_page_uri": self._uri(filters, here | {"Page": "0"}),
                "next_page_uri": self._uri(filters, page.next) if page.next else None,
                "page": page.page,
                "page_size": page.size,
                "previous_page_uri": None,
                "messages": [row | self.spoilt.get(row["sid"], {}) for row in page.rows],
                "start": start,
                "uri": self._uri(filters, here),
            },
        )

    def _uri(self, filters: Mapping[str, str], more: Mapping[str, str]) -> str:
        """Link the way the real one does: relative, and with `>` escaped but not the sign that follows it."""
        path = f"/2010-04-01/Accounts/{self._account}/Messages.json"
        return f"{path}?{urlencode({**filters, **more}, quote_via=quote_plus)}"

    def _list_media(self, key: str) -> Answer:
        uri = f"/2010-04-01/Accounts/{self._account}/Messages/{key}/Media"
        created = self.row(key)["date_created"]
        rows = [
            {
                "account_sid": self._account,
                "content_type": self._files.contents[file][0],
                "date_created": created,
                "date_updated": created,
                "parent_sid": key,
                "sid": file,
                "uri": f"{uri}/{file}.json",
            }
            for file in self.media[key]
        ]
        page = {"end": max(len(rows) - 1, 0), "start": 0, "page": 0, "page_size": 50, "uri": f"{uri}.json"}
        links = {"first_page_uri": f"{uri}.json", "next_page_uri": None, "previous_page_uri": None}
        return Answer(200, {**page, **links, "media_list": rows})


def _sent(row: Row) -> datetime:
    return parsedate_to_datetime(row["date_sent"] or row["date_created"])


def _matches(row: Row, query: Mapping[str, str]) -> bool:
    """Tell whether a message is asked for. Of times only the day counts, in UTC."""
    if any(query.get(name, row[field]) != row[field] for name, field in (("To", "to"), ("From", "from"))):
        return False
    day = row["date_sent"] and parsedate_to_datetime(row["date_sent"]).date().isoformat()
    limits = {name: query[name][:10] for name in ("DateSent", "DateSent<", "DateSent>") if name in query}
    if not limits:
        return True
    return bool(day) and (
        limits.get("DateSent", day) == day and limits.get("DateSent>", day) <= day <= limits.get("DateSent<", day)
    )

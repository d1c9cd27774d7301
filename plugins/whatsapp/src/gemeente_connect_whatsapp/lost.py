"""Which webhooks WhatsApp could not deliver. It gives no text and no sender, so a person has to look in the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemeente_connect.contracts import Cursor, Page, Unreadable
from gemeente_connect.conversations import digest
from gemeente_connect_whatsapp.graph import Graph, Sent

_PAGES: Final = 20  # of a hundred messages: more than WhatsApp keeps trying to deliver for one number in a day
_READ_TO: Final = Cursor("message-history")  # where a page ends means nothing the next day: each run begins anew
_REASON: Final = (
    "WhatsApp could not deliver a webhook about a message: look in the app or in WhatsApp Manager whether that message "
    "is missing here, then drop this"
)


def lost(graph: Graph, account: str, app_id: str | None = None) -> Iterator[Page]:
    """Yield what was lost, and what has arrived after all. `app_id` leaves out what was for another app; None: nothing.

    Each app has its own: what arrived at one says nothing of another.
    """
    after: str | None = None
    for _ in range(_PAGES):
        page = graph.history(after)
        arrived = {key for sent in page.data for key in _keys(account, sent, "DELIVERED", app_id)}
        failed = {
            key: sent for sent in page.data for key in _keys(account, sent, "FAILED", app_id) if key not in arrived
        }
        yield Page(
            unreadable=tuple(
                Unreadable(id=key, reason=_REASON, raw=sent.model_dump_json().encode()) for key, sent in failed.items()
            ),
            readable=tuple(sorted(arrived)),
            cursor=_READ_TO,
        )
        after = page.paging.cursors.after if page.paging and page.paging.cursors else None
        if after is None or page.paging is None or page.paging.next is None:
            return


def _keys(account: str, sent: Sent, state: str, app_id: str | None) -> Iterator[str]:
    for event in sent.events.data if sent.events else ():
        app = (event.application.id if event.application else None) or ""
        if sent.message_id and event.webhook_update_state == state and (not app or app_id in {None, app}):
            yield f"lost-{digest(account, sent.message_id, event.delivery_status or '', app)}"

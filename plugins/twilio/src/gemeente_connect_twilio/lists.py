"""Following Twilio's lists from page to page, by the links it gives and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from gemeente_connect.errors import RejectedError, TemporaryError

T = TypeVar("T")


def follow(
    ask: Callable[[str | None], T], link_of: Callable[[T], str | None], kept: str | None = None
) -> Iterator[tuple[T, bool]]:
    """Give the pages of a list, each with whether it is the first one.

    `ask` gets the page behind a link, or the first one (None). `kept` is where an earlier run was: where that link is
    not taken any more, or leads to another host than the one that is asked now, the list begins anew. Raises
    TemporaryError for a list that never ends.
    """
    link = kept
    followed: set[str | None] = set()
    while link not in followed:
        followed.add(link)
        try:
            page = ask(link)
        except RejectedError:
            if link is None or followed != {kept}:
                raise
            link, followed = None, set()
            continue
        yield page, link is None
        link = link_of(page)
        if link is None:
            return
    message = "a list at Twilio leads back to a page that was read: run again later"
    raise TemporaryError(message)

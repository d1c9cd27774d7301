"""Our side, as a script that a municipality would run: `python -m bench.work sync|collect|deliver …`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import collector
from bench.vendor import Chat, ChatSettings
from gemeente_connect import Ledger, Page
from gemeente_connect.contracts import Cursor
from gemeente_connect.syncing import collect, sync


class Dying(Chat):
    """Dies when so many pages were stored and the next one was read."""

    def __init__(self, settings: ChatSettings, after: int) -> None:
        super().__init__(settings)
        read = self.pages

        def pages(since: Cursor | None) -> Iterator[Page]:
            for number, page in enumerate(read(since)):
                if number == after:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield page

        self.pages = pages


def main(what: str, url: str, folder: Path, walk: Any = "cursor", number: str = "1") -> None:
    """`number`: of workers, or of pages to die after."""
    settings = ChatSettings(url=url, walk="cursor" if walk == "dying" else walk, workers=int(number))
    channel = Dying(settings, int(number)) if walk == "dying" else Chat(settings)
    collector.spare()
    with Ledger(folder / "ledger.sqlite") as ledger:
        if what == "collect":
            collect(channel, ledger)
        else:
            from gemeente_connect_loket.plugin import LoketSettings, open_loket

            loket = open_loket(LoketSettings(database=folder / "loket.sqlite"))
            report = sync(channel, loket, ledger=ledger, start="all")
            loket.close()
            assert not report.errors, report.errors
            assert not report.refused, report.refused
    channel.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])

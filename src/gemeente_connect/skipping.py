"""Which threads are not the municipality's business: named in a configuration, by id or by what people call them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gemeente_connect.addresses import normalise

_INTERNATIONAL = re.compile(r"\+[0-9]{7,15}")
_LIKE_A_NUMBER = re.compile(r"[+0(][0-9 ().\-\u00a0\u2011]{7,}")


class Skipped:
    """Tells whether a thread is skipped. Blanks, case, and how a telephone number is written make no difference."""

    def __init__(self, skip: Iterable[str]) -> None:
        self._keys = frozenset(map(_comparable, skip))
        self._threads: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def learn(self, names: Mapping[str, str | None]) -> None:
        """Take in what people call threads, by thread."""
        for thread, name in names.items():
            if name and _comparable(name) in self._keys:
                self._threads[thread] = True

    def __contains__(self, thread: str | None) -> bool:
        if thread is None:
            return False
        if thread not in self._threads:
            self._threads[thread] = _comparable(thread) in self._keys
        return self._threads[thread]


def _comparable(text: str) -> str:
    text = text.strip()
    if _LIKE_A_NUMBER.fullmatch(text) and not _INTERNATIONAL.fullmatch(text):
        try:
            return normalise("phone", text)
        except (ImportError, ValueError):  # without the extra `phones` a number has to be written as the channel has it
            pass
    return "".join(text.split()).casefold()

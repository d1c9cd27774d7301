"""What was delivered in a run, in little memory however much that is."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import overload

from pydantic import TypeAdapter

from gemeente_connect.contracts import Receipt

_TOGETHER = 250  # deliveries that are packed together: one that is looked up by its place costs unpacking so many


@dataclass(frozen=True, slots=True)
class Delivery:
    """A conversation that was delivered in this run."""

    conversation: str
    update: bool
    """True: it had been delivered before, and has changed or was offered again."""
    receipt: Receipt


class Deliveries(Sequence[Delivery]):
    """Deliveries, in the order in which they were made.

    Many are kept packed, in 60 bytes each and not 800, and made anew whenever they are looked at. Look at all by going
    through them, rather than by their places.
    """

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._latest: list[Delivery] = []

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Put these behind all others."""
        self._latest += deliveries
        while len(self._latest) >= _TOGETHER:
            self._packed.append(zlib.compress(_several().dump_json(self._latest[:_TOGETHER])))
            del self._latest[:_TOGETHER]

    def __len__(self) -> int:
        return len(self._packed) * _TOGETHER + len(self._latest)

    def __iter__(self) -> Iterator[Delivery]:
        for part in range(len(self._packed) + 1):
            yield from self._part(part)

    @overload
    def __getitem__(self, which: int) -> Delivery: ...

    @overload
    def __getitem__(self, which: slice) -> list[Delivery]: ...

    def __getitem__(self, which: int | slice) -> Delivery | list[Delivery]:
        if isinstance(which, slice):
            return list(self)[which]
        part, place = divmod(range(len(self))[which], _TOGETHER)
        return self._part(part)[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # it grows, as a list does

    def __repr__(self) -> str:
        return repr(list(self))

    def _part(self, part: int) -> list[Delivery]:
        if part == len(self._packed):
            return self._latest
        return _several().validate_json(zlib.decompress(self._packed[part]))


@cache
def _several() -> TypeAdapter[list[Delivery]]:
    return TypeAdapter(list[Delivery])

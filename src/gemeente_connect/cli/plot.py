"""A picture of conversations by month, as SVG: one row of stacked bars a channel. Needs nothing but text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from gemeente_connect.ledger import Tally

_PARTS = (  # from the bottom of a bar to its top; they differ in lightness too, for who does not see the colours
    ("findable", "#14694a", "#14694a"),
    ("delivered, not findable", "#d98a00", "#8f5b00"),
    ("not delivered", "#e3e6ea", "#6b7280"),
)
_STEP, _BAR = 44, 28  # pixels from bar to bar, and of a bar
_LEFT, _RIGHT, _TOP = 56, 24, 96
_HEIGHT, _ROW = 160, 248  # pixels of the tallest bar, and from one channel to the next
_BASE = _TOP + _HEIGHT + 44  # where the bars of the first channel stand
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2937}.big{font-size:19px;font-weight:600}.head{font-weight:600}"
    ".soft{fill:#4b5563;font-size:12px}.mid{text-anchor:middle}.end{text-anchor:end}line{stroke:#e5e7eb}"
)


def svg(tallies: Sequence[Tally]) -> str:
    """Draw the counts. Months without conversations are drawn too, so that time runs evenly."""
    months = _months([tally.month for tally in tallies])
    channels = sorted({tally.channel for tally in tallies})
    top = _top(max((tally.conversations for tally in tallies), default=0))
    width = max(_LEFT + _STEP * len(months) + _RIGHT, 560)
    height = _TOP + _ROW * max(len(channels), 1)
    rows = (
        line
        for row, name in enumerate(channels)
        for line in _row(
            name, [t for t in tallies if t.channel == name], months, top=top, width=width, base=_BASE + _ROW * row
        )
    )
    return "\n".join([*_head(tallies, width, height), *rows, "</svg>", ""])


def _months(seen: Sequence[str]) -> list[str]:
    """Give all months from the first to the last."""
    if not seen:
        return []
    first, last = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (min(seen), max(seen)))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]


def _top(most: int) -> int:
    """Choose the end of the scale: the first of 4, 8, 20, 40, 80, 200, … that holds the longest bar."""
    scale = 4
    while scale < most:
        scale = scale * 5 // 2 if str(scale).startswith("8") else scale * 2
    return scale


def _head(tallies: Sequence[Tally], width: int, height: int) -> Iterator[str]:
    counts = [(tally.conversations, tally.delivered, tally.findable) for tally in tallies]
    totals = map(sum, zip(*counts, strict=True)) if counts else (0, 0, 0)
    told = "Conversations: {:,}. Delivered: {:,}. Findable in Mijn Loket: {:,}.".format(*totals)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title desc">'
    )
    yield '<title id="title">Conversations by month</title>'
    yield f'<desc id="desc">{told} A row of bars a channel, a bar a month.</desc>'
    yield f'<style>{_STYLE}</style><rect width="{width}" height="{height}" fill="#fff"/>'
    yield f'<text class="big" x="{_LEFT}" y="34">Conversations by month</text>'
    yield f'<text class="soft" x="{_LEFT}" y="54">{told}</text>'
    left = _LEFT
    for name, fill, stroke in _PARTS:
        yield f'<rect x="{left}" y="68" width="12" height="12" rx="2" fill="{fill}" stroke="{stroke}"/>'
        yield f'<text class="soft" x="{left + 18}" y="78">{name}</text>'
        left += 36 + 7 * len(name)


def _row(
    channel: str, tallies: Sequence[Tally], months: Sequence[str], *, top: int, width: int, base: int
) -> Iterator[str]:
    counts = {tally.month: tally for tally in tallies}
    yield f'<text class="head" x="{_LEFT}" y="{base - _HEIGHT - 22}">{escape(channel)}</text>'
    for quarter in range(5):
        y = base - _HEIGHT * quarter // 4
        yield f'<line x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="soft end" x="{_LEFT - 8}" y="{y + 4}">{top * quarter // 4:,}</text>'
    for number, month in enumerate(months):
        left = _LEFT + _STEP * number + (_STEP - _BAR) // 2
        day = date.fromisoformat(f"{month}-01")
        yield f'<text class="soft mid" x="{left + _BAR // 2}" y="{base + 18}">{day:%b}</text>'
        if number == 0 or day.month == 1:
            yield f'<text class="soft mid" x="{left + _BAR // 2}" y="{base + 34}">{day.year}</text>'
        if tally := counts.get(month):
            yield from _bar(tally, left, base, top)


def _bar(tally: Tally, left: int, base: int, top: int) -> Iterator[str]:
    told = f"{tally.month}: conversations {tally.conversations}, delivered {tally.delivered}, findable {tally.findable}"
    yield f"<g><title>{told}</title>"
    ends = (0, tally.findable, tally.delivered, tally.conversations)
    for (_, fill, stroke), start, end in zip(_PARTS, ends, ends[1:], strict=False):
        if end > start:
            y, height = base - _HEIGHT * end / top, _HEIGHT * (end - start) / top
            yield (
                f'<rect class="bar" x="{left}" y="{y:.2f}" width="{_BAR}" height="{height:.2f}" fill="{fill}" '
                f'stroke="{stroke}"/>'
            )
    label = base - _HEIGHT * tally.conversations / top - 6
    yield f'<text class="soft mid" x="{left + _BAR // 2}" y="{label:.2f}">{tally.conversations:,}</text></g>'

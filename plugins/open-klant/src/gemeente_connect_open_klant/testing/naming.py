"""What the loopback Open Klant makes of the keys of a body.

The real one turns every key into `snake_case` when it reads a body, and back into `camelCase` when it answers. So
`external_id` and `externalId` are one field, and a key of `metadata` may come back as another than was sent.
"""

from __future__ import annotations

import re
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any


def as_answered(given: Any) -> Any:
    """Give a body with the keys that its answer will have."""
    if isinstance(given, dict):
        return {camel(snake(key)): as_answered(value) for key, value in given.items()}
    if isinstance(given, list):
        return [as_answered(value) for value in given]
    return given


def camel(key: str) -> str:
    """Drop each underscore before a small letter or a digit, and make the letter a capital."""
    return re.sub("_([a-z0-9])", lambda found: found[1].upper(), key)


def snake(key: str) -> str:
    """Put an underscore before what begins a word, and make all letters small.

    A capital that the word before it ends on is passed over, which is why `A1` becomes `a_1` and `AB` just `ab`.
    """
    words, at = "", 0
    while at < len(key):
        ends_a_word = _is(key, at, ascii_lowercase + digits) or (_is(key, at, ascii_uppercase) and _stands(key, at + 1))
        if ends_a_word and _begins(key, at + 1):
            words, at = f"{words}{key[at]}_{key[at + 1]}", at + 2
        elif _stands(key, at) and _begins(key, at):
            words, at = f"{words}_{key[at]}", at + 1
        else:
            words, at = words + key[at], at + 1
    return words.lower()


def _begins(key: str, at: int) -> bool:
    """Tell whether a word may begin here: with a capital, or a digit after a letter that no small letter follows."""
    if _is(key, at, ascii_uppercase):
        return True
    last = at + 1 == len(key)
    after_small = _is(key, at - 1, ascii_lowercase) and (last or _is(key, at + 1, digits + ascii_uppercase))
    after_capital = _is(key, at - 1, ascii_uppercase) and (last or _is(key, at + 1, digits))
    return _is(key, at, digits) and (after_small or after_capital)


def _stands(key: str, at: int) -> bool:
    """Tell whether here is a capital or a digit with a small letter or a digit after it, or a digit at the end."""
    if at + 1 == len(key):
        return _is(key, at, digits)
    return _is(key, at, ascii_uppercase + digits) and _is(key, at + 1, ascii_lowercase + digits)


def _is(key: str, at: int, letters: str) -> bool:
    return 0 <= at < len(key) and key[at] in letters

"""For authors: one way to write an address, so that equal addresses compare equal."""

from __future__ import annotations

import re

from gemeente_connect.models import IdentityKind


def normalise(kind: IdentityKind, value: str, *, region: str = "NL") -> str:
    """Write an address the way `Identity.value` has it: `06 1234 5678` becomes `+31612345678`.

    `region` is the country (ISO 3166) of telephone numbers without a country code. Needs the extra `phones` for them.
    Raises ValueError, without the value, when it is no such address.
    """
    if kind == "phone":
        return _phone(value, region)
    value = value.strip()
    if kind == "email":
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
            message = "this is no e-mail address"
            raise ValueError(message)
        return value.lower()
    if kind == "bsn" and not is_bsn(value):
        message = "this is no BSN: nine digits that pass the eleven-test are needed"
        raise ValueError(message)
    if not value:
        message = "an address cannot be empty"
        raise ValueError(message)
    return value


def international(number: str) -> str:
    """Write a telephone number that has its country code in E.164: for a setting, where nothing may be guessed.

    `+31 591 12-34-56` becomes `+31591123456`. Raises ValueError, without the number, when it has none.
    """
    bare = re.sub(r"[\s()./-]", "", number)
    if not re.fullmatch(r"\+[1-9][0-9]{7,14}", bare):
        message = "write the telephone number with its country code, like +31 591 123456"
        raise ValueError(message)
    return bare


def is_bsn(value: str) -> bool:
    """Tell whether nine digits pass the eleven-test of the BSN (Besluit burgerservicenummer)."""
    if not re.fullmatch(r"[0-9]{9}", value) or value == "000000000":
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(weight * int(digit) for weight, digit in zip(weights, value, strict=True)) % 11 == 0


def _phone(value: str, region: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        message = "this is no telephone number"
        raise ValueError(message)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

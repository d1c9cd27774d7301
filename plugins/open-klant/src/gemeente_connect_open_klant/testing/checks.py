"""What the loopback Open Klant checks in a single value: telephone numbers, e-mail addresses, numbers of residents."""

from __future__ import annotations

import re
from collections.abc import Callable

from gemeente_connect_open_klant.testing.problems import Fault, Invalid, refuse

Check = Callable[[str], None]
"""Raises `Invalid` for a value that does not pass."""

Version = tuple[int, ...]


def whole_number(value: str) -> None:
    """Pass `-5`, `007` and digits of any script, as the number of a klantcontact does."""
    if not re.fullmatch(r"-?\d+", value):
        refuse("invalid", "Dit is geen geheel getal.")


def slug(value: str) -> None:
    """Pass letters, digits, dashes and underscores."""
    if not re.fullmatch(r"[-a-zA-Z0-9_]+", value):
        refuse("invalid", "Alleen letters, cijfers, '-' en '_' zijn toegestaan.")


def web_address(value: str) -> None:
    """Pass an absolute URL with a host."""
    if not re.fullmatch(
        r"(?i)(https?|ftps?)://(\S+(:\S*)?@)?"
        r"(localhost|\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\]|([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_][\w-]*[^\W_])\.?(:\d{1,5})?([/?#]\S*)?",
        value,
    ):
        refuse("invalid", "Dit is geen geldige URL.")


def bag_id(value: str) -> None:
    """Pass the sixteen digits of an address in the BAG."""
    if not re.fullmatch("[0-9]{16}", value):
        refuse("invalid", "Een BAG-id heeft 16 cijfers.")


def postcode(value: str) -> None:
    """Pass a postal code with its space: `1234 AB`."""
    if not re.fullmatch("[1-9][0-9]{3} [A-Z]{2}", value):
        refuse("invalid", "Schrijf een postcode als 1234 AB.")


def country(value: str) -> None:
    """Pass what can be a code of ISO 3166: two capitals. The real one knows the list as well."""
    if not re.fullmatch("[A-Z]{2}", value):
        faults = [Fault("", "invalid", "Dit is geen landcode van ISO 3166.")]
        if len(value) < 2:  # noqa: PLR2004 - the length of a code
            faults.append(Fault("", "min_length", "Een landcode heeft twee tekens."))
        raise Invalid(faults)


def old_country(value: str) -> None:
    """Pass what can be a code of Tabel 34: four digits, as the oldest version wants."""
    if not re.fullmatch("[0-9]{4}", value):
        refuse("invalid", "Dit is geen landcode van Tabel 34.")


_LOCAL = re.compile(r"(?i)[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*|\"([^ \"\\\r\n]|\\[^\r\n])*\"")
_DOMAIN = re.compile(r"(?i)([A-Z0-9]([A-Z0-9-]{0,61}[A-Z0-9])?\.)+([A-Z0-9-]{2,63}(?<!-))")
_LONGEST_EMAIL = 320


def email(value: str) -> None:
    """Pass a bare address such as `anna@example.nl`, without a name around it."""
    local, at, domain = value.rpartition("@")
    domain = domain.encode("idna").decode() if domain and not domain.isascii() and ".." not in domain else domain
    literal = re.fullmatch(r"\[[0-9a-fA-F:.]+\]", domain)
    known = domain == "localhost" or _DOMAIN.fullmatch(domain) or literal
    if not (at and _LOCAL.fullmatch(local) and known and len(value) <= _LONGEST_EMAIL):
        refuse("invalid", "Dit is geen geldig e-mailadres.")


TELEPHONES = (
    ((0, 5), re.compile(r"0[1-9][0-9]{8}|\+[0-9]{9,15}|00[0-9]{7,13}")),
    ((0, 1), re.compile(r"0[89]00[0-9]{4,8}|0[1-9][0-9]{8}|\+[0-9]{9,20}|00[0-9]{11}|1400|140[0-9]{2,3}")),
    ((), re.compile(r"0[89]00[0-9]{4,7}|0[1-9][0-9]{8}|\+[0-9]{9,20}|1400|140[0-9]{2,3}")),
)
"""The rule for telephone numbers, and the API-version that brought it."""


def telephone(version: Version) -> Check:
    """Give the rule for telephone numbers of a version. It was written anew twice, and never takes spaces or dashes."""
    barred = _barred(version) if version >= (0, 5) else ()
    rule = next(rule for since, rule in TELEPHONES if version >= since)
    matches = rule.fullmatch if version >= (0, 1) else rule.search  # the first was looked for anywhere in the text

    def check(value: str) -> None:
        if value.startswith(barred) or not matches(value):
            refuse("invalid", "Dit telefoonnummer is ongeldig.")

    return check


def _barred(version: Version) -> tuple[str, ...]:
    return ("0800", "0900", "140", *(("088",) if version < (0, 8) else ()))


LENGTHS = {"bsn": 9, "rsin": 9, "kvk_nummer": 8, "vestigingsnummer": 12}
ELEVENTHS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
"""The weights of the check on a BSN or an RSIN: the weighted sum of its digits is a multiple of eleven."""


def identifier(kind: str, value: str) -> None:
    """Pass the number of a resident or a company: its length, its digits, and for two kinds their check."""
    right = len(value) == LENGTHS[kind] and value.isdigit()
    if right and len(value) == len(ELEVENTHS):
        right = sum(weight * int(digit) for weight, digit in zip(ELEVENTHS, value, strict=True)) % 11 == 0
    if not right:
        refuse("invalid", f"Dit is geen geldige waarde voor {kind}.")

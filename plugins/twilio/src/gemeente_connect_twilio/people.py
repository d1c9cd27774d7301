"""Who writes: Twilio's addresses and identities as participants."""

from __future__ import annotations

import re
from typing import Final

from gemeente_connect.addresses import normalise
from gemeente_connect.models import Identity, Participant

WHATSAPP: Final = "whatsapp:"
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_ESCAPED: Final = re.compile(r"_([0-9A-F]{2})")


def bare(address: str) -> str:
    """Take the name of the channel off: `+31612345678`, or the user id of who shows no number on WhatsApp."""
    return address.removeprefix(WHATSAPP)


def is_address(author: str) -> bool:
    """Tell an address from the name that an employee or a program has."""
    return author.startswith(WHATSAPP) or bool(_PHONE.fullmatch(author))


def resident(address: str, *, name: str | None = None, user_id: str | None = None) -> Participant:
    """Describe the writer behind an address. `user_id` is what WhatsApp calls them, whatever their number."""
    identities = []
    if _PHONE.fullmatch(bare(address)):
        identities.append(Identity(kind="phone", value=bare(address)))
    elif address.startswith(WHATSAPP) and bare(address):
        identities.append(Identity(kind="whatsapp", value=bare(address)))
    if user_id and bare(user_id) not in {each.value for each in identities}:
        identities.append(Identity(kind="whatsapp", value=bare(user_id)))
    return Participant(id=bare(address), name=name or None, identities=tuple(identities))


def municipality(number: str) -> Participant:
    """Describe whoever writes under the number of the municipality, where nobody tells who it was."""
    return Participant(id=bare(number), employee=True)


def employee(identity: str) -> Participant:
    """Describe an employee, or a program, by the name they have at Twilio, which often is an e-mail address."""
    email = _email(identity)
    return Participant(id=identity, employee=True, identities=(Identity(kind="email", value=email),) if email else ())


def _email(identity: str) -> str | None:
    # Flex writes @ and . as _40 and _2E
    plain = identity if "@" in identity else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), identity)
    try:
        return normalise("email", plain)
    except ValueError:
        return None

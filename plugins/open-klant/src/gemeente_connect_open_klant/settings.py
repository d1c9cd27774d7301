"""What an administrator sets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints, model_validator

from gemeente_connect.contracts import Settings

Kanaal = Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True)]
"""A channel as Open Klant spells it. Its own limit is 50 characters."""


class Portaal(StrEnum):
    """The portal in which residents look. It decides what is found, and what must not be written."""

    OPEN_INWONER_2026 = "open-inwoner-2026"
    OPEN_INWONER_1_24 = "open-inwoner-1.24"
    NONE = "none"


class Referentielijst(Settings):
    """A list in the Referentielijsten API."""

    url: Annotated[str, Field(min_length=1)]
    """Such as `https://referentielijsten.example.nl/api/v1`."""
    tabel: Annotated[str, Field(min_length=1)]
    """The code of the table with the kanalen, as it is set in Open Klant."""


class OpenKlantSettings(Settings):
    """Which Open Klant, and how the municipality spells things there."""

    url: Annotated[str, Field(min_length=1)]
    """Its address, such as `https://openklant.example.nl`, with or without `/klantinteracties/api/v1`."""
    token: SecretStr
    """Made in its admin pages, under API auth. It may read and change everything: keep it as a secret."""
    portaal: Portaal
    """The portal in which residents look. `none`: there is none, so nobody finds anything yet."""
    kanalen: Annotated[dict[str, Kanaal], Field(min_length=1)]
    """How this Open Klant spells each channel: `{ whatsapp = "WhatsApp" }`. Capitals and hyphens count."""
    mijn_vragen_kanaal: Kanaal | None = None
    """The one kanaal that Open Inwoner 1.24 shows, as set in its own configuration. Needed with that portal."""
    before_verification_days: Annotated[int, Field(ge=0, le=3650)] = 0
    """How long before its verification an address already ties its holder to what they wrote."""
    account: Annotated[str, Field(min_length=1)] | None = None
    """What the ledger knows this Open Klant by. None: by its address. Set it to `open-klant:OLD-ADDRESS` when that
    changes, and nothing is delivered anew."""
    internal_notes: bool = False
    """True: also what employees wrote to each other is delivered, AND SHOWN TO THE RESIDENT: nothing hides it."""
    taak_actor: UUID | None = None
    """The uuid of the actor (an afdeling, a groep, an employee) who gets an interne taak when a resident waits for an
    answer. None: no taken are made."""
    referentielijsten: Referentielijst | None = None
    """The list of kanalen that Open Klant checks against, if it does. Only `check` asks it."""

    @model_validator(mode="after")
    def _knows_what_the_portal_shows(self) -> Self:
        if (self.portaal is Portaal.OPEN_INWONER_1_24) is not (self.mijn_vragen_kanaal is not None):
            msg = "`mijn_vragen_kanaal` goes with portaal = 'open-inwoner-1.24', and is needed there"
            raise ValueError(msg)
        return self

"""What an administrator sets for this channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from gemeente_connect.addresses import international
from gemeente_connect.contracts import Settings

GRAPH = "https://graph.facebook.com"
"""Where the Graph API is."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST = 8


def _kept_between_us(url: str) -> str:
    """Let nobody overhear the access token: plain HTTP is for a stand-in on this machine."""
    parsed = urlsplit(url)
    if parsed.scheme == "https" or (parsed.scheme == "http" and parsed.hostname in _LOOPBACK):
        return url.rstrip("/")
    message = f"leave it out, or write an address that begins with https, such as {GRAPH}"
    raise ValueError(message)


International = Annotated[str, AfterValidator(international)]
PhoneNumberId = Annotated[str, Field(pattern="^[0-9]{5,20}$")]
Secret = Annotated[SecretStr, Field(min_length=_SHORTEST)]
"""Never empty: with an empty secret everybody could sign."""


class WhatsAppSettings(Settings):
    """The settings of the channel `whatsapp`: one telephone number of a municipality."""

    account: International
    """The municipality's own WhatsApp number, with its country code. Keep it for ever: it is part of every id."""
    phone_number_id: PhoneNumberId
    """What Meta calls that number; WhatsApp Manager shows it beside the number. Messages are told apart by it."""
    numbers: Mapping[PhoneNumberId, International] = {}
    """Other numbers of the same app, by phone number ID. What comes for them is stored under their own accounts."""
    app_secret: Secret
    """The app secret (App Dashboard, Basic settings). What comes is signed with it."""
    verify_token: Secret
    """A word of your own choice, the same as in the App Dashboard, by which Meta sees that the webhook is yours."""
    access_token: Secret
    """The token of a system user with the permission `whatsapp_business_messaging`. Needed for photos and documents."""
    graph_version: Annotated[str, Field(pattern="^v[0-9]{2}\\.[0-9]$")] = "v25.0"
    """The version of the Graph API that is asked for files. Meta ends each of them about two years after it came."""
    report_lost: bool = False
    """True: each collect asks Meta which webhooks it could not deliver, and what was lost goes to a person."""
    app_id: Annotated[str | None, Field(pattern="^[0-9]{5,20}$")] = None
    """The app ID (App Dashboard), for `report_lost`: leaves out what was for other apps. None: what any app lost."""
    base_url: Annotated[str, AfterValidator(_kept_between_us)] = GRAPH
    """Where the Graph API is, for tests with a stand-in."""

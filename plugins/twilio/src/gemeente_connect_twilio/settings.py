"""What an administrator sets."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gemeente_connect.contracts import Settings
from gemeente_connect.http import Auth
from gemeente_connect.models import NonEmpty
from gemeente_connect_twilio.people import WHATSAPP, bare


def _number(number: str) -> str:
    number = re.sub(r"[\s()./-]", "", number)
    if not re.fullmatch(r"(whatsapp:)?\+[1-9][0-9]{6,14}", number):
        message = "write the number as Twilio does: whatsapp:+31591123456, or +31591123456 for SMS"
        raise ValueError(message)
    return number


Secret = Annotated[SecretStr, Field(min_length=8)]
"""What somebody must not guess: an empty one, as of a variable that was never filled, would sign for everybody."""


class TwilioSettings(Settings):
    """What both channels need."""

    account_sid: Annotated[str, Field(pattern="^AC[0-9a-fA-F]{32}$")]
    """The SID of the account at Twilio."""
    number: Annotated[str, AfterValidator(_number)]
    """The number of the municipality: `whatsapp:+31591123456`, or `+31591123456` for SMS."""
    account: NonEmpty | None = None
    """What the ledger knows the number by, for ever. None: the name of the channel with the number."""
    auth_token: Secret | None = None
    """The account's own token, which webhooks are signed with. None: an API key asks, and nothing is pushed."""
    api_key: Annotated[str, Field(pattern="^SK[0-9a-fA-F]{32}$")] | None = None
    """The SID of an API key, to ask with in the place of the account's own token."""
    api_secret: Secret | None = None
    """The secret of that key."""
    media_hosts: tuple[NonEmpty, ...] = (".twiliocdn.com", ".twilio.com", "s3-external-1.amazonaws.com")
    """Hosts to which Twilio may refer for a file. They never see the credentials."""

    @model_validator(mode="after")
    def _can_ask(self) -> Self:
        if (self.api_key is None) is not (self.api_secret is None):
            message = "`api_key` and `api_secret` go together"
            raise ValueError(message)
        if not (self.auth_token or self.api_key):
            message = "`auth_token` is needed, or `api_key` with `api_secret`"
            raise ValueError(message)
        return self

    @property
    def kind(self) -> Literal["whatsapp", "sms"]:
        """What residents know the channel as."""
        return "whatsapp" if self.number.startswith(WHATSAPP) else "sms"

    @property
    def auth(self) -> Auth:
        """What to ask with."""
        if self.api_key and self.api_secret:
            return self.api_key, self.api_secret
        return self.account_sid, self.auth_token or ""

    def named(self, connector: str) -> str:
        """Give what the ledger knows the number by."""
        return self.account or f"{connector}:{self.kind}:{bare(self.number).removeprefix('+')}"


class MessagesSettings(TwilioSettings):
    """The settings of the channel `twilio-messages`."""

    url: NonEmpty = "https://api.twilio.com"
    """Where the API is; another one for an account in a region of its own."""
    overlap_days: Annotated[int, Field(ge=1, le=365)] = 2
    """How many days before the newest message are looked at again, for what became of the messages in them."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    """Messages on a page. After a crash at most one page is asked for again."""


class ConversationsSettings(TwilioSettings):
    """The settings of the channel `twilio-conversations`."""

    url: NonEmpty = "https://conversations.twilio.com"
    """Where the API is; another one for an account in a region of its own."""
    media_url: NonEmpty = "https://mcs.us1.twilio.com"
    """Where the media are; another one for an account in a region of its own."""
    service: Annotated[str, Field(pattern="^IS[0-9a-fA-F]{32}$")] | None = None
    """The SID of the Conversations service. None: the default service of the account."""
    every_conversation: bool = False
    """True: also conversations that do not say that they changed are looked at in each run. `check` says if needed."""
    page_size: Annotated[int, Field(ge=1, le=100)] = 100
    """Messages, or conversations, that are asked for at once."""

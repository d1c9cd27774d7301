"""A cursor, taken apart and written down."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ValidationError

from gemeente_connect.contracts import Cursor
from gemeente_connect.errors import ConfigError
from gemeente_connect_twilio.wire import Wire


class Remembered(Wire):
    """What a channel remembers of earlier runs."""

    v: Literal[1] = 1

    @classmethod
    def read(cls, since: Cursor | None) -> Self:
        """Read a cursor; None: of the first run. Raises ConfigError for one of another version."""
        try:
            return cls.model_validate_json(since) if since else cls()
        except ValidationError:
            message = "the ledger was written by a newer gemeente-connect-twilio: upgrade it"
        raise ConfigError(message)

    def cursor(self) -> Cursor:
        """Write it down."""
        return Cursor(self.model_dump_json(by_alias=True, exclude_defaults=True))

"""An error as one line, without a traceback and without personal data."""

from __future__ import annotations

import sys
import traceback

from gemeente_connect.cli.documents import Failure, describe
from gemeente_connect.cli.drawing import say_json, warn
from gemeente_connect.cli.options import Wishes
from gemeente_connect.cli.outcome import Outcome, of_error
from gemeente_connect.errors import GemeenteConnectError
from gemeente_connect.privacy import blame


def failed(error: Exception, wishes: Wishes) -> Outcome:
    """Tell what ended a command, and give its exit code."""
    if isinstance(error, GemeenteConnectError):
        told = describe(error)
    else:
        message = f"a bug in gemeente-connect: {blame(error)}. Report it; --debug shows more, also personal data"
        told = {"type": type(error).__name__, "message": message}
    if wishes.debug:
        error.__suppress_context__ = False  # what led to it is what --debug is for
        traceback.print_exception(error, file=sys.stderr)
    warn(f"error: {told['message']}")
    outcome = of_error(error)
    if wishes.form == "json":
        say_json(Failure(error=told, exit_code=outcome))
    return outcome

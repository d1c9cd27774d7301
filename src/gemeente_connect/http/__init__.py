"""For authors: asking an HTTP API, and reading its answers.

    with ApiSession("https://klant.example.nl/api/v1", headers={"Authorization": settings.token}) as api:
        contact = read(api.get("klantcontacten/1"), Contact)

What goes wrong comes out as an error that says what to do (see `errors`), without queries, tokens or texts. Such an
error is raised outside the `except` block that met its cause, so that no chained exception carries a URL.
"""

from __future__ import annotations

from gemeente_connect.http.answers import StatusError, read
from gemeente_connect.http.session import ApiSession, Auth, Method, Parameters

__all__ = ["ApiSession", "Auth", "Method", "Parameters", "StatusError", "read"]

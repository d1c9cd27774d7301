"""What `gemeente-connect check` asks. Reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from gemeente_connect.abilities import Finding
from gemeente_connect_whatsapp.graph import Graph
from gemeente_connect_whatsapp.reading import digits
from gemeente_connect_whatsapp.settings import WhatsAppSettings


def check(graph: Graph, settings: WhatsAppSettings) -> Iterator[Finding]:
    """Yield what was found. Raises AuthError when the token is refused, and what else asking raises."""
    number, answered = graph.number()
    yield Finding(ok=True, text="the Graph API answers, and `access_token` may see the number of `phone_number_id`")
    same = digits(number.display_phone_number or "") == digits(settings.account)
    yield Finding(
        ok=same,
        text="`phone_number_id` is the number of `account`"
        if same
        else "`phone_number_id` is another number than `account`: correct one of them",
    )
    asked = settings.graph_version
    if answered and answered != asked:
        text = f"the Graph API has ended {asked} and answers as {answered}: set `graph_version` to a newer one"
        yield Finding(ok=False, text=text)

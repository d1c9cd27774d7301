"""What a delivery would do, by comparing what has to stand in Open Klant with what stands there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from gemeente_connect.contracts import Refs
from gemeente_connect_open_klant.api import Klantinteracties
from gemeente_connect_open_klant.contacten import Contact, checksum
from gemeente_connect_open_klant.writing import tied_to

Action = Literal["create", "update", "nothing", "refuse"]


def action(
    api: Klantinteracties,
    contacts: Sequence[Contact],
    done: Mapping[str, Refs],
    partij: str | None,
    *,
    held_back: bool,
) -> Action:
    """Say what would be done.

    `done`: the steps that were done for the conversation. `partij`: who it belongs to. `held_back`: the portal breaks
    on what belongs to nobody.
    """
    if "vraag" not in done:
        return "nothing" if held_back else "create"
    made = [(each, done[each.step]) for each in contacts if each.step in done]
    found: list[Action] = [_change(api, contact, refs, partij) for contact, refs in made]
    if held_back:
        found.append("refuse")
    if len(made) < len(contacts):
        found.append("update")
    return _worst(found)


def _worst(found: Iterable[Action]) -> Action:
    return "refuse" if "refuse" in found else "update" if "update" in found else "nothing"


def _change(api: Klantinteracties, contact: Contact, refs: Refs, partij: str | None) -> Action:
    stands = api.klantcontact(refs["klantcontact"], expand="hadBetrokkenen")
    if stands is None:
        return "refuse"
    now = checksum(stands.onderwerp, stands.inhoud)
    if now != contact.checksum:
        return "refuse" if now != stands.metadata.get("som", now) else "update"
    tied = tied_to(stands)
    return "nothing" if tied == partij else "refuse" if tied and partij else "update"

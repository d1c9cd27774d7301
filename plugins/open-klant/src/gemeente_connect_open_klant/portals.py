"""What the portals show a resident, as rules that are applied before anything is written.

Open Inwoner shows what Open Klant holds, and leaves out what does not fit without a word to whoever wrote it. Version
1.24 is of December 2024, the rules of 2026 of August. `vertrouwelijk` hides nothing in either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gemeente_connect.contracts import Findable
from gemeente_connect_open_klant.contacten import Role
from gemeente_connect_open_klant.partijen import Resident
from gemeente_connect_open_klant.settings import Portaal


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What one version of a portal does."""

    looks_up: frozenset[str]
    """The `codeObjecttype` of a BSN or KVK number by which it finds the partij of whoever signed in."""
    one_kanaal: bool
    """It shows klantcontacten of one kanaal only, which is set there."""
    every_answer: bool
    """It shows all that answers a question; else the oldest of what is linked to the question itself."""
    zaak: bool
    """A question may be linked to a zaak; else it is hidden by it."""
    breaks_on_nobody: bool
    """A klantcontact of its kanaal without a partij breaks the page of every resident."""


PORTALS: Final[Mapping[Portaal, Portal]] = {
    Portaal.OPEN_INWONER_2026: Portal(
        looks_up=frozenset({"natuurlijk_persoon", "niet_natuurlijk_persoon"}),
        one_kanaal=False,
        every_answer=True,
        zaak=True,
        breaks_on_nobody=False,
    ),
    Portaal.OPEN_INWONER_1_24: Portal(
        looks_up=frozenset({"inp", "nnp"}),  # Open Klant refuses these from 2.5 on, and then nobody finds anything
        one_kanaal=True,
        every_answer=False,
        zaak=False,
        breaks_on_nobody=True,
    ),
    Portaal.NONE: Portal(looks_up=frozenset(), one_kanaal=False, every_answer=True, zaak=True, breaks_on_nobody=False),
}


@dataclass(frozen=True, slots=True)
class View:
    """One portal, as a municipality has set it."""

    portal: Portal
    mijn_vragen_kanaal: str | None
    """The kanaal that it shows, where it shows one."""

    def findable(self, who: Resident, kanaal: str) -> Findable:
        """Say whether the resident finds a question of this kanaal."""
        if who.findable is not Findable.YES:
            return who.findable
        seen = self._lists(kanaal) and who.code_objecttype in self.portal.looks_up
        return Findable.YES if seen else Findable.NOT_SHOWN

    def breaks_on_nobody(self, kanaal: str) -> bool:
        """Say whether a klantcontact of this kanaal without a partij breaks the page of every resident."""
        return self.portal.breaks_on_nobody and self._lists(kanaal)

    def holds_back(self, who: Resident, kanaal: str) -> bool:
        """Say whether nothing may be written as long as no resident is known."""
        return who.partij is None and self.breaks_on_nobody(kanaal)

    def shows_all(self, roles: Sequence[Role]) -> bool:
        """Say whether the page of a question shows all of its klantcontacten, and each for what it is."""
        return self.portal.every_answer or list(roles) in ([], ["vraag"], ["vraag", "antwoord"])

    def _lists(self, kanaal: str) -> bool:
        return not self.portal.one_kanaal or kanaal == self.mijn_vragen_kanaal

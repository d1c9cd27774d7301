"""Open Klant as a case system: a conversation becomes a question and its answers, and belongs to a partij or nobody."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from urllib.parse import urlsplit

from gemeente_connect.abilities import Finding, Plan, Record
from gemeente_connect.contracts import Files, Findable, Receipt, Refs, Steps
from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect.models import Conversation, Identity, Turn
from gemeente_connect_open_klant import checking, detaching, listing
from gemeente_connect_open_klant.api import Klantinteracties
from gemeente_connect_open_klant.beside import Beside, attachments
from gemeente_connect_open_klant.contacten import Contact, contacts, lapsed, shown
from gemeente_connect_open_klant.documents import Documents
from gemeente_connect_open_klant.partijen import Partijen, Resident
from gemeente_connect_open_klant.planning import action
from gemeente_connect_open_klant.portals import PORTALS, View
from gemeente_connect_open_klant.settings import OpenKlantSettings
from gemeente_connect_open_klant.wire import Klantcontact
from gemeente_connect_open_klant.writing import Writing

_LONGEST_NAME: Final = 200
_NOBODY_ANY_MORE: Final = (
    "its resident is no longer known, and in this portal a question of nobody breaks the page of everybody: correct "
    "the address of its partij in Open Klant, or drop this"
)


@dataclass(frozen=True, repr=False)
class _Case:
    """A conversation with what was found out about it."""

    conversation: Conversation
    turns: Sequence[Turn]
    """That are delivered."""
    kanaal: str
    """Of what is made for it now."""
    shown_in: str
    """The kanaal of its question, which may have been made under another one."""
    who: Resident


class OpenKlant:
    """The case system `open-klant`. May be used from several threads at once.

    `documents`: where attachments are kept, for Open Klant keeps none; None: they are not kept.
    """

    def __init__(self, settings: OpenKlantSettings, documents: Documents | None = None) -> None:
        self._settings = settings
        self._documents = documents
        self._api = Klantinteracties(settings.url, settings.token)
        self._partijen = Partijen(self._api, timedelta(days=settings.before_verification_days))
        self._view = View(PORTALS[settings.portaal], settings.mijn_vragen_kanaal)
        self.account = settings.account or f"open-klant:{_address(self._api.root)}"

    def deliver(self, conversation: Conversation, steps: Steps, files: Files) -> Receipt:
        """Make the question and its answers, or bring them up to date, and say whether the resident finds them."""
        case = self._case(conversation)
        first = next((turn for turn in case.turns if turn.direction == "in"), None)
        if first is None:
            return self._receipt(case, None, Findable.NO_QUESTION)
        if self._view.holds_back(case.who, case.kanaal) and not steps.begun("vraag"):
            return self._receipt(case, None, case.who.findable)
        writing = Writing(self._api, steps, case.kanaal, case.who.partij, _name(first))
        if self._view.holds_back(case.who, case.kanaal):
            writing.refuses = _NOBODY_ANY_MORE  # to make anything: a question that is in doubt may be looked for
        question = self._question(case, first, writing)
        if not writing.is_fresh("vraag"):
            case = self._as_it_stands(case, question, writing)
        made = self._write(case, question, writing)
        missing = self._put_beside(case, question, made, Beside(self._api, steps, looks=writing.has_found), files)
        return self._receipt(case, question, self._view.findable(case.who, case.shown_in), missing)

    def plan(self, conversation: Conversation, done: Mapping[str, Refs]) -> Plan:
        """Say what `deliver` would do. Reads, and writes nothing."""
        case = self._case(conversation)
        refs = done.get("vraag")
        stands = self._api.klantcontact(refs["klantcontact"]) if refs else None
        if stands:
            case = self._judged_again(case, stands)
        question = refs["beurt"] if refs else next((t.id for t in case.turns if t.direction == "in"), None)
        if question is None:
            return Plan(action="nothing", findable=Findable.NO_QUESTION, missing=self._missing(case, ()))
        held_back = self._view.holds_back(case.who, case.kanaal)
        planned = list(contacts(conversation, case.turns, question, case.kanaal))
        return Plan(
            action=action(self._api, planned, done, case.who.partij, held_back=held_back),
            findable=self._view.findable(case.who, case.shown_in),
            missing=self._missing(case, planned),
        )

    def records(self, since: datetime | None) -> Iterator[Record]:
        """Yield what Open Klant holds of our conversations, question and answers together."""
        return listing.records(self._api, self._partijen, self._view)

    def detach(self, conversation: str, done: Mapping[str, Refs], who: Identity | None) -> tuple[Identity, ...]:
        """Take a conversation away from the partij it belongs to: it is never tied to that one again."""
        return detaching.detach(self._api, self._partijen, self._view, done, who)

    def check(self) -> Iterable[Finding]:
        """Yield whether Open Klant can be asked, what it can do, and whether kanalen and portal fit."""
        return checking.check(self._api, self._settings)

    def close(self) -> None:
        """Let go of the connections."""
        self._api.close()

    # -- who it belongs to

    def _case(self, conversation: Conversation) -> _Case:
        kanaal = self._settings.kanalen.get(conversation.channel)
        if kanaal is None:
            known = ", ".join(sorted(self._settings.kanalen))
            message = f"`kanalen` says how to spell {known}, and not {conversation.channel!r}: add it"
            raise ConfigError(message)
        turns = shown(conversation, internal_notes=self._settings.internal_notes)
        messages = [message for turn in turns for message in turn.messages]
        return _Case(conversation, turns, kanaal, kanaal, self._partijen.resident(messages))

    def _as_it_stands(self, case: _Case, question: Refs, writing: Writing) -> _Case:
        """Look at a question that was there before. Raises RejectedError where nothing may be added to it."""
        stands, tied = writing.standing(question), writing.tied(question)
        case = self._judged_again(case, stands)
        if case.who.partij is None and tied and writing.is_by_hand(tied):  # a colleague knew better
            case = replace(case, who=self._partijen.resident_of(tied))
        writing.partij, writing.taken_from = case.who.partij, detaching.taken_from(stands)
        writing.refuse_if_tied_by_others(tied)
        if self._view.holds_back(case.who, stands.kanaal):
            raise RejectedError(_NOBODY_ANY_MORE)
        writing.refuses = None
        return case

    def _judged_again(self, case: _Case, question: Klantcontact) -> _Case:
        """Say who it belongs to, now that it is known whom its question was taken away from."""
        never = frozenset(detaching.taken_from(question))
        messages = [message for turn in case.turns for message in turn.messages]
        who = self._partijen.resident(messages, never=never) if never else case.who
        return replace(case, who=who, shown_in=question.kanaal)

    # -- writing

    def _question(self, case: _Case, first: Turn, writing: Writing) -> Refs:
        """Make the question, or find which turn it was."""

        def of(turn: Turn) -> Contact:
            return next(contacts(case.conversation, case.turns, turn.id, case.kanaal))

        def others() -> Iterator[Contact]:  # an earlier run may have known another turn to be the first
            return (of(turn) for turn in case.turns if turn.direction == "in" and turn is not first)

        refs = writing.made(of(first), None, others)
        if any(turn.id == refs["beurt"] for turn in case.turns):
            return refs
        # a ledger that knows more messages names the turn after another one
        its = (turn.id for turn in case.turns if any(message.id == refs["beurt"] for message in turn.messages))
        return {**refs, "beurt": next(its, first.id)}

    def _write(self, case: _Case, question: Refs, writing: Writing) -> dict[str, str]:
        """Make and change the klantcontacten of all turns. Gives the uuid of the first one of each, by turn."""
        made = {question["beurt"]: question["klantcontact"]}
        answer = question["klantcontact"]
        for its in _by_turn(contacts(case.conversation, case.turns, question["beurt"], case.kanaal)):
            # a follow-up answers the answer before it: linked to the question, old portals take it for the answer
            link = answer if its[0].role == "reactie" else question["klantcontact"]
            for contact in (*its, *_lapsed(its, writing)):
                refs = question if contact.step == "vraag" else writing.made(contact, link)
                link = made.setdefault(contact.turn.id, refs["klantcontact"])  # further parts go on from the first
                writing.keep(contact, refs)
            answer = made[its[0].turn.id] if its[0].role == "antwoord" else answer
        return made

    def _put_beside(self, case: _Case, question: Refs, made: dict[str, str], beside: Beside, files: Files) -> list[str]:
        """Put what belongs to the klantcontacten beside them. Gives what cannot be there, in closed terms."""
        missing: list[str] = []
        for turn in case.turns:
            if turn.id == question["beurt"]:
                missing += beside.adressen(turn, question["betrokkene"], case.kanaal)
            beside.actoren(turn, made[turn.id])
            if self._documents:
                beside.bijlagen(turn, made[turn.id], files, self._documents)
        if self._view.portal.zaak:
            missing += beside.zaak(case.conversation, question["klantcontact"])
        if self._settings.taak_actor:
            beside.taken([turn for turn in case.turns if not turn.internal], made, str(self._settings.taak_actor))
        return missing

    def _receipt(self, case: _Case, question: Refs | None, findable: Findable, missing: Iterable[str] = ()) -> Receipt:
        """Say what became of it. `question`: what was made of it; None: it was held back."""
        planned = contacts(case.conversation, case.turns, question["beurt"], case.kanaal) if question else ()
        known = tuple(sorted({*missing, *self._missing(case, planned)}))
        reference = question["url"] if question else None
        return Receipt(reference=reference, findable=findable, missing=known, checked_at=datetime.now(UTC))

    def _missing(self, case: _Case, planned: Iterable[Contact]) -> tuple[str, ...]:
        """Name what no resident sees of it in the portal, in closed terms. `planned`: its klantcontacten."""
        missing = set()
        if not self._view.shows_all([contact.role for contact in planned]):
            missing.add("turn-not-shown")
        if any(True for turn in case.turns for _ in attachments(turn)):
            missing.add("attachment-not-shown")
        if not self._view.portal.zaak and any(each.kind == "zaak" for each in case.conversation.references):
            missing.add("zaak-not-linked")
        return tuple(sorted(missing))


def _address(root: str) -> str:
    """Write the address of an Open Klant in one way: the same one is the same account."""
    url = urlsplit(root)
    usual = {"https": 443, "http": 80}.get(url.scheme)
    host = url.hostname or url.netloc
    return f"{host}{f':{url.port}' if url.port and url.port != usual else ''}{url.path}"


def _by_turn(every: Iterable[Contact]) -> Iterator[list[Contact]]:
    return (list(its) for _, its in groupby(every, key=lambda contact: contact.turn.id))


def _lapsed(its: Sequence[Contact], writing: Writing) -> Iterator[Contact]:
    """Yield the parts that a turn had and has no more, since its text became shorter."""
    every = (lapsed(its[0], number) for number in itertools.count(len(its)))
    return itertools.takewhile(writing.had, every)


def _name(turn: Turn) -> str:
    """Give the name of whoever wrote a turn, as the channel has it; empty: it has none."""
    names = (message.sender.name for message in turn.messages if message.sender and message.sender.name)
    return " ".join(next(names, "").replace("\0", "").split())[:_LONGEST_NAME].rstrip()

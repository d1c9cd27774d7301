"""Taking a conversation away from a resident it was wrongly tied to, for ever and at every case system."""

from __future__ import annotations

from gemeente_connect.abilities import Detachable
from gemeente_connect.contracts import CaseSystem
from gemeente_connect.errors import PluginError, RejectedError
from gemeente_connect.ledger import Ledger
from gemeente_connect.syncing.report import guarded


def detach(case_system: CaseSystem, ledger: Ledger, conversation: str) -> bool:
    """Take a conversation away from whoever finds it at a case system now. It is never tied to them again.

    Another resident, whose it is, may find it afterwards. False: nobody finds it, and it was never taken away from
    anybody. Raises PluginError where the case system cannot do it, and what it raises.
    """
    if not isinstance(case_system, Detachable):
        message = f"{case_system.account} cannot take a conversation away from a resident: do it there, by hand"
        raise PluginError(message)
    done = ledger.mending.done(case_system.account, conversation)
    with guarded(case_system.account):
        taken_from = case_system.detach(conversation, done, None)
    if taken_from:
        ledger.mending.bury(case_system.account, conversation, taken_from)
    return bool(taken_from)


def remind(case_system: CaseSystem, ledger: Ledger) -> dict[str, str]:
    """Tell a case system of the conversations that were taken away from residents elsewhere, before it gets them.

    So that one that is new, or was restored, does not tie them again. Gives the conversations that it cannot be told
    of, with the reason: they are not delivered there before a person says so.
    """
    held = {}
    for conversation, who in ledger.mending.untold(case_system.account):
        try:
            if not isinstance(case_system, Detachable):
                message = "this case system cannot keep a conversation from a resident it was taken away from elsewhere"
                raise RejectedError(message)  # noqa: TRY301 - as if it had said so itself
            with guarded(case_system.account):
                case_system.detach(conversation, ledger.mending.done(case_system.account, conversation), who)
        except RejectedError as error:
            held[conversation] = str(error)
            ledger.mending.hold(case_system.account, conversation, str(error))
        ledger.mending.bury(case_system.account, conversation, [who])
    return held

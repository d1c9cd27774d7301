"""What is sent to a resident: a text, or a template. Nothing here asks anybody anything.

The key of a reply goes along, and WhatsApp gives it back with every status of the message. So where it was in doubt
whether a reply was sent, the first status tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from gemeente_connect.abilities import Outgoing, Template
from gemeente_connect.errors import RejectedError
from gemeente_connect.models import Message, Participant
from gemeente_connect_whatsapp import wire
from gemeente_connect_whatsapp.contents import content
from gemeente_connect_whatsapp.people import MUNICIPALITY, ids

LONGEST: Final = 4096
"""Characters of a text."""
WITHIN: Final = timedelta(hours=24)
"""After a message of the resident, in which a text may be sent. Later only a template is."""

NOT_TAKEN: Final = {
    100: "a part of the message is not as it should be: see the name, language and parameters of the template",
    131008: "a part of the message is missing: see the parameters of the template",
    131009: "a part of the message is not as it should be: see the parameters of the template",
    131026: "WhatsApp cannot deliver it to this resident: reach them in another way",
    131047: "the resident last wrote more than 24 hours ago: reply with a template",
    131062: "this message cannot be sent to somebody of whom WhatsApp does not tell the telephone number",
    132000: "the template has another number of parameters",
    132001: "there is no such template in this language, or it is not approved",
    132005: "the text of the template is too long with these parameters",
    132007: "the template breaks a rule of WhatsApp: look at it in WhatsApp Manager",
    132012: "a parameter is not of the form that the template has",
    132015: "the template is paused: look at it in WhatsApp Manager",
    132016: "the template was disabled: choose another",
}
"""What to do about a message that WhatsApp does not take, or could not deliver, by the code of the error."""

_OURS: Final = "gemeente-connect/"
_KEY: Final = re.compile(rf"{_OURS}([0-9a-f]{{32}})")


def draft(outgoing: Outgoing, account: str) -> Message:
    """Make the message as it will stand in the conversation.

    Raises RejectedError where WhatsApp would not take it: a text that is too long or comes too late, a group, or
    somebody without an address.
    """
    _address(outgoing)
    said = outgoing.said
    if isinstance(said, str):
        if len(said) > LONGEST:
            message = f"the text has {len(said)} characters, and WhatsApp takes {LONGEST}: make it shorter"
            raise RejectedError(message)
        if outgoing.at - outgoing.heard_at >= WITHIN:
            message = (
                "the resident last wrote more than 24 hours ago, as far as was collected: WhatsApp takes only a "
                "template then (--template)"
            )
            raise RejectedError(message)
    told = content(wire.Message.model_validate(_content(said)))
    return Message(
        account=account, id=outgoing.key, thread=outgoing.thread, sent_at=outgoing.at, direction="out",
        sender=MUNICIPALITY, kind=told.kind, text=told.text,
    )  # fmt: skip


def request(outgoing: Outgoing) -> Mapping[str, Any]:
    """Make the body of the request that sends it."""
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_address(outgoing),
        **_content(outgoing.said),
        "biz_opaque_callback_data": f"{_OURS}{outgoing.key}",
    }


def key_of(callback_data: str | None) -> str | None:
    """Read the key of a reply out of what WhatsApp gives back; None: it is something else."""
    found = _KEY.fullmatch(callback_data or "")
    return found[1] if found else None


def _content(said: str | Template) -> Mapping[str, Any]:
    if isinstance(said, str):
        return {"type": "text", "text": {"body": said, "preview_url": False}}
    template: dict[str, Any] = {"name": said.name, "language": {"code": said.language}}
    if said.parameters:
        filled_in = [{"type": "text", "text": each} for each in said.parameters]
        template["components"] = [{"type": "body", "parameters": filled_in}]
    return {"type": "template", "template": template}


def _address(outgoing: Outgoing) -> Mapping[str, str]:
    """Choose the address: the user id that was learnt last, which is nobody else's ever; without one, the only number.

    Of several numbers nothing tells which one is theirs now: an earlier one may be somebody else's.
    """
    values = [identity.value for identity in outgoing.to.identities]
    if outgoing.thread not in {outgoing.to.id, *values}:
        message = "this conversation is of a group: answer in WhatsApp itself"
        raise RejectedError(message)
    known = [ids(phone=value) for value in _known(outgoing.to)]
    users = [each.user for each in known if each.user]
    phones = {each.phone for each in known if each.phone}
    if users:
        return {"recipient": users[-1]}
    if len(phones) > 1:
        message = (
            "this resident has had several numbers, and nothing tells which one is theirs: answer in WhatsApp itself"
        )
        raise RejectedError(message)
    if phones:
        return {"to": phones.pop().removeprefix("+")}
    message = "nothing is known of this resident that WhatsApp can send to: answer in WhatsApp itself"
    raise RejectedError(message)


def _known(resident: Participant) -> list[str]:
    """Give the ids of a resident, the newest last."""
    return [resident.id, *(identity.value for identity in resident.identities)]

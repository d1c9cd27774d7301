"""Real webhooks: samples gathered from elsewhere, and the examples of Meta's own description. Skipped where not there.

They are looked for beside the repository, or where GEMEENTE_CONNECT_SHARED says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect.contracts import Batch
from gemeente_connect.models import Edited
from gemeente_connect_whatsapp.channel import WhatsAppChannel
from gemeente_connect_whatsapp.testing import received

Read = Callable[[Any], Batch]
SHARED = Path(os.environ.get("GEMEENTE_CONNECT_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLES = SHARED / "samples" / "whatsapp"
CONTRACT = SHARED / "contracts" / "meta-whatsapp-business-messaging-v23.0.yaml"

EXPECTED = {
    "authored-app-state-sync": "",
    "authored-batch-two-changes-one-duplicate": "in text: eerste | in text: tweede | in text: eerste",
    "authored-history-chunk": "out text: Uw melding is ontvangen. | in document: ",
    "authored-history-media-followup": "in image: kapotte lantaarn",
    "authored-out-of-band-error": "WhatsApp reports error 130429: look it up in Meta's list of error codes",
    "authored-statuses-out-of-order": "status read | status sent",
    "authored-text-bsuid-only-no-phone": "in text: Ik heb alleen een gebruikersnaam.",
    "authored-text-with-bsuid": "in text: Goedemorgen, mijn container is niet geleegd.",
    "pywa-callback_button-button": "in text: title",
    "pywa-callback_button-quick_reply_without_context": "in text: title",
    "pywa-edited_message-image": "edited: Updated image caption",
    "pywa-message-contacts": (
        "in contact: Contactgegevens: Chandler Bing, +1 555-555-5555 / Contactgegevens: Monica, +1 666-666-6666 / "
        "Contactgegevens: Rachel Green, +1 777-777-7777"
    ),
    "pywa-message-current_location": "in location: Locatie: https://maps.google.com/?q=12.25089,43.90539",
    "pywa-message-document": "in document: caption",
    "pywa-message-image": "in image: ",
    "pywa-message-reaction": "reacted 😮",
    "pywa-message-reply": "in text: replied text",
    "pywa-message-text": "in text: Body Text",
    "pywa-message-unreaction_empty": "reacted ",
    "pywa-message-unsupported": "in unsupported: (bericht van een soort die WhatsApp niet doorgeeft)",
    "pywa-message-voice": "in audio: ",
    "pywa-message_status-delivered": "status delivered",
    "pywa-message_status-failed": "status failed",
    "pywa-message_status-sent": "status sent",
    "pywa-outgoing_message-text": "out text: Test message",
    "pywa-system-phone_number_change": (
        "None system: Het telefoonnummer van de inwoner is gewijzigd in +972912345678. | identity"
    ),
}


def shown(batch: Batch) -> str:
    """Write down what a webhook came to."""
    messages = [f"{m.direction} {m.kind}: {m.text}" for m in batch.messages]
    changes = [
        f"edited: {change.message.text}"
        if isinstance(change, Edited)
        else " ".join(
            [change.change, *(str(getattr(change, name)) for name in ("status", "emoji") if hasattr(change, name))]
        )
        for change in batch.changes
    ]
    return " | ".join([*messages, *changes, *(u.reason for u in batch.unreadable)]).replace("\n", " / ")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no samples here")
@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_reads_as_it_should(open_channel: Callable[..., WhatsAppChannel], name: str) -> None:
    channel = open_channel(numbers={"1122334455667": "+972123456789"})
    assert shown(channel.read(received((SAMPLES / f"{name}.json").read_bytes()))) == EXPECTED[name]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no samples here")
def test_no_sample_is_left_out() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} - {"authored-graph-errors"} == set(EXPECTED)


META = {
    "Text Message": "in text: Does it come in another color?",
    "Text Message with Context (Product Inquiry)": "in text: (over product di9ozbzfi4) / Is this still available?",
    "Text Message from Click to WhatsApp Ad": (
        "in text: (naar aanleiding van een advertentie: Chat with us) / Hello! Can I get more info on this?"
    ),
    "Reaction Message": "reacted 👍",
    "Image Message": "in image: Taj Mahal",
    "Location Message": (
        "in location: Locatie: Philz Coffee, 101 Forest Ave, Palo Alto, CA 94301 / "
        "https://maps.google.com/?q=37.44221496582,-122.16165924072"
    ),
    "Contact Sharing Message": "in contact: Contactgegevens: Lucía Gómez, Google, +1 (983) 555-2319",
    "Unsupported Message": "in unsupported: (bericht van een soort die WhatsApp niet doorgeeft)",
    "Button Message": "in text: Unsubscribe",
    "Interactive List Reply Message": "in text: Priority Mail Express - Next Day to 2 Days",
    "Interactive Button Reply Message": "in text: Cancel",
    "Order Message": "in order: Bestelling: / 2 x di9ozbzfi4 (30 USD) / 1 x nqryix03ez (25 USD)",
    "System Message": "None system: Het telefoonnummer van de inwoner is gewijzigd in +12195555358. | identity",
    "Group Create Message": "None system: De groep is aangemaakt.",
    "Group Settings Update": "None system: De instellingen van de groep zijn gewijzigd.",
    "Group Remove Participants": "None system: De groep is aangemaakt.",
}


@pytest.mark.skipif(not CONTRACT.is_file(), reason="Meta's description is not here")
def test_every_example_of_metas_own_description_reads_as_it_should(read: Read) -> None:
    yaml = pytest.importorskip("yaml")
    _, _, tail = CONTRACT.read_text().partition("\n  /whatsapp/webhooks:\n")
    content = yaml.safe_load(tail)["post"]["requestBody"]["content"]["application/json"]
    examples = {name: example["value"] for name, example in content["examples"].items()}
    assert {name: shown(read(json.dumps(value).encode())) for name, value in examples.items()} == META

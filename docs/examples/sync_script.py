"""Sync a folder of WhatsApp exports with Mijn Loket from a script, and print the receipts."""

import sys
from datetime import date
from pathlib import Path

from gemeente_connect import FileStore, Ledger, discover, sync

chats, state = Path(sys.argv[1]), Path(sys.argv[2])
plugins = discover()
channel = plugins.channel("whatsapp-export").connect(
    {
        "path": chats,
        "account": "+31687654321",
        "own_name": "Gemeente Waterveen",
        "contacts": chats.parent / "contacts.csv",
    }
)
case_system = plugins.case_system("loket").connect({"database": state / "loket.sqlite"})
with Ledger(state / "ledger.sqlite") as ledger:
    files = FileStore(state / "attachments")
    report = sync(channel, case_system, ledger=ledger, start=date(2026, 1, 1), files=files, skip=["Mama"])
for delivery in report.delivered:
    print(delivery.conversation, delivery.receipt.reference, delivery.receipt.findable)
print(f"{len(report.delivered)} delivered, {report.findable} findable, {len(report.refused)} refused")

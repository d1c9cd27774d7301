"""Sync a folder of WhatsApp exports with Mijn Loket from a script, and print the receipts."""

import sys
from datetime import date
from pathlib import Path

from gemeente_connect import FileStore, Ledger, discover, sync

demo = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/demo")
settings = {"path": "chats", "account": "+31687654321", "own_name": "Gemeente Waterveen", "contacts": "contacts.csv"}
groups = {"Speelplek Lindenhof": "speelplek-lindenhof"}
plugins = discover()
channel = plugins.channel("whatsapp-export").connect({**settings, "chat": groups}, folder=demo)
case_system = plugins.case_system("loket").connect({"database": "state/loket.sqlite"}, folder=demo)
files = FileStore(str(demo / "state/attachments"))
with Ledger(demo / "state/ledger.sqlite") as ledger:
    report = sync(channel, case_system, ledger=ledger, files=files, start=date(2026, 1, 1), skip=["Mama"])
for delivery in report.delivered:
    print(delivery.conversation, delivery.receipt.reference, delivery.receipt.findable)
print(f"{len(report.delivered)} delivered, {report.findable} findable, {len(report.refused)} refused")

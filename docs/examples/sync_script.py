"""Run the sync of the demo from a script, and print the receipts."""

import sys
from datetime import date
from pathlib import Path

from gemeente_connect import FileStore, Ledger, discover, load, sync

config = load(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/demo") / "gemeente-connect.toml")
plugins, entry = discover(), config.sync("whatsapp")
channel = config.open_channel(entry.channel, plugins)
case_system = config.open_case_system(entry.case_system, plugins)
files = FileStore(config.files)
with Ledger(config.ledger) as ledger:
    report = sync(channel, case_system, ledger=ledger, files=files, start=date(2026, 1, 1), skip=entry.skip)
for delivery in report.delivered:
    print(delivery.conversation, delivery.receipt.reference, delivery.receipt.findable)
print(f"{len(report.delivered)} delivered, {report.findable} findable, {len(report.refused)} refused")

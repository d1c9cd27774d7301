"""The example plugin holds to the contracts, against a server that enforces a key and one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from gemeente_connect.contracts import CaseSystem, Channel
from gemeente_connect.plugins import Plugins
from gemeente_connect.testing import CaseSystemContract, ChannelContract, RestServer


class TestDeskChat(ChannelContract):
    @pytest.fixture
    def channel(self, plugins: Plugins) -> Iterator[Channel]:
        with RestServer(page_size=2) as server:
            server.files["foto.jpg"] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
            for number in range(5):
                said = {"key": str(number), "chat": "anna", "sent_at": f"2026-11-20T09:0{number}:00Z", "text": "Hoi"}
                server.add("posts", sender="anna@example.nl", file="foto.jpg" if number == 3 else None, **said)
            with closing(plugins.channel("desk-chat").connect({"base_url": server.url})) as channel:
                yield channel


@pytest.mark.parametrize("enforces_key", [True, False], ids=["key enforced", "no key enforced"])
class TestDesk(CaseSystemContract):
    @pytest.fixture
    def case_system(self, plugins: Plugins, *, enforces_key: bool) -> Iterator[CaseSystem]:
        unique = dict.fromkeys(("records", "turns", "attachments", "employees"), "external_id")
        with RestServer(unique=unique if enforces_key else None) as self.server:
            values = {"base_url": self.server.url, "enforces_key": enforces_key}
            with closing(plugins.case_system("desk").connect(values)) as case_system:
                yield case_system

    def count_records(self, case_system: CaseSystem) -> int:
        return len(self.server.rows.get("records", []))

    def read_record(self, case_system: CaseSystem, conversation: str) -> list[str]:
        rows = self.server.rows
        turns = [row for row in rows.get("turns", []) if row["external_id"].startswith(conversation)]
        files = [row for row in rows.get("attachments", []) if row["external_id"].startswith(conversation)]
        return [*(row["text"] for row in turns), *(row["content"] for row in files)]

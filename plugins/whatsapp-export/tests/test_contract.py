"""The tests that every channel must pass, on a folder of exports: a zip with a picture, a chat, and a PDF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from gemeente_connect.contracts import Channel
from gemeente_connect.testing import ChannelContract

CHAT = """\
02-05-2022 16:08 - +31 6 12345678: Goedemorgen
02-05-2022 16:08 - +31 6 12345678: IMG-20220502-WA0001.jpg (bestand bijgevoegd)
02-05-2022 16:09 - Gemeente Voorbeeld: Wij kijken
02-05-2022 16:10 - +31 6 12345678: Dit bericht is verwijderd
"""
OTHER = "".join(f"03-05-2022 {9 + n // 60:02}:{n % 60:02} - +31 6 12345679: Bericht {n}\n" for n in range(600))


class TestExportChannel(ChannelContract):
    reads_back = True  # a file that was not read to its end is read from its beginning

    @pytest.fixture
    def channel(self, chats: Path, open_channel: Callable[..., Channel]) -> Channel:
        with ZipFile(chats / "WhatsApp-chat met +31 6 12345678.zip", "w") as archive:
            archive.writestr("WhatsApp-chat met +31 6 12345678.txt", CHAT)
            archive.writestr("IMG-20220502-WA0001.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00 een lantaarn")
        (chats / "ander.txt").write_text(OTHER)
        (chats / "brief.txt").write_bytes(b"%PDF-1.7")
        return open_channel()

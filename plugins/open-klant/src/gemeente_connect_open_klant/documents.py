"""Where documents would be kept: Open Klant stores no bytes, and a bijlage there only names a document elsewhere."""

from __future__ import annotations

from typing import BinaryIO, Protocol


class Documents(Protocol):
    """A register of documents, such as a Documenten API. None is built in: a plugin of its own may bring one."""

    code_register: str
    """What bijlagen call it, such as `openzaak`."""

    def keep(self, key: str, name: str, media_type: str, content: BinaryIO) -> str:
        """Keep a document under a key of ours, and give its uuid. What was kept before is not kept anew."""

"""However a file is cut into blocks, and whatever is wrong with it."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect_whatsapp_export import decoding
from gemeente_connect_whatsapp_export.decoding import Unsafe, pieces

Reader = Callable[..., Any]
CHAT = "\ufeff02-05-2022 16:08 - Jan: hallo 🙂\n\n02-05-2022 16:09 - Gemeente Voorbeeld: café\nmorgen\n"
lines = st.lists(st.sampled_from(["", "a", "\r", "é", "🙂 ok", "02-05-2022 16:08 - Jan: hallo"]), max_size=8)


@given(lines, st.sampled_from(["\n", "\r\n"]), st.integers(1, 40), st.sampled_from(["utf-8", "utf-16"]))
def test_pieces_are_whole_lines_and_together_the_whole_text(
    many: list[str], newline: str, block: int, encoding: str
) -> None:
    text = "x" + newline.join(many)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BLOCK", block + 3)  # a byte order mark is found in the first one
        found = list(pieces(io.BytesIO(text.encode(encoding))))
    assert "".join(piece.text for piece in found) == "\n" + text
    assert [piece.after for piece in found] == [
        "".join(piece.text for piece in found[:at]).count("\n") for at in range(len(found))
    ]
    assert all(piece.text.startswith(("\n", "\r\n")) for piece in found)
    assert not any(a.text.endswith("\r") and b.text.startswith("\n") for a, b in pairwise(found))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("block", [7, 16, 61])
def test_a_chat_is_the_same_whatever_blocks_it_is_read_in(
    read_one: Reader, monkeypatch: pytest.MonkeyPatch, block: int, encoding: str
) -> None:
    text = CHAT.removeprefix("\ufeff") if encoding == "utf-16" else CHAT
    whole = read_one(text.encode(encoding))
    monkeypatch.setattr(decoding, "BLOCK", block)
    again = read_one(text.encode(encoding))
    assert again.messages == whole.messages
    assert whole.texts == ["hallo 🙂", "café\nmorgen"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CHAT.encode() + b"a\0b", "line 5 holds what is not text"),
        (CHAT.encode() + b"\xff", "line 5 is not text"),
        (CHAT.encode("utf-16") + b"\n", "line 5 is not text"),
        ((CHAT + "a\0b").encode("utf-16"), "line 5 holds what is not text"),
    ],
)
@pytest.mark.parametrize("block", [16, 1 << 14])
def test_what_is_not_text_is_refused_with_the_line_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, content: bytes, says: str, block: int
) -> None:
    monkeypatch.setattr(decoding, "BLOCK", block)
    with pytest.raises(Unsafe, match=says):
        list(pieces(io.BytesIO(content)))

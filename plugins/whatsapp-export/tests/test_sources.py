"""Zips and folders that could do harm, or that hold something else."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect_whatsapp_export import sources

Reader = Callable[..., Any]
CHAT = "02-05-2022 16:08 - +31 6 12345678: hallo\n"


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("member", "content", "says"),
    [
        ("../weg.jpg", "x", "leads outside"),
        ("a/../../weg.jpg", "x", "leads outside"),
        ("/etc/passwd", "x", "leads outside"),
        ("a\\weg.jpg", "x", "another system"),
        ("C:weg.jpg", "x", "another system"),
        (link("foto.jpg"), "/etc/passwd", "link or a device"),
        ("groot.jpg", b"\0" * 3_000_000, "times larger"),
    ],
)
def test_a_zip_that_could_do_harm_is_refused_whole(
    chats: Path, read: Reader, member: str | zipfile.ZipInfo, content: str | bytes, says: str
) -> None:
    zipped(chats / "a.zip", ("_chat.txt", CHAT), (member, content))
    got = read()
    assert not got.messages
    (held,) = got.unreadable
    assert says in held.reason
    assert "export the chat again" in held.reason


def test_a_bomb_of_many_small_files_is_refused(chats: Path, read: Reader) -> None:
    small = [(f"{n}.jpg", b"\0" * 1_000_000) for n in range(10)]
    zipped(chats / "a.zip", ("_chat.txt", CHAT), *small)
    assert "200 times larger" in read().unreadable[0].reason


def test_a_zip_with_two_files_of_one_name_is_refused(chats: Path, read: Reader) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(chats / "a.zip", ("_chat.txt", CHAT), ("_chat.txt", CHAT))
    assert "two files of one name" in read().unreadable[0].reason


def test_a_zip_with_too_many_or_too_large_files_is_refused(
    chats: Path, read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(chats / "a.zip", ("_chat.txt", CHAT), ("b", "x"), ("c", "x" * 100))
    for name, value, says in (
        ("MOST_MEMBERS", 2, "more than 2 files"),
        ("LARGEST_MEMBER", 50, "a file in it would become"),
        ("LARGEST_ZIP", 100, "it would become"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sources, name, value)
            assert says in read().unreadable[0].reason


def test_a_locked_zip_and_one_whose_files_overlap_are_refused(chats: Path, read: Reader) -> None:
    path = zipped(chats / "a.zip", ("_chat.txt", CHAT))
    whole = path.read_bytes()
    at = whole.index(b"PK\x01\x02")
    path.write_bytes(whole[: at + 8] + struct.pack("<H", 1) + whole[at + 10 :])
    assert "password" in read().unreadable[0].reason
    path.write_bytes(whole[: at + 20] + struct.pack("<L", 100_000) + whole[at + 24 :])
    assert "overlap" in read().unreadable[0].reason


@pytest.mark.parametrize("keep", [10, 60, -30])
def test_a_zip_that_is_broken_off_is_refused(chats: Path, read: Reader, keep: int) -> None:
    path = zipped(chats / "a.zip", ("_chat.txt", CHAT))
    path.write_bytes(path.read_bytes()[:keep])
    (held,) = read().unreadable
    assert "broken off or damaged" in held.reason


def test_a_zip_in_which_a_name_is_damaged_is_refused(chats: Path, read: Reader) -> None:
    path = zipped(chats / "a.zip", ("_chat.txt", CHAT), ("fotoé.jpg", "x"))
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xc3\xc3"))
    assert "broken off or damaged" in read().unreadable[0].reason


def test_a_file_whose_name_is_not_utf_8_is_held_under_a_name_that_can_be_stored(chats: Path, read: Reader) -> None:
    Path(os.fsdecode(bytes(chats) + b"/WhatsApp-chat met J\xe9.txt")).write_text("geen chat")
    assert read().unreadable[0].name == "WhatsApp-chat met J?.txt"


def test_a_zip_whose_text_is_damaged_yields_none_of_it(chats: Path, read: Reader) -> None:
    path = chats / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("_chat.txt", CHAT * 5000)
    whole = bytearray(path.read_bytes())
    whole[150_000] ^= 1
    path.write_bytes(whole)
    got = read()
    assert not got.messages
    assert "broken off or damaged" in got.unreadable[0].reason


def test_a_text_that_a_resident_sent_is_not_taken_for_the_chat(chats: Path, read: Reader) -> None:
    zipped(chats / "a.zip", ("brief.txt", "Geachte heer"), ("Chat van mij.txt", CHAT), ("map/_chat.txt", CHAT))
    assert len(read().messages) == 1
    zipped(chats / "a.zip", ("WhatsApp-chat met Piet.txt", CHAT), ("a.txt", CHAT.replace("hallo", "de chat zelf")))
    assert read().texts == ["de chat zelf"]
    zipped(chats / "a.zip", ("WhatsApp-chat met Piet.txt", CHAT), ("Chat van mij.txt", CHAT))
    assert "holds 2 chats" in read().unreadable[0].reason
    zipped(chats / "a.zip", ("foto.jpg", "x"))
    assert "holds no chats" in read().unreadable[0].reason


def test_folders_are_read_to_the_bottom_and_what_is_hidden_or_unfinished_is_left_alone(
    chats: Path, read: Reader
) -> None:
    (chats / "2026" / "mei").mkdir(parents=True)
    (chats / "2026" / "mei" / "b.TXT").write_text(CHAT)
    for name in (".verborgen.txt", "~bezig.txt", "half.txt.part", "foto.jpg"):
        (chats / name).write_text(CHAT)
    (chats / ".map").mkdir()
    (chats / ".map" / "a.txt").write_text(CHAT)
    got = read()
    assert len(got.messages) == 1
    assert not got.unreadable


def test_a_link_in_the_folder_is_not_followed(chats: Path, read: Reader) -> None:
    (chats.parent / "elders.txt").write_text(CHAT)
    (chats / "a.txt").symlink_to(chats.parent / "elders.txt")
    assert "it is a link" in read().unreadable[0].reason


def test_a_file_that_may_not_be_opened_is_held_and_the_rest_goes_on(
    chats: Path, read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chats / "a.txt").write_text(CHAT)
    (chats / "b.txt").write_text(CHAT)
    digest = sources.Source.digest

    def refuse_the_first(self: sources.Source) -> str:  # CI may run as root, who may open every file
        if self.number == 1:
            raise PermissionError(13, "Permission denied")
        return digest(self)

    monkeypatch.setattr(sources.Source, "digest", refuse_the_first)
    got = read()
    assert len(got.messages) == 1
    assert "rights" in got.unreadable[0].reason


def test_a_file_that_is_gone_when_its_turn_comes_is_held(chats: Path, read: Reader) -> None:
    (chats / "a.txt").symlink_to(chats / "none")
    assert "cannot be opened" in read().unreadable[0].reason


def test_a_file_that_grows_while_it_is_looked_at_waits_for_the_next_run(
    chats: Path, read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = chats / "a.txt"
    path.write_text(CHAT)
    whole = sources.Source.digest

    def digest_and_grow(self: sources.Source) -> str:
        result = whole(self)
        path.write_text(CHAT * 2)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(sources.Source, "digest", digest_and_grow)
        first = read()
    assert "changed while it was looked at" in first.unreadable[0].reason
    second = read(first.cursor)
    assert len(second.messages) == 2
    assert second.readable == [first.unreadable[0].id]

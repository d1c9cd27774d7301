from __future__ import annotations

import builtins
import errno
import hashlib
import io
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.contracts import Files
from gemeente_connect.errors import ConfigError, RejectedError, StorageError, TemporaryError
from gemeente_connect.files import FileStore, Kept

PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 400
MB = 1_000_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def in_parts(content: bytes, length: int = 1000) -> Iterator[bytes]:
    return (content[start : start + length] for start in range(0, len(content), length))


def inside(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=["folder", "file URL", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    places = {
        "folder": str(tmp_path / "new" / "store"),
        "file URL": f"file://{tmp_path}/store",
        "memory": f"memory://{uuid.uuid4()}/store",
    }
    return FileStore(places[request.param])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_what_is_kept_can_be_read_back_under_its_hash(store: FileStore) -> None:
    kept = store.keep(in_parts(PICTURE), limit=MB)
    assert kept == Kept(sha256(PICTURE), len(PICTURE), "image/png")
    assert kept.sha256 in store
    with store.open(kept.sha256) as file:
        assert file.read() == PICTURE


def test_it_is_what_a_case_system_is_given(folder: Path) -> None:
    files: Files = FileStore(folder)
    with pytest.raises(StorageError):
        files.open("0" * 64)


def test_the_same_content_is_kept_once_and_stays_as_it_is(folder: Path) -> None:
    store = FileStore(folder)
    kept = store.keep([PICTURE], limit=MB)
    path = folder / kept.sha256[:2] / kept.sha256
    before = path.stat()
    assert store.keep(in_parts(PICTURE, 7), limit=MB) == kept
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert inside(folder) == [f"{kept.sha256[:2]}/{kept.sha256}"]


def test_threads_may_keep_the_same_and_other_contents_at_once(store: FileStore) -> None:
    contents = [f"inhoud {number % 5}".encode() * 1000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda content: store.keep(in_parts(content), limit=MB), contents))
    assert [each.sha256 for each in kept] == [sha256(content) for content in contents]
    for each, content in zip(kept, contents, strict=True):
        with store.open(each.sha256) as file:
            assert file.read() == content


def test_an_empty_content_is_kept_too(store: FileStore) -> None:
    assert store.keep([], limit=0) == Kept(sha256(b""), 0, "application/octet-stream")
    with store.open(sha256(b"")) as file:
        assert file.read() == b""


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_how_the_content_is_cut_in_parts_changes_nothing(parts: list[bytes]) -> None:
    store = FileStore(f"memory://{uuid.uuid4()}")
    whole = b"".join(parts)
    assert store.keep(parts, limit=MB) == store.keep([whole], limit=MB)
    with store.open(sha256(whole)) as file:
        assert file.read() == whole


def test_nothing_is_kept_of_what_is_over_the_limit_and_no_more_is_read(folder: Path) -> None:
    parts = in_parts(PICTURE)
    with pytest.raises(RejectedError, match=r"^the file is larger than 0\.05 MB$"):
        FileStore(folder).keep(parts, limit=50_000)
    assert inside(folder) == []
    assert len(list(parts)) == len(list(in_parts(PICTURE))) - 51


def test_exactly_the_limit_is_kept(store: FileStore) -> None:
    assert store.keep([b"12345"], limit=5).size == 5


def test_an_error_of_the_source_passes_through_and_nothing_is_kept(folder: Path) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield PICTURE
        message = "the answer broke off"
        raise TemporaryError(message)

    with pytest.raises(TemporaryError, match="broke off"):
        FileStore(folder).keep(breaks_off(), limit=MB)
    assert inside(folder) == []


def test_an_error_of_the_source_is_not_taken_for_one_of_the_disk(folder: Path) -> None:
    def full() -> Iterator[bytes]:
        yield PICTURE
        raise OSError(errno.ENOSPC, "not ours")

    with pytest.raises(OSError, match="not ours"):
        FileStore(folder).keep(full(), limit=MB)


@pytest.mark.skipif(os.name != "posix", reason="modes are a thing of POSIX")
def test_only_this_user_can_read_the_folder_and_what_is_in_it(folder: Path) -> None:
    before = os.umask(0)
    try:
        FileStore(folder).keep([PICTURE], limit=MB)
    finally:
        os.umask(before)
    modes = {path.relative_to(folder).parts[0]: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert modes == {"incoming": 0o700, sha256(PICTURE)[:2]: 0o700}
    assert next(folder.glob("??/*")).stat().st_mode & 0o777 == 0o600


def test_a_folder_is_made_only_when_something_is_kept(folder: Path) -> None:
    store = FileStore(folder)
    assert sha256(b"") not in store
    with pytest.raises(StorageError):
        store.open(sha256(b""))
    assert not folder.exists()


def test_after_a_crash_there_is_no_half_content_and_keeping_it_again_works(folder: Path) -> None:
    script = f"""if True:
        import os
        from gemeente_connect.files import FileStore
        def parts():
            yield b"a" * 100_000
            os._exit(9)
        FileStore({str(folder)!r}).keep(parts(), limit=1_000_000)
    """
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    store = FileStore(folder)
    assert [name.partition("/")[0] for name in inside(folder)] == ["incoming"]
    assert sha256(b"a" * 100_000) not in store
    kept = store.keep([b"a" * 100_000], limit=MB)
    with store.open(kept.sha256) as file:
        assert len(file.read()) == 100_000


def test_a_content_is_on_disk_before_it_gets_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(folder.parent)
        order.append(f"sync {name.parts[1] if len(name.parts) > 1 else name}")
        fsync(descriptor)

    def replaced(self: Path, target: Path) -> Path:
        order.append("name")
        return replace(self, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to tell which file is synced")
    store = FileStore(folder)
    store.keep([b"een"], limit=MB)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    kept = store.keep([b"twee"], limit=MB)
    assert order == ["sync incoming", "sync store", "name", f"sync {kept.sha256[:2]}"]


@pytest.mark.parametrize(
    "name",
    ["", "abc", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, f"{'0' * 64}\n", "٣" * 64, "incoming/" + "0" * 55],
)
def test_what_is_no_sha256_opens_nothing(store: FileStore, name: str) -> None:
    with pytest.raises(ValueError, match="64 lower-case"):
        store.open(name)
    assert name not in store
    assert 7 not in store


def test_a_content_that_is_gone_is_told_with_what_to_do(store: FileStore) -> None:
    with pytest.raises(StorageError, match=r"e3b0c44298fc… is not there: restore it from a backup"):
        store.open(sha256(b""))


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EACCES, "let the user that runs this read and write"),
        (errno.EROFS, "mount it for writing"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_a_disk_refuses_is_told_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, "refused")

    store = FileStore(folder)
    store.keep([b"een"], limit=MB)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=advice):
        store.keep([PICTURE], limit=MB)
    assert len(inside(folder)) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_also_when_it_shows_while_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def on_a_full_disk(path: Path, flags: int, mode: int = 0o777) -> int:
        return (
            real("/dev/full", os.O_WRONLY)
            if "incoming" in str(path) and flags & os.O_CREAT
            else real(path, flags, mode)
        )

    monkeypatch.setattr(os, "open", on_a_full_disk)
    with pytest.raises(StorageError, match="no room left: make room"):
        FileStore(folder).keep(in_parts(PICTURE), limit=MB)


def test_a_place_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=f"the attachment store {tmp_path}/file cannot be used"):
        FileStore(tmp_path / "file").keep([b"x"], limit=MB)


@pytest.mark.parametrize("url", ["onzin://bucket/x", "s3://sleutel:geheim@bucket/x?token=geheim"])
def test_a_place_that_fsspec_cannot_open_is_a_matter_of_configuration(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_s3(name: str, *args: object, **more: object) -> object:
        if name.startswith("s3fs"):
            raise ImportError(name)
        return real(name, *args, **more)  # type: ignore[arg-type] # passed on as it came

    monkeypatch.setattr(builtins, "__import__", without_s3)
    with pytest.raises(ConfigError, match="cannot be opened: ") as caught:
        FileStore(url).keep([b"x"], limit=MB)
    assert "geheim" not in str(caught.value)


def test_a_folder_needs_no_fsspec() -> None:
    script = """if True:
        import sys, tempfile
        from gemeente_connect.files import FileStore
        assert not {"fsspec", "puremagic", "pydantic", "requests"} & set(sys.modules)
        FileStore(tempfile.mkdtemp()).keep([b"x"], limit=1)
        assert "fsspec" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", script], check=True)


# ---- what a content is -----------------------------------------------------------------------------------------------


def a_zip(*names: str, first: tuple[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr(*first, compress_type=zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, os.urandom(100_000) if name.endswith(".png") else "<x/>")
    return stream.getvalue()


FTYP = b"\x00\x00\x00\x20ftyp"
OFFICE = "application/vnd.openxmlformats-officedocument"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(99), "image/jpeg"),
        (b"\xff\xd8\xff\xe1\x00\x18Exif\x00\x00" + bytes(99), "image/jpeg"),
        (PICTURE, "image/png"),
        (b"GIF89a\x01\x00\x01\x00" + bytes(99), "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(99), "image/webp"),
        (FTYP + b"heic\x00\x00\x00\x00mif1heic" + bytes(99), "image/heif"),
        (FTYP + b"isom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(99), "video/mp4"),
        (FTYP + b"M4A \x00\x00\x00\x00M4A mp42isom" + bytes(99), "audio/mp4"),
        (b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead" + bytes(99), "audio/ogg"),
        (b"OggS\x00\x02" + bytes(20) + b"\x01\x2a\x80theora" + bytes(99), "application/ogg"),
        (b"ID3\x03\x00\x00\x00\x00\x00\x21" + bytes(99), "audio/mpeg"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n%%EOF\n", "application/pdf"),
        (b"%PDF-1.7\n1 0 obj\n%%EOF\n", "application/pdf"),
        (b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n", "text/vcard"),
        (b"{\\rtf1\\ansi hallo}", "application/rtf"),
        (a_zip("hallo.txt"), "application/zip"),
        (a_zip("[Content_Types].xml", "word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
        (a_zip("[Content_Types].xml", "1.png", "word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
        (a_zip("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}.spreadsheetml.sheet"),
        (
            a_zip("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.text")),
            "application/vnd.oasis.opendocument.text",
        ),
        ("Hallo, café om twaalf uur 🙂\r\n".encode(), "text/plain"),
        (b"BM of MZ, dat is de vraag", "text/plain"),
        (b"naam;nummer\n", "text/plain"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        (b"<!DOCTYPE html>\x00<script>alert(1)</script>", "application/octet-stream"),
        (b"tekst\x00met nul", "application/octet-stream"),
        (b"half een teken \xc3", "application/octet-stream"),
        ("Windows-1252: café".encode("cp1252"), "application/octet-stream"),
        (b"\x91\x05\xfe\x00\x17abc\x99", "application/octet-stream"),
    ],
)
def test_the_type_is_judged_from_the_content_and_is_never_a_page_or_a_script(content: bytes, media_type: str) -> None:
    store = FileStore(f"memory://{uuid.uuid4()}")
    assert store.keep(in_parts(content, 999), limit=MB).media_type == media_type


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_whatever_the_content_its_type_is_one_that_a_browser_does_not_run(content: bytes) -> None:
    media_type = FileStore(f"memory://{uuid.uuid4()}").keep([content], limit=MB).media_type
    assert media_type.count("/") == 1
    assert not any(part in media_type for part in ("html", "xml", "script", "svg"))


def test_a_text_is_a_text_up_to_its_last_byte() -> None:
    store = FileStore(f"memory://{uuid.uuid4()}")
    text = ("é" * 100_000).encode()
    assert store.keep(in_parts(text, 777), limit=MB).media_type == "text/plain"
    assert store.keep(in_parts(text + b"\x00", 777), limit=MB).media_type == "application/octet-stream"

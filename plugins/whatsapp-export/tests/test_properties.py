"""What holds for every chat: written out in any form and read back, it is the same chat, with the same ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gemeente_connect.errors import ConfigError
from gemeente_connect_whatsapp_export.texts import read_own_words

Reader = Callable[..., Any]
OWN, OTHER = "Gemeente Voorbeeld", "\u202a+31\u00a06\u00a012345678\u202c"
START = datetime(2022, 2, 13, 12)  # noqa: DTZ001 - a chat has the time of a wall clock
ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True)
class Form:
    """How one kind of phone writes an export."""

    header: Callable[[datetime], str]
    newline: str = "\n"
    start: str = ""
    marked: bool = False
    seconds: bool = False


FORMS = [
    Form(lambda t: f"[{t:%d-%m-%Y %H:%M:%S}] ", "\r\n", "\ufeff", marked=True, seconds=True),
    Form(lambda t: f"[{t:%d-%m-%y %H:%M:%S}] ", "\r\n", marked=True, seconds=True),
    Form(lambda t: f"[{t:%d-%m-%Y}, {t:%H:%M:%S}] ", "\r\n", "\u200e", marked=True, seconds=True),
    Form(
        lambda t: f"[{t:%d/%m/%Y}, {t.hour % 12 or 12}:{t:%M:%S} {t:%p}] ".replace("AM", "am").replace("PM", "pm"),
        "\r\n",
        marked=True,
        seconds=True,
    ),
    Form(
        lambda t: f"[{t.month}/{t.day}/{t:%y}, {t.hour % 12 or 12}:{t:%M:%S}\u202f{t:%p}] ",
        "\r\n",
        marked=True,
        seconds=True,
    ),
    Form(lambda t: f"[{t:%Y/%m/%d}, {t:%H:%M:%S}] ", marked=True, seconds=True),
    Form(lambda t: f"{t:%d-%m-%Y %H:%M} - "),
    Form(lambda t: f"{t:%d-%m-%Y %H:%M} - ", "\r\n", "\ufeff"),
    Form(lambda t: f"{t.month}/{t.day}/{t:%y}, {t:%H:%M} - "),
    Form(lambda t: f"{t.month}/{t.day}/{t:%y}, {t.hour % 12 or 12}:{t:%M}\u202f{t:%p} - "),
    Form(lambda t: f"{t.day}/{t.month}/{t:%y}, {t.hour % 12 or 12}:{t:%M} {'ap'[t.hour > 11]}.\u00a0m. - "),
    Form(lambda t: f"{t:%d.%m.%y}, {t:%H:%M} - "),
    Form(lambda t: f"{t.day}.{t.month}.{t.year} klo {t.hour}.{t:%M.%S} - ", seconds=True),
]

PASTED = [
    "[5/2, 16:08] Piet: geplakt",
    "16:08 - Piet: geplakt",
    "<Media",
    "(bestand",
    "Dit bericht is verwijderd, zie ik",
    ": ",
]
lines = st.one_of(st.sampled_from(PASTED), st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), max_size=30))
texts = st.lists(lines, min_size=1, max_size=3).map(lambda many: "\n".join(many).rstrip())
entries = st.lists(
    st.tuples(st.integers(-120, 3_000), st.booleans(), st.one_of(st.sampled_from(["ok", "ja", "👍"]), texts)),
    min_size=1,
    max_size=25,
)
Entry = tuple[int, bool, str]


def entry_lines(form: Form, chat: list[Entry]) -> list[tuple[datetime, str]]:
    now, written = START, []
    for seconds, own, text in chat:
        now += timedelta(seconds=seconds)
        written.append((now, f"{form.header(now)}{OWN if own else OTHER}: {text}{form.newline}"))
    return written


def is_plain(form: Form, chat: list[Entry]) -> bool:
    return all(text and read_own_words(text, marked=form.marked) is None for _, _, text in chat)


@given(st.sampled_from(FORMS), entries)
def test_a_chat_that_is_written_out_in_any_form_is_read_back_as_it_was(
    read_one: Reader, form: Form, chat: list[Entry]
) -> None:
    chat = [entry for entry in chat if is_plain(form, [entry])] or [(0, True, "ok")]
    written = entry_lines(form, chat)
    got = read_one(form.start + "".join(line for _, line in written), date_order="mdy")
    assert not got.unreadable
    assert [(m.direction, m.text) for m in got.messages] == [("out" if own else "in", text) for _, own, text in chat]
    times = [t if form.seconds else t.replace(second=0) for t, _ in written]
    assert [m.sent_at for m in got.messages] == [t.replace(tzinfo=ZONE) for t in times]
    assert len(got.ids) == len(chat)
    assert len({(m.sent_at, m.position) for m in got.messages}) == len(chat)


@given(st.sampled_from(FORMS), entries, st.data())
def test_the_same_chat_again_longer_or_cut_off_adds_nothing_twice(
    read_one: Reader, form: Form, chat: list[Entry], data: st.DataObject
) -> None:
    # full days around it, so that each part of the chat decides the order of its dates the same way
    chat = [(0, True, "begin"), *chat, (5_000, False, "einde")]
    written = [line for _, line in entry_lines(form, chat)]
    whole = read_one(form.start + "".join(written), date_order="mdy").ids
    assert read_one("".join(written), date_order="mdy").ids == whole
    cut = data.draw(st.integers(1, len(written) - 1))
    older = read_one("".join(written[:cut]), date_order="mdy").ids
    newer = read_one("".join(written[cut:]), date_order="mdy").ids
    assert older <= whole
    assert newer <= whole
    overlap = data.draw(st.integers(0, cut))
    assert older | read_one("".join(written[overlap:]), date_order="mdy").ids == whole


FRAGMENTS = [
    "02-05-2022 16:08 - ",
    "[02-05-2022 16:08:13] ",
    "\u200e",
    "\r\n",
    "\n",
    "\n",
    "Jan: ",
    "Gemeente Voorbeeld: ",
    ": ",
    ":",
    "5/2/22, 4:08\u202fPM - ",
    "31-02-2022 16:08 - ",
    "Dit bericht is verwijderd",
    " <Dit bericht is bewerkt>",
    "\u200e<Dit bericht is bewerkt>",
    "\u200e<bijgevoegd: a.jpg>",
    "a.jpg (bestand bijgevoegd)",
    "<Media weggelaten>",
    "null",
    "\u200eafbeelding weggelaten",
    "Jan heeft het onderwerp gewijzigd naar “a: b”",
    " heeft de groep ",
    "02-05-2022 16:08 - : ",
    "02-05-2022 16:08 - \u00a0: ",
    "Jan: \u200e heeft de groep \u200e<Dit bericht is bewerkt>",
    "\ufeff",
    "\0",
    "ok",
    "30-10-2022 02:30 - Jan: ok\n",
    "27-03-2022 02:30 - Jan: ok\n",
]


@given(
    st.one_of(
        st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join),
        st.lists(st.sampled_from(FRAGMENTS), max_size=20).map(lambda many: FRAGMENTS[0] + "Jan: x\n" + "".join(many)),
        st.text(),
        st.binary(),
    )
)
def test_whatever_stands_in_a_file_it_is_read_or_refused_and_nothing_breaks(
    read_one: Reader, content: str | bytes
) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8", errors="surrogatepass")
    try:
        got = read_one(data)
    except ConfigError as error:
        assert "date_order" in str(error)  # noqa: PT017 - the one that may come of a file
        return
    assert bool(got.unreadable) is not bool(got.messages or got.changes)
    assert len(got.ids) == len(got.messages) + len(got.changes)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_a_zip_that_was_damaged_anywhere_is_read_as_it_was_or_refused(
    chats: Any, read: Reader, junk: bytes, at: int
) -> None:
    import zipfile

    path = chats / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_chat.txt", f"02-05-2022 16:08 - {OTHER}: hallo\n" * 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    got = read()
    assert bool(got.unreadable) is not bool(got.messages)
    assert set(got.texts) <= {"hallo"}

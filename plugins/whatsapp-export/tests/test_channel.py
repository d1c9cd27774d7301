"""What comes out of a folder of exported chats, and what does not."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from gemeente_connect.abilities import Checkable
from gemeente_connect.contracts import Channel, Unreadable
from gemeente_connect.errors import ConfigError, RejectedError
from gemeente_connect.models import Attachment, Spot
from gemeente_connect.plugins import discover

Reader = Callable[..., Any]
NUMBER = "+31612345678"
JAN = """\
02-05-2022 16:08 - Berichten en oproepen worden end-to-end versleuteld. Tik voor meer informatie.
02-05-2022 16:08 - Jan de Vries: Goedemorgen, de lantaarn is kapot
Hij knippert
02-05-2022 16:09 - Gemeente Voorbeeld: Wij kijken ernaar
02-05-2022 16:10 - Jan de Vries: Dank u
"""
IOS = (
    "\ufeff[02-05-2022 16:08:13] Jan de Vries: \u200eBerichten en gesprekken worden end-to-end versleuteld.\r\n"
    "[02-05-2022 16:08:14] Jan de Vries: Goedemorgen\nde lantaarn is kapot\r\n"
    "\u200e[02-05-2022 16:09:15] Jan de Vries: \u200e<bijgevoegd: 00000014-PHOTO.jpg>\r\n"
    "[02-05-2022 16:10:16] Gemeente Voorbeeld: Dit bericht is verwijderd\r\n"
    "[02-05-2022 16:10:17] Gemeente Voorbeeld: \u200eU hebt dit bericht verwijderd.\r\n"
)


def contacts(folder: Path, *pairs: tuple[str, str]) -> Path:
    path = folder.parent / "contacts.csv"
    path.write_text("naam,nummer\n" + "".join(f"{name},{number}\n" for name, number in pairs))
    return path


# ---- what is read ----------------------------------------------------------------------------------------------------


def test_the_plugin_is_discovered_and_its_channel_keeps_the_contract(open_channel: Callable[..., Channel]) -> None:
    assert "whatsapp-export" in discover().channels
    channel = open_channel()
    assert isinstance(channel, Channel)
    assert isinstance(channel, Checkable)
    assert (channel.account, channel.kind) == ("whatsapp-export:31591123456", "whatsapp")


def test_an_android_chat_becomes_messages_of_two_sides_and_reports_of_nobody(read_one: Reader) -> None:
    got = read_one(JAN)
    assert [(m.kind, m.direction, m.text) for m in got.messages] == [
        ("system", None, "Berichten en oproepen worden end-to-end versleuteld. Tik voor meer informatie."),
        ("text", "in", "Goedemorgen, de lantaarn is kapot\nHij knippert"),
        ("text", "out", "Wij kijken ernaar"),
        ("text", "in", "Dank u"),
    ]
    assert got.messages[1].sent_at == datetime(2022, 5, 2, 14, 8, tzinfo=UTC)
    assert [m.position for m in got.messages] == [0, 1, 0, 0]
    resident, municipality = got.messages[1].sender, got.messages[2].sender
    assert (resident.id, resident.name, resident.employee) == (NUMBER, "Jan de Vries", False)
    assert [(i.kind, i.value, i.verified_at) for i in resident.identities] == [("phone", NUMBER, None)]
    assert (municipality.id, municipality.name, municipality.employee) == ("municipality", "Gemeente Voorbeeld", True)
    assert got.messages[3].sender is resident
    assert {m.thread for m in got.messages} == {NUMBER}


def test_an_ios_chat_is_read_through_its_marks_and_a_typed_notice_is_no_deletion(read_one: Reader) -> None:
    got = read_one(IOS)
    assert [(m.kind, m.direction) for m in got.messages] == [
        ("system", None),
        ("text", "in"),
        ("image", "in"),
        ("text", "out"),
    ]
    assert got.messages[1].text == "Goedemorgen\nde lantaarn is kapot"
    assert got.messages[3].text == "Dit bericht is verwijderd"
    assert got.messages[2].attachments[0].missing == "absent"
    (change,) = got.changes
    assert (change.change, change.message.direction, change.at) == ("deleted", "out", None)


def test_a_chat_in_utf_16_is_read(read_one: Reader) -> None:
    assert read_one(JAN.encode("utf-16")).texts == read_one(JAN).texts


def test_a_pasted_line_in_another_form_or_after_a_bare_line_feed_stays_text(read_one: Reader) -> None:
    pasted = "[5/2, 16:08] Piet: hallo\n02-05-2022 16:09 - Gemeente Voorbeeld: niet van ons"
    got = read_one(IOS.replace("de lantaarn is kapot", pasted + "\n[02-05-2022 16:08:15] Gemeente Voorbeeld: vals"))
    assert got.messages[1].text.endswith("niet van ons\n[02-05-2022 16:08:15] Gemeente Voorbeeld: vals")
    assert len(got.messages) == 4


def test_a_date_that_does_not_exist_was_typed_and_stays_text(read_one: Reader) -> None:
    got = read_one(JAN.replace("Hij knippert", "31-02-2022 16:08 - Gemeente Voorbeeld: vals"))
    assert got.texts[1] == "Goedemorgen, de lantaarn is kapot\n31-02-2022 16:08 - Gemeente Voorbeeld: vals"


def test_crlf_within_messages_is_read_as_a_line_break(read_one: Reader) -> None:
    assert read_one(JAN.replace("\n", "\r\n")).texts == read_one(JAN).texts


def test_a_report_that_holds_a_colon_has_no_sender(read_one: Reader) -> None:
    line = "02-05-2022 16:11 - Jan de Vries heeft het onderwerp gewijzigd naar “Melding: straat”\n"
    got = read_one(JAN + line, chat="buurt")
    assert (got.messages[-1].kind, got.messages[-1].sender) == ("system", None)
    assert got.texts[-1] == "Jan de Vries heeft het onderwerp gewijzigd naar “Melding: straat”"


def test_a_contact_whose_name_reads_like_a_report_is_still_a_person(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text(JAN.replace("Jan de Vries", "Jan zakelijk account"))
    got = read(contacts=contacts(chats, ("Jan zakelijk account", NUMBER)))
    assert [m.direction for m in got.messages] == [None, "in", "out", "in"]


def test_a_message_of_which_only_the_name_is_left_keeps_its_sender(read_one: Reader) -> None:
    got = read_one(JAN + "02-05-2022 16:11 - Jan de Vries:\nna een lege regel\n")
    assert (got.messages[-1].direction, got.texts[-1]) == ("in", "na een lege regel")


def test_a_line_that_begins_with_a_colon_is_of_nobody(read_one: Reader) -> None:
    got = read_one(JAN + "02-05-2022 16:11 - : \n02-05-2022 16:11 - Piet: hoi\n", chat="buurt")
    assert (got.messages[-2].kind, got.messages[-2].sender, got.messages[-2].text) == ("system", None, ":")


def test_somebody_whose_name_is_nothing_to_see_is_still_somebody(read_one: Reader) -> None:
    got = read_one(JAN + "02-05-2022 16:11 - \u00a0: hoi\n02-05-2022 16:11 - Piet: hoi\n", chat="buurt")
    assert got.messages[-2].sender.id == "\u00a0"


def test_a_report_that_seems_edited_is_a_report_since_nobody_can_edit_one(read_one: Reader) -> None:
    pasted = "\u200eJan heeft de groep “Buurt” gemaakt \u200e<Dit bericht is bewerkt>"
    got = read_one(IOS + f"[02-05-2022 16:11:18] Jan de Vries: {pasted}\r\n", chat="buurt")
    assert (got.messages[-1].kind, got.messages[-1].sender) == ("system", None)


def test_the_hour_that_comes_twice_is_told_apart_by_the_order_of_the_file(read_one: Reader) -> None:
    minutes = ["01:50", "02:30", "02:50", "02:10", "02:40", "03:10"]
    got = read_one("".join(f"30-10-2022 {minute} - Jan: x\n" for minute in minutes))
    utc = [m.sent_at.astimezone(UTC).strftime("%H:%M") for m in got.messages]
    assert utc == ["23:50", "00:30", "00:50", "01:10", "01:40", "02:10"]


def test_the_hour_that_does_not_come_is_moved_forward(read_one: Reader) -> None:
    (message,) = read_one("27-03-2022 02:30 - Jan: x\n").messages
    assert message.sent_at == datetime(2022, 3, 27, 1, 30, tzinfo=UTC)


def test_lines_that_stand_out_of_order_keep_their_times_and_their_order_within_a_minute(read_one: Reader) -> None:
    lines = ("16:24", "a"), ("16:20", "b"), ("16:24", "c"), ("16:24", "a")
    got = read_one("".join(f"02-05-2022 {minute} - Jan: {text}\n" for minute, text in lines))
    assert [(m.text, m.position) for m in got.messages] == [("a", 0), ("b", 0), ("c", 1), ("a", 2)]
    assert len(got.ids) == 4


def test_messages_from_until_on_are_left_to_another_source(read_one: Reader) -> None:
    assert read_one(JAN, until=date(2022, 5, 2)).messages == []
    assert len(read_one(JAN, until=datetime(2022, 5, 2, 16, 10)).messages) == 3  # noqa: DTZ001 - local, as in TOML
    assert len(read_one(JAN, until=datetime(2022, 5, 2, 14, 9, tzinfo=UTC)).messages) == 2
    assert len(read_one(JAN, until=date(2022, 5, 3)).messages) == 4


def test_another_time_zone_can_be_set(read_one: Reader) -> None:
    assert read_one(JAN, timezone="America/Curacao").messages[0].sent_at.hour == 16
    assert read_one(JAN, timezone="America/Curacao").messages[0].sent_at == datetime(2022, 5, 2, 20, 8, tzinfo=UTC)


# ---- edits and deletions ---------------------------------------------------------------------------------------------


def test_a_changed_line_says_where_it_stands_and_which_messages_it_cannot_be(read_one: Reader) -> None:
    text = "".join(
        f"02-05-2022 16:1{minute} - {name}: {body}\n"
        for minute, name, body in [
            (0, "Jan", "een"),
            (1, "Jan", "twee"),
            (1, "Gemeente Voorbeeld", "drie"),
            (1, "Jan", "vier <Dit bericht is bewerkt>"),
            (2, "Jan", "vijf"),
            (1, "Jan", "zes"),
        ]
    )
    got = read_one(text)
    (change,) = got.changes
    by_text = {m.text: m.id for m in got.messages}
    assert change.target == Spot(
        minute=datetime(2022, 5, 2, 14, 11, tzinfo=UTC),
        sender=NUMBER,
        besides=frozenset({by_text["twee"], by_text["zes"]}),
    )
    assert (change.message.text, change.message.id in got.ids) == ("vier", True)
    assert "vier" not in by_text


def test_an_edited_message_is_not_taken_for_an_equal_one_beside_it(read_one: Reader) -> None:
    got = read_one("02-05-2022 16:10 - Jan: ok <Dit bericht is bewerkt>\n02-05-2022 16:10 - Jan: ok\n")
    assert len(got.ids) == 2
    assert got.changes[0].target.besides == {got.messages[0].id}


# ---- ids -------------------------------------------------------------------------------------------------------------


def test_a_renamed_contact_changes_no_id(read_one: Reader) -> None:
    assert read_one(JAN).ids == read_one(JAN.replace("Jan de Vries:", "Jan (Lindenhof):")).ids


def test_ids_differ_by_account_and_by_thread(read_one: Reader) -> None:
    ids = read_one(JAN).ids
    assert not ids & read_one(JAN, account="+31591654321").ids
    assert not ids & read_one(JAN, chat="+31687654321").ids


def test_the_same_chat_from_another_kind_of_phone_has_the_same_ids(read_one: Reader) -> None:
    android = "02-05-2022 16:08 - Jan: hallo\n02-05-2022 16:09 - Jan: IMG-1.jpg (bestand bijgevoegd)\nde bank\n"
    ios = (
        "[5/2/22, 4:08:59\u202fPM] Jan: hallo\r\n"
        "[5/2/22, 4:09:01\u202fPM] Jan: de bank \u200e<attached: 7-PHOTO.jpg>\r\n"
    )
    assert read_one(android).ids == read_one(ios, date_order="mdy").ids


def test_the_same_chat_from_a_phone_in_another_language_has_the_same_ids(read_one: Reader) -> None:
    dutch = ("<Media weggelaten>", "Gemiste spraakoproep", "Wachten op dit bericht", "Dit bericht is verwijderd",
             "locatie: https://maps.google.com/?q=52.1,5.1", "PEILING:\nWanneer?\nOPTIE: ma (1 stem)")  # fmt: skip
    english = ("<Media omitted>", "Missed voice call", "Waiting for this message", "This message was deleted",
               "location: https://maps.google.com/?q=52.1,5.1", "POLL:\nWanneer?\nOPTION: ma (2 votes)")  # fmt: skip
    for one, other in zip(dutch, english, strict=True):
        ids = [read_one(f"02-05-2022 16:08 - Jan: {text}\n").ids for text in (one, other)]
        assert ids[0] == ids[1], one


# ---- threads and people ----------------------------------------------------------------------------------------------


def test_a_name_is_tied_to_a_number_by_the_contacts_file_only(chats: Path, read: Reader) -> None:
    (chats / "WhatsApp-chat met Jan de Vries.txt").write_text(JAN)
    got = read()
    assert not got.messages
    (held,) = got.unreadable
    assert (held.thread, held.name) == ("Jan de Vries", "WhatsApp-chat met Jan de Vries.txt")
    assert "Jan" not in held.reason
    known = read(got.cursor, contacts=contacts(chats, ("Jan de Vries", "06 12345678")))
    assert {m.thread for m in known.messages} == {NUMBER}
    assert known.readable == [held.id]
    assert known.pages[0].thread_names == {NUMBER: "Jan de Vries"}


def test_a_name_with_two_numbers_in_the_contacts_is_held_for_a_person(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text(JAN)
    got = read(contacts=contacts(chats, ("Jan de Vries", NUMBER), ("Jan de Vries", "+31687654321")))
    assert "more than one number" in got.unreadable[0].reason


def test_a_number_that_is_shown_needs_no_contacts(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text(JAN.replace("Jan de Vries", "\u202a+31\u00a06\u00a012345678\u202c"))
    got = read()
    assert {m.thread for m in got.messages} == {NUMBER}
    assert got.messages[1].sender.name is None
    known = read(contacts=contacts(chats, ("Mama", NUMBER)))
    assert known.pages[0].thread_names == {NUMBER: "Mama"}
    assert {m.thread for m in known.messages} == {NUMBER}


def test_a_name_with_marks_around_it_is_the_same_name(read_one: Reader) -> None:
    got = read_one(JAN + "02-05-2022 16:11 - \u202aJan de Vries\u202c: nog iets\n", chat=NUMBER)
    assert (len(got.messages), got.messages[-1].sender.id) == (5, NUMBER)


def test_contacts_that_change_between_two_runs_of_one_channel_are_read_again(
    chats: Path, open_channel: Callable[..., Channel]
) -> None:
    (chats / "a.txt").write_text(JAN)
    channel = open_channel(contacts=contacts(chats, ("Piet", NUMBER)))
    (page,) = channel.pages(None)
    assert page.unreadable
    contacts(chats, ("Jan de Vries", NUMBER))
    (page,) = channel.pages(page.cursor)
    assert len(page.messages) == 4


def test_a_chat_in_which_only_the_municipality_writes_is_found_by_the_name_of_the_chat(
    chats: Path, read: Reader
) -> None:
    (chats / "WhatsApp-chat met Jan de Vries (1).txt").write_text("02-05-2022 16:09 - Gemeente Voorbeeld: Dag Jan\n")
    got = read(contacts=contacts(chats, ("Jan de Vries", NUMBER)))
    assert [(m.thread, m.direction) for m in got.messages] == [(NUMBER, "out")]


@pytest.mark.parametrize("key", ["a.txt", "Jan de Vries"])
def test_chat_may_name_a_thread_by_file_or_by_name_and_a_free_id_proves_no_address(
    chats: Path, read: Reader, key: str
) -> None:
    (chats / "a.txt").write_text(JAN)
    got = read(chat={key: "mijn-eigen-id"})
    assert {m.thread for m in got.messages} == {"mijn-eigen-id"}
    assert (got.messages[1].sender.id, got.messages[1].sender.identities) == ("mijn-eigen-id", ())


def test_a_municipality_that_does_not_occur_is_asked_about_without_naming_anybody(read_one: Reader) -> None:
    got = read_one(JAN, own_name="Gemeente Elders")
    assert not got.messages
    assert "`own_name`" in got.unreadable[0].reason
    assert "Jan" not in got.unreadable[0].reason
    assert len(read_one(JAN, own_name=["Gemeente Elders", "Gemeente Voorbeeld"]).messages) == 4


def test_a_group_keeps_all_its_senders_and_needs_a_thread_of_its_own(chats: Path, read: Reader) -> None:
    (chats / "WhatsApp-chat met Buurt.txt").write_text(
        "02-05-2022 16:07 - U hebt de groep “Buurt” gemaakt\n"
        + JAN
        + "02-05-2022 16:11 - +31 6 87654321: hoi\n02-05-2022 16:12 - Collega: dag\n02-05-2022 16:13 - Piet: ja\n"
    )
    own = {"own_name": ["Gemeente Voorbeeld", "Collega"], "contacts": contacts(chats, ("Jan de Vries", NUMBER))}
    assert "add the group to `chat`" in read(**own).unreadable[0].reason
    got = read(chat={"Buurt": "buurt"}, **own)
    senders = [(m.sender.id, bool(m.sender.identities), m.direction) for m in got.messages if m.sender]
    assert senders == [
        (NUMBER, True, "in"),
        ("municipality/Gemeente Voorbeeld", False, "out"),
        (NUMBER, True, "in"),
        ("+31687654321", True, "in"),
        ("municipality/Collega", False, "out"),
        ("Piet", False, "in"),
    ]
    assert {m.thread for m in got.messages} == {"buurt"}


def test_a_group_in_which_one_resident_writes_is_no_chat_with_that_resident(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text("02-05-2022 16:07 - U hebt de groep “Buurt” gemaakt\n" + JAN)
    got = read(contacts=contacts(chats, ("Jan de Vries", NUMBER)))
    assert not got.messages
    assert "group" in got.unreadable[0].reason
    text = (chats / "a.txt").read_text().partition("\n")[2]  # without the line that tells it is a group
    (chats / "WhatsApp-chat met Buurt.txt").write_text(text)
    (chats / "a.txt").unlink()
    named = read(chat={"Buurt": "buurt"}, contacts=contacts(chats, ("Jan de Vries", NUMBER)))
    assert {m.thread for m in named.messages} == {"buurt"}


def test_in_a_group_neither_names_nor_the_order_of_own_names_change_an_id(chats: Path, read: Reader) -> None:
    group = "02-05-2022 16:07 - U hebt de groep “Buurt” gemaakt\n" + JAN + "02-05-2022 16:12 - Collega: dag\n"
    (chats / "a.txt").write_text(group)
    first = read(chat={"a.txt": "buurt"}, own_name=["Gemeente Voorbeeld", "Collega"])
    (chats / "a.txt").write_text(group.replace("Jan de Vries", "Jan Melder"))
    known = contacts(chats, ("Jan Melder", NUMBER))
    second = read(chat={"a.txt": "buurt"}, own_name=["Collega", "Gemeente Voorbeeld"], contacts=known)
    assert first.ids == second.ids


def test_a_file_name_in_chat_means_one_file_and_not_its_namesakes_in_other_folders(chats: Path, read: Reader) -> None:
    for folder in ("een", "twee"):
        (chats / folder).mkdir()
        (chats / folder / "_chat.txt").write_text(JAN)
    assert len(read(chat={"_chat.txt": NUMBER}).unreadable) == 2
    got = read(chat={"een/_chat.txt": NUMBER})
    assert ({m.thread for m in got.messages}, len(got.unreadable)) == ({NUMBER}, 1)


def test_a_group_of_ios_reports_under_its_own_name_and_that_is_no_sender(chats: Path, read: Reader) -> None:
    (chats / "_chat.txt").write_text(
        "[02-05-2022 16:08:13] Buurt: \u200eJan heeft deze groep aangemaakt\r\n"
        "[02-05-2022 16:08:14] Jan: hoi\r\n"
        "[02-05-2022 16:08:15] Buurt: \u200eJan heeft het onderwerp gewijzigd naar “a: b”\r\n"
        "[02-05-2022 16:08:16] Gemeente Voorbeeld: dag\r\n",
        newline="",
    )
    got = read(chat={"Buurt": "buurt"})
    assert [(m.kind, m.text) for m in got.messages] == [
        ("system", "Jan heeft deze groep aangemaakt"),
        ("text", "hoi"),
        ("system", "Jan heeft het onderwerp gewijzigd naar “a: b”"),
        ("text", "dag"),
    ]
    assert read().unreadable[0].thread == "Buurt"


def test_a_name_with_two_histories_that_share_nothing_is_refused(chats: Path, read: Reader) -> None:
    known = {"contacts": contacts(chats, ("Jan de Vries", NUMBER))}
    (chats / "a.txt").write_text(JAN)
    (chats / "b.txt").write_text(JAN.replace("02-05-2022", "03-05-2023").replace("lantaarn", "stoep"))
    got = read(**known)
    assert len(got.messages) == 4
    assert "shares no message" in got.unreadable[0].reason
    assert got.unreadable[0].name == "b.txt"
    (chats / "a.txt").unlink()
    assert "shares no message" in read(got.cursor, **known).unreadable[0].reason
    named = read(got.cursor, chat={"b.txt": "+31687654321"}, **known)
    assert {m.thread for m in named.messages} == {"+31687654321"}


def test_what_the_municipality_sent_to_two_people_of_one_name_does_not_make_them_one(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text(JAN)
    (chats / "b.txt").write_text(JAN.replace("Jan de Vries: ", "Jan de Vries: iets anders, "))
    got = read(contacts=contacts(chats, ("Jan de Vries", NUMBER)))
    assert "shares no message" in got.unreadable[0].reason


def test_a_name_that_gets_another_number_does_not_take_the_chat_of_the_earlier_one_along(
    chats: Path, read: Reader
) -> None:
    (chats / "a.txt").write_text(JAN)
    first = read(contacts=contacts(chats, ("Jan de Vries", NUMBER)))
    known = {"contacts": contacts(chats, ("Jan de Vries", "+31687654321"))}
    second = read(first.cursor, **known)
    assert not second.messages
    assert "under another number" in second.unreadable[0].reason
    named = read(second.cursor, chat={"a.txt": "+31687654321"}, **known)
    assert {m.thread for m in named.messages} == {"+31687654321"}


def test_another_export_of_a_chat_that_lost_its_beginning_is_known_again(chats: Path, read: Reader) -> None:
    known = {"contacts": contacts(chats, ("Jan de Vries", NUMBER))}
    lines = [f"02-05-2022 {n // 60:02}:{n % 60:02} - Jan de Vries: bericht {n}\n" for n in range(600)]
    (chats / "a.txt").write_text("".join(lines[:500]))
    first = read(**known)
    (chats / "a.txt").write_text("".join(lines[499:]))
    second = read(first.cursor, **known)
    assert not second.unreadable
    assert len(first.ids | second.ids) == 600


# ---- again and again -------------------------------------------------------------------------------------------------


def test_a_file_that_was_read_is_not_read_again_until_it_or_a_setting_changes(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text(JAN)
    given: dict[str, Any] = {"chat": {"a.txt": NUMBER}}
    first = read(**given)
    assert read(first.cursor, **given).pages == []
    assert len(read(first.cursor, chat={"a.txt": "+31687654321"}).messages) == 4
    with (chats / "a.txt").open("a") as file:
        file.write("02-05-2022 16:11 - Jan de Vries: Nog iets\n")
    longer = read(first.cursor, **given)
    assert longer.ids > first.ids
    assert len(longer.ids) == 5


def test_pages_hold_several_files_and_one_file_takes_several_pages(chats: Path, read: Reader) -> None:
    for number in range(5):
        (chats / f"{number}.txt").write_text(JAN.replace("Jan de Vries", f"+31 6 1234567{number}"))
    assert len(read().pages) == 1
    (chats / "9.txt").write_text("".join(f"02-05-2022 16:10 - +31 6 12345679: {n}\n" for n in range(1200)))
    pages = read().pages
    assert [len(page.messages) for page in pages] == [500, 500, 220]
    assert len(json.loads(pages[0].cursor)["files"]) == 5
    assert len(json.loads(pages[2].cursor)["files"]) == 6


def test_the_cursor_stays_small_and_holds_no_names(chats: Path, read: Reader) -> None:
    pairs = [(f"Jan {n}", f"+316123456{n:02}") for n in range(40)]
    for name, _ in pairs:
        (chats / f"WhatsApp-chat met {name}.txt").write_text(JAN.replace("Jan de Vries", name))
    cursor = read(contacts=contacts(chats, *pairs)).cursor
    assert len(cursor) < 150 * len(pairs)
    assert "Jan" not in cursor
    assert "612345" not in cursor


def test_an_unreadable_file_keeps_its_id_and_stops_no_other(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text("%PDF-1.7")
    (chats / "b.txt").write_text(JAN.replace("Jan de Vries", "+31 6 12345678"))
    first = read()
    again = read(first.cursor)
    assert len(first.messages) == 4
    assert [u.id for u in first.unreadable] == [u.id for u in again.unreadable]
    assert not again.messages
    assert not again.readable
    (chats / "a.txt").write_text(JAN.replace("Jan de Vries", "+31 6 87654321"))
    assert read(again.cursor).readable == [first.unreadable[0].id]


def test_a_cursor_of_a_newer_version_is_refused(read_one: Reader) -> None:
    with pytest.raises(ConfigError, match="upgrade"):
        read_one(JAN, since='{"v":99}')


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7\n%\xe2", "is a PDF"),
        (b"PK\x03\x04....", "is a zip"),
        (b"zomaar een tekst\n", "line 1 is not the beginning of a message"),
        (b"\n\n", "line 1 is not the beginning of a message"),
        (JAN.encode() + b"02-05-2022 16:11 - Jan: caf\xe9\n", "line 6 is not text"),
        (JAN.encode() + b"\x00\x00", "line 6 holds what is not text"),
        (JAN.encode() + b"\xe2\x82", "line 6 is not text"),
        (b"31-02-2022 16:08 - Jan: x\n01-02-2022 16:08 - Jan: x\n", "line 1 has a date that does not exist"),
        (b"02-05-2022 16:08 - Jan: " + b"x" * 5_000_000, "a message of more than"),
        (b"02-05-2022 16:08 - Jan: " + b"x\n" * 3_000_000, "a message of more than"),
        (b"".join(b"%d-2-22, 16:08 - J: x\n" % d for d in (1, 30, 31)), "2 of its dates do not exist"),
    ],
)
def test_a_file_that_is_no_chat_is_refused_with_one_reason_that_says_where_and_what_to_do(
    read_one: Reader, content: bytes, says: str
) -> None:
    got = read_one(content)
    assert not got.messages
    (held,) = got.unreadable
    assert held.reason.startswith("the file in `path`: ")
    assert says in held.reason
    assert "\n" not in held.reason


def test_ambiguous_dates_are_asked_about_at_the_end_and_hold_up_nothing_else(
    chats: Path, read_one: Reader, open_channel: Callable[..., Channel]
) -> None:
    slashes = "5/2/22, 16:08 - +31 6 87654321: hallo\n"
    with pytest.raises(ConfigError, match=r"date_order.*day/month") as error:
        read_one(slashes)
    assert "chat.txt" not in str(error.value)
    (chats / "a.txt").write_text(slashes)
    (chats / "b.txt").write_text(JAN.replace("Jan de Vries", "+31 6 12345678"))
    (chats / "chat.txt").unlink()
    pages = open_channel().pages(None)
    assert len(next(pages).messages) == 4
    with pytest.raises(ConfigError, match=r"1 of 2 files in `path` \(file 1\)"):
        next(pages)
    (page,) = open_channel(date_order="mdy").pages(None)
    assert page.messages[0].sent_at.month == 5


def test_settings_that_cannot_be_meant_are_refused(chats: Path, open_channel: Callable[..., Channel]) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        list(open_channel(path=chats / "none").pages(None))
    with pytest.raises(ConfigError, match="country code"):
        open_channel(account="0591 123456")
    with pytest.raises(ConfigError, match="time zone"):
        open_channel(timezone="Europe/Assen")
    with pytest.raises(ConfigError, match="`path` is a folder"):
        open_channel(chat=NUMBER)
    with pytest.raises(ConfigError, match="contacts: the file cannot be opened"):
        list(open_channel(contacts=chats / "none.csv").pages(None))
    with pytest.raises(ConfigError, match="did you mean 'own_name'"):
        open_channel(own_nam="x")


def test_an_empty_folder_yields_nothing(read: Reader) -> None:
    assert read().pages == []


# ---- attachments -----------------------------------------------------------------------------------------------------


def test_media_come_out_of_a_zip_and_out_of_the_folder_beside_a_chat(
    chats: Path, open_channel: Callable[..., Channel], read: Reader
) -> None:
    chat = (
        "02-05-2022 16:08 - +31 6 12345678: IMG-1.jpg (bestand bijgevoegd)\nde bank\n"
        "02-05-2022 16:08 - +31 6 12345678: DOC-20220502-WA0006. (bestand bijgevoegd)\n"
        "02-05-2022 16:09 - +31 6 12345678: weg.jpg (bestand bijgevoegd)\n"
        "02-05-2022 16:09 - +31 6 12345678: <Media weggelaten>\n"
    )
    (chats / "los").mkdir()
    (chats / "los" / "chat.txt").write_text(chat)
    with zipfile.ZipFile(chats / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("WhatsApp-chat met Jan.txt", chat)
        for name in ("IMG-1.jpg", "DOC-20220502-WA0006"):
            archive.writestr(name, name * 1000)
            (chats / "los" / name).write_text(name * 1000)
    got = read()
    assert len(got.messages) == 8
    assert len(got.ids) == 4
    for each in (got.messages[:4], got.messages[4:]):
        photo, document, gone, left_out = (m.attachments[0] for m in each)
        for attachment, name in ((photo, "IMG-1.jpg"), (document, "DOC-20220502-WA0006")):
            assert (attachment.name, attachment.size, attachment.missing) == (name, 1000 * len(name), None)
            assert b"".join(open_channel().download(attachment)) == (name * 1000).encode()
        assert photo.media_type == "image/jpeg"
        assert (gone.missing, gone.source, left_out.missing) == ("absent", None, "omitted")


def test_beside_a_chat_that_has_no_folder_of_its_own_only_files_that_whatsapp_named_are_its_media(
    chats: Path, read_one: Reader
) -> None:
    names = ("IMG-20220502-WA0006.jpg", "00000014-PHOTO-2022-05-02-16-17-01.jpg", "contacts.csv")
    for name in names:
        (chats / name).write_text("inhoud")
    got = read_one("".join(f"02-05-2022 16:08 - Jan: {name} (bestand bijgevoegd)\n" for name in names))
    assert [m.attachments[0].missing for m in got.messages] == [None, None, "absent"]


def test_a_file_beside_two_chats_belongs_to_neither(chats: Path, read: Reader) -> None:
    for number in ("12345678", "87654321"):
        (chats / f"WhatsApp-chat met +31 6 {number}.txt").write_text(
            f"02-05-2022 16:08 - +31 6 {number}: IMG-1.jpg (bestand bijgevoegd)\n"
        )
    (chats / "IMG-1.jpg").write_text("van wie?")
    assert {m.attachments[0].missing for m in read().messages} == {"absent"}


@pytest.mark.parametrize(
    "source", [["../secret.txt"], ["/etc/passwd"], ["none.jpg"], ["a.zip", "none.jpg"], ["link.jpg"]]
)
def test_an_attachment_that_is_gone_or_outside_the_folder_is_refused(
    chats: Path, open_channel: Callable[..., Channel], source: list[str]
) -> None:
    (chats.parent / "secret.txt").write_text("geheim")
    (chats / "link.jpg").symlink_to(chats.parent / "secret.txt")
    with zipfile.ZipFile(chats / "a.zip", "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(RejectedError, match="attachment cannot be read") as error:
        list(open_channel().download(Attachment(source=json.dumps(source))))
    assert "secret" not in str(error.value)


def test_check_says_what_was_found_and_what_is_wrong_without_reading_anything_in(
    chats: Path, open_channel: Callable[..., Channel]
) -> None:
    (chats / "a.txt").write_text(JAN)
    (chats / "b.txt").write_text("%PDF")
    (chats / "c.txt").write_text("5/2/22, 16:08 - +31 6 87654321: hallo\n")
    channel = open_channel(contacts=contacts(chats, ("Jan de Vries", NUMBER)))
    assert isinstance(channel, Checkable)
    findings = [(f.ok, f.text) for f in channel.check()]
    assert findings[:2] == [(True, "exported chats found in `path`: 3"), (True, "names found in `contacts`: 1")]
    assert [text.partition(":")[0] for ok, text in findings if not ok] == ["file 2 of 3 in `path`", "date_order"]
    channel.close()


def test_discovery_loads_no_parser_and_an_unchanged_folder_loads_none_either(chats: Path, read: Reader) -> None:
    (chats / "a.txt").write_text(JAN.replace("Jan de Vries", "+31 6 12345678"))
    cursor = read().cursor
    script = f"""
import sys
from gemeente_connect_whatsapp_export.plugin import register_channels
(connector,) = register_channels()
ours = "gemeente_connect_whatsapp_export."
loaded = {{name.removeprefix(ours) for name in sys.modules if name.startswith(ours)}}
assert loaded == {{"plugin", "settings"}}, loaded
channel = connector.connect({{"path": {str(chats)!r}, "account": "+31591123456", "own_name": "Gemeente Voorbeeld"}})
assert list(channel.pages({cursor!r})) == []
loaded = {{name.removeprefix(ours) for name in sys.modules if name.startswith(ours)}}
assert loaded == {{"plugin", "settings", "channel", "cursor", "decoding", "sources"}}, loaded
assert "phonenumbers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_in_a_folder_the_file_whose_dates_are_asked_about_is_listed_so_that_its_name_can_be_looked_up(
    chats: Path, open_channel: Callable[..., Channel], read: Reader
) -> None:
    text = "5/2/22, 16:08 - +31 6 12345679: Dag\n5/2/22, 16:09 - Gemeente Voorbeeld: Dag\n"
    (chats / "which.txt").write_text(text, encoding="utf-8")
    listed: list[Unreadable] = []
    with pytest.raises(ConfigError, match="date_order"):  # noqa: PT012 - it is raised after the pages
        for page in open_channel().pages(None):
            listed += page.unreadable
            cursor = page.cursor
    assert [item.name for item in listed] == ["which.txt"]
    told = read(cursor, date_order="dmy")
    assert (len(told.messages), told.readable) == (2, [listed[0].id])


def test_two_empty_files_are_two_things_to_look_at(chats: Path, read: Reader) -> None:
    for name in ("one.txt", "two.txt"):
        (chats / name).touch()
    assert len({item.id for item in read().unreadable}) == 2

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from plugins.loket.tests.conftest import DESK, NOVEMBER, Desk, DictFiles, DictSteps, chat, person, said

from gemeente_connect.contracts import Findable, Refs
from gemeente_connect.errors import RejectedError, StorageError
from gemeente_connect_loket.case_system import PART, Loket
from gemeente_connect_loket.store import Store


def rows(desk: Desk, query: str) -> list[tuple[object, ...]]:
    with desk.store.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_delivered_conversation_is_recorded_whole_and_found_by_its_resident(desk: Desk) -> None:
    receipt = desk.deliver(chat(said("Mijn container is niet geleegd", 0), said("Morgen komt de wagen", 5, by=DESK)))
    assert receipt.findable is Findable.YES
    assert receipt.missing == ()
    assert abs(receipt.checked_at - datetime.now(UTC)).total_seconds() < 60
    assert rows(desk, "SELECT direction, text FROM turn JOIN message ON turn.position = turn") == [
        ("in", "Mijn container is niet geleegd"),
        ("out", "Morgen komt de wagen"),
    ]
    assert rows(desk, "SELECT channel, subject, answered FROM record") == [
        ("whatsapp", "Mijn container is niet geleegd", 1)
    ]


def test_the_reference_says_nothing_about_the_conversation_or_the_resident(desk: Desk) -> None:
    references = [desk.reference(chat(said(str(n)), key=f"conversation-{n}")) for n in range(3)]
    assert len(set(references)) == 3
    assert all(len(reference) >= 22 and "conversation" not in reference for reference in references)


def test_delivering_again_changes_the_record_that_is_there_and_keeps_its_reference(desk: Desk) -> None:
    first = desk.deliver(chat(said("Een vraag", 0)))
    again = desk.deliver(chat(said("Een vraag", 0), said("Een antwoord", 3, by=DESK)))
    assert again.reference == first.reference
    assert rows(desk, "SELECT count(*) FROM record") == [(1,)]
    assert rows(desk, "SELECT text FROM message ORDER BY turn") == [("Een vraag",), ("Een antwoord",)]


def test_the_turns_keep_the_ids_they_were_delivered_with(desk: Desk) -> None:
    early = said("eerder, maar later binnengekomen", -5)
    conversation = chat(early, said("Een vraag", 0))
    turn = conversation.turns[0].model_copy(update={"id": "the-id-of-the-first-delivery"})
    desk.deliver(conversation.model_copy(update={"turns": (turn,)}))
    assert rows(desk, "SELECT id FROM turn") == [("the-id-of-the-first-delivery",)]


def test_nothing_is_written_when_nothing_changed(desk: Desk) -> None:
    desk.deliver(chat(said("Een vraag")))
    before = rows(desk, "SELECT * FROM record"), rows(desk, "PRAGMA data_version")
    steps = desk.steps["conversation-1"]
    Loket(desk.store).deliver(chat(said("Een vraag")), steps, NoFiles())
    assert (rows(desk, "SELECT * FROM record"), rows(desk, "PRAGMA data_version")) == before


class NoFiles(DictFiles):
    """A store that must not be asked."""

    def open(self, sha256: str) -> NoReturn:
        pytest.fail("there was no need to read an attachment")


@pytest.mark.parametrize("landed", [False, True], ids=["the record was not made", "the record was made"])
def test_a_crash_while_the_record_was_made_doubles_nothing_and_loses_nothing(desk: Desk, landed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    class Crashing(DictSteps):
        def once(
            self, name: str, make: Callable[[], Refs], find: Callable[[], Refs | None], *, shared: bool = False
        ) -> Refs:
            self.intended.add(name)
            if landed:
                make()
            raise KeyboardInterrupt

    crashed = Crashing()
    with pytest.raises(KeyboardInterrupt):
        desk.loket.deliver(chat(said("Een vraag")), crashed, desk.files)
    afterwards = desk.steps["conversation-1"] = DictSteps()
    afterwards.intended = crashed.intended
    assert desk.deliver(chat(said("Een vraag"))).findable is Findable.YES
    assert rows(desk, "SELECT count(*) FROM record") == [(1,)]
    assert rows(desk, "SELECT text FROM message") == [("Een vraag",)]


def test_a_lost_ledger_leads_to_the_record_that_is_there(desk: Desk) -> None:
    first = desk.reference(chat(said("Een vraag")))
    desk.steps.clear()
    assert desk.reference(chat(said("Een vraag"))) == first
    assert rows(desk, "SELECT count(*) FROM record") == [(1,)]


def test_a_record_without_its_content_yet_is_found_by_nobody(desk: Desk) -> None:
    with desk.store.writing() as connection:
        connection.execute("INSERT INTO record (external_id, reference) VALUES ('half', 'made')")
    receipt = desk.deliver(chat(said("Een vraag")))
    assert receipt.findable is Findable.YES
    assert rows(desk, "SELECT first_in FROM record WHERE external_id = 'half'") == [(None,)]


def test_a_record_that_was_removed_is_not_made_again(desk: Desk) -> None:
    desk.deliver(chat(said("Een vraag")))
    with desk.store.writing() as connection:
        connection.execute("DELETE FROM record")
    with pytest.raises(RejectedError, match="gone"):
        desk.deliver(chat(said("Een vraag")))
    with pytest.raises(RejectedError, match="gone"):
        desk.deliver(chat(said("Een vraag"), said("En nog iets", 1)))
    assert rows(desk, "SELECT count(*) FROM record") == [(0,)]


# ---- what is not shown -----------------------------------------------------------------------------------------------


def test_notes_between_employees_never_reach_the_file(desk: Desk) -> None:
    desk.deliver(
        chat(
            said("Een vraag", 0),
            said("GEHEIM overleg", 1, by=DESK, internal=True),
            said("Een antwoord", 2, by=DESK),
            said("GEHEIM daarna", 3, by=DESK, internal=True),
        )
    )
    desk.loket.close()
    assert b"GEHEIM" not in desk.store.path.read_bytes()
    assert rows(desk, "SELECT count(*) FROM turn") == [(2,)]


def test_the_text_of_a_deleted_message_and_its_attachments_leave_the_file(desk: Desk) -> None:
    photo = desk.files.add(b"a photo", media_type="image/png")
    desk.deliver(chat(said("Verschreven", attachments=(photo,))))
    desk.deliver(chat(said("Verschreven", attachments=(photo,), deleted_at=NOVEMBER)))
    assert rows(desk, "SELECT text, deleted FROM message") == [("", 1)]
    assert rows(desk, "SELECT count(*) FROM attachment") == [(0,)]
    assert rows(desk, "SELECT count(*) FROM file_part") == [(0,)]


# ---- attachments -----------------------------------------------------------------------------------------------------


def test_the_content_of_an_attachment_is_kept_once_for_all_who_sent_it(desk: Desk) -> None:
    content = b"x" * (PART + 1)
    photo = desk.files.add(content, media_type="image/png")
    desk.deliver(chat(said(attachments=(photo,)), key="one"))
    desk.deliver(chat(said(attachments=(photo, photo)), key="two"))
    assert rows(desk, "SELECT part, length(content) FROM file_part ORDER BY part") == [(0, PART), (1, 1)]
    desk.deliver(chat(said(attachments=(photo,), deleted_at=NOVEMBER), key="one"))
    assert len(rows(desk, "SELECT part FROM file_part")) == 2, "the other conversation still shows it"


def test_an_empty_attachment_is_kept_too(desk: Desk) -> None:
    empty = desk.files.add(b"", name="leeg.txt")
    assert desk.deliver(chat(said(attachments=(empty,)))).missing == ()
    assert rows(desk, "SELECT length(content) FROM file_part") == [(0,)]


def test_what_cannot_be_shown_is_named_in_closed_terms(desk: Desk) -> None:
    attachments: Any = ({"missing": "omitted"}, {"missing": "expired"}, {"missing": "omitted"}, {})
    receipt = desk.deliver(chat(said("Kijk", attachments=attachments)))
    assert receipt.missing == ("attachment-expired", "attachment-not-yet", "attachment-omitted")


def test_an_attachment_that_the_store_lost_does_not_hold_up_the_text_and_is_shown_once_it_is_back(desk: Desk) -> None:
    photo = desk.files.add(b"a photo")
    contents, desk.files.contents = desk.files.contents, {}
    receipt = desk.deliver(chat(said("Een vraag", attachments=(photo,))))
    assert (receipt.findable, receipt.missing) == (Findable.YES, ("attachment-failed",))
    desk.files.contents = contents
    assert desk.deliver(chat(said("Een vraag", attachments=(photo,)))).missing == ()


def test_an_attachment_that_is_damaged_in_the_store_is_refused_and_leaves_nothing_half_written(desk: Desk) -> None:
    photo = desk.files.add(b"a photo")
    desk.files.contents = dict.fromkeys(desk.files.contents, b"something else")
    with pytest.raises(RejectedError, match="damaged"):
        desk.deliver(chat(said("Een vraag", attachments=(photo,))))
    assert rows(desk, "SELECT count(*) FROM message") == [(0,)]
    assert rows(desk, "SELECT count(*) FROM file_part") == [(0,)]


def test_a_store_that_cannot_be_read_is_an_error_to_try_again_after(desk: Desk) -> None:
    class Unreadable(DictFiles):
        def open(self, sha256: str) -> NoReturn:
            raise StorageError

    files = Unreadable()
    photo = files.add(b"a photo")
    with pytest.raises(StorageError):
        desk.loket.deliver(chat(said(attachments=(photo,))), DictSteps(), files)
    assert rows(desk, "SELECT count(*) FROM message") == [(0,)]


# ---- errors of the file ----------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_without_data_and_what_was_there_stays(desk: Desk) -> None:
    desk.deliver(chat(said("Een vraag")))
    with desk.store.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    desk.store._connection().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="the disk is full: make room") as caught:
        desk.deliver(chat(said("GEHEIM " * 20_000), key="another"))
    assert "GEHEIM" not in str(caught.value)
    assert caught.value.__suppress_context__, "a traceback must not show what SQLite was given"
    assert rows(desk, "SELECT text FROM message") == [("Een vraag",)]


def test_a_locked_file_is_an_error_to_try_again_after(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemeente_connect_loket.store._BUSY_MS", 50)
    loket = Loket(Store(desk.store.path))
    other = sqlite3.connect(desk.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked by another process"):
        loket.deliver(chat(said("Een vraag")), DictSteps(), desk.files)
    other.execute("ROLLBACK")
    other.close()
    assert loket.deliver(chat(said("Een vraag")), DictSteps(), desk.files).findable is Findable.YES
    loket.close()


def test_a_file_that_may_not_be_written_is_told_as_such(desk: Desk) -> None:
    with desk.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (0,)
    desk.store._connection().execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="it may not be written: check the permissions"):
        desk.deliver(chat(said("Een vraag")))


def test_several_threads_deliver_at_once(desk: Desk) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(5):
                desk.loket.deliver(chat(said(f"{number}-{n}"), key=f"{number}-{n}"), DictSteps(), desk.files)
        except BaseException as error:  # noqa: BLE001 - told in the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rows(desk, "SELECT count(*), count(DISTINCT reference) FROM record WHERE first_in IS NOT NULL") == [(30, 30)]


# ---- plan and check --------------------------------------------------------------------------------------------------


def test_a_plan_says_what_deliver_would_do_and_writes_nothing(desk: Desk) -> None:
    conversation = chat(said("Een vraag", attachments=({"missing": "omitted"},)))
    before = rows(desk, "PRAGMA data_version")
    plan = desk.loket.plan(conversation, {})
    assert (plan.action, plan.findable, plan.missing) == ("create", Findable.YES, ("attachment-omitted",))
    assert rows(desk, "SELECT count(*) FROM record") == [(0,)]
    assert rows(desk, "PRAGMA data_version") == before
    desk.deliver(conversation)
    done = desk.steps["conversation-1"].done
    assert desk.loket.plan(conversation, done).action == "nothing"
    assert desk.loket.plan(chat(said("Een vraag"), said("Nog iets", 1)), done).action == "update"
    assert desk.loket.plan(conversation, {}).action == "nothing", "the record is known by its own key too"
    with desk.store.writing() as connection:
        connection.execute("DELETE FROM record")
    assert desk.loket.plan(conversation, done).action == "refuse"


def test_a_plan_before_there_is_a_file_makes_none(empty_desk: Desk) -> None:
    plan = empty_desk.loket.plan(chat(said("Een vraag")), {})
    assert (plan.action, plan.findable) == ("create", Findable.NO_RESIDENT_KNOWN)
    assert not empty_desk.store.path.exists()


def test_a_plan_and_a_receipt_always_agree_on_who_finds_it(desk: Desk) -> None:
    conversations = [
        chat(said("a"), key="1"),
        chat(said("b", by=person("+31687654321")), key="2"),
        chat(said("c"), said("d", by=person("+31612345679")), key="3"),
        chat(said("e", by=DESK), key="4"),
        chat(said("f", -1000 * 24 * 60), key="5"),
    ]
    planned = [desk.loket.plan(each, {}).findable for each in conversations]
    assert planned == [desk.deliver(each).findable for each in conversations]
    assert len(set(planned)) == 5, "the examples show every answer of the rule"


def test_a_check_tells_of_a_register_that_lets_nobody_find_anything(desk: Desk) -> None:
    assert [finding.ok for finding in desk.loket.check()] == [True, True]
    with desk.store.writing() as connection:
        connection.execute("DELETE FROM address")
    for loket in (desk.loket, Loket(Store(desk.folder / "not-there.sqlite"))):
        findings = list(loket.check())
        assert [finding.ok for finding in findings] == [True, False]
        assert "residents import" in findings[1].text
    assert not (desk.folder / "not-there.sqlite").exists()

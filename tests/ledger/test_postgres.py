"""What is different on PostgreSQL: its server, its errors, and several runs that write at the same time."""

from __future__ import annotations

import logging
import signal
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from itertools import count, pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from gemeente_connect.errors import AuthError, ConfigError, GemeenteConnectError, StorageError
from gemeente_connect.ledger import Ledger, schema
from gemeente_connect.ledger.database import Database, exists
from gemeente_connect.ledger.dialect import numbered
from gemeente_connect.ledger.driver import statements
from gemeente_connect.ledger.sqlite import SQLite
from gemeente_connect.models import Deleted, Edited
from gemeente_connect.testing.builders import ACCOUNT, START, message, page, receipt

PASSWORD = "geheim-canary-7f3a9c"


@pytest.fixture
def name(cluster: Any) -> Iterator[str]:
    """A schema of its own."""
    made: str = cluster.fresh()
    yield made
    cluster.sql(f"DROP SCHEMA IF EXISTS {made} CASCADE")


@pytest.fixture
def url(cluster: Any, name: str) -> str:
    found: str = cluster.url(name)
    return found


def _texts(ledger: Ledger) -> list[str]:
    return [m.text for offer in ledger.due(ACCOUNT, "somebody who looks", None) for m in offer.conversation.messages]


# ---- statements


def test_marks_are_numbered_but_not_those_in_texts_names_and_comments() -> None:
    statement = """SELECT ':no ?', "a?" FROM t WHERE a = ? AND b LIKE 'keep:%' -- why?\n AND c = ?"""
    assert numbered(statement)[0].decode() == statement.replace("a = ?", "a = $1").replace("c = ?", "c = $2")
    assert numbered("SELECT :b, :a, :b, 'it''s :a'") == (b"SELECT $1, $2, $1, 'it''s :a'", ("b", "a"))


@pytest.mark.parametrize("value", [1, "a"])
def test_nothing_is_in_an_empty_list(session: Database, value: object) -> None:
    kind = "BIGINT" if value == 1 else "TEXT"
    assert session.read(f"SELECT 1 WHERE CAST(? AS {kind}) IN ()", (value,)) == []
    assert session.read(f"SELECT 1 WHERE CAST(? AS {kind}) NOT IN ()", (value,)) == [(1,)]


def test_a_script_is_cut_at_its_semicolons_but_not_at_those_in_texts_and_comments() -> None:
    script = "CREATE TABLE a (b TEXT DEFAULT ';'); -- one; two\nINSERT INTO a VALUES ('x;y');\n -- done;\n"
    assert [each.strip() for each in statements(script)] == [
        "CREATE TABLE a (b TEXT DEFAULT ';')",
        "-- one; two\nINSERT INTO a VALUES ('x;y')",
    ]


def test_both_databases_get_the_same_tables_and_sort_texts_the_same(cluster: Any, name: str, url: str) -> None:
    with Ledger(url), Ledger(None) as other:
        here = cluster.sql(
            "SELECT table_name, column_name, is_nullable, data_type, collation_name FROM information_schema.columns "
            f"WHERE table_schema = '{name}' AND table_name <> 'gemeente_connect_ledger'"
        )
        there = other._db.read(
            'SELECT t.name, c.name, c."notnull" OR c.pk, c.type FROM sqlite_master t, pragma_table_info(t.name) c '
            "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        )
    types = {"TEXT": "text", "INTEGER": "bigint", "BIGINT": "bigint", "BLOB": "bytea"}
    assert {(t, c, null == "NO", kind) for t, c, null, kind, _ in here} == {
        (t, c, bool(needed), types[kind]) for t, c, needed, kind in there
    }
    assert {collation for *_, kind, collation in here if kind == "text"} == {"C"}


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x00\ufdd001'\\?:%")))
def test_every_text_comes_out_as_it_went_in_and_is_found_again(session: Database, text: str) -> None:
    session.write("UPDATE texts SET text = ?", (text,))
    assert session.read("SELECT text FROM texts WHERE text = ?", (text,)) == [(text,)]


@pytest.fixture(scope="module")
def session(cluster: Any) -> Iterator[Database]:
    with Ledger(cluster.url(cluster.fresh())) as ledger:
        ledger._db.write("CREATE TEMPORARY TABLE texts (text TEXT)")
        ledger._db.write("INSERT INTO texts VALUES ('')")
        yield ledger._db


# ---- opening


def _canaries(error: BaseException) -> list[str]:
    told = "".join(traceback.format_exception(error))
    return [each for each in (PASSWORD, "canary", "met_wachtwoord", "FATAL", "DETAIL") if each in told]


def _opening_fails(url: str, kind: type[GemeenteConnectError], told: str) -> None:
    for make in (Ledger, exists):
        if make is exists and "version" in told:
            continue
        with pytest.raises(kind, match=told) as caught:
            make(SecretStr(url))
        assert _canaries(caught.value) == []


@pytest.mark.parametrize(
    ("url", "kind", "told"),
    [
        ("postgresql://canary@127.0.0.1:1/canary", StorageError, "cannot be reached"),
        ("postgresql://canary@canary.invalid/canary", StorageError, "cannot be reached"),
        (f"postgresql://canary:{PASSWORD} x@127.0.0.1:1/canary", ConfigError, "URL cannot be read"),
        (f"postgresql://canary:{PASSWORD}@127.0.0.1:1/canary?canary=1", ConfigError, "URL cannot be read"),
        (f"postgresql://canary:{PASSWORD}@127.0.0.1:canary/canary", ConfigError, "part that cannot be right"),
        (f"postgresql://canary:{PASSWORD}@127.0.0.1:99999/canary", ConfigError, "part that cannot be right"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_what_stands_in_it(
    url: str, kind: type[GemeenteConnectError], told: str
) -> None:
    _opening_fails(url, kind, told)


def test_who_is_refused_is_told_to_renew_the_credentials(cluster: Any) -> None:
    cluster.sql(f"CREATE ROLE met_wachtwoord LOGIN PASSWORD '{PASSWORD}-right'")
    for user in (f"met_wachtwoord:{PASSWORD}-wrong", "met_wachtwoord", "canary"):
        _opening_fails(cluster.url("public", user=user), AuthError, "the server refuses this user")


def test_a_database_that_cannot_be_a_ledger_says_why(cluster: Any, name: str) -> None:
    cluster.sql("CREATE DATABASE canary_latin ENCODING 'LATIN1' TEMPLATE template0")
    _opening_fails(cluster.url("public", database="canary"), ConfigError, "no such database")
    _opening_fails(cluster.url("canary"), ConfigError, "schema is not there")
    _opening_fails(cluster.url("public", database="canary_latin"), ConfigError, "ENCODING 'UTF8'")
    cluster.sql(f"CREATE TABLE {name}.canary (x TEXT)")
    _opening_fails(cluster.url(name), ConfigError, "the tables of another program")
    assert cluster.sql(f"SELECT tablename FROM pg_tables WHERE schemaname = '{name}'") == [("canary",)]


def test_a_ledger_of_a_newer_version_is_refused_and_says_what_to_upgrade(cluster: Any, name: str, url: str) -> None:
    Ledger(url).close()
    cluster.sql(f"UPDATE {name}.gemeente_connect_ledger SET version = 99")
    _opening_fails(url, ConfigError, r"newer version \(schema 99, this one knows \d+\): upgrade gemeente-connect")


def test_a_user_without_rights_is_told_that_and_one_with_the_documented_rights_may_do_all(
    cluster: Any, name: str, url: str
) -> None:
    cluster.sql("DROP ROLE IF EXISTS worker; CREATE ROLE worker LOGIN")
    theirs = cluster.url(name, user="worker")
    _opening_fails(theirs, ConfigError, "schema is not there, or this user may not use it")
    cluster.sql(f"GRANT USAGE ON SCHEMA {name} TO worker")
    with pytest.raises(ConfigError, match="this user may not do that"):
        Ledger(theirs)
    Ledger(url).close()
    cluster.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO worker")
    with Ledger(theirs) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        for offer in ledger.due(ACCOUNT, "loket", None):
            ledger.settle(offer, "loket", receipt())
    cluster.sql("DROP OWNED BY worker; DROP ROLE worker")


def test_whether_there_is_a_ledger_can_be_asked_without_making_one(cluster: Any, name: str, url: str) -> None:
    assert not exists(url)
    assert cluster.sql(f"SELECT 1 FROM pg_tables WHERE schemaname = '{name}'") == []
    Ledger(url).close()
    assert exists(SecretStr(url))


def test_eight_runs_that_open_it_at_once_make_its_tables_once(url: str) -> None:
    together = threading.Barrier(8)

    def open_it(_: int) -> int:
        together.wait()
        with Ledger(url) as ledger:
            return ledger._db.number("SELECT count(*) FROM gemeente_connect_ledger")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_it, range(8))) == [1] * 8


def test_a_ledger_of_an_older_version_is_migrated_by_whoever_opens_it_first(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr("gemeente_connect.ledger.postgres.MIGRATIONS", schema.MIGRATIONS[:1])
        Database(url).close()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Ledger(url).close(), range(4)))
    with Ledger(url) as ledger:
        assert ledger._db.read("SELECT version FROM gemeente_connect_ledger") == [(len(schema.MIGRATIONS),)]


def test_a_migration_that_fails_leaves_nothing_behind(
    cluster: Any, name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("gemeente_connect.ledger.postgres.MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE no"))
        with pytest.raises(StorageError, match=r"it cannot be used \(42601\)"):
            Ledger(url)
    assert cluster.sql(f"SELECT 1 FROM pg_tables WHERE schemaname = '{name}'") == []


# ---- errors


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("40001", StorageError, "another run is changing the same"),
        ("40P01", StorageError, "another run is changing the same"),
        ("55P03", StorageError, "another run is changing the same"),
        ("23505", StorageError, "another run is changing the same"),
        ("53100", StorageError, "disk of the server is full. Make room"),
        ("53200", StorageError, "short of memory"),
        ("53300", StorageError, "too many connections"),
        ("57014", StorageError, "took too long"),
        ("58030", StorageError, "disk of the server reports an error"),
        ("XX001", ConfigError, "damaged"),
        ("42501", ConfigError, "may not do that"),
        ("P0001", StorageError, r"cannot be used \(P0001\)"),
    ],
)
def test_an_error_of_the_server_is_told_by_its_code_and_never_with_a_value(
    session: Database, code: str, kind: type[GemeenteConnectError], told: str
) -> None:
    raising = f"DO $$ BEGIN RAISE 'canary' USING ERRCODE = '{code}', DETAIL = 'Key (text)=(canary)'; END $$"
    with pytest.raises(kind, match=told) as caught, session.transaction():
        session.write(raising)
    assert _canaries(caught.value) == []
    assert session.number("SELECT 1") == 1


def test_a_value_that_is_there_twice_is_not_told(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1, id="canary")))
        with pytest.raises(StorageError, match="another run is changing the same") as caught:
            ledger._db.write("INSERT INTO messages SELECT * FROM messages")
        assert _canaries(caught.value) == []


def test_a_server_that_may_only_be_read_says_so(url: str) -> None:
    with Ledger(url) as ledger:
        ledger._db.write("SET default_transaction_read_only = on")
        with pytest.raises(StorageError, match="it can only be read now"):
            ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        assert ledger.cursor(ACCOUNT) is None


def test_a_run_that_another_keeps_waiting_too_long_says_to_try_again(url: str) -> None:
    with Ledger(url) as ledger, Ledger(url) as other:
        ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        other._db.write("SET lock_timeout = '50ms'")
        with ledger._db.transaction():
            ledger._db.write("UPDATE accounts SET kind = kind")
            with pytest.raises(StorageError, match=r"another run is changing the same\. Run again"):
                other.store(ACCOUNT, "whatsapp", page(message(2)))
        assert other.store(ACCOUNT, "whatsapp", page(message(2))).new == 1


def test_nothing_of_what_is_stored_is_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Ledger(url) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1, text="canary")))
        with suppress(StorageError):
            ledger._db.write("INSERT INTO messages SELECT * FROM messages")
    assert not [
        record for record in caplog.records if "canary" in record.getMessage() or "host=" in record.getMessage()
    ]


# ---- a connection that is lost


def _cut(cluster: Any, ledger: Ledger) -> None:
    (number,) = ledger._db.one("SELECT pg_backend_pid()") or (0,)
    cluster.sql(f"SELECT pg_terminate_backend({number}, 5000)")


def _cut_half_way(cluster: Any, ledger: Ledger) -> None:
    with ledger._db.transaction():
        ledger._names.account("canary", "whatsapp")
        _cut(cluster, ledger)
        ledger._db.write("UPDATE accounts SET kind = kind")


def _cut_and_go_on(cluster: Any, ledger: Ledger) -> None:
    with ledger._db.transaction():
        _cut(cluster, ledger)
        for _ in range(2):
            with suppress(StorageError):
                ledger._db.write("INSERT INTO accounts (name, kind) VALUES ('half', '')")


def test_a_connection_that_is_lost_in_a_page_keeps_nothing_of_it_and_the_next_run_goes_on(
    cluster: Any, url: str
) -> None:
    with Ledger(url) as ledger:
        with pytest.raises(StorageError, match=r"connection was lost\. Run again") as caught:
            _cut_half_way(cluster, ledger)
        assert _canaries(caught.value) == []
        assert ledger.store(ACCOUNT, "whatsapp", page(message(1))).new == 1
        assert ledger._names.account_if_known("canary") is None


def test_within_a_transaction_there_is_no_new_connection(cluster: Any, url: str) -> None:
    with Ledger(url) as ledger:
        with pytest.raises(StorageError, match="was lost"):
            _cut_and_go_on(cluster, ledger)
        assert ledger._names.account_if_known("half") is None


def test_a_connection_that_is_lost_between_two_runs_is_told_once_and_made_again(cluster: Any, url: str) -> None:
    with Ledger(url) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        _cut(cluster, ledger)
        with pytest.raises(StorageError, match="connection was lost"):
            ledger.cursor(ACCOUNT)
        assert ledger.cursor(ACCOUNT) == "1"
        assert ledger.store(ACCOUNT, "whatsapp", page(message(2))).new == 1


def test_a_commit_of_which_nobody_heard_is_stored_once(cluster: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(url) as ledger:
        driver: Any = ledger._db._driver
        commit = driver.commit

        def unheard() -> None:
            commit()
            _cut(cluster, ledger)
            driver.connection.execute(b"SELECT 1")

        with monkeypatch.context() as lossy:
            lossy.setattr(driver, "commit", unheard)
            with pytest.raises(StorageError, match="connection was lost"):
                ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        assert ledger.cursor(ACCOUNT) == "1"
        assert ledger.store(ACCOUNT, "whatsapp", page(message(1))).known == 1


def test_what_was_intended_survives_the_death_of_the_server_and_names_are_learnt_anew(cluster: Any, url: str) -> None:
    with Ledger(url) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(message(1)))
        (offer,) = ledger.due(ACCOUNT, "loket", None)
        with pytest.raises(KeyboardInterrupt):
            ledger.steps(offer, "loket", timedelta(minutes=5)).once("record", _interrupted, lambda: None)
        ledger.store("another", "whatsapp", page(message(2, account="another")))
        lost = ledger._names.account("another")
        cluster.end(signal.SIGQUIT)
        cluster.start()
        with pytest.raises(StorageError, match="connection was lost"):
            ledger.cursor(ACCOUNT)
        assert ledger._db.read("SELECT name, result FROM steps") == [("record", None)]
        assert ledger.cursor("another") is None, "this commit did not wait for the disk: the test can see a difference"
        ledger.store("a third", "whatsapp", page(message(3, account="a third")))
        assert ledger._db.read("SELECT name FROM accounts WHERE seq = ?", (lost,)) in ([("a third",)], [])
        assert ledger.store("another", "whatsapp", page(message(2, account="another"))).new == 1


def _interrupted() -> dict[str, str]:
    raise KeyboardInterrupt


# ---- several runs


def test_runs_that_store_the_same_pages_at_once_store_every_message_once(url: str) -> None:
    pages = [page(*(message(n, thread=f"t{n % 3}") for n in range(a, b))) for a, b in pairwise(range(0, 101, 10))]
    together = threading.Barrier(4)

    def run(number: int) -> int:
        with Ledger(url) as ledger:
            together.wait()
            turned = pages if number % 2 else [*reversed(pages)]
            return sum(ledger.store(ACCOUNT, "whatsapp", each).new for each in turned)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 100
    with Ledger(url) as ledger:
        assert len(_texts(ledger)) == len(set(_texts(ledger))) == 100
        assert ledger._db.number("SELECT count(*) FROM conversations") == 3


def test_runs_that_read_several_accounts_in_one_page_do_not_wait_for_each_other_for_ever(url: str) -> None:
    accounts = [f"whatsapp:{n}" for n in range(4)]
    together = threading.Barrier(2)

    def run(turned: list[str]) -> int:
        with Ledger(url) as ledger:
            together.wait()
            new = 0
            for n in range(30):
                its = (message(n, id=f"{a}-{n}-{turned[0]}", account=a, thread="t") for a in turned)
                new += ledger.store(turned[0], "whatsapp", page(*its)).new
            return new

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, [accounts, accounts[::-1]])) == [120, 120]


def test_while_conversations_are_claimed_what_comes_in_is_in_exactly_one_and_nothing_is_lost(url: str) -> None:
    """One run stores messages that fill gaps, edit and delete, while two others deliver all the time."""
    rounds, threads = 25, 4
    done = threading.Event()
    offered: dict[str, set[str]] = {}

    def collect() -> None:
        with Ledger(url) as ledger:
            for n in range(rounds):
                at = START + timedelta(hours=20 * (n * 7 % rounds))  # out of order: gaps are filled later
                said = [message(n, id=f"{t}-{n}", thread=f"t{t}", sent_at=at) for t in range(threads)]
                again = message(n, id=f"0-{max(n - 1, 0)}", text="Verbeterd", thread="t0", sent_at=at)
                gone = message(n, id=f"1-{max(n - 1, 0)}", text="Verwijderd", thread="t1", sent_at=at)
                changes = (Edited(message=again, target=again.id, at=at), Deleted(message=gone, target=gone.id, at=at))
                ledger.store(ACCOUNT, "whatsapp", page(*said, changes=changes))

    def deliver() -> int:
        seen = 0
        with Ledger(url) as ledger:
            while not done.is_set() or seen == 0:
                for offer in ledger.due(ACCOUNT, "loket", None):
                    offered.setdefault(offer.conversation.id, set()).update(m.id for m in offer.conversation.messages)
                    ledger.settle(offer, "loket", receipt())
                    seen += 1
        return seen

    with ThreadPoolExecutor(2) as pool:
        delivering = [pool.submit(deliver), pool.submit(deliver)]
        try:
            collect()
        finally:
            done.set()
        assert sum(each.result(60) for each in delivering) >= rounds
    with Ledger(url) as ledger:
        for offer in ledger.due(ACCOUNT, "loket", None):
            ledger.settle(offer, "loket", receipt())
        last = [offer.conversation for offer in ledger.due(ACCOUNT, "somebody who looks", None)]
        said = [m for conversation in last for m in conversation.messages]
        assert len(said) == len({m.id for m in said}) == rounds * threads
        placed = {conversation.id: {m.id for m in conversation.messages} for conversation in last}
        assert all(ids <= placed[key] for key, ids in offered.items()), "what was delivered stays where it is"
        assert ledger._db.read("SELECT 1 FROM messages WHERE conversation IS NULL") == []


def test_a_conversation_that_another_run_is_just_claiming_is_not_merged_away(url: str) -> None:
    with Ledger(url) as claiming, Ledger(url) as storing, ThreadPoolExecutor(1) as pool:
        early, late = message(1, thread="t"), message(2, thread="t", sent_at=START + timedelta(hours=40))
        storing.store(ACCOUNT, "whatsapp", page(early, late))
        with claiming._db.transaction():
            claiming._db.read(f"SELECT seq FROM conversations c{claiming._db.skip_locked('c')}")
            claiming._db.write("UPDATE conversations SET id = 'c' || seq")
            between = message(3, thread="t", sent_at=START + timedelta(hours=20))
            stored = pool.submit(storing.store, ACCOUNT, "whatsapp", page(between))
            _until_somebody_waits(claiming)
            assert not stored.done()
        assert stored.result(10).new == 1
        assert storing._db.read("SELECT id FROM conversations ORDER BY seq") == [("c1",), ("c2",)]


def test_a_conversation_that_another_run_is_just_claiming_is_not_placed_again(url: str) -> None:
    with Ledger(url) as claiming, Ledger(url) as storing, ThreadPoolExecutor(1) as pool:
        storing.store(ACCOUNT, "whatsapp", page(message(1, thread="+31")))
        with claiming._db.transaction():
            claiming._db.read(f"SELECT seq FROM conversations c{claiming._db.skip_locked('c')}")
            claiming._db.write("UPDATE conversations SET id = 'c' || seq")
            linked = page(message(2, thread="NL.1"), other_names={"NL.1": ("+31",)})
            stored = pool.submit(storing.store, ACCOUNT, "whatsapp", linked)
            _until_somebody_waits(claiming)
        assert stored.result(10).new == 1
        assert storing._db.read("SELECT id FROM conversations") == [("c1",)]
        assert storing._db.read("SELECT conversation FROM messages") == [(1,), (1,)]


def test_what_two_runs_refuse_at_once_is_kept_once(url: str) -> None:
    with Ledger(url) as first, Ledger(url) as second, ThreadPoolExecutor(1) as pool:
        first._names.account("loket")

        def refuse(ledger: Ledger) -> bool:
            return ledger._refusals.add("double", "loket", "c1+c2", "2 may be the same", revision=2)

        with first._db.transaction():
            assert refuse(first)
            also = pool.submit(refuse, second)
            _until_somebody_waits(first)
        assert not also.result(10)
        assert [each.key for each in first.refusals()] == ["c1+c2"]


def test_two_claims_at_once_share_the_work_without_waiting(url: str) -> None:
    with Ledger(url) as first, Ledger(url) as second:
        first.store(ACCOUNT, "whatsapp", page(*(message(n, thread=f"t{n}") for n in range(6))))
        query = f"SELECT seq FROM conversations c ORDER BY seq LIMIT 3{first._db.skip_locked('c')}"
        with first._db.transaction(), second._db.transaction():
            claimed = [first._db.read(query), second._db.read(query)]
        assert claimed == [[(1,), (2,), (3,)], [(4,), (5,), (6,)]]


def _until_somebody_waits(ledger: Ledger) -> None:
    until = time.monotonic() + 10
    while not ledger._db.read("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        assert time.monotonic() < until, "nobody waits"
        time.sleep(0.01)


# ---- the clock, durability, copies


def test_the_time_is_that_of_the_server(url: str) -> None:
    with Ledger(url) as ledger:
        assert ledger._db.now() == pytest.approx(time.time_ns() / 1000, abs=5_000_000)
        with ledger._db.transaction():  # also within one it goes on
            first = ledger._db.now()
            ledger._db.read("SELECT pg_sleep(0.01)")
            assert ledger._db.now() >= first + 10_000


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_commit_has_waited_for_the_disk_and_another_has_not(url: str, *, durable: bool) -> None:
    with Ledger(url) as ledger:
        with ledger._db.transaction(durable=True):
            ledger._db.write("UPDATE gemeente_connect_ledger SET version = version")
        with ledger._db.transaction(durable=durable):
            ledger._db.write("INSERT INTO accounts (name, kind) VALUES ('a', '')")
            levels = ledger._db.read("SHOW synchronous_commit")
        assert levels == [("on" if durable else "off",)]
        assert ledger._db.read("SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()") == [(durable,)]
        assert ledger._db.read("SHOW synchronous_commit") == [("off",)]


def test_a_copy_holds_every_row_and_is_apart(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.store(ACCOUNT, "whatsapp", page(*(message(n, text="a\x00b", thread=f"t{n}") for n in range(300))))
        for offer in ledger.due(ACCOUNT, "loket", None):
            ledger.steps(offer, "loket").once("record", lambda: {"n": "1"}, lambda: None)
            ledger.settle(offer, "loket", receipt())
            break
        ledger.refuse(offer, "another", "no")
        with ledger._db.transaction():
            ledger._refusals.add("unreadable", ACCOUNT, "x", "why", raw=b"\x00\xff")
        with ledger.copy() as copy:
            tables = [
                t for (t,) in copy._db.read("SELECT name FROM sqlite_master WHERE type = 'table'") if t[:6] != "sqlite"
            ]
            assert len(tables) > 15
            for table in set(tables) - {"leases", "claims"}:
                query = f"SELECT * FROM {table}"
                assert sorted(copy._db.read(query), key=repr) == sorted(ledger._db.read(query), key=repr)
            copy.store(ACCOUNT, "whatsapp", page(message(999)))
            copy._refusals.add("unreadable", ACCOUNT, "y", "why")
            assert ledger._db.number("SELECT count(*) FROM messages") == 300


def test_a_copy_is_of_one_moment_whatever_is_stored_meanwhile(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(url) as ledger, Ledger(url) as other:
        ledger.store(ACCOUNT, "whatsapp", page(message(1), cursor="1"))
        copying, tables = SQLite.execute_many, count()

        def slowly(self: SQLite, statement: str, rows: Iterable[Sequence[object]]) -> None:
            copying(self, statement, rows)
            if next(tables) == 0:
                other.store(ACCOUNT, "whatsapp", page(message(2), cursor="2"))

        monkeypatch.setattr(SQLite, "execute_many", slowly)
        with ledger.copy() as copy:
            assert (copy.cursor(ACCOUNT), _texts(copy)) == ("1", ["Bericht 1"])
        assert ledger.cursor(ACCOUNT) == "2"


def test_without_psycopg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gemeente_connect.ledger.postgres", None)
    monkeypatch.delattr("gemeente_connect.ledger.postgres", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'gemeente-connect\[postgres\]'"):
        Ledger("postgresql://canary@127.0.0.1/canary")


def test_closing_twice_is_fine_and_nothing_is_opened_again(url: str) -> None:
    ledger = Ledger(url)
    ledger.close()
    ledger.close()
    with pytest.raises(StorageError, match="it was closed"):
        ledger.cursor(ACCOUNT)


def test_its_connection_says_whose_it_is(cluster: Any, url: str) -> None:
    with Ledger(url), closing(psycopg.connect(url)):
        assert ("gemeente-connect",) in cluster.sql("SELECT application_name FROM pg_stat_activity")

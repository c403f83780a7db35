"""The store: whole batches or nothing, exact memory of events and sessions, columns that only grow."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from support.minidruid.tables import an_event, clickstream_rows, open_store

from minidruid.errors import StoreError
from minidruid.storage.dead_letters import RETENTION_MS
from minidruid.storage.store import Store
from schemas.contract import Column, columns, load_schema
from streams.dead_letters import NEVER_REPLAYED
from streams.sink import Batch, DeadLetter, DeadLetterFilter, Session, Sink, StoredEvent
from topics.accounts import Account

TOPIC = "clickstream-avro"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "clickstream.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[Store[Session, Account]]:
    store = open_store(path)
    yield store
    store.close()


def a_session(session_id: str = "s1", party_id: str = "p1", **other: object) -> Session:
    values: dict[str, object] = dict.fromkeys((field.name for field in dataclasses.fields(Session)), None)
    values |= {"site": "shop", "party_id": party_id, "session_id": session_id, "first_at": 1, "last_at": 2, "pages": 1, "engagement_ms": 0}
    return Session(**(values | {"channel": "Direct"} | other))  # type: ignore[arg-type]


def count(store: Store[Session, Account], table: str) -> int:
    cursor = store.cursor()
    ((found,),) = cursor.execute(f"SELECT count(*) FROM {table}").fetchall()
    cursor.close()
    assert isinstance(found, int)
    return found


def test_the_store_is_the_converters_sink(store: Store[Session, Account]) -> None:
    sink: Sink = store
    assert sink.position(TOPIC) == 0
    assert sink.known_events([]) == {}
    assert sink.sessions_named([]) == []
    assert sink.ledger(0) == {}
    assert sink.dead_letters_after(TOPIC, "", -1, 1, DeadLetterFilter()) == []


def test_a_row_is_stored_as_it_was_given(store: Store[Session, Account]) -> None:
    (row,) = clickstream_rows(1)
    row["parameters"] = '{"sku": "ä", "n": [1, null]}'
    store.commit(Batch(TOPIC, 1, rows=[row]))
    cursor = store.cursor()
    (found,) = cursor.execute("SELECT * REPLACE (epoch_ms(__time) AS __time) FROM druid.clickstream").fetchall()
    names = [name for name, *_ in cursor.description or ()]
    cursor.close()
    assert dict(zip(names, found, strict=True)) == row


def test_a_taken_event_is_known_with_its_payload_after_a_restart_too(path: Path) -> None:
    store = open_store(path)
    event, other = StoredEvent(b"\xff" * 16, -(2**63)), StoredEvent(bytes(16), 2**63 - 1)
    store.commit(Batch(TOPIC, 1, events=[event, other]))
    wanted = {event.key: event.payload, other.key: other.payload}
    assert store.known_events([event.key, b"x" * 16, other.key]) == wanted
    store.close()
    store = open_store(path)
    assert store.known_events([event.key, b"x" * 16, other.key]) == wanted
    store.close()


def test_keys_that_share_a_half_are_distinguished(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, events=[StoredEvent(b"a" * 8 + b"b" * 8, 1)]))
    assert store.known_events([b"a" * 8 + b"c" * 8, b"c" * 8 + b"b" * 8]) == {}


def test_sessions_are_found_by_site_and_party(store: Store[Session, Account]) -> None:
    sessions = [a_session("s1", "p1"), a_session("s2", "p1"), a_session("s3", "p2"), a_session("s4", "p1", site="other")]
    store.commit(Batch(TOPIC, 1, sessions=sessions))
    assert store.session_counts([("shop", "p1"), ("other", "p1"), ("shop", "nobody")]) == {("shop", "p1"): 2, ("other", "p1"): 1}
    assert store.sessions_named([("shop", "p1", "s2"), ("shop", "p1", "s3"), ("other", "p1", "s1")]) == sessions[1:2]


def test_a_session_has_the_state_of_its_last_commit(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, sessions=[a_session("s1"), a_session("s2")]))
    changed = a_session("s1", last_at=9, pages=2, page_path="/b", previous_page_path="/a", engagement_ms=70)
    store.commit(Batch(TOPIC, 2, sessions=[changed, a_session("s3")]))
    found = {session.session_id: session for session in store.sessions_named([("shop", "p1", f"s{number}") for number in range(5)])}
    assert found == {"s1": changed, "s2": a_session("s2"), "s3": a_session("s3")}


def test_a_session_is_replaced_however_much_earlier_it_now_begins(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, new_sessions=[a_session(f"s{at}", first_at=at, last_at=at) for at in range(100, 110)]))
    changed = [a_session("s100", first_at=3), a_session("s109", first_at=109, last_at=200)]
    store.commit(Batch(TOPIC, 2, sessions=changed, new_sessions=[a_session("s1", first_at=1)]))
    assert store.session_counts([("shop", "p1")]) == {("shop", "p1"): 11}
    assert sorted(store.sessions_named([("shop", "p1", "s100"), ("shop", "p1", "s109")]), key=lambda one: one.session_id) == changed


def test_accounts_are_added_up_by_minute_and_source(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, ledger={(0, "browser"): Account(1, 2, 3, 4), (60_000, "browser"): Account(5, 0, 0, 0)}))
    store.commit(Batch(TOPIC, 2, ledger={(60_000, "browser"): Account(1, 1, 0, 0), (60_000, "replay"): Account(7, 0, 0, 0)}))
    assert store.ledger(60_000) == {(60_000, "browser"): Account(6, 1, 0, 0), (60_000, "replay"): Account(7, 0, 0, 0)}
    assert store.ledger(0)[0, "browser"] == Account(1, 2, 3, 4)


def test_each_topic_has_its_position(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 10))
    store.commit(Batch("other", 5))
    store.commit(Batch(TOPIC, 20))
    assert (store.position(TOPIC), store.position("other")) == (20, 5)


def test_a_dead_letter_is_kept_whole(store: Store[Session, Account]) -> None:
    letter = DeadLetter(TOPIC, 7, "decode", "undecodable", "it is broken", "browser", "e1", 1000, 2000, b"\x00\xff")
    store.commit(Batch(TOPIC, 1, dead_letters=[letter]))
    cursor = store.cursor()
    (found,) = cursor.execute("SELECT * FROM state.dead_letters").fetchall()
    cursor.close()
    assert DeadLetter(*found) == letter


def letters(*positions: int, topic: str = TOPIC, reason: str = "undecodable", failed_at: int = 2000) -> list[DeadLetter]:
    return [DeadLetter(topic, at, "decode", reason, "it is broken", "browser", f"e{at}", 1000, failed_at, b"\xff") for at in positions]


def test_a_replayed_dead_letter_is_gone_with_the_batch_or_rewritten(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 9, dead_letters=[*letters(1, 2, 3), *letters(2, topic="other")]))
    store.commit(Batch(TOPIC, 9, replayed=[1, 2], dead_letters=letters(2, reason="missing_field", failed_at=3000)))
    total, found = store.dead_letters(10, DeadLetterFilter())
    assert total == 3
    assert [(letter["topic"], letter["position"], letter["reason"]) for letter in found] == [
        (TOPIC, 2, "missing_field"),
        (TOPIC, 3, "undecodable"),
        ("other", 2, "undecodable"),
    ]


def test_dead_letters_that_no_replay_brings_in_are_kept_for_14_days(path: Path) -> None:
    store = Store.open(path, columns(load_schema()), session=Session, account=Account, never_replayed=NEVER_REPLAYED)
    old = [*letters(1, reason="id_conflict"), *letters(2, reason="damaged_frame"), *letters(3, reason="missing_field")]
    store.commit(Batch(TOPIC, 9, dead_letters=old))
    store.commit(Batch(TOPIC, 9, 1000 + RETENTION_MS, dead_letters=letters(4, reason="id_conflict", failed_at=1000 + RETENTION_MS)))
    assert [letter["position"] for letter in store.dead_letters(10, DeadLetterFilter())[1]] == [4, 3, 2, 1]
    store.commit(Batch(TOPIC, 10, 1000 + 2 * RETENTION_MS))  # without a dead letter of its own
    assert [letter["position"] for letter in store.dead_letters(10, DeadLetterFilter())[1]] == [4, 3]
    store.close()


def test_dead_letters_are_chosen_by_reason_and_origin(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 9, dead_letters=[*letters(5, 1, 3), *letters(4, reason="missing_field"), *letters(2, topic="other")]))

    def positions(after: int, most: int, choice: DeadLetterFilter) -> list[int]:
        return [letter["position"] for letter in store.dead_letters_after(TOPIC, TOPIC, after, most, choice)]

    assert positions(-1, 10, DeadLetterFilter()) == [1, 3, 4, 5]
    assert positions(1, 2, DeadLetterFilter()) == [3, 4]
    assert positions(-1, 10, DeadLetterFilter("undecodable")) == [1, 3, 5]
    chosen = DeadLetterFilter("undecodable", (f"{TOPIC}/3", f"{TOPIC}/4", "other/2"))
    assert positions(-1, 10, chosen) == [3]
    assert store.dead_letters(10, chosen)[0] == 2


def test_dead_letters_of_a_topic_are_followed_by_those_of_its_spools(store: Store[Session, Account]) -> None:
    for topic in (f"{TOPIC}/1", f"{TOPIC}/0", f"{TOPIC}-more", TOPIC):
        store.commit(Batch(topic, 9, dead_letters=letters(2, 1, topic=topic)))

    def places(spool: str, after: int, most: int) -> list[tuple[str, int]]:
        return [(letter["topic"], letter["position"]) for letter in store.dead_letters_after(TOPIC, spool, after, most, DeadLetterFilter())]

    assert places("", -1, 10) == [(topic, position) for topic in (TOPIC, f"{TOPIC}/0", f"{TOPIC}/1") for position in (1, 2)]
    assert places(f"{TOPIC}/0", 1, 2) == [(f"{TOPIC}/0", 2), (f"{TOPIC}/1", 1)]


def test_of_a_batch_that_fails_nothing_is_stored(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, events=[an_event(1)]))
    good, bad = clickstream_rows(2)
    bad["parameters"] = "{no JSON"
    with pytest.raises(duckdb.ConversionException):
        store.commit(Batch(TOPIC, 2, rows=[good, bad], events=[an_event(2)], sessions=[a_session()], ledger={(0, "browser"): Account(2)}))
    assert (store.position(TOPIC), count(store, "druid.clickstream"), store.ledger(0)) == (1, 0, {})
    assert store.known_events([an_event(2).key]) == {}
    store.commit(Batch(TOPIC, 3, rows=[good]))
    assert (store.position(TOPIC), count(store, "druid.clickstream")) == (3, 1)


def test_a_value_of_a_wrong_type_is_refused_before_anything_is_written(store: Store[Session, Account]) -> None:
    (row,) = clickstream_rows(1)
    with pytest.raises((TypeError, ValueError)):
        store.commit(Batch(TOPIC, 1, rows=[row | {"is_bot": "yes"}], events=[an_event(1)]))
    assert (store.position(TOPIC), store.known_events([an_event(1).key])) == (0, {})


def test_a_column_new_in_the_schema_is_added_and_an_old_one_stays(path: Path) -> None:
    contract = list(columns(load_schema()))
    open_store(path).close()
    store = Store.open(path, [*contract[:3], Column("colour", "string", "VARCHAR", "string", "")], session=Session, account=Account)
    store.commit(Batch(TOPIC, 1, rows=[{"__time": 0, contract[1].name: "e", contract[2].name: "t", "colour": "red"}]))
    assert {"colour", contract[-1].name} <= store.catalog()["clickstream"].keys()
    store.close()


def test_a_column_of_another_type_is_refused(path: Path) -> None:
    open_store(path).close()
    with pytest.raises(StoreError, match="column is_bot of clickstream is BIGINT, the contract says VARCHAR"):
        Store.open(path, [Column("is_bot", "string", "VARCHAR", "string", "")], session=Session, account=Account)


def test_a_file_that_is_not_a_store_is_rejected(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(path)


def test_readers_see_whole_batches_only(store: Store[Session, Account]) -> None:
    rows = list(clickstream_rows(50))
    seen: set[int] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(count(store, "druid.clickstream"))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        store.commit(Batch(TOPIC, number + 1, rows=rows))
    stop.set()
    reader.join()
    assert seen
    assert all(number % 50 == 0 for number in seen)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY druid.clickstream TO '/dev/shm/stolen.csv'",
        "ATTACH '/dev/shm/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SELECT * FROM '/etc/hostname'",
    ],
)
def test_even_duckdbs_own_sql_reaches_no_file_and_no_setting(sql: str, store: Store[Session, Account]) -> None:
    cursor = store.cursor()
    with pytest.raises(duckdb.Error):
        cursor.execute(sql)
    cursor.close()


def rows_of(store: Store[Session, Account], *keys: tuple[str, str], **other: str | float | None) -> None:
    template: dict[str, str | int | float | None] = next(iter(clickstream_rows(1)))
    store.commit(
        Batch(
            TOPIC,
            1,
            rows=[
                template | {"site": site, "event_id": event_id, "received_at": 61_000, "source": "browser"} | other
                for site, event_id in keys
            ],
        )
    )


def test_deleted_rows_are_gone_and_counted_by_minute_and_source(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, ledger={(60_000, "browser"): Account(4)}))
    rows_of(store, ("shop", "a"), ("shop", "b"), ("blog", "a"))
    rows_of(store, ("shop", "c"), received_at=120_000, source=None)
    keys = [("shop", "a"), ("shop", "c"), ("shop", "never there")]
    assert store.delete(store.find_rows(keys)) == {(60_000, "browser"): Account(deleted=1), (120_000, ""): Account(deleted=1)}
    assert store.delete(store.find_rows(keys)) == {}
    assert store.delete(store.find_rows([])) == {}
    assert store.ledger(0) == {(60_000, "browser"): Account(4, deleted=1), (120_000, ""): Account(deleted=1)}
    cursor = store.cursor()
    assert sorted(cursor.execute("SELECT site, event_id FROM druid.clickstream").fetchall()) == [("blog", "a"), ("shop", "b")]
    cursor.close()


def test_a_row_that_is_no_longer_where_it_was_found_is_left(store: Store[Session, Account]) -> None:
    rows_of(store, ("shop", "a"), ("shop", "b"))
    found = sorted(store.find_rows([("shop", "a"), ("shop", "b")]), key=lambda row: row[2])
    moved = [(found[1][0], "shop", "a"), (99, "shop", "b")]
    assert store.delete(moved) == {}
    assert store.delete([*found[:1], moved[1]]) == {(60_000, "browser"): Account(deleted=1)}
    assert count(store, "druid.clickstream") == 1


def test_that_a_deleted_event_was_there_is_not_forgotten(store: Store[Session, Account]) -> None:
    event = an_event(7)
    store.commit(Batch(TOPIC, 1, events=[event]))
    rows_of(store, ("shop", "a"))
    store.delete(store.find_rows([("shop", "a")]))
    assert store.known_events([event.key]) == {event.key: event.payload}


def test_a_session_goes_with_the_last_of_its_rows(store: Store[Session, Account]) -> None:
    store.commit(Batch(TOPIC, 1, sessions=[a_session("s1"), a_session("s2"), a_session("s1", site="blog")]))
    rows_of(store, ("shop", "a"), ("shop", "b"), party_id="p1", session_id="s1")
    rows_of(store, ("shop", "c"), party_id="p1", session_id="s2")
    store.delete(store.find_rows([("shop", "a")]))
    assert count(store, "state.sessions") == 3
    store.delete(store.find_rows([("shop", "b")]))
    assert [session.session_id for session in store.sessions_named([("shop", "p1", "s1"), ("shop", "p1", "s2")])] == ["s2"]
    assert [session.site for session in store.sessions_named([("blog", "p1", "s1")])] == ["blog"]


def test_of_a_deletion_that_fails_nothing_is_done(store: Store[Session, Account], monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of(store, ("shop", "a"))
    monkeypatch.setattr("minidruid.storage.store.DELETE_SESSIONS_WITHOUT_ROWS", "SELECT * FROM nowhere")
    store.commit(Batch(TOPIC, 2, sessions=[a_session()]))
    rows_of(store, ("shop", "b"), party_id="p1", session_id="s1")
    with pytest.raises(duckdb.CatalogException):
        store.delete(store.find_rows([("shop", "a"), ("shop", "b")]))
    assert (count(store, "druid.clickstream"), store.ledger(0)) == (2, {})


def test_a_ledger_of_an_earlier_release_gets_the_counts_that_it_lacks(path: Path) -> None:
    store = open_store(path)
    store.commit(Batch(TOPIC, 1, ledger={(0, "browser"): Account(1, 2, 3, 4)}))
    store.close()
    database = duckdb.connect(str(path))
    database.execute("ALTER TABLE state.ledger DROP COLUMN deleted")
    database.close()
    store = open_store(path)
    assert store.ledger(0) == {(0, "browser"): Account(1, 2, 3, 4, 0)}
    rows_of(store, ("shop", "a"), received_at=1)
    store.delete(store.find_rows([("shop", "a")]))
    assert store.ledger(0) == {(0, "browser"): Account(1, 2, 3, 4, 1)}
    store.close()

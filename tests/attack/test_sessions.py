"""Parties with thousands of sessions: the cost of an event does not depend on the earlier sessions of its party."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.minidruid.tables import open_store
from support.streams.in_memory import NOON, Converting, a_message, a_record
from support.streams.reference import MINUTE

from minidruid.storage.store import Store
from streams.sink import Batch, Session
from topics.accounts import Account
from topics.topic import Message

PARTIES, SESSIONS, BATCHES = 30, 5000, 10


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store[Session, Account]]:
    store = open_store(tmp_path_factory.mktemp("attack") / "store.duckdb")
    for party in range(PARTIES):
        sessions = [
            Session("shop", f"p{party}", f"s{number}", NOON + number, NOON + number, 1, 0, "/", None, "/", "Direct", None)
            for number in range(SESSIONS)
        ]
        store.commit(Batch("setup", party, sessions=sessions))
    yield store
    store.close()


def events(at: int, session_id: str | None) -> list[Message]:
    consent: dict[str, Any] = {"party_kind": "consented", "session_id": session_id}
    return [a_message(a_record(at=at, party_id=f"p{party}", **consent)) for party in range(PARTIES)]


@pytest.mark.parametrize("session_id", ["s1", "beyond", None], ids=["known", "new", "by time"])
def test_an_event_of_a_party_with_thousands_of_sessions_costs_what_any_does(
    tmp_path: Path, store: Store[Session, Account], session_id: str | None
) -> None:
    converting = Converting(tmp_path, sink=store, settings={"topic": f"{session_id}"})  # type: ignore[arg-type]
    worker, reader = converting.worker, converting.reader
    started = time.process_time()
    for number in range(BATCHES):
        reader.contents += events(NOON + MINUTE + number * 3, session_id)
        assert worker.step() == PARTIES
    assert time.process_time() - started < 1.5, "when all sessions of a party were read it took 4 seconds"


def test_one_batch_may_open_thousands_of_sessions_of_a_party_and_look_each_up_by_time(tmp_path: Path) -> None:
    converting = Converting(tmp_path)
    consent: dict[str, Any] = {"party_kind": "consented", "party_id": "p"}
    opened = [a_message(a_record(at=NOON + number, session_id=f"{number}", **consent)) for number in range(4000)]
    by_time = [a_message(a_record(at=NOON + number, **consent)) for number in range(4000)]
    started = time.process_time()
    rows = converting.take(*opened, *by_time)
    assert time.process_time() - started < 0.8, "when each event looked through all of them it took 1.6 seconds"
    assert [row["session_id"] for row in rows[4000:]] == [str(number) for number in range(4000)]

"""Parties with thousands of sessions: the cost of an event does not depend on the earlier sessions of its party."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.cpu_time import times_as_long
from support.minidruid.tables import open_store
from support.streams.in_memory import NOON, Converting, a_message, a_record
from support.streams.reference import MINUTE

from minidruid.storage.store import Store
from streams.sink import Batch, Session
from topics.accounts import Account
from topics.topic import Message

PARTIES, SESSIONS = 30, 5000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store[Session, Account]]:
    """A store with parties of thousands of sessions, `many-0` and so on, and of one session, `one-0` and so on."""
    store = open_store(tmp_path_factory.mktemp("attack") / "store.duckdb")
    positions = count()
    for kind, number_of_sessions in (("many", SESSIONS), ("one", 1)):
        for party in range(PARTIES):
            sessions = [
                Session("shop", f"{kind}-{party}", f"s{number}", NOON + number, NOON + number, 1, 0, "/", None, "/", "Direct", None)
                for number in range(number_of_sessions)
            ]
            store.commit(Batch("setup", next(positions), sessions=sessions))
    yield store
    store.close()


def events(at: int, kind: str, session_id: str | None) -> list[Message]:
    consent: dict[str, Any] = {"party_kind": "consented", "session_id": session_id}
    return [a_message(a_record(at=at, party_id=f"{kind}-{party}", **consent)) for party in range(PARTIES)]


@pytest.mark.parametrize("session_id", ["s0", "beyond", None], ids=["known", "new", "by time"])
def test_an_event_of_a_party_with_thousands_of_sessions_costs_what_any_does(
    tmp_path: Path, store: Store[Session, Account], session_id: str | None
) -> None:
    converting = Converting(tmp_path, sink=store, settings={"topic": f"{session_id}"})  # type: ignore[arg-type]
    worker, reader, numbers = converting.worker, converting.reader, count()

    def convert(kind: str) -> None:
        for _ in range(3):
            reader.contents += events(NOON + MINUTE + next(numbers) * 3, kind, session_id)
            assert worker.step() == PARTIES

    assert times_as_long(lambda: convert("many"), lambda: convert("one")) < 2.5, "when all sessions of a party were read it was 10"


def test_one_batch_may_open_thousands_of_sessions_of_a_party_and_look_each_up_by_time(tmp_path: Path) -> None:
    consent: dict[str, Any] = {"party_kind": "consented", "party_id": "p"}
    folders = count()

    def convert(sessions: int) -> None:
        converting = Converting(tmp_path / str(next(folders)))
        opened = [a_message(a_record(at=NOON + number, session_id=f"{number}", **consent)) for number in range(sessions)]
        by_time = [a_message(a_record(at=NOON + number, **consent)) for number in range(sessions)]
        rows = converting.take(*opened, *by_time)
        assert [row["session_id"] for row in rows[sessions:]] == [str(number) for number in range(sessions)]

    assert times_as_long(lambda: convert(4000), lambda: convert(500)) < 16, "when each event looked through all of them it was 24"

"""The nearest session to an instant: the same as in a scan of all of them, whatever their names and overlaps."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.streams.in_memory import SCHEMA, MemorySink, a_record

from minidruid.storage.store import Store
from schemas.contract import columns
from streams.kafka.partition import PartitionState
from streams.sessions.assignment import extend_session, find_session
from streams.sessions.party import Identity
from streams.sessions.session_cache import SessionCache
from streams.sessions.timeline import MAX_SCANNED, PartySessions
from streams.sink import Batch, CommittedState, Session
from topics.accounts import Account

TIMEOUT = 10
instants = st.integers(0, 120)
names = st.sampled_from("abcdefghijklmnop")


def a_session(name: str, first_at: int, last_at: int, party_id: str = "p") -> Session:
    return Session("shop", party_id, name, first_at, last_at, 1, 0, "/", None, "/", "Direct", None)


spans = st.tuples(instants, instants).map(lambda span: (min(span), max(span)))
some_sessions = st.dictionaries(names, spans, max_size=16).map(lambda found: [a_session(name, *span) for name, span in found.items()])


@given(some_sessions, st.lists(st.tuples(st.integers(0, 15), instants)))
def test_the_nearest_of_all_is_among_the_few_while_sessions_grow(sessions: list[Session], events: list[tuple[int, int]]) -> None:
    party = PartySessions()
    for session in sessions:
        party.add(session)
    for number, at in events:
        near = party.around(at)
        assert len(near) <= MAX_SCANNED
        assert find_session(near, at, TIMEOUT) is find_session(sessions, at, TIMEOUT)
        if sessions:
            party.extend(sessions[number % len(sessions)], a_record(at=at))


@given(some_sessions, instants, spans)
def test_a_session_s_new_state_takes_the_place_of_the_old(sessions: list[Session], at: int, grown: tuple[int, int]) -> None:
    party = PartySessions()
    for session in sessions:
        party.add(session)
    party.around(at)
    for place, session in enumerate(sessions):
        sessions[place] = a_session(session.session_id, min(session.first_at, grown[0]), max(session.last_at, grown[1]))
        party.add(sessions[place])
        assert find_session(party.around(at), at, TIMEOUT) is find_session(sessions, at, TIMEOUT)


@given(some_sessions, st.sets(st.integers(0, 15)), instants)
def test_sessions_hidden_by_a_forgotten_one_are_found_again(sessions: list[Session], forgotten: set[int], at: int) -> None:
    party = PartySessions()
    for session in sessions:
        party.add(session)
    party.around(at)
    for number in forgotten & set(range(len(sessions))):
        party.discard(sessions[number].session_id)
    left = [session for number, session in enumerate(sessions) if number not in forgotten]
    assert find_session(party.around(at), at, TIMEOUT) is find_session(left, at, TIMEOUT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


def sinks(folder: Path) -> Iterator[tuple[CommittedState, Callable[[Batch], None]]]:
    """Each implementation of the session store, with a function that stores a batch in it."""
    memory = MemorySink()
    yield memory, memory.commit
    partition = PartitionState(24, 1 << 30)
    yield partition, lambda batch: partition.committed(batch, {}, 0)
    store = Store.open(folder / f"{len(list(folder.iterdir()))}.duckdb", columns(SCHEMA), session=Session, account=Account)
    yield store, store.commit
    store.close()


Events = list[tuple[str, str | None, int]]  # party, the session it names, instant
events = st.lists(st.tuples(st.sampled_from("xy"), st.none() | names, instants), max_size=12)


@settings(max_examples=20, deadline=None)
@given(st.lists(events, min_size=1, max_size=5), st.sampled_from([1, 6, 1000]))
def test_a_bounded_memory_finds_what_one_of_everything_finds(folder: Path, batches: list[Events], max_sessions: int) -> None:
    for number, (sink, commit) in enumerate(sinks(folder)):
        memory, everything = SessionCache(sink, max_sessions), dict[tuple[str, str], Session]()
        for batch in batches:
            identities = [Identity((("shop", party_id), ("shop", "nobody")), name) for party_id, name, _ in batch]
            memory.recall([(identity, at) for identity, (_, _, at) in zip(identities, batch, strict=True)])
            touched: dict[int, Session] = {}
            for identity, (party_id, name, at) in zip(identities, batch, strict=True):
                mine = [session for (party, _), session in everything.items() if party == party_id]
                wanted = everything.get((party_id, name)) if name else find_session(mine, at, TIMEOUT)
                found = memory.named(identity, name) if name else find_session(memory.around(identity, at), at, TIMEOUT)
                assert found == wanted, number
                assert memory.has_room(identity)
                if found is None or wanted is None:
                    found = a_session(name or f"{party_id}{at}", at, at, party_id)
                    everything[party_id, found.session_id] = copy.copy(found)
                    memory.add(found)
                else:
                    memory.extend(found, a_record(at=at))
                    extend_session(wanted, a_record(at=at))
                touched[id(found)] = found
            commit(Batch("t", 1, sessions=list(touched.values())))
            memory.shrink()
            assert memory._weight <= max_sessions
        for party_id in "xy":
            count = sum(party == party_id for party, _ in everything)
            assert sink.session_counts([("shop", party_id)]).get(("shop", party_id), 0) == count

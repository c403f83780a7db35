"""The parts of forwarding without Kafka: messages in flight, accounts, and the id of a spool."""

from pathlib import Path

import pytest
from support.topics.in_memory import MINUTE, a_rejection

from topics.accounts import OUTCOMES, MergedAccounts, account_of
from topics.forwarder.in_flight import MAX_BYTES, Chunk, InFlight
from topics.local.spool_id import spool_id
from topics.topic import TopicError

BROWSER = (MINUTE, "browser")


def a_stretch(start: int, sent: int = 2, size: int = 100, failures: list[object] | None = None) -> Chunk:
    chunk = Chunk(start, MINUTE, (failures if failures is not None else []).append)
    chunk.end, chunk.unreported, chunk.sent = start + size, sent, sent
    return chunk


def report(chunk: Chunk, count: int = 2) -> None:
    for _ in range(count):
        chunk.reported(None, None)


def test_a_stretch_is_done_when_all_of_it_and_all_before_it_is_reported() -> None:
    in_flight = InFlight(100)
    first, second = a_stretch(0), a_stretch(100)
    in_flight.add(first)
    in_flight.add(second)
    report(second)
    report(first, 1)
    assert in_flight.take_done() == []
    report(first, 1)
    assert in_flight.take_done() == [first, second]
    assert (in_flight.messages, in_flight.oldest()) == (0, None)


def test_a_stretch_of_which_something_failed_is_never_done() -> None:
    failures: list[object] = []
    in_flight, chunk = InFlight(100), a_stretch(0, failures=failures)
    in_flight.add(chunk)
    report(chunk, 1)
    chunk.reported("an error", None)
    assert failures == ["an error"]
    assert in_flight.take_done() == []
    assert in_flight.clear() == 2
    assert in_flight.room() == 100


def test_a_in_flight_is_bounded_in_messages_and_in_bytes() -> None:
    in_flight = InFlight(10)
    in_flight.add(a_stretch(0, sent=4))
    assert in_flight.room() == 6
    large = InFlight(10)
    large.add(a_stretch(0, sent=1, size=MAX_BYTES))
    assert large.room() == 0


def test_a_rejection_counts_as_rejected_but_a_duplicate_as_one() -> None:
    assert account_of(a_rejection("invalid_json", received_at=MINUTE + 59_999)) == (MINUTE, "browser", "rejected")
    assert account_of(a_rejection("duplicate", source="json")) == (MINUTE, "json", "duplicates")


def test_accounts_are_sums_of_both_sides_and_reported_once() -> None:
    accounts = MergedAccounts({})
    accounts.add({(*BROWSER, "rejected"): 2, (*BROWSER, "duplicates"): 1})
    accounts.put_converted({BROWSER: {"stored": 7, "duplicates": 1, "dead_letters": 0}})
    changed = accounts.changed()[BROWSER]
    assert {name: changed[name] for name in OUTCOMES} == {
        "stored": 7,
        "duplicates": 2,
        "rejected": 2,
        "dead_letters": 0,
    }
    accounts.mark_released(MINUTE)
    assert accounts.changed() == {}


def test_accounts_continue_where_an_earlier_run_ended() -> None:
    earlier = MergedAccounts({})
    earlier.add({(*BROWSER, "duplicates"): 3})
    earlier.put_converted({BROWSER: {"stored": 5, "duplicates": 2}})
    accounts = MergedAccounts(earlier.changed())
    accounts.put_converted({BROWSER: {"stored": 6, "duplicates": 4}})
    assert accounts.changed()[BROWSER]["duplicates"] == 7
    accounts.add({(*BROWSER, "duplicates"): 1})
    assert accounts.changed()[BROWSER]["duplicates"] == 8


def test_accounts_forget_old_minutes() -> None:
    accounts = MergedAccounts({(MINUTE - 60_000, "browser"): {"stored": 1}})
    accounts.mark_released(MINUTE)
    accounts.add({(MINUTE - 60_000, "browser", "rejected"): 1})
    assert accounts.changed()[MINUTE - 60_000, "browser"]["stored"] == 0


def test_a_spool_keeps_its_id(tmp_path: Path) -> None:
    path = tmp_path / "topic"
    found = spool_id(path)
    assert len(found) == 8
    assert spool_id(path) == found
    assert (path / "id").read_text() == found.hex() + "\n"
    assert spool_id(tmp_path / "another") != found


def test_an_id_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("not hexadecimal")
    with pytest.raises(TopicError, match="16 hexadecimal digits, not 'not hexadecimal'"):
        spool_id(tmp_path)

"""Dead letters replayed on one machine: each becomes one row once its fault is fixed, and the accounts stay correct."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.streams.in_memory import NOON, OLDER, SCHEMA, TOPIC, Converting, MemoryReader, a_message, of_an_unknown_schema

from streams.conversion.decoding import CompiledDecoder
from streams.local import replays
from streams.local.replays import BEGINNING, Origin, Replayed
from streams.sink import DeadLetterFilter
from topics.topic import Damage

ALL = DeadLetterFilter()


def add_the_schema(converting: Converting) -> None:
    converting.decoder = CompiledDecoder([SCHEMA, OLDER])
    converting.restart()


def replay(converting: Converting, choice: DeadLetterFilter = ALL, after: Origin = BEGINNING) -> Replayed:
    done = converting.worker.replays.submit(choice, after)
    converting.worker.step()
    return done.result(0)


def counts(stored: int = 0, duplicates: int = 0, dead_letters: int = 0) -> Mapping[str, int]:
    return {"stored": stored, "duplicates": duplicates, "rejected": 0, "dead_letters": dead_letters, "deleted": 0}


def test_after_the_fix_a_dead_letter_is_a_row_and_no_dead_letter(converting: Converting) -> None:
    message = of_an_unknown_schema(page_path="/late")
    converting.take(a_message(), message)
    assert converting.accounts() == counts(stored=1, dead_letters=1)
    add_the_schema(converting)
    assert replay(converting) == Replayed(1, {})
    assert (converting.sink.rows[-1]["event_id"], converting.sink.rows[-1]["page_path"]) == (message.event_id, "/late")
    assert converting.sink.dead_letters == []
    assert converting.accounts() == counts(stored=2)
    assert converting.sink.position(TOPIC) == 2


def test_the_reader_gets_the_new_accounts_though_the_position_has_not_moved(converting: Converting) -> None:
    converting.take(of_an_unknown_schema())
    add_the_schema(converting)
    converting.worker.release()
    replay(converting)
    converting.worker.release()
    assert (converting.reader.released, converting.reader.account) == (1, {(NOON, "browser"): counts(stored=1)})


def test_replayed_twice_it_is_one_row(converting: Converting) -> None:
    converting.take(of_an_unknown_schema())
    add_the_schema(converting)
    assert [replay(converting), replay(converting)] == [Replayed(1, {}), Replayed(0, {})]
    assert len(converting.sink.rows) == 1


def test_one_whose_event_came_in_another_way_is_settled_and_stays_in_its_account(converting: Converting) -> None:
    message = of_an_unknown_schema()
    converting.take(message, message)
    add_the_schema(converting)
    converting.take(message)
    assert replay(converting) == Replayed(2, {})
    assert (len(converting.sink.rows), converting.sink.dead_letters) == (1, [])
    assert converting.accounts() == counts(stored=1, dead_letters=2)


def test_one_that_fails_again_is_kept_whole_with_the_new_reason_and_changes_no_account(converting: Converting) -> None:
    converting.take(of_an_unknown_schema(event_type=""))
    add_the_schema(converting)
    [before] = converting.sink.dead_letters
    converting.clock.now += 1
    assert replay(converting) == Replayed(0, {"missing_field": 1})
    [letter] = converting.sink.dead_letters
    assert (letter.reason, letter.failed_at) == ("missing_field", NOON + 1)
    assert (letter.origin, letter.content, letter.received_at) == (before.origin, before.content, before.received_at)
    assert converting.accounts() == counts(dead_letters=1)


def test_one_whose_id_was_taken_meanwhile_is_a_conflict_and_is_replayed_no_more(converting: Converting) -> None:
    message = of_an_unknown_schema(page_path="/a")
    converting.take(message, a_message(event_id=message.event_id, page_path="/b"))
    add_the_schema(converting)
    commits = converting.sink.commits
    assert [replay(converting) for _ in range(3)] == [Replayed(0, {"id_conflict": 1})] * 3
    assert converting.sink.commits == commits + 1
    assert converting.accounts() == counts(stored=1, dead_letters=1)


def test_bytes_that_are_not_a_message_are_not_replayed(converting: Converting) -> None:
    converting.take(Damage(0, 1, b"???", "the checksum does not fit"))
    assert replay(converting) == Replayed(0, {"damaged_frame": 1})
    assert len(converting.sink.dead_letters) == 1


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (DeadLetterFilter(), [0, 1, 2]),
        (DeadLetterFilter("unknown_schema"), [0, 1]),
        (DeadLetterFilter(origins=(f"{TOPIC}/1", f"{TOPIC}/2")), [1, 2]),
        (DeadLetterFilter("unknown_schema", (f"{TOPIC}/1", f"{TOPIC}/2")), [1]),
        (DeadLetterFilter("undecodable"), []),
    ],
)
def test_only_what_is_chosen_is_replayed(converting: Converting, choice: DeadLetterFilter, chosen: list[int]) -> None:
    converting.take(of_an_unknown_schema(), of_an_unknown_schema(), a_message(event_type=""))
    converting.clock.now += 1
    replay(converting, choice)
    assert sorted(letter.position for letter in converting.sink.dead_letters if letter.failed_at > NOON) == chosen


def test_many_are_replayed_portion_by_portion(converting: Converting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "MAX_LETTERS", 2)
    converting.take(*(of_an_unknown_schema() for _ in range(5)))
    add_the_schema(converting)
    last: Origin | None = BEGINNING
    portions = []
    while last is not None:
        portions.append(replay(converting, after=last))
        last = portions[-1].last
    assert portions == [Replayed(2, {}, (TOPIC, 1)), Replayed(2, {}, (TOPIC, 3)), Replayed(1, {})]


def test_an_abandoned_replay_is_not_started(converting: Converting) -> None:
    converting.take(of_an_unknown_schema())
    add_the_schema(converting)
    converting.worker.replays.submit(DeadLetterFilter(), BEGINNING).cancel()
    converting.worker.step()
    assert len(converting.sink.dead_letters) == 1


def test_a_replay_that_cannot_be_committed_ends_the_converter_and_changes_nothing(converting: Converting) -> None:
    converting.take(of_an_unknown_schema())
    add_the_schema(converting)
    converting.sink.fails = [OSError("disk full")]
    done = converting.worker.replays.submit(DeadLetterFilter(), BEGINNING)
    with pytest.raises(OSError, match="disk full"):
        converting.worker.run(threading.Event())
    assert isinstance(done.exception(0), OSError)
    assert (len(converting.sink.dead_letters), converting.sink.rows) == (1, [])
    assert replay(converting) == Replayed(1, {})


def test_dead_letters_of_all_spools_are_replayed_and_none_of_another_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "MAX_LETTERS", 2)
    spools = {number: MemoryReader([of_an_unknown_schema(), of_an_unknown_schema()]) for number in ("0", "1")}
    converting = Converting(tmp_path, spools=spools, reader=MemoryReader([of_an_unknown_schema()]))
    converting.take()
    add_the_schema(converting)
    assert replay(converting) == Replayed(2, {}, (f"{TOPIC}/0", 0))
    assert replay(converting, after=(f"{TOPIC}/0", 0)) == Replayed(2, {}, (f"{TOPIC}/1", 0))
    assert replay(converting, after=(f"{TOPIC}/1", 0)) == Replayed(1, {})
    assert (len(converting.sink.rows), converting.sink.dead_letters) == (5, [])
    assert [converting.sink.position(topic) for topic in (TOPIC, f"{TOPIC}/0", f"{TOPIC}/1")] == [1, 2, 2]

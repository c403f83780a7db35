"""The loop: everything is processed once, whatever stops it, and everything is accounted for."""

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.streams.in_memory import NOON, SCHEMA, TOPIC, Converting, MemoryReader, a_message, a_record, a_rejection, minute_of
from support.streams.reference import DAY, MINUTE
from support.waiting import wait_until

from schemas.codec import message_prefix
from streams.errors import TopicLost
from streams.local import worker
from streams.local.backoff import Backoff
from streams.sessions.salts import LIFETIME_MS
from topics.ledger import KEPT_MS
from topics.topic import MAX_DAMAGED_BYTES, Damage, Message


def counts(stored: int = 0, duplicates: int = 0, rejected: int = 0, dead_letters: int = 0) -> dict[str, int]:
    return {"stored": stored, "duplicates": duplicates, "rejected": rejected, "dead_letters": dead_letters, "deleted": 0}


def with_value(value: bytes) -> Message:
    return replace(a_message(), value=value)


BODY = a_message().value[10:]
DEAD = [
    (with_value(b""), "not_single_object", "decode"),
    (with_value(b"{}"), "not_single_object", "decode"),
    (with_value(b"\xc3\x01" + b"\0" * 8 + BODY), "unknown_schema", "decode"),
    (with_value(message_prefix(SCHEMA) + BODY[:-1]), "undecodable", "decode"),
    (with_value(message_prefix(SCHEMA) + BODY + b"\0"), "undecodable", "decode"),
    (a_message(event_type=""), "missing_field", "check"),
    (a_message(a_record(occurred_at=-1)), "time_out_of_range", "check"),
    (a_message(parameters="nonsense"), "invalid_parameters", "check"),
]


@pytest.mark.parametrize(("message", "reason", "stage"), DEAD, ids=[reason for _, reason, _ in DEAD])
def test_a_message_that_cannot_be_converted_is_kept_whole_and_the_others_flow_on(
    converting: Converting, message: Message, reason: str, stage: str
) -> None:
    rows = converting.take(a_message(), message, a_message())
    [letter] = converting.sink.dead_letters
    assert len(rows) == 2
    assert (letter.reason, letter.stage, letter.content) == (reason, stage, message.value)
    assert (letter.topic, letter.position, letter.event_id, letter.source) == (TOPIC, 1, message.event_id, "browser")
    assert (letter.received_at, letter.failed_at) == (message.received_at, NOON)
    assert converting.accounts() == counts(stored=2, dead_letters=1)


def test_an_event_that_became_a_dead_letter_does_not_take_its_id(converting: Converting) -> None:
    record = a_record()
    rows = converting.take(a_message(record | {"parameters": "nonsense"}), a_message(record))
    assert len(rows) == 1


def test_damage_in_the_topic_is_a_dead_letter_of_the_minute_it_was_found_in(converting: Converting) -> None:
    converting.take(Damage(0, 1, b"???", "the checksum does not fit"))
    [letter] = converting.sink.dead_letters
    assert (letter.reason, letter.text, letter.content) == ("damaged_frame", "the checksum does not fit", b"???")
    assert converting.sink.ledger(0).keys() == {(minute_of(NOON), "")}


def test_of_very_long_damage_the_beginning_is_kept(converting: Converting) -> None:
    converting.take(Damage(0, 1, b"?" * (MAX_DAMAGED_BYTES + 1), "no frame"))
    [letter] = converting.sink.dead_letters
    assert len(letter.content) == MAX_DAMAGED_BYTES
    assert letter.text == f"no frame; the first {MAX_DAMAGED_BYTES} of {MAX_DAMAGED_BYTES + 1} bytes"


def test_rejections_are_counted_and_a_rejected_duplicate_is_a_duplicate(converting: Converting) -> None:
    assert converting.take(a_rejection("invalid_text"), a_rejection("duplicate"), a_rejection("invalid_json")) == []
    assert converting.accounts() == counts(duplicates=1, rejected=2)


def test_accounts_are_kept_by_minute_received_and_source(converting: Converting) -> None:
    message = a_message(received_at=NOON + 61_000)
    converting.take(message, message, a_rejection("invalid_text", source="replay"))
    converting.worker.release()
    assert converting.reader.account == {
        (NOON + MINUTE, "browser"): counts(stored=1, duplicates=1),
        (NOON, "replay"): counts(rejected=1),
    }
    assert converting.reader.released == 3


def test_the_accounts_of_a_minute_are_reported_whole_after_a_restart(converting: Converting) -> None:
    converting.take(a_message())
    converting.reader.account.clear()
    converting.restart()
    converting.take(a_message())
    converting.worker.release()
    assert converting.reader.account == {(NOON, "browser"): counts(stored=2)}


def test_an_idle_worker_reports_its_position_to_its_reader_though_no_account_is_recent(converting: Converting) -> None:
    converting.take(a_message())
    converting.clock.now += KEPT_MS + MINUTE
    converting.reader.released = -1  # its file is lost
    converting.restart()
    converting.worker.step()
    assert converting.reader.released == 1


def test_accounts_that_were_reported_are_forgotten_after_two_days(converting: Converting) -> None:
    converting.take(a_message())
    converting.worker.release()
    converting.clock.now += KEPT_MS + MINUTE
    converting.take(a_message(at=converting.clock.now))
    assert list(converting.worker._accounts._ledger) == [(minute_of(converting.clock.now), "browser")]


def test_after_a_failed_commit_the_batch_is_read_again(converting: Converting) -> None:
    first = converting.row(page_path="/a")
    converting.sink.fails = [OSError("disk full")]
    converting.reader.contents.append(a_message(at=NOON + 1, page_path="/b"))
    with pytest.raises(OSError, match="disk full"):
        converting.worker.step()
    [row] = converting.take()
    assert (row["session_page_number"], row["previous_page_path"]) == (2, "/a")
    assert row["session_id"] == first["session_id"]


def test_an_idle_worker_destroys_old_salts(converting: Converting) -> None:
    converting.row()
    converting.clock.now += LIFETIME_MS
    converting.worker.step()
    assert converting.salts.of(NOON // DAY) is None


def test_a_worker_is_ready_once_it_has_processed_what_waits_and_not_while_a_batch_fails_or_hangs(
    converting: Converting, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert converting.worker.not_ready_reason() == "the converter has not finished its first batch"
    converting.sink.fails = [OSError("disk full")]
    converting.reader.contents.append(a_message())
    with pytest.raises(OSError, match="disk"):
        converting.worker.step()
    assert converting.worker.not_ready_reason() == "the converter has not finished its first batch"
    converting.worker.step()
    assert converting.worker.not_ready_reason() == ""
    monkeypatch.setattr(worker, "SILENCE_SECONDS", 0)
    assert "the converter has not finished a step for" in converting.worker.not_ready_reason()


def test_a_batch_takes_no_more_than_the_setting_says(tmp_path: Path) -> None:
    converting = Converting(tmp_path, settings={"batch_messages": 3})
    converting.take(*(a_message() for _ in range(7)))
    assert converting.sink.commits == 3


def test_the_worker_runs_until_stopped_and_releases_what_it_did(converting: Converting) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=converting.worker.run, args=(stop,))
    thread.start()
    converting.reader.contents.append(a_message())
    wait_until(lambda: converting.sink.rows)
    converting.reader.contents.append(a_message())
    wait_until(lambda: len(converting.sink.rows) == 2)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert converting.reader.released == 2
    assert converting.reader.account[NOON, "browser"]["stored"] == 2


def test_a_topic_that_ends_before_the_rows_is_not_read(converting: Converting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.local.worker.TOPIC_TIMEOUT_SECONDS", 0.01)
    converting.take(a_message(), a_message())
    converting.reader.contents.clear()
    converting.restart()
    with pytest.raises(TopicLost, match="rows end at position 2 of clickstream-avro, which ends at 0"):
        converting.worker.run(threading.Event())


def test_a_stop_ends_the_wait_for_the_topic(converting: Converting) -> None:
    converting.take(a_message())
    converting.reader.contents.clear()
    converting.restart()
    stop = threading.Event()
    stop.set()
    converting.worker.run(stop)
    assert converting.reader.released == 1


def test_pauses_grow_to_the_bound_and_begin_short_after_work() -> None:
    backoff = Backoff(0.02)
    assert [backoff.next() for _ in range(6)] == [0.002, 0.004, 0.008, 0.016, 0.02, 0.02]
    backoff.reset()
    assert backoff.next() == 0.002


def test_the_outcomes_of_messages_are_in_the_metrics(converting: Converting) -> None:
    converting.take(a_message(), a_rejection("invalid_text"), DEAD[0][0])
    value = converting.worker.metrics.registry.get_sample_value
    assert value("clickstream_streams_messages_total", {"outcome": "stored"}) == 1
    assert value("clickstream_streams_messages_total", {"outcome": "rejected"}) == 1
    assert value("clickstream_streams_dead_letters_total", {"reason": "not_single_object"}) == 1
    assert value("clickstream_streams_position", {"topic": TOPIC}) == 3
    assert value("clickstream_streams_batch_seconds_count") == 1


def test_spools_are_read_in_turn_a_batch_each_and_their_positions_kept_apart(tmp_path: Path) -> None:
    spools = {"0": MemoryReader([a_message(), a_message()]), "1": MemoryReader([a_message()])}
    converting = Converting(tmp_path, spools=spools, reader=MemoryReader([a_message()]))
    assert converting.worker.step() == 4
    assert converting.sink.commits == 3
    assert [converting.sink.position(topic) for topic in (TOPIC, f"{TOPIC}/0", f"{TOPIC}/1")] == [1, 2, 1]


def test_an_event_that_came_to_two_spools_is_one_row_and_its_session_continues(converting: Converting) -> None:
    message = a_message(page_path="/a")
    converting.take(message)
    converting.spools["0"] = MemoryReader([message, a_message(at=NOON + 1, page_path="/b")])
    converting.worker.release()
    converting.restart()
    [row] = converting.take()
    assert (row["session_page_number"], row["previous_page_path"]) == (2, "/a")
    assert converting.accounts() == counts(stored=2, duplicates=1)


def test_a_spool_that_comes_later_is_found(converting: Converting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "RELEASE_INTERVAL_SECONDS", 0)
    converting.take(a_message())
    converting.spools["0"] = MemoryReader([a_message()])
    converting.worker.step()
    assert converting.worker.step() == 1


def test_the_accounts_of_all_spools_are_reported_to_the_topics_own_directory(tmp_path: Path) -> None:
    converting = Converting(tmp_path, spools={"0": MemoryReader([a_message()])}, reader=MemoryReader([a_message()]))
    converting.worker.step()
    converting.worker.release()
    spool = converting.spools["0"]
    assert (converting.reader.account, converting.reader.released) == ({(NOON, "browser"): counts(stored=2)}, 1)
    assert (spool.account, spool.released) == ({}, 1)


def test_dead_letters_of_a_spool_are_distinguished_by_their_origin(tmp_path: Path) -> None:
    converting = Converting(tmp_path, spools={"0": MemoryReader([with_value(b"")])}, reader=MemoryReader([with_value(b"")]))
    converting.worker.step()
    assert [letter.origin for letter in converting.sink.dead_letters] == [f"{TOPIC}/0", f"{TOPIC}/0/0"]


def test_a_session_over_two_spools_is_one_however_long_they_waited_to_be_read(tmp_path: Path) -> None:
    minutes = [a_message(at=NOON + number * 20 * MINUTE, page_path=f"/{number}") for number in range(6)]
    converting = Converting(tmp_path, spools={"0": MemoryReader([*minutes[::2]]), "1": MemoryReader([*minutes[1::2]])})
    rows = converting.take()
    assert [(row["page_path"], row["session_page_number"]) for row in rows] == [(f"/{number}", number + 1) for number in range(6)]
    assert len({row["session_id"] for row in rows}) == 1


def test_damage_in_a_spool_holds_up_the_others_no_longer_than_it_is_processed(tmp_path: Path) -> None:
    spools = {"0": MemoryReader([Damage(0, 1, b"?", "no frame")]), "1": MemoryReader([a_message()])}
    converting = Converting(tmp_path, spools=spools)
    converting.take()
    assert converting.accounts() == counts(stored=1, dead_letters=1)


def test_rows_are_deleted_between_two_batches_and_counted_as_deleted(converting: Converting) -> None:
    converting.take(a_message(event_id=f"{1:032x}"), a_message(event_id=f"{2:032x}"))
    done = converting.worker.delete([("shop", f"{1:032x}"), ("shop", f"{9:032x}")])
    assert not done.done()
    converting.worker.step()
    assert done.result(0) == 1
    assert [row["event_id"] for row in converting.sink.rows] == [f"{2:032x}"]
    converting.worker.release()
    assert converting.reader.account == {(NOON, "browser"): counts(stored=2) | {"deleted": 1}}


def test_a_deleted_event_does_not_come_back_with_a_retry(converting: Converting) -> None:
    converting.take(message := a_message())
    converting.worker.delete([("shop", message.event_id)])
    converting.worker.step()
    converting.take(message)
    assert converting.sink.rows == []
    assert converting.accounts() == counts(stored=1, duplicates=1) | {"deleted": 1}


def test_deletions_of_minutes_that_are_no_longer_reported_are_not_reported_either(converting: Converting) -> None:
    converting.take(a_message(received_at=NOON - 3 * 86_400_000))
    converting.worker.release()
    converting.take(a_message())
    converting.worker.release()
    converting.reader.account.clear()
    converting.worker.delete([(str(row["site"]), str(row["event_id"])) for row in converting.sink.rows])
    converting.worker.step()
    converting.worker.release()
    assert converting.reader.account == {(NOON, "browser"): counts(stored=1) | {"deleted": 1}}


def test_a_session_whose_rows_are_deleted_does_not_continue(converting: Converting) -> None:
    first = converting.row(at=NOON)
    converting.worker.delete([(str(first["site"]), str(first["event_id"]))])
    converting.worker.step()
    second = converting.row(at=NOON + 1000)
    assert second["session_id"] != first["session_id"]
    assert (second["is_session_start"], second["session_page_number"]) == (1, 1)

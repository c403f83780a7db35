"""The spools of a topic: discovered as they appear, read under one name, counted from their files, cleaned up without a writer."""

import time
from pathlib import Path

from support.topics.in_memory import MINUTE, a_message, a_rejection, a_topic, fill, messages, stored, with_topic

from topics.ledger import Received
from topics.local.reader import LocalReader
from topics.local.recovery import Recovered
from topics.local.segments import segment_bases
from topics.local.spools import SpoolConsumers, clean_up, received, spool_accounts, spool_path, spool_paths
from topics.local.writer import LocalTopic


def test_a_topic_is_its_own_directory_and_its_numbered_spools_in_order(tmp_path: Path) -> None:
    for name in ("10", "9", "x", "lock"):
        (tmp_path / "spools" / name).mkdir(parents=True)
    assert list(spool_paths(tmp_path).items()) == [
        ("", tmp_path),
        ("9", spool_path(tmp_path, 9)),
        ("10", spool_path(tmp_path, 10)),
    ]
    assert spool_paths(tmp_path / "none") == {"": tmp_path / "none"}


def test_readers_are_registered_in_all_directories_and_in_those_that_come_later(tmp_path: Path) -> None:
    readers = SpoolConsumers(tmp_path, "converter")
    assert list(readers()) == [""]
    fill(spool_path(tmp_path, 0), messages(2))
    first = readers()["0"]
    assert len(first.read(0, 10)) == 2
    assert readers()["0"] is first
    assert (spool_path(tmp_path, 0) / "readers" / "converter.json").exists()
    readers.close()


def test_accounts_of_a_reader_are_added_up_over_the_spools(tmp_path: Path) -> None:
    readers, minute = SpoolConsumers(tmp_path, "forwarder"), time.time_ns() // 60_000_000_000 * 60_000
    for count in (0, 1):
        spool_path(tmp_path, count).mkdir(parents=True)
    for number, reader in readers().items():
        reader.release(0, {(minute, "browser"): {"stored": 2}, (minute, number): {"stored": 1}})
    readers.close()
    LocalReader.open(spool_path(tmp_path, 1), "another").close()
    minutes = {(minute, "browser"): {"stored": 6}} | {(minute, number): {"stored": 1} for number in ("", "0", "1")}
    now = spool_accounts(tmp_path)
    assert (now["forwarder"], now["another"]) == (minutes, {})


def test_received_counts_are_read_from_the_files_while_the_writer_writes_and_after_it_was_killed(tmp_path: Path) -> None:
    fill(tmp_path, [a_message(), a_rejection()])

    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(3))
        assert received(tmp_path) == topic.ledger() == {(MINUTE, "browser"): Received(5, {"invalid_event_id": 1})}

    with_topic(a_topic(tmp_path), work)
    (tmp_path / "ledger.json").unlink()
    assert received(tmp_path) == {(MINUTE, "browser"): Received(5, {"invalid_event_id": 1})}


def test_of_a_topic_that_was_never_written_nothing_came_in(tmp_path: Path) -> None:
    assert received(tmp_path) == {}
    assert clean_up(tmp_path) is None


def test_tidying_leaves_a_topic_alone_that_has_a_writer(tmp_path: Path) -> None:
    async def work(topic: LocalTopic) -> None:
        await topic.append(messages(3))
        assert clean_up(tmp_path) is None

    with_topic(a_topic(tmp_path), work)


def test_tidying_deletes_all_segments_that_were_passed_and_keeps_the_others(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path, "converter")
    fill(tmp_path, messages(3))
    assert clean_up(tmp_path) == Recovered()
    assert len(stored(tmp_path)) == 3
    reader.release(reader.high_watermark())
    assert clean_up(tmp_path) == Recovered()
    assert segment_bases(tmp_path) == []
    fill(tmp_path, messages(1))
    assert len(reader.read(reader.position, 10)) == 1
    reader.close()


def test_tidying_puts_right_an_end_that_a_power_cut_took_back(tmp_path: Path) -> None:
    fill(tmp_path, messages(3))
    reader = LocalReader.open(tmp_path, "converter")
    end = reader.high_watermark()
    reader.close()
    (tmp_path / "end").write_bytes(b"")
    clean_up(tmp_path)
    reader = LocalReader.open(tmp_path, "converter")
    assert reader.high_watermark() == end
    reader.close()

"""Consumers: each continues where it released, keeps what it still needs, and passes on its half of the ledger."""

from itertools import pairwise
from pathlib import Path

import pytest
from support.topics.in_memory import MINUTE, a_message, fill, messages, read_from, whole

from topics.local import frame, segments
from topics.local.consumers import consumer_accounts, released_positions
from topics.local.reader import LocalReader, tail
from topics.topic import Entry, TopicError

NOW = MINUTE / 1000


def test_a_reader_continues_where_it_released(tmp_path: Path) -> None:
    fill(tmp_path, messages(10))
    reader = LocalReader.open(tmp_path, "converter")
    entries = reader.read(reader.position, 4)
    reader.release(entries[-1].next_position)
    again = LocalReader.open(tmp_path, "converter")
    assert whole(read_from(again, again.position)) == messages(10)[4:]


def test_a_reader_may_be_there_before_the_topic(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path / "topic", "converter")
    assert (reader.high_watermark(), reader.read(0, 10)) == (0, [])
    assert oct((tmp_path / "topic").stat().st_mode & 0o777) == "0o700"
    fill(tmp_path / "topic", messages(3))
    assert len(read_from(reader, reader.position)) == 3


def test_a_new_reader_begins_with_what_is_kept(tmp_path: Path) -> None:
    fill(tmp_path, messages(50), segment_bytes=500)
    bases = segments.segment_bases(tmp_path)
    for base in bases[:3]:
        segments.segment_path(tmp_path, base).unlink()
    found = read_from(LocalReader.open(tmp_path, "converter"), 0)
    assert found[0].position == bases[3] + segments.HEADER_BYTES
    assert all(isinstance(one, Entry) for one in found)


def test_positions_of_a_batch_follow_each_other(tmp_path: Path) -> None:
    fill(tmp_path, messages(50), segment_bytes=500)
    found = read_from(LocalReader.open(tmp_path, "converter"), 0, at_once=7)
    assert whole(found) == messages(50)
    assert all(before.next_position <= after.position for before, after in pairwise(found))


def test_any_entry_can_be_returned_to(tmp_path: Path) -> None:
    fill(tmp_path, messages(20), segment_bytes=500)
    reader = LocalReader.open(tmp_path, "converter")
    for entry in reversed(read_from(reader, 0)):
        assert reader.read(entry.position, 1) == [entry]


def test_frames_longer_than_a_chunk_are_read_whole(tmp_path: Path) -> None:
    long = [a_message(value=bytes([number]) * (segments.CHUNK_BYTES * 2 + number)) for number in range(3)]
    fill(tmp_path, [long[0], *messages(3), long[1], long[2]])
    found = read_from(LocalReader.open(tmp_path, "converter"), 0)
    assert whole(found) == [long[0], *messages(3), long[1], long[2]]


def test_frames_over_the_edge_of_a_chunk_are_read_whole(tmp_path: Path) -> None:
    sent = messages(5, value=b"v" * (segments.CHUNK_BYTES // 3))
    fill(tmp_path, sent)
    found = read_from(LocalReader.open(tmp_path, "converter"), 0)
    assert whole(found) == sent


def test_a_reader_continues_when_its_segment_was_deleted_under_it(tmp_path: Path) -> None:
    fill(tmp_path, messages(50), segment_bytes=500)
    follower = tail(tmp_path)
    first = follower.read(0, 1)
    for base in segments.segment_bases(tmp_path)[:3]:
        segments.segment_path(tmp_path, base).unlink()
    follower.close()
    found = read_from(follower, first[0].next_position)
    assert isinstance(found[-1], Entry)
    assert found[-1].message == messages(50)[-1]


def test_a_segment_deleted_between_listing_and_opening_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, messages(50), segment_bytes=500)
    first, second = (segments.segment_path(tmp_path, base) for base in segments.segment_bases(tmp_path)[:2])
    first.unlink()
    second.unlink()
    first.symlink_to(tmp_path / "gone")  # listed, but not to be opened
    second.symlink_to(tmp_path / "gone")
    found = read_from(LocalReader.open(tmp_path, "converter"), 0)
    assert all(isinstance(one, Entry) for one in found)
    assert 30 < len(found) < 50


def test_a_position_within_a_segments_header_is_its_first_frame(tmp_path: Path) -> None:
    fill(tmp_path, messages(2))
    reader = LocalReader.open(tmp_path, "converter")
    assert reader.read(5, 1) == reader.read(0, 1)


def test_accounts_are_passed_on_with_the_position(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path, "converter", now=lambda: NOW)
    reader.release(0, {(MINUTE, "browser"): {"stored": 2, "duplicates": 1}, (MINUTE, "replay"): {"stored": 1}})
    reader.release(0, {(MINUTE, "browser"): {"stored": 3, "duplicates": 1}})
    expected = {(MINUTE, "browser"): {"stored": 3, "duplicates": 1}, (MINUTE, "replay"): {"stored": 1}}
    assert consumer_accounts(tmp_path) == {"converter": expected}
    LocalReader.open(tmp_path, "converter", now=lambda: NOW).release(0)
    assert consumer_accounts(tmp_path) == {"converter": expected}


def test_accounts_are_kept_for_48_hours(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path, "converter", now=lambda: NOW + 48 * 3600 + 60)
    reader.release(0, {(MINUTE, "browser"): {"stored": 2}, (MINUTE + 60_000, "browser"): {"stored": 1}})
    assert consumer_accounts(tmp_path) == {"converter": {(MINUTE + 60_000, "browser"): {"stored": 1}}}


def test_many_accounts_are_all_passed_on_and_the_latest_one_counts(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path, "converter", now=lambda: NOW)
    expected = {}
    for number in range(800):
        minute = MINUTE - number % 500 * 60_000
        expected[minute, "browser"] = {"stored": number}
        reader.release(number, {(minute, "browser"): {"stored": number}})
    assert consumer_accounts(tmp_path) == {"converter": expected}
    again = LocalReader.open(tmp_path, "converter", now=lambda: NOW)
    again.release(again.position, {})
    assert consumer_accounts(tmp_path) == {"converter": expected}
    assert released_positions(tmp_path) == {"converter": 799}


@pytest.mark.parametrize("content", [b"", b"{", b'{"position": "x"}', b"[]"])
def test_a_reader_whose_file_cannot_be_read_keeps_everything_and_starts_again(tmp_path: Path, content: bytes) -> None:
    fill(tmp_path, messages(3))
    reader = LocalReader.open(tmp_path, "converter")
    reader.release(reader.high_watermark())
    (tmp_path / "readers" / "converter.json").write_bytes(content)
    assert released_positions(tmp_path) == {"converter": 0}
    assert consumer_accounts(tmp_path) == {}
    assert LocalReader.open(tmp_path, "converter").position == 0


@pytest.mark.parametrize("name", ["", "../up", "A", "a b", "-a", "a" * 65])
def test_a_readers_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(TopicError, match="not a valid name of a consumer"):
        LocalReader.open(tmp_path, name)


def test_a_tail_has_nothing_to_release(tmp_path: Path) -> None:
    fill(tmp_path, messages(3))
    with pytest.raises(TopicError, match="not a registered consumer"):
        tail(tmp_path).release(0)


def test_a_tail_sets_nothing_aside(tmp_path: Path) -> None:
    fill(tmp_path, messages(3))
    path = segments.segment_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert len(read_from(tail(tmp_path), 0)) == 3
    assert not (tmp_path / "damaged").exists()


def test_a_topic_without_any_segment_has_nothing_to_read(tmp_path: Path) -> None:
    fill(tmp_path, messages(3))
    segments.segment_path(tmp_path, 0).unlink()
    reader = LocalReader.open(tmp_path, "converter")
    assert reader.high_watermark() > 0
    assert reader.read(0, 10) == []


def test_a_length_that_damage_made_huge_is_not_a_frame(tmp_path: Path) -> None:
    fill(tmp_path, messages(3))
    path = segments.segment_path(tmp_path, 0)
    content = bytearray(path.read_bytes())
    content[segments.HEADER_BYTES + 3] = 0xFF
    path.write_bytes(content)
    assert frame.claimed_bytes(bytes(content), segments.HEADER_BYTES) > frame.MAX_LENGTH
    assert [isinstance(one, Entry) for one in read_from(LocalReader.open(tmp_path, "converter"), 0)] == [False, True, True]

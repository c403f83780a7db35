"""The recovery of files after a crash, a power cut, or a disk that changed a byte."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from google_crc32c import value as crc32c
from support.topics.in_memory import MINUTE, a_message, a_rejection, fill, messages, no_failure, read_all, read_from, whole

from topics.ledger import Received
from topics.local.frame import encode
from topics.local.high_watermark import HighWatermark
from topics.local.reader import LocalReader
from topics.local.recovery import recover
from topics.local.segments import HEADER_BYTES, segment_bases, segment_path, set_aside
from topics.local.writer import LocalTopic
from topics.topic import Damage, Entry, Message, TopicError, TopicFailed

SMALL = [a_message(f"{number:02x}", source="b", key=b"", value=b"") for number in range(200)]
FRAME_BYTES = len(encode(SMALL[0]))


@contextmanager
def opened(path: Path, *, segment_bytes: int = 1 << 26) -> Iterator[LocalTopic]:
    topic = LocalTopic.open(path, segment_bytes=segment_bytes, on_failure=no_failure, now=lambda: MINUTE / 1000)
    yield topic
    topic.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A topic of 200 small frames in one segment, which no test changes."""
    path = tmp_path_factory.mktemp("written")
    fill(path, SMALL)
    return path


@pytest.fixture
def topic_path(written: Path, tmp_path: Path) -> Path:
    """A copy of it, as a killed process leaves it: no snapshot of the ledger."""
    path = tmp_path / "topic"
    shutil.copytree(written, path)
    (path / "ledger.json").unlink()
    return path


def damages(found: list[Entry | Damage]) -> list[Damage]:
    return [one for one in found if isinstance(one, Damage)]


def publish(path: Path, position: int) -> None:
    end = HighWatermark(path, create=True)
    end.write(position)
    end.close()


def without(place: int) -> list[Message]:
    """The messages whose frames do not hold this byte of the segment."""
    return [message for number, message in enumerate(SMALL) if number != (place - HEADER_BYTES) // FRAME_BYTES]


def test_a_flip_of_any_byte_costs_a_reader_the_frame_that_holds_it_and_no_other(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = segment.read_bytes()
    with segment.open("r+b", buffering=0) as file:
        for place in range(len(content)):
            file.seek(place)
            file.write(bytes([content[place] ^ 1 << place % 8]))
            reader = LocalReader.open(topic_path, "converter")
            found = read_from(reader, 0)
            reader.close()
            file.seek(place)
            file.write(content[place : place + 1])
            assert whole(found) == without(place), place
            [damage] = damages(found)
            assert damage.position <= place < damage.next_position
            assert len(damage.content) == (FRAME_BYTES if place >= HEADER_BYTES else HEADER_BYTES)


def test_a_flipped_byte_costs_a_start_the_frame_that_holds_it_and_no_other(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = segment.read_bytes()
    every_byte_of_the_ends = [*range(100), *range(len(content) - 100, len(content))]
    for place in [*every_byte_of_the_ends, *range(100, len(content) - 100, 7)]:  # each costs syncs; the reader's test has them all
        segment.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        recovery = recover(topic_path, topic_path / "ledger.json", acknowledged=len(content), released=0, minute=MINUTE)
        assert (recovery.recovered.damaged, recovery.recovered.torn_bytes, recovery.end) == (1, 0, len(content)), place
        assert recovery.recovered.counted == len(without(place))
        assert recovery.ledger.totals == {"b": Received(len(without(place))), "": Received(1)}


def test_a_cut_at_any_byte_that_was_not_acknowledged_leaves_all_whole_frames_before_it(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = segment.read_bytes()
    for size in range(len(content)):
        segment.write_bytes(content[:size])
        recovery = recover(topic_path, topic_path / "ledger.json", acknowledged=0, released=0, minute=MINUTE)
        frames, torn = divmod(max(0, size - HEADER_BYTES), FRAME_BYTES) if size >= HEADER_BYTES else (0, size)
        assert (recovery.recovered.torn_bytes, recovery.recovered.damaged, recovery.recovered.counted) == (torn, 0, frames), size
        assert recovery.end == (HEADER_BYTES + frames * FRAME_BYTES if frames else 0)
        assert segment.exists() == bool(frames)


def test_a_cut_at_any_byte_that_was_acknowledged_is_reported_to_readers_as_missing(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = segment.read_bytes()
    for size in range(len(content) - 1, -1, -1):
        with segment.open("r+b") as file:
            file.truncate(size)
        reader = LocalReader.open(topic_path, "converter")
        found = read_from(reader, 0)
        reader.close()
        assert whole(found) == SMALL[: max(0, size - HEADER_BYTES) // FRAME_BYTES], size
        [damage] = damages(found)
        assert damage.next_position == len(content)
        assert "are missing" in damage.reason


@pytest.mark.parametrize("tail", [b"\x00" * 5000, b"\xff" * 5000, encode(a_message())[:-1], encode(a_message())[:3], b"x"])
def test_a_torn_tail_is_cut_and_reported(topic_path: Path, tail: bytes) -> None:
    with segment_path(topic_path, 0).open("ab") as file:
        file.write(tail)
    with opened(topic_path) as topic:
        assert topic.recovered.torn_bytes == len(tail)
        assert topic.recovered.damaged == 0
        assert topic.recovered.counted == 200
    assert read_all(topic_path) == SMALL


def test_a_torn_tail_behind_a_clean_end_is_cut_too(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "topic"
    shutil.copytree(written, path)
    with segment_path(path, 0).open("ab") as file:
        file.write(b"half a frame")
    with opened(path) as topic:
        assert (topic.recovered.torn_bytes, topic.recovered.counted) == (12, 0)


def test_a_segment_without_one_whole_frame_goes(topic_path: Path) -> None:
    base = segment_path(topic_path, 0).stat().st_size
    segment_path(topic_path, base).write_bytes(segment_path(topic_path, 0).read_bytes()[: HEADER_BYTES + 10])
    with opened(topic_path) as topic:
        assert topic.recovered.torn_bytes == 10
        assert topic.high_watermark() == base
    assert segment_bases(topic_path) == [0]


def test_damage_is_set_aside_by_the_start_and_reported_to_readers(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = bytearray(segment.read_bytes())
    place = HEADER_BYTES + 100 * FRAME_BYTES
    content[place + 15 : place + 20] = b"?????"
    segment.write_bytes(content)
    with opened(topic_path) as topic:
        assert (topic.recovered.damaged, topic.recovered.damaged_bytes) == (1, FRAME_BYTES)
    aside = bytes(content[place : place + FRAME_BYTES])
    assert (topic_path / "damaged" / f"{place:020d}").read_bytes() == aside
    reader = LocalReader.open(topic_path, "converter")
    assert damages(read_from(reader, 0)) == [Damage(place, place + FRAME_BYTES, aside, "not a valid frame")]
    assert reader.damaged == 1


def test_several_consumers_set_the_same_damage_aside_at_once(tmp_path: Path) -> None:
    at_once = Barrier(4, timeout=10)

    def set_all_aside() -> None:
        for position in range(100):
            at_once.wait()
            set_aside(tmp_path, Damage(position, position + 5, b"?????", "not a valid frame"))

    with ThreadPoolExecutor(4) as consumers:
        for done in [consumers.submit(set_all_aside) for _ in range(4)]:
            done.result(timeout=30)
    assert {path.read_bytes() for path in (tmp_path / "damaged").iterdir()} == {b"?????"}


def test_a_damaged_last_frame_that_was_acknowledged_is_not_cut(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = segment.read_bytes()
    segment.write_bytes(content[:-1] + b"?")
    with opened(topic_path) as topic:
        assert (topic.recovered.torn_bytes, topic.recovered.damaged, topic.high_watermark()) == (0, 1, len(content))
    assert segment.stat().st_size == len(content)


def test_several_damaged_places_cost_one_entry_each(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = bytearray(segment.read_bytes())
    for number in (3, 4, 10, 199):
        content[HEADER_BYTES + number * FRAME_BYTES + 5] ^= 1
    segment.write_bytes(content)
    found = read_from(LocalReader.open(topic_path, "converter"), 0)
    assert whole(found) == [message for number, message in enumerate(SMALL) if number not in (3, 4, 10, 199)]
    assert [len(damage.content) // FRAME_BYTES for damage in damages(found)] == [2, 1, 1]


def test_positions_never_go_back_when_the_disk_lost_what_was_acknowledged(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    size = segment.stat().st_size
    late, ahead = LocalReader.open(topic_path, "late"), LocalReader.open(topic_path, "ahead")
    ahead.release(read_from(ahead, 0)[-1].next_position)
    publish(topic_path, 0)
    with segment.open("r+b") as file:
        file.truncate(size - 10 * FRAME_BYTES)
    fill(topic_path, messages(1))
    assert segment_bases(topic_path) == [0, size]
    assert whole(read_from(ahead, ahead.position)) == messages(1)
    found = read_from(late, 0)
    assert whole(found) == SMALL[:-10] + messages(1)
    assert [(damage.next_position, damage.content) for damage in damages(found)] == [(size, b"")]


def test_a_segment_missing_in_the_middle_is_reported_and_the_rest_read(tmp_path: Path) -> None:
    fill(tmp_path, messages(30), segment_bytes=500)
    bases = segment_bases(tmp_path)
    segment_path(tmp_path, bases[2]).unlink()
    found = read_from(LocalReader.open(tmp_path, "converter"), 0)
    [damage] = damages(found)
    assert (damage.position, damage.next_position, damage.content) == (bases[2], bases[3], b"")
    assert 20 < len(whole(found)) < 30


@pytest.mark.parametrize("content", [b"", b"123456789012", b"\x00" * 12])
def test_a_high_watermark_that_cannot_be_read_is_written_again(topic_path: Path, content: bytes) -> None:
    size = segment_path(topic_path, 0).stat().st_size
    (topic_path / "end").write_bytes(content)
    assert LocalReader.open(topic_path, "converter").read(0, 10) == []
    with opened(topic_path) as topic:
        assert topic.high_watermark() == size
    assert len(read_from(LocalReader.open(topic_path, "converter"), 0)) == 200


def test_a_ledger_without_snapshot_is_counted_from_the_frames(tmp_path: Path) -> None:
    fill(tmp_path, [*messages(30), a_rejection("invalid_text")], segment_bytes=500)
    (tmp_path / "ledger.json").unlink()
    with opened(tmp_path) as topic:
        assert topic.ledger() == {(MINUTE, "browser"): Received(31, {"invalid_text": 1})}
        assert topic.recovered.counted == 31
        assert not topic.recovered.is_ledger_lost


def test_a_lost_ledger_of_a_topic_that_has_forgotten_messages_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, messages(30), segment_bytes=500)
    segment_path(tmp_path, 0).unlink()
    (tmp_path / "ledger.json").unlink()
    with opened(tmp_path) as topic:
        assert topic.recovered.is_ledger_lost


def test_only_what_the_snapshot_does_not_have_is_counted_again(tmp_path: Path) -> None:
    fill(tmp_path, messages(30))
    snapshot = (tmp_path / "ledger.json").read_bytes()
    fill(tmp_path, messages(5, first=30))
    (tmp_path / "ledger.json").write_bytes(snapshot)
    with opened(tmp_path) as topic:
        assert topic.recovered.counted == 5
        assert topic.totals() == {"browser": Received(35)}


def test_damage_that_a_start_meets_counts_as_one_message_received(topic_path: Path) -> None:
    segment = segment_path(topic_path, 0)
    content = bytearray(segment.read_bytes())
    content[1000] ^= 1
    segment.write_bytes(content)
    for _ in range(2):
        with opened(topic_path) as topic:
            assert topic.ledger() == {(MINUTE, "b"): Received(199), (MINUTE, ""): Received(1)}


def test_a_topic_of_a_newer_format_is_left_alone(topic_path: Path) -> None:
    start = b"headrace" + (2).to_bytes(4, "little")
    segment = segment_path(topic_path, 0)
    content = start + crc32c(start).to_bytes(4, "little") + segment.read_bytes()[HEADER_BYTES:]
    segment.write_bytes(content)
    with pytest.raises(TopicError, match="format version 2"), opened(topic_path):
        pass
    assert segment.read_bytes() == content
    segment.write_bytes(content.replace(start, b"headrace\x01\x00\x00\x00"))
    with opened(topic_path):  # the lock was released
        pass


def test_a_topic_that_cannot_be_read_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "end").mkdir()
    with pytest.raises(TopicFailed, match="cannot be opened"), opened(tmp_path):
        pass


def test_a_published_end_before_the_last_frame_cuts_nothing(topic_path: Path) -> None:
    publish(topic_path, HEADER_BYTES + FRAME_BYTES)
    with opened(topic_path) as topic:
        assert topic.recovered.counted == 200
    assert len(read_all(topic_path)) == 200

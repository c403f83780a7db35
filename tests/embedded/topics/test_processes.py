"""A topic whose writer is killed, is started twice, or meets a real limit, in processes of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.topics import writer_process
from support.topics.in_memory import MINUTE, no_failure, read_from, stored
from support.waiting import wait_until

from topics.ledger import ReceivedCounts, count
from topics.local.reader import LocalReader
from topics.local.writer import LocalTopic
from topics.topic import Damage, Entry, Message, TopicInUse

TESTS = Path(writer_process.__file__).parents[2]
KILLS = 12


@contextmanager
def a_writer(
    path: Path, first: int = 0, *, segment_bytes: int = 20_000, largest_file: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    arguments = [str(path), str(first), str(segment_bytes), *([str(largest_file)] if largest_file else [])]
    command = [sys.executable, "-m", "support.topics.writer_process", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=TESTS, env=os.environ | {"PYTHONPATH": f"{TESTS.parent}"}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill it and return the lines that it has written since."""
    process.kill()
    assert process.stdout
    return [line for line in process.stdout if line.endswith("\n")]


def number_of(message: Message) -> int:
    return int(message.value.split(b" ", 1)[0])


def numbers_of(found: list[Entry | Damage]) -> list[int]:
    assert not [one for one in found if isinstance(one, Damage)]
    return [number_of(one.message) for one in found if isinstance(one, Entry)]


def test_acknowledged_messages_survive_kills_and_the_ledger_stays_exact(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    reader = LocalReader.open(tmp_path, "converter")
    read: list[int] = []
    position = 0
    for round_ in range(KILLS):
        with a_writer(tmp_path, round_ * 1_000_000) as process:
            assert first_line(process) == "open 0\n"
            lines = [first_line(process) for _ in range(200 + 150 * round_)]
            acknowledged += [int(line) for line in lines + kill(process)]
            process.wait()
        found = read_from(reader, position)
        read += numbers_of(found)
        position = found[-1].next_position
    topic = LocalTopic.open(tmp_path, on_failure=no_failure, now=lambda: MINUTE / 1000)
    found = read_from(reader, position)
    read += numbers_of(found)
    ledger = topic.ledger()
    topic.close()

    kept = numbers_of(stored(tmp_path))
    assert len(acknowledged) > KILLS * 200
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    assert read == kept
    expected: ReceivedCounts = {}
    for number in kept:
        count(expected, writer_process.numbered(number))
    assert ledger == expected


def test_a_kill_while_segments_are_deleted_loses_nothing_unread(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path, "converter")
    read: list[int] = []
    acknowledged: list[int] = []
    for round_ in range(5):
        with a_writer(tmp_path, round_ * 1_000_000, segment_bytes=3000) as process:
            assert first_line(process) == "open 0\n"
            for _ in range(10):
                acknowledged += [int(first_line(process)) for _ in range(50)]
                found = reader.read(reader.position, 60)
                read += numbers_of(found)
                reader.release(found[-1].next_position)
            acknowledged += [int(line) for line in kill(process)]
            process.wait()
    LocalTopic.open(tmp_path, on_failure=no_failure).close()
    read += numbers_of(read_from(reader, reader.position))
    assert set(acknowledged) <= set(read)
    assert len(read) == len(set(read))


def test_a_second_process_fails_and_names_the_one_that_holds_the_topic(tmp_path: Path) -> None:
    with a_writer(tmp_path) as process:
        assert first_line(process) == "open 0\n"
        with pytest.raises(TopicInUse, match=f"process {process.pid} writes to this topic; stop it"):
            LocalTopic.open(tmp_path, on_failure=no_failure)
        kill(process)
        process.wait()
    LocalTopic.open(tmp_path, on_failure=no_failure).close()


def test_a_write_that_the_kernel_refuses_ends_the_writer_with_what_was_acknowledged_kept(tmp_path: Path) -> None:
    with a_writer(tmp_path, segment_bytes=1 << 20, largest_file=50_000) as process:
        assert process.stdout
        output = process.stdout.read().splitlines()
    assert output[-1].startswith("failed ")
    assert "File too large" in output[-1]
    acknowledged = [int(line) for line in output[1:-1]]
    assert acknowledged
    assert numbers_of(stored(tmp_path))[: len(acknowledged)] == sorted(acknowledged)
    LocalTopic.open(tmp_path, on_failure=no_failure).close()
    assert sorted(acknowledged) == numbers_of(stored(tmp_path))


def test_a_reader_in_another_process_follows_the_writer(tmp_path: Path) -> None:
    reader = LocalReader.open(tmp_path, "converter")
    with a_writer(tmp_path) as process:
        assert first_line(process) == "open 0\n"
        last = [int(first_line(process)) for _ in range(500)][-1]
        wait_until(lambda: last in numbers_of(read_from(reader, 0)))

"""The forwarder and a real Kafka, either of them killed, frozen or away: every frame arrives in order, and none is released before."""

import asyncio
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console
from support.collector.collectors import ROOT
from support.headrace.engines import RunningEngines
from support.headrace.stack import pass_by
from support.topics.forwarders import released
from support.topics.in_memory import a_message, no_failure, read_entries
from support.topics.kafka import assert_in_order, positions_by_partition, read_topic
from support.waiting import wait_until

from headrace.kafka import apply_topics
from topics.kafka.settings import KafkaSettings
from topics.local.reader import LocalReader
from topics.local.writer import LocalTopic

_prefixes = itertools.count()


class Spool:
    """A local topic that is written to until it is stopped, some thousand events a second; it keeps everything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        LocalReader.open(path, "keeper").close()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Stop writing; return the end."""
        self._stop.set()
        self._thread.join()
        return read_entries(self.path)[-1].next_position

    def released(self) -> int:
        return released(self.path)

    async def _write(self) -> None:
        topic, numbers = LocalTopic.open(self.path, on_failure=no_failure), itertools.count()
        while not self._stop.is_set():
            group = itertools.islice(numbers, 50)
            await topic.append([a_message(f"{n:032x}", key=b"party %d" % (n % 1000), value=os.urandom(300)) for n in group])
            await asyncio.sleep(0.01)
        topic.close()


@pytest.fixture
def settings(kafka: RunningEngines) -> KafkaSettings:
    """Topics of its own for a test."""
    kafka.start("kafka")
    settings = KafkaSettings(bootstrap_servers=kafka.kafka, prefix=f"forwarder{next(_prefixes)}")
    apply_topics(settings, Console(quiet=True))
    return settings


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as spool:
        yield spool


@contextmanager
def a_forwarder(spool: Spool, settings: KafkaSettings) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "HEADRACE_FORWARDER_TOPIC_DIRECTORY": str(spool.path),
        "HEADRACE_FORWARDER_PORT": "0",
        "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HEADRACE_KAFKA_PREFIX": settings.prefix,
    }
    with subprocess.Popen([sys.executable, "-m", "topics.forwarder"], cwd=ROOT, env=os.environ | environment) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_more(spool: Spool, than: int) -> int:
    """Wait until something beyond a position is released."""
    wait_until(lambda: spool.released() > than, within_seconds=60)
    return spool.released()


def assert_everything_arrives(spool: Spool, settings: KafkaSettings) -> None:
    end = spool.stop()
    wait_until(lambda: spool.released() == end, within_seconds=60)
    assert_in_order(read_entries(spool.path), read_topic(settings, "avro", within_seconds=60))


def test_a_forwarder_that_is_killed_again_and_again_loses_nothing_and_skips_nothing(spool: Spool, settings: KafkaSettings) -> None:
    released = 0
    for _ in range(4):
        with a_forwarder(spool, settings) as process:
            released = wait_for_more(spool, released)
            process.kill()
        released = spool.released()
        discarded = {entry.position for entry in read_entries(spool.path) if entry.position < released}
        assert discarded.difference(*positions_by_partition(read_topic(settings, "avro")).values()) == set()
    with a_forwarder(spool, settings):
        assert_everything_arrives(spool, settings)


def test_a_kafka_that_is_killed_loses_nothing_of_what_was_released(spool: Spool, settings: KafkaSettings, kafka: RunningEngines) -> None:
    with a_forwarder(spool, settings):
        released = 0
        for _ in range(2):
            released = wait_for_more(spool, released)
            kafka.kill("kafka")
            kafka.start("kafka")
        wait_for_more(spool, released)
        assert_everything_arrives(spool, settings)


def test_a_kafka_that_freezes_again_and_again_loses_nothing(spool: Spool, settings: KafkaSettings, kafka: RunningEngines) -> None:
    with a_forwarder(spool, settings):
        released = 0
        for _ in range(4):
            released = wait_for_more(spool, released)
            kafka.pause("kafka")
            pass_by(3)
            kafka.resume("kafka")
        assert_everything_arrives(spool, settings)


@pytest.mark.parametrize("away", ["killed", "frozen"])
def test_a_forwarder_stops_at_once_without_kafka_and_its_successor_continues(
    spool: Spool, settings: KafkaSettings, kafka: RunningEngines, away: str
) -> None:
    with a_forwarder(spool, settings) as process:
        wait_for_more(spool, 0)
        kafka.kill("kafka") if away == "killed" else kafka.pause("kafka")
        try:
            process.terminate()
            assert process.wait(5) == 0
        finally:
            kafka.start("kafka") if away == "killed" else kafka.resume("kafka")
    with a_forwarder(spool, settings):
        assert_everything_arrives(spool, settings)

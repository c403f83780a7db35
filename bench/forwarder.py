"""The forwarder's throughput from a local topic to Kafka, compared with a plain loop of the same client over the same messages.

`python -m bench.forwarder [--frames N] [--kafka HOST:PORT]`; the default is librdkafka's in-process broker.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from confluent_kafka import Producer

from topics.forwarder.forwarder import READER, Forwarder
from topics.forwarder.settings import ForwarderSettings
from topics.kafka.cluster import Cluster
from topics.kafka.ledger_feed import LedgerFeed
from topics.kafka.message_formatter import MessageFormatter
from topics.kafka.producer import IDEMPOTENT, PATIENT, TUNED, ProducerSession
from topics.kafka.settings import KafkaSettings
from topics.local.reader import LocalReader
from topics.local.spool_id import spool_id
from topics.local.writer import LocalTopic
from topics.topic import Kind, Message

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.topics.kafka import a_kafka

ROUNDS = 3
GROUP = 1000


def a_message(number: int) -> Message:
    return Message(Kind.EVENT, 1_700_000_000_000, "browser", b"%016x" % (number * 7919 % 5000), f"{number:032x}", os.urandom(400))


async def fill(directory: Path, frames: int) -> None:
    topic = LocalTopic.open(directory, max_unread_bytes=1 << 40, on_failure=print)
    for first in range(0, frames, GROUP):
        await topic.append([a_message(number) for number in range(first, first + GROUP)])
    topic.close()


def plain_rate(kafka: KafkaSettings, messages: list[Message]) -> float:
    """Messages per second of a plain loop: no reading, no headers, no check of single delivery reports."""
    producer = Producer({**TUNED, **kafka.client(), **IDEMPOTENT, **PATIENT})
    producer.list_topics(timeout=10)
    started = time.perf_counter()
    for number, message in enumerate(messages):
        producer.produce(kafka.topic("avro"), message.value, message.key)
        if number % 250 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0
    rate = len(messages) / (time.perf_counter() - started)
    producer.close()
    return rate


def forwarded_rate(kafka: KafkaSettings, directory: Path, frames: int) -> float:
    """Frames per second from the files to Kafka, delivered and released."""
    for path in directory.glob(f"readers/{READER}.*"):
        path.unlink()
    stop = threading.Event()
    with closing(LocalReader.open(directory, READER)) as reader, closing(LedgerFeed(kafka, spool_id(directory))) as feed:
        forwarder = Forwarder(
            ForwarderSettings(topic_directory=directory),
            reader,
            feed,
            lambda: ProducerSession(kafka, spool_id(directory), MessageFormatter(kafka)),
        )
        thread = threading.Thread(target=forwarder.run, args=(stop,))
        started, end = time.perf_counter(), reader.high_watermark()
        thread.start()
        while reader.position < end:
            time.sleep(0.001)  # leaves the CPU to the forwarder
        passed = time.perf_counter() - started
        stop.set()
        thread.join()
    return frames / passed


@contextmanager
def a_cluster(bootstrap_servers: str | None) -> Iterator[KafkaSettings]:
    if bootstrap_servers is None:
        with a_kafka() as kafka:
            yield kafka.settings
        return
    settings = KafkaSettings(bootstrap_servers=bootstrap_servers, prefix="bench")
    cluster = Cluster(settings)
    cluster.apply(cluster.plan())
    yield settings


def median(measure: Callable[[], float]) -> float:
    return sorted(measure() for _ in range(ROUNDS))[ROUNDS // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--kafka", help="HOST:PORT of a real Kafka, where topics with the prefix bench- are created")
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(a_cluster(options.kafka))
        asyncio.run(fill(directory, options.frames))
        messages = [a_message(number) for number in range(options.frames)]
        LocalReader.open(directory, "keeper").close()
        plain = median(lambda: plain_rate(kafka, messages))
        forwarded = median(lambda: forwarded_rate(kafka, directory, options.frames))
        print(f"plain loop {plain:9,.0f} messages/s, forwarder {forwarded:9,.0f} frames/s, ratio {forwarded / plain:.2f}")


if __name__ == "__main__":
    main()

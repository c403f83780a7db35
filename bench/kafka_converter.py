"""The converter's throughput on Kafka on one core, with transactions, compared with a loop of the same client that copies the messages.

`python -m bench.kafka_converter [--messages N] [--rounds N] [--profile]`. A real Kafka runs on core 1. Converter and loop run on core 0,
with all threads of their clients, in one run; the data has 400 agents and 2,000 visitors from 500 networks. The loop consumes the records
and produces them unchanged, without a transaction. The first batch of a round does not count, because the client prefetches it. At the
end, a new converter rebuilds its memory from all rows.
"""

import argparse
import cProfile
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import structlog
from confluent_kafka import Consumer, Producer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.headrace.engines import RunningEngines

from bench.converter import AGENTS, Visitors
from enrichment import demo_places
from headrace.kafka import apply_topics
from startup.gc_tuning import freeze_gc
from streams.build import GARBAGE_THRESHOLDS, kafka_worker
from streams.kafka.worker import KafkaWorker
from streams.settings import Settings
from topics.kafka.messages import headers
from topics.kafka.settings import KafkaSettings
from topics.topic import Message

WANTED = 15_000
CONVERTER_CORE, KAFKA_CORE = 0, 1
SPOOL = b"benchmrk"
BATCH = 8000


@dataclass
class Spent:
    """The time for a number of messages."""

    messages: int
    wall_seconds: float
    cpu_seconds: float

    def rates(self) -> tuple[float, float]:
        return self.messages / self.wall_seconds, self.messages / self.cpu_seconds


class Spool:
    """A producer that sends messages as the forwarder does."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic, self._position = kafka.topic("avro"), 0
        self._producer = Producer(
            {
                **kafka.client(),
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def send(self, messages: list[Message]) -> None:
        for message in messages:
            self._position += 1
            key = message.key or f"{self._position % 4096:03x}".encode()
            self._producer.produce(self._topic, message.value, key, headers=headers(message, SPOOL, self._position))
        self._producer.flush()


def measure(count: int, step: Callable[[], int]) -> Spent:
    """Run steps until `count` messages are processed; the first batch is not measured."""
    done = 0
    while not done:
        done = step()
    first, wall, cpu = done, time.perf_counter(), time.process_time()
    while done < count:
        done += step()
    return Spent(count - first, time.perf_counter() - wall, time.process_time() - cpu)


def convert(worker: KafkaWorker, count: int) -> Spent:
    with closing(worker.join()) as transactions:
        return measure(count, lambda: worker.step(transactions))


class Copier:
    """The plain loop: it consumes messages and produces them unchanged."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._source, self._target = kafka.topic("avro"), kafka.topic("json")
        group = {"group.id": "copier", "auto.offset.reset": "earliest", "enable.auto.commit": False, "queued.max.messages.kbytes": 16_384}
        self._consumer = Consumer({**kafka.client(), **group, "fetch.queue.backoff.ms": 10})
        buffer = {"linger.ms": 1, "compression.type": "lz4", "queue.buffering.max.messages": 200_000}
        self._producer = Producer({**kafka.client(), **buffer})

    def run(self, count: int) -> Spent:
        self._consumer.subscribe([self._source])
        spent = measure(count, self._step)
        self._consumer.commit(asynchronous=False)
        self._consumer.unsubscribe()
        return spent

    def _step(self) -> int:
        first = self._consumer.poll(0.25)
        messages = [] if first is None else [first, *self._consumer.consume(BATCH - 1, 0)]
        for message in messages:
            self._producer.produce(self._target, message.value(), message.key(), message.partition() or 0)
        self._producer.flush()
        return len(messages)


def a_worker(folder: Path, kafka: KafkaSettings) -> AbstractContextManager[KafkaWorker]:
    return kafka_worker(Settings(places=folder / "places.mmdb", batch_messages=BATCH), kafka)


def settings_of(folder: Path, engines: RunningEngines, prefix: str) -> KafkaSettings:
    file = folder / "client"
    file.write_text("log_level = 0\n")  # at the end Kafka is stopped, which is not an error
    kafka = KafkaSettings(bootstrap_servers=engines.kafka, client_file=file, prefix=prefix)
    apply_topics(kafka, Console(file=StringIO()))
    return kafka


def compare(folder: Path, engines: RunningEngines, count: int, rounds: int) -> dict[str, list[Spent]]:
    """Return the time of each variant, one value per round; every round has new events."""
    demo_places.build(folder / "places.mmdb")
    ours, plain = settings_of(folder, engines, "converted"), settings_of(folder, engines, "copied")
    spools, visitors = (Spool(ours), Spool(plain)), Visitors(seed=1)
    copier = Copier(plain)
    spent: dict[str, list[Spent]] = {"copying loop": [], "converter": []}
    with a_worker(folder, ours) as worker:
        for number in range(rounds + 1):
            wanted = count if number else 4 * len(AGENTS)
            messages = visitors.messages(wanted)
            for spool in spools:
                spool.send(messages)
            found = copier.run(wanted), convert(worker, wanted)
            if number:
                for name, one in zip(spent, found, strict=True):
                    spent[name].append(one)
    return spent


def rebuild(folder: Path, engines: RunningEngines, rows: int) -> Spent:
    """Measure how a new converter rebuilds its memory from all rows."""
    with a_worker(folder, settings_of(folder, engines, "converted")) as worker, closing(worker.join()) as transactions:
        cpu = time.process_time()
        while worker.not_ready_reason():
            worker.step(transactions)
        cpu = time.process_time() - cpu
        wall = worker.metrics.registry.get_sample_value("clickstream_streams_restore_seconds_sum") or 0
    return Spent(rows, wall, cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="show where the time goes, too")
    given = parser.parse_args()
    freeze_gc(*GARBAGE_THRESHOLDS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.sched_setaffinity(0, {KAFKA_CORE})
        engines = RunningEngines.in_folder(folder / "engines")
        try:
            engines.start("kafka")
            os.sched_setaffinity(0, {CONVERTER_CORE})
            with cProfile.Profile() if given.profile else nullcontext() as profile:
                spent = compare(folder, engines, given.messages, given.rounds)
                rebuilt = rebuild(folder, engines, given.messages * given.rounds + 4 * len(AGENTS))
            if profile:
                profile.print_stats("tottime")
            _print(spent, rebuilt)
        finally:
            engines.stop()


def _print(spent: dict[str, list[Spent]], rebuilt: Spent) -> None:
    medians = {
        name: [statistics.median(rates) for rates in zip(*(one.rates() for one in found), strict=True)] for name, found in spent.items()
    }
    base = medians["copying loop"]
    for name, (wall, cpu) in medians.items():
        ratios = f"{wall / base[0]:.2f} and {cpu / base[1]:.2f} of the loop"
        print(f"{name:12} {wall:8,.0f} messages a second, {cpu:8,.0f} per CPU second; {ratios}")
    print(f"wanted: {WANTED:,} a second")
    wall, cpu = (seconds / rebuilt.messages * 1e6 for seconds in (rebuilt.wall_seconds, rebuilt.cpu_seconds))
    print(f"memory of {rebuilt.messages:,} rows rebuilt in {rebuilt.wall_seconds:.1f} s: {wall:.1f} us a row, {cpu:.1f} of the processor")


if __name__ == "__main__":
    main()

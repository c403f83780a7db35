"""The time from an acknowledged event to its row in a result of Druid, on the whole production path, compared with the query alone.

`python -m bench.druid_freshness [--seconds N] [--rates N ...] [--topics]`. Real Kafka and real Druid run on this machine with everything
else. Druid's task rolls over each minute, so a run of more than a minute includes a rollover. Ten probes per second are sent one by one;
batches of 50 make up the rest of the rate. The clock of a probe starts with its response and stops when a repeated query shows its row.
`--topics` also reads both topics, and reports when a probe reached Kafka and when its row was committed.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from confluent_kafka import OFFSET_END, Consumer, Message, TopicPartition

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.collector.events import a_batch, send
from support.collector.sender import BATCH, an_event_of_many_parties, new_ids
from support.headrace.engines import RunningEngines
from support.headrace.stack import Stack
from support.waiting import wait_until

PROBES_PER_SECOND = 10
PARTITIONS = 4
LOOK_BACK_MS = 5000
REST_SECONDS = 0.01  # between two queries, so that they add little load
WANTED = {50: 100, 95: 300}

Seen = dict[str, float]


class PollingThread(threading.Thread):
    """A thread that polls, and records when each event was first seen."""

    def __init__(self, look: Callable[[], list[str]], rest_seconds: float = 0) -> None:
        super().__init__(daemon=True)
        self.seen: Seen = {}
        self.look_seconds: list[float] = []
        self.done = threading.Event()
        self._look, self._rest_seconds = look, rest_seconds
        self.start()

    def run(self) -> None:
        while not self.done.wait(self._rest_seconds):
            asked = time.perf_counter()
            found = self._look()
            answered = time.perf_counter()
            self.look_seconds.append(answered - asked)
            for event_id in found:
                self.seen.setdefault(event_id, answered)


def watch_druid(stack: Stack, site: str) -> PollingThread:
    def look() -> list[str]:
        since = int(time.time() * 1000) - LOOK_BACK_MS
        statement = f"SELECT event_id FROM \"{stack.name}\" WHERE site = '{site}' AND __time >= MILLIS_TO_TIMESTAMP({since})"
        return [row["event_id"] for row in stack.sql(statement)]

    return PollingThread(look, REST_SECONDS)


def watch_topic(stack: Stack, name: str, event_id: Callable[[Message], str]) -> PollingThread:
    wanted = {"group.id": "watcher", "isolation.level": "read_committed", "fetch.wait.max.ms": 10, "enable.auto.commit": False}
    consumer = Consumer({**stack.kafka.client(), **wanted, "log_level": 0})
    consumer.assign([TopicPartition(stack.kafka.topic(name), number, OFFSET_END) for number in range(PARTITIONS)])
    return PollingThread(lambda: [event_id(one) for one in consumer.consume(100, 0.01) if one.error() is None])


def id_of_record(message: Message) -> str:
    return dict(message.headers() or [])["event-id"].decode()  # type: ignore[union-attr]


def id_of_row(message: Message) -> str:
    value = message.value() or b""
    start = value.index(b'"event_id":"') + 12
    return value[start : start + 32].decode()


def send_probes(stack: Stack, site: str, seconds: int) -> Seen:
    """Send probes one by one; return the time of each response."""
    answered = {}
    with httpx.Client(trust_env=False) as client:
        began_at = time.perf_counter()
        for number, event_id in enumerate(new_ids(seconds * PROBES_PER_SECOND)):
            time.sleep(max(0, began_at + number / PROBES_PER_SECOND - time.perf_counter()))  # keeps the rate constant
            body = a_batch(an_event_of_many_parties(event_id), site=site)
            assert send(client, stack.url, body).status_code == 200
            answered[event_id] = time.perf_counter()
    return answered


def send_others(stack: Stack, per_second: int, done: threading.Event) -> None:
    pause = BATCH / per_second
    with httpx.Client(trust_env=False) as client:
        due = time.perf_counter()
        while not done.wait(max(0, due - time.perf_counter())):
            assert send(client, stack.url, a_batch(*map(an_event_of_many_parties, new_ids(BATCH)))).status_code == 200
            due += pause


def measure(stack: Stack, rate: int, seconds: int, *, with_topics: bool) -> None:
    site = f"probes-{rate}"
    done, others = threading.Event(), rate - PROBES_PER_SECOND
    load = threading.Thread(target=send_others, args=(stack, others, done))
    druid = watch_druid(stack, site)
    topics = (
        {"on Kafka": watch_topic(stack, "avro", id_of_record), "row committed": watch_topic(stack, "json", id_of_row)}
        if with_topics
        else {}
    )
    if others > 0:
        load.start()
    answered = send_probes(stack, site, seconds)
    done.set()
    wait_until(lambda: answered.keys() <= druid.seen.keys())
    for watcher in (druid, *topics.values()):
        watcher.done.set()
        watcher.join()
    print(f"{rate} events a second, {seconds} s:")
    for name, watcher in (topics | {"in Druid": druid}).items():
        _print(name, [watcher.seen[event] - at for event, at in answered.items() if event in watcher.seen])
    _print("the query alone", druid.look_seconds)


def _print(name: str, seconds: list[float]) -> None:
    marks = statistics.quantiles((second * 1000 for second in seconds), n=100)
    print(f"  {name:16} p50 {marks[49]:4.0f} ms, p95 {marks[94]:4.0f} ms, p99 {marks[98]:4.0f} ms, max {max(seconds) * 1000:5.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=75)
    parser.add_argument("--rates", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--topics", action="store_true", help="also report when probes reach the topics")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        engines = RunningEngines.in_folder(Path(name) / "engines")
        try:
            engines.start()
            stack = Stack.start(engines, Path(name) / "stack", task_duration="PT1M")
            try:
                for rate in given.rates:
                    measure(stack, rate, given.seconds, with_topics=given.topics)
                print(f"wanted: p50 {WANTED[50]} ms, p95 {WANTED[95]} ms")
            finally:
                stack.stop()
        finally:
            engines.stop()


if __name__ == "__main__":
    main()

"""The converter's throughput on one core, from messages of a local topic to committed rows, compared with a plain loop.

`python -m bench.converter [--messages N] [--rounds N]`. The loop decodes each message with fastavro and writes it as JSON, without
lookups and storage. The data has 400 agents and 2,000 visitors from 500 networks. Both run on core 0, DuckDB with one thread. The clock
starts after a first lookup of each agent, whose time is printed. Each round has new events, and the file grows. The garbage collector has
the thresholds of the service.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.streams.in_memory import SCHEMA, MemorySink, a_message, a_record

from enrichment import demo_places
from minidruid.storage.store import Store
from schemas.codec import Decoder
from schemas.contract import columns
from startup.gc_tuning import freeze_gc
from streams.build import GARBAGE_THRESHOLDS, build_worker
from streams.local.worker import Worker
from streams.settings import Settings
from streams.sink import Session, Sink
from topics.accounts import Account
from topics.local.spools import SpoolConsumers
from topics.local.writer import LocalTopic
from topics.topic import Message

WANTED = 15_000
VISITORS = 2000
PAGES = [
    ("/", "Shop"),
    ("/cart", "Cart"),
    ("/checkout", "Checkout"),
    *((f"/products/{number}", f"Product {number}") for number in range(40)),
]
SYSTEMS = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64", "Linux; Android 14; Pixel 8"]
ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = [f"Mozilla/5.0 ({system}) {ENGINE} Chrome/{version}.0.0.0 Safari/537.36" for system in SYSTEMS for version in range(40, 140)]

NETWORKS = demo_places.PLACES_PATH.read_text("utf-8").splitlines()[1:]
CLIENT_IPS = [network.split("/")[0] for network in NETWORKS if ":" not in network][:500]


class CountingSink(MemorySink):
    """A sink that stores positions only, so that the converter's own time remains."""

    def commit(self, batch: object) -> None:
        self._positions[batch.topic] = batch.position  # type: ignore[attr-defined]


class Visitors:
    """Plausible messages: page views and page leaves of visitors who return."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._at = time.time_ns() // 1_000_000 - 600_000

    def messages(self, count: int) -> list[Message]:
        return [self._message() for _ in range(count)]

    def _message(self) -> Message:
        self._at += 1
        visitor = self._random.randrange(VISITORS)
        path, title = self._random.choice(PAGES)
        is_view = self._random.random() < 0.6
        return a_message(
            a_record(
                event_id=f"{self._random.getrandbits(128):032x}",
                event_type="pageView" if is_view else "pageLeave",
                at=self._at,
                page_view_id=f"{self._random.getrandbits(128):032x}",
                page_url=f"https://shop.example{path}",
                page_path=path,
                page_title=title,
                referrer=f"https://shop.example{self._random.choice(PAGES)[0]}",
                referrer_host="shop.example",
                viewport_width=1280,
                viewport_height=720,
                screen_width=1920,
                screen_height=1080,
                device_pixel_ratio=2.0,
                language="en-GB",
                time_zone="Europe/Berlin",
                engagement_ms=None if is_view else self._random.randrange(60_000),
                scroll_percent=None if is_view else 60,
                address=CLIENT_IPS[visitor % len(CLIENT_IPS)],
                user_agent=AGENTS[visitor % len(AGENTS)],
                parameters='{"list": "front", "position": 3}' if self._random.random() < 0.2 else None,
            )
        )


def append(path: Path, messages: list[Message]) -> None:
    """Write the messages to the topic, as the collector does."""

    async def write() -> None:
        topic = LocalTopic.open(path, on_failure=lambda error: sys.exit(f"the topic failed: {error}"))
        for start in range(0, len(messages), 1000):
            await topic.append(messages[start : start + 1000])
        topic.close()

    asyncio.run(write())


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the work, without waits for the disk and nearly without the influence of other processes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def drain(worker: Worker) -> None:
    while worker.step():
        pass


def plain_loop(messages: list[Message]) -> None:
    decoder = Decoder([SCHEMA])
    for message in messages:
        json.dumps(decoder.decode(message.value))


def a_worker(folder: Path, sink: Sink, name: str) -> Worker:
    settings = Settings(salts=folder / name / "salts.json", places=folder / "places.mmdb")
    return build_worker(SpoolConsumers(folder / "topic", name), sink, settings)


def measure(folder: Path, count: int, rounds: int) -> dict[str, list[float]]:
    """Return the messages per second of each variant, one value per round."""
    demo_places.build(folder / "places.mmdb")
    visitors = Visitors(seed=1)
    store = Store.open(folder / "store.duckdb", columns(SCHEMA), session=Session, account=Account, threads=1)
    workers = {
        "converter without a store": a_worker(folder, CountingSink(), "counting"),
        "converter into DuckDB": a_worker(folder, store, "store"),
    }
    append(folder / "topic", visitors.messages(4 * len(AGENTS)))
    for name, worker in workers.items():
        print(f"first {4 * len(AGENTS)} messages, {name}: {seconds(lambda worker=worker: drain(worker)):.2f} s")  # type: ignore[misc]
    rates: dict[str, list[float]] = {"fastavro and json.dumps": [], **{name: [] for name in workers}}
    for _ in range(rounds):
        messages = visitors.messages(count)
        append(folder / "topic", messages)
        rates["fastavro and json.dumps"].append(count / seconds(lambda messages=messages: plain_loop(messages)))  # type: ignore[misc]
        for name, worker in workers.items():
            rates[name].append(count / seconds(lambda worker=worker: drain(worker)))  # type: ignore[misc]
    store.close()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.sched_setaffinity(0, {0})
    freeze_gc(*GARBAGE_THRESHOLDS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    with tempfile.TemporaryDirectory() as folder:
        rates = measure(Path(folder), given.messages, given.rounds)
    baseline = statistics.median(rates["fastavro and json.dumps"])
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"{name:28} {median:8,.0f} messages per CPU second, best {max(found):8,.0f}  {median / baseline:5.2f} of the plain loop")
    print(f"wanted: {WANTED:,} into DuckDB")


if __name__ == "__main__":
    main()

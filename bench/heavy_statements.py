"""The heaviest known statements in all slots of a store that receives events: its memory, and the time from event to row.

`python -m bench.heavy_statements [--rows N] [--timeout SECONDS]`. The store is a separate process with the default settings. Events are
appended to its topic one by one; the clock of each stops when the ledger counts it as stored. Each statement runs once, four at a time.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from attack.heavy_statements import statements
from support.headrace.store_process import a_store, accounted, count, messages
from support.minidruid.tables import fill_clickstream
from support.topics.in_memory import no_failure
from support.waiting import wait_until

from topics.local.writer import LocalTopic

WANTED_MB, WANTED_P95_SECONDS, LATE_SECONDS = 2 * 256 + 150, 1.0, 1.0
SLOTS, EVENTS_A_SECOND = 4, 5


class Events(threading.Thread):
    """A thread that appends events, and records the time until each is stored."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.waits: list[float] = []
        self.done = threading.Event()

    def run(self) -> None:
        asyncio.run(self._write())

    async def _write(self) -> None:
        topic = LocalTopic.open(self.folder / "topics" / "clickstream-avro", on_failure=no_failure)
        number = 0
        while not self.done.is_set():
            began = time.perf_counter()
            await topic.append(messages(range(number, number + 1)))
            number += 1
            await asyncio.to_thread(self._wait_for, number)
            self.waits.append(time.perf_counter() - began)
            await asyncio.to_thread(self.done.wait, max(0.0, 1 / EVENTS_A_SECOND - self.waits[-1]))
        topic.close()

    def _wait_for(self, number: int) -> None:
        while accounted(self.folder) < number and not self.done.wait(0.005):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--timeout", type=float, default=3, help="seconds, as each statement asks for")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill_clickstream(folder / "store.duckdb", options.rows)
        with a_store(folder) as (process, url):
            wait_until(lambda: count(url) == options.rows, within_seconds=30)
            store, events, sizes = psutil.Process(process.pid), Events(folder), [0]
            print(f"the store at rest: {store.memory_info().rss / 1e6:.0f} MB")
            events.start()

            def watch() -> None:
                while not events.done.wait(0.01):
                    sizes[0] = max(sizes[0], store.memory_info().rss)

            def ask(named: tuple[str, str]) -> tuple[float, str, int, int]:
                began = time.perf_counter()
                body = {"query": named[1], "context": {"timeout": options.timeout * 1000}}
                answer = httpx.post(url, json=body, timeout=120, trust_env=False)
                return time.perf_counter() - began, named[0], answer.status_code, len(answer.content)

            watcher = threading.Thread(target=watch)
            watcher.start()
            with ThreadPoolExecutor(SLOTS) as threads:
                answers = sorted(threads.map(ask, statements().items()), reverse=True)
            events.done.set()
            events.join()
            watcher.join()
            is_alive = process.poll() is None
    p95 = statistics.quantiles(events.waits, n=100)[94]
    for seconds, statement, status, size in answers[:10]:
        print(f"{seconds:6.2f} s  {status}  {size:9d} bytes  {statement}")
    print(f"{len(answers)} statements; the store {'lives' if is_alive else 'has ended'}")
    print(f"largest size of the store: {sizes[0] / 1e6:.0f} MB (wanted: at most {WANTED_MB})")
    median = statistics.median(events.waits)
    print(f"event to row: p50 {median:.2f} s, p95 {p95:.2f} s of {len(events.waits)} (wanted p95: below {WANTED_P95_SECONDS})")
    print(f"slowest answer: {answers[0][0] - options.timeout:.2f} s after the timeout (wanted: at most {LATE_SECONDS})")


if __name__ == "__main__":
    main()

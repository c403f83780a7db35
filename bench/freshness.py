"""The time from an acknowledged event to its row in the result of a query, compared with the query alone.

`python -m bench.freshness [--events N] [--rate N]`. headrace runs as a user starts it, without dashboards. Events are sent one by one at
a fixed rate. The clock of each starts with its response and stops when a repeated query shows its row; the time of the query is included.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation
from support.waiting import wait_until

WANTED_P95_MS = 300


class Watcher(threading.Thread):
    """A thread that queries the latest rows, and records when each was first seen."""

    def __init__(self, installation: Installation) -> None:
        super().__init__(daemon=True)
        self.installation = installation
        self.seen: dict[str, float] = {}
        self.query_seconds: list[float] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            asked = time.perf_counter()
            rows = self.installation.sql('SELECT event_id FROM clickstream ORDER BY "__time" DESC LIMIT 200')
            answered = time.perf_counter()
            self.query_seconds.append(answered - asked)
            for row in rows:
                self.seen.setdefault(row["event_id"], answered)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--rate", type=float, default=20, help="events a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation.start(Path(folder), "--no-dashboards", "--no-visits")
        watcher = Watcher(installation)
        watcher.start()
        answered: dict[str, float] = {}
        with httpx.Client(trust_env=False) as client:
            for number in range(options.events):
                due = time.perf_counter() + 1 / options.rate
                event = an_event()
                assert send(client, f"http://127.0.0.1:{installation.collector_port}", a_batch(event)).status_code == 200
                answered[event["id"]] = time.perf_counter()
                print(f"\r{number + 1} of {options.events} events", end="", file=sys.stderr)
                time.sleep(max(0, due - time.perf_counter()))  # keeps the rate constant
        wait_until(lambda: answered.keys() <= watcher.seen.keys())
        watcher.done.set()
        watcher.join()
        installation.stop()
    waits = [(watcher.seen[event] - at) * 1000 for event, at in answered.items()]
    own = [seconds * 1000 for seconds in watcher.query_seconds]
    print(f"\nan event, from its answer to a query's: {_shown(waits)} (wanted p95: below {WANTED_P95_MS} ms)")
    print(f"the query alone:                       {_shown(own)}")
    print(f"ratio at p95:                          {_quantile(waits, 95) / _quantile(own, 95):.1f}")


def _shown(values: list[float]) -> str:
    return f"p50 {_quantile(values, 50):.0f} ms, p95 {_quantile(values, 95):.0f} ms"


def _quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    main()

"""The memory of the services over time, with the time from event to row and the time of a query.

`python -m bench.memory [--minutes N] [--rate N] [--ids N] [--rows N]`. headrace runs as a user starts it, without dashboards, on a store
with this number of event ids (in the layout of 0.3.0), one session per five ids, and rows. Visitors come, send some requests of five
events each and leave, so that there are always new parties, sessions, agents and networks. It prints a line per minute; at the end the
slope over the second half, and the time of a restart. `--state DIR` keeps the state folder, or continues with an existing one.
"""

import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation
from support.minidruid.tables import fill_clickstream
from support.waiting import wait_until

BATCH = 5
VISITORS = 500  # at a time
REQUESTS_OF_A_VISITOR = 4
EVENTS_OF_A_SESSION = 5
WANTED_P95_MS = 1000
LAST_MINUTE = "\"__time\" >= CURRENT_TIMESTAMP - INTERVAL '1' MINUTE"
LAST_HOUR = "\"__time\" >= CURRENT_TIMESTAMP - INTERVAL '1' HOUR"
QUERIES = {
    "hour_ms": f"SELECT page_path, COUNT(*) AS n FROM clickstream WHERE {LAST_HOUR} GROUP BY 1 ORDER BY 2 DESC LIMIT 25",
    "all_ms": "SELECT COUNT(DISTINCT party_id) AS n FROM clickstream WHERE is_bot = 0",
}


def fill(path: Path, ids: int, rows: int) -> None:
    """Create a store with rows up to now, and with ids and sessions that no event uses."""
    begin = time.perf_counter()
    fill_clickstream(path, rows, end=datetime.now(UTC).replace(tzinfo=None), days=180)
    first, second = (f"(hash(i + {salt})::HUGEINT - 9223372036854775808)::BIGINT" for salt in (0, 1 << 40))
    texts = "'shop' AS site, md5('party ' || i) AS party_id, md5('session ' || i) AS session_id, '/' AS page_path, 'Direct' AS channel"
    numbers = "0 AS first_at, 1 AS last_at, 1 AS pages, 0 AS engagement_ms"
    with duckdb.connect(str(path)) as database:
        database.execute(f"INSERT INTO state.events SELECT {first}, {second}, i FROM range({ids}) AS t(i)")
        database.execute(
            f"INSERT INTO state.sessions BY NAME SELECT {first} AS party_hash, {second} AS session_hash, {texts}, {numbers} "
            f"FROM range({ids // EVENTS_OF_A_SESSION}) AS t(i)"
        )
    print(f"{rows:,} rows and {ids:,} ids in {time.perf_counter() - begin:.0f} s, {path.stat().st_size >> 20} MB", flush=True)


class VisitorThread(threading.Thread):
    """A thread that sends events at a fixed rate, independent of the responses; half of the visitors consent."""

    def __init__(self, url: str, rate: float) -> None:
        super().__init__(daemon=True)
        self.sent = self.refused = 0
        self.done = threading.Event()
        self._url, self._pause = url, BATCH / rate
        self._dice = random.Random(7)
        self._visitors = [self._visitor() for _ in range(VISITORS)]

    def run(self) -> None:
        due = time.monotonic()
        with httpx.Client(trust_env=False, timeout=30) as client:
            while not self.done.wait(max(0, due - time.monotonic())):
                due += self._pause
                self._send(client)

    def _send(self, client: httpx.Client) -> None:
        number = self._dice.randrange(VISITORS)
        network, agent, ids = self._visitors[number]
        page = f"https://shop.example/products/{self._dice.randrange(2000)}"
        events = [an_event(url=page, type=kind, **ids) for kind in ("pageView", "click", "scroll", "click", "pageLeave")]
        answer = send(client, self._url, a_batch(*events), **{"x-forwarded-for": network, "user-agent": agent})
        taken = answer.json()["results"].count("ok") if answer.status_code == 200 else 0
        self.sent, self.refused = self.sent + taken, self.refused + BATCH - taken
        if self._dice.random() < 1 / REQUESTS_OF_A_VISITOR:
            self._visitors[number] = self._visitor()

    def _visitor(self) -> tuple[str, str, dict[str, str]]:
        dice = self._dice
        agent = (
            f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{dice.randrange(60, 140)}.0.{dice.randrange(9999)}.0 Safari/537.36"
        )
        ids = {"party_id": f"{dice.getrandbits(128):032x}", "session_id": f"{dice.getrandbits(128):032x}"} if dice.random() < 0.5 else {}
        return ".".join(str(dice.randrange(1, 224)) for _ in range(4)), agent, ids


@dataclass
class Probe(threading.Thread):
    """A thread that sends an event per second and waits for its row."""

    installation: Installation
    waits_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        with httpx.Client(trust_env=False) as client:
            while not self.done.wait(1):
                self.waits_ms.append(until_row(self.installation, client) * 1000)


def collector_url(installation: Installation) -> str:
    return f"http://127.0.0.1:{installation.collector_port}"


def until_row(installation: Installation, client: httpx.Client) -> float:
    """Send an event, wait for its row, and return the seconds."""
    event = an_event(type="probe")
    begin = time.perf_counter()
    assert send(client, collector_url(installation), a_batch(event)).status_code == 200
    statement = f"SELECT 1 AS n FROM clickstream WHERE {LAST_MINUTE} AND event_id = '{event['id']}'"
    wait_until(lambda: installation.sql(statement), within_seconds=300)
    return time.perf_counter() - begin


def started(state: Path) -> Installation:
    """Start headrace and wait for the row of a first event; print the time of both."""
    begin = time.perf_counter()
    installation = Installation.start(state, "--no-dashboards", "--no-visits", within_seconds=300)
    ready = time.perf_counter()
    with httpx.Client(trust_env=False) as client:
        seconds = until_row(installation, client)
    print(f"start: ready after {ready - begin:.1f} s, the first event is a row {seconds:.1f} s later", flush=True)
    return installation


@contextlib.contextmanager
def running(state: Path) -> Iterator[Installation]:
    installation = started(state)
    try:
        yield installation
    finally:
        installation.stop()


def minute(installation: Installation, probe: Probe, visitors: VisitorThread) -> dict[str, float]:
    """Take all measurements of a minute."""
    processes = installation.status()["processes"]
    found = {f"{name}_mb": float(process["rss_mb"]) for name, process in processes.items()}
    waits, probe.waits_ms = probe.waits_ms, []
    found["p95_ms"] = statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else 0
    for name, statement in QUERIES.items():
        begin = time.perf_counter()
        installation.sql(statement)
        found[name] = (time.perf_counter() - begin) * 1000
    return found | {"sent": visitors.sent, "refused": visitors.refused}


def slope(values: list[float]) -> float:
    """Return the growth from one value to the next, by least squares."""
    return statistics.linear_regression(range(len(values)), values).slope if len(values) > 1 else 0


def measure(state: Path, minutes: int, rate: float) -> None:
    with running(state) as installation:
        visitors, probe = VisitorThread(collector_url(installation), rate), Probe(installation)
        visitors.start()
        probe.start()
        found: list[dict[str, float]] = []
        until = time.monotonic()
        for number in range(minutes):
            until += 60
            time.sleep(max(0, until - time.monotonic()))  # keeps the interval constant
            found.append(minute(installation, probe, visitors))
            if not number:
                print(f"{'minute':>6} " + " ".join(f"{name:>12}" for name in found[0]))
            print(f"{number + 1:6} " + " ".join(f"{value:12,.0f}" for value in found[-1].values()), flush=True)
        for thread in (visitors, probe):
            thread.done.set()
            thread.join()
    for name in ("collector_mb", "store_mb"):
        values = [one[name] for one in found]
        print(
            f"{name}: from {values[0]:.0f} to {values[-1]:.0f}, at most {max(values):.0f}; "
            f"{slope(values[len(values) // 2 :]):+.2f} MB a minute over the second half"
        )
    print(f"event to row, p95 of the worst minute: {max(one['p95_ms'] for one in found):.0f} ms (wanted: below {WANTED_P95_MS} ms)")
    with running(state):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rate", type=float, default=300, help="events a second")
    parser.add_argument("--ids", type=int, default=12_000_000)
    parser.add_argument("--rows", type=int, help="as many as ids if left out")
    parser.add_argument("--state", type=Path, help="folder to keep")
    options = parser.parse_args()
    os.environ["HEADRACE_COLLECTOR_TRUSTED_PROXIES"] = "127.0.0.1"  # so that each visitor has another network
    with tempfile.TemporaryDirectory() as folder:
        state = options.state or Path(folder)
        database = state / "store" / "clickstream.duckdb"
        if not database.exists():
            fill(database, options.ids, options.ids if options.rows is None else options.rows)
        measure(state, options.minutes, options.rate)


if __name__ == "__main__":
    main()

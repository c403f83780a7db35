"""Dashboard statements over 1,000,000 rows while rows arrive, each compared with the same query in DuckDB's SQL.

`python -m bench.queries [ROWS]` prints for each statement the median and the slowest in milliseconds, and the ratio of minidruid (HTTP,
translation, response) to plain DuckDB.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.minidruid.tables import RunningMinidruid, an_event, clickstream_rows, fill_clickstream, open_store, serve

from minidruid.storage.store import Store
from streams.sink import Batch, Session
from topics.accounts import Account

BOUND_MS = 300
ROUNDS = 7
BATCH_ROWS = 100
BATCHES_A_SECOND = 10

PEOPLE = "is_bot = 0"
WEEK = "\"__time\" >= TIME_PARSE('2026-11-15T06:00:00') AND \"__time\" < TIME_PARSE('2026-11-22T06:00:00') AND is_bot = 0"
PLAIN_WEEK = "__time >= TIMESTAMP '2026-11-15 06:00:00' AND __time < TIMESTAMP '2026-11-22 06:00:00' AND is_bot = 0"
ENGAGED = "CASE WHEN session_page_number >= 2 OR session_engagement_ms >= 10000 THEN session_id END"
VIEWS = "COUNT(*) FILTER (WHERE event_type = 'pageView')"

# name, Druid's SQL, and DuckDB's SQL if more than table names and time range differ
STATEMENTS = (
    ("visitors, a month", f"SELECT COUNT(DISTINCT party_id) AS n FROM clickstream WHERE {PEOPLE}", None),
    ("sessions, a month", f"SELECT COUNT(DISTINCT session_id) AS n FROM clickstream WHERE {PEOPLE}", None),
    ("page views, a month", f"SELECT {VIEWS} AS n FROM clickstream WHERE {PEOPLE}", None),
    (
        "bounce rate, a month",
        f"""SELECT 1 - 1.0 * COUNT(DISTINCT {ENGAGED}) / NULLIF(COUNT(DISTINCT session_id), 0) AS n FROM clickstream WHERE {PEOPLE}""",
        None,
    ),
    (
        "engagement, a week",
        f"""SELECT 1.0 * SUM(engagement_ms) / 1000 / NULLIF(COUNT(DISTINCT session_id), 0) AS n FROM clickstream WHERE {WEEK}""",
        None,
    ),
    (
        "page views and visitors by hour, a week",
        f"""SELECT TIME_FLOOR(CAST("__time" AS TIMESTAMP), 'PT1H') AS t, {VIEWS} AS v, COUNT(DISTINCT party_id) AS p
        FROM clickstream WHERE {WEEK} GROUP BY 1 ORDER BY 1""",
        f"""SELECT date_trunc('hour', __time) AS t, {VIEWS} AS v, COUNT(DISTINCT party_id) AS p
        FROM clickstream WHERE {WEEK} GROUP BY 1 ORDER BY 1""",
    ),
    (
        "sessions by day and device, a month",
        f"""SELECT TIME_FLOOR(CAST("__time" AS TIMESTAMP), 'P1D') AS t, device_type, COUNT(DISTINCT session_id) AS n
        FROM clickstream WHERE {PEOPLE} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1000""",
        f"""SELECT date_trunc('day', __time) AS t, device_type, COUNT(DISTINCT session_id) AS n
        FROM clickstream WHERE {PEOPLE} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1000""",
    ),
    (
        "top pages, a week",
        f"""SELECT page_path, {VIEWS} AS v, COUNT(DISTINCT party_id) AS p, APPROX_QUANTILE_DS(engagement_ms, 0.5) AS q
        FROM clickstream WHERE {WEEK} GROUP BY page_path ORDER BY v DESC LIMIT 25""",
        f"""SELECT page_path, {VIEWS} AS v, COUNT(DISTINCT party_id) AS p, approx_quantile(engagement_ms::DOUBLE, 0.5) AS q
        FROM clickstream WHERE {WEEK} GROUP BY page_path ORDER BY v DESC LIMIT 25""",
    ),
    (
        "channels, a month",
        f"SELECT session_channel, COUNT(DISTINCT session_id) AS n FROM clickstream WHERE {PEOPLE} GROUP BY 1 ORDER BY 2 DESC",
        None,
    ),
    (
        "countries, a month",
        f"""SELECT country_code3, COUNT(DISTINCT party_id) AS n FROM clickstream WHERE {PEOPLE} GROUP BY 1 ORDER BY 2 DESC LIMIT 250""",
        None,
    ),
    (
        "browsers and systems, a month",
        f"""SELECT os, browser, COUNT(DISTINCT party_id) AS n FROM clickstream WHERE {PEOPLE} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 50""",
        None,
    ),
    (
        "hour and weekday, a month",
        f"""SELECT TIME_EXTRACT("__time", 'HOUR') AS h, TIME_EXTRACT("__time", 'DOW') AS d, {VIEWS} AS v
        FROM clickstream WHERE {PEOPLE} GROUP BY 1, 2""",
        f"""SELECT hour(__time) AS h, isodow(__time) AS d, {VIEWS} AS v FROM clickstream WHERE {PEOPLE} GROUP BY 1, 2""",
    ),
    (
        "page to page, a week",
        f"""SELECT previous_page_path AS source, page_path AS target, COUNT(*) AS n FROM clickstream
        WHERE {WEEK} AND event_type = 'pageView' AND NOT previous_page_path IS NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 50""",
        None,
    ),
    (
        "now: the last 5 minutes",
        """SELECT COUNT(DISTINCT session_id) AS n FROM clickstream
        WHERE "__time" >= CURRENT_TIMESTAMP - INTERVAL '5' MINUTE AND is_bot = 0""",
        "SELECT COUNT(DISTINCT session_id) AS n FROM clickstream WHERE __time >= TIMESTAMP '2026-11-22 05:55:00' AND is_bot = 0",
    ),
    (
        "latest events",
        f"""SELECT "__time", event_type, page_path, country, city, browser FROM clickstream WHERE {WEEK} ORDER BY "__time" DESC LIMIT 20""",
        None,
    ),
    ("filter: countries", 'SELECT "country" AS "country" FROM clickstream GROUP BY "country" ORDER BY "country" ASC LIMIT 1000', None),
    ("latest events, all columns", f'SELECT * FROM clickstream WHERE {WEEK} ORDER BY "__time" DESC LIMIT 100', None),
)


@dataclass
class Arrivals:
    """A thread that commits rows while statements run."""

    store: Store[Session, Account]
    stop: threading.Event = field(default_factory=threading.Event)
    commits_ms: list[float] = field(default_factory=list)

    def run(self) -> None:
        rows = list(clickstream_rows(BATCH_ROWS * 100, days=0.2, seed=2))
        while not self.stop.wait(1 / BATCHES_A_SECOND):
            number = len(self.commits_ms)
            batch = rows[number % 100 * BATCH_ROWS :][:BATCH_ROWS]
            events = [an_event(number * BATCH_ROWS + at) for at in range(BATCH_ROWS)]
            begin = time.perf_counter()
            self.store.commit(Batch("bench", number, rows=batch, events=events))
            self.commits_ms.append(milliseconds_since(begin))


def milliseconds_since(begin: float) -> float:
    return (time.perf_counter() - begin) * 1000


def measure(client: httpx.Client, server: RunningMinidruid, druid: str, plain: str) -> tuple[list[float], list[float]]:
    """Run both alternately."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        answer = client.post(server.url, json={"query": druid})
        ours.append(milliseconds_since(begin))
        assert answer.status_code == 200, answer.text
        begin = time.perf_counter()
        cursor = server.store.cursor()
        cursor.execute(plain).fetchall()
        cursor.close()
        theirs.append(milliseconds_since(begin))
    return ours, theirs


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clickstream.duckdb"
        begin = time.perf_counter()
        fill_clickstream(path, count)
        print(f"{count:,} rows made in {time.perf_counter() - begin:.1f} s, {path.stat().st_size >> 20} MB")
        store = open_store(path)
        arrivals = Arrivals(store)
        writer = threading.Thread(target=arrivals.run)
        over = []
        with serve(store) as server, httpx.Client(timeout=60) as client:
            writer.start()
            print(f"{'statement':42} {'minidruid':>9} {'slowest':>8} {'DuckDB':>7} {'ratio':>5}   (milliseconds; median of {ROUNDS})")
            for name, druid, plain in STATEMENTS:
                by_hand = (plain or druid).replace(WEEK, PLAIN_WEEK).replace("FROM clickstream", "FROM druid.clickstream")
                ours, theirs = measure(client, server, druid, by_hand)
                middle, plain_middle = statistics.median(ours), statistics.median(theirs)
                over += [name] if middle >= BOUND_MS else []
                print(f"{name:42} {middle:9.1f} {max(ours):8.1f} {plain_middle:7.1f} {middle / plain_middle:5.2f}")
            memory = psutil.Process().memory_info().rss >> 20
            arrivals.stop.set()
            writer.join()
        store.close()
    commits = arrivals.commits_ms
    print(
        f"{len(commits)} commits of {BATCH_ROWS} rows meanwhile: median {statistics.median(commits):.1f} ms, slowest {max(commits):.1f} ms"
    )
    print(f"memory of this process {memory} MB; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"bound of {BOUND_MS} ms: {'broken by ' + ', '.join(over) if over else 'kept by all'}")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())

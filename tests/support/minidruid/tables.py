"""Tables for minidruid's tests: the events of the Superset corpus, and a clickstream like the converter's; and a server over them."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import uvicorn
from support.waiting import wait_until

from minidruid.app import create_app, utc_now
from minidruid.engine import Engine, Execution
from minidruid.requests import parse_request
from minidruid.settings import Settings
from minidruid.storage.store import Store
from minidruid.storage.tables import arrow_table
from schemas.contract import columns, load_schema
from streams.sink import Batch, Row, Session, StoredEvent
from topics.accounts import Account

CLOCK = datetime(2026, 11, 22, 6, 0, tzinfo=UTC).replace(tzinfo=None)  # minidruid's instants are UTC and carry no zone
DAY_MS = 86_400_000

EVENT_COLUMNS = {
    "__time": "TIMESTAMP",
    "event_type": "VARCHAR",
    "party_id": "VARCHAR",
    "session_id": "VARCHAR",
    "page_path": "VARCHAR",
    "country": "VARCHAR",
    "country_iso3": "VARCHAR",
    "city": "VARCHAR",
    "latitude": "DOUBLE",
    "longitude": "DOUBLE",
    "browser": "VARCHAR",
    "os": "VARCHAR",
    "device_type": "VARCHAR",
    "referrer_domain": "VARCHAR",
    "utm_source": "VARCHAR",
    "viewport_w": "BIGINT",
    "is_session_start": "BIGINT",
    "load_time": "DOUBLE",
    "properties": "VARCHAR",
}

PLACES = (
    ("Netherlands", "NLD", "NL", "Amsterdam", 52.37, 4.90),
    ("Netherlands", "NLD", "NL", "Utrecht", 52.09, 5.12),
    ("Germany", "DEU", "DE", "Berlin", 52.52, 13.40),
    ("France", "FRA", "FR", "Paris", 48.85, 2.35),
    ("United Kingdom", "GBR", "GB", "London", 51.51, -0.13),
    ("United States", "USA", "US", "New York", 40.71, -74.01),
    ("India", "IND", "IN", "Bangalore", 12.97, 77.59),
    ("Brazil", "BRA", "BR", "Sao Paulo", -23.55, -46.63),
    ("Japan", "JPN", "JP", "Tokyo", 35.68, 139.69),
    ("Australia", "AUS", "AU", "Sydney", -33.87, 151.21),
)
PAGES = (
    "/",
    "/products",
    "/products/shoes",
    "/products/bags",
    "/pricing",
    "/blog",
    "/cart",
    "/checkout",
    "/about",
    '/it\'s "quoted" \\ path',
)
BROWSERS = ("Chrome", "Safari", "Firefox", "Edge", "Opera")
SYSTEMS = ("Windows", "macOS", "iOS", "Android", "Linux")
DEVICES = (("Desktop", 1920), ("Mobile", 390), ("Tablet", 820))
REFERRERS = (None, "google.com", "bing.com", "t.co", "linkedin.com")
STEPS = ("sessionStart", "pageView", "pageView", "pageView", "click", "addToCart", "checkout", "purchase")
HOW_MANY = (1, 1, 0.9, 0.8, 0.5, 0.3, 0.15, 0.08)  # the share of sessions that come as far as each step


def corpus_events(sessions: int = 4000, seed: int = 42) -> Iterator[tuple[Any, ...]]:
    """Events of the fourteen days up to CLOCK, the same at every call."""
    dice = random.Random(seed)
    end = int(CLOCK.replace(tzinfo=UTC).timestamp() * 1000)
    for number in range(sessions):
        country, iso3, _, city, latitude, longitude = PLACES[int(dice.random() ** 2 * len(PLACES))]
        device, width = DEVICES[int(dice.random() ** 1.5 * 3)]
        party = f"p{dice.randrange(sessions // 3):08d}"
        start = end - 14 * DAY_MS + int(dice.random() ** 0.8 * (14 * DAY_MS - 400_000))
        referrer, campaign = dice.choice(REFERRERS), dice.choice((None, None, "newsletter", "google"))
        browser, system = dice.choice(BROWSERS), dice.choice(SYSTEMS)
        for step, (event_type, share) in enumerate(zip(STEPS, HOW_MANY, strict=True)):
            if dice.random() < share:
                yield (
                    start + step * 40_000 + dice.randrange(30_000),
                    event_type,
                    party,
                    f"s{number:08d}",
                    PAGES[int(dice.random() ** 1.5 * len(PAGES))],
                    country,
                    iso3,
                    city if dice.random() > 0.01 else None,
                    round(latitude + dice.random() * 0.2, 4),
                    round(longitude + dice.random() * 0.2, 4),
                    browser,
                    system,
                    device,
                    referrer,
                    campaign,
                    width,
                    int(step == 0),
                    round(dice.random() * 3, 4),
                    f'{{"sku":"A{dice.randrange(9)}","price":{round(dice.random() * 100, 2)}}}',
                )


def write_events(path: Path) -> None:
    """Make a file with the table `events` for a store to open; a copy with a nested column is `nested`."""
    rows = arrow_table(EVENT_COLUMNS, corpus_events())
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA druid")
        definitions = ", ".join(f'"{name}" {kind}' for name, kind in EVENT_COLUMNS.items())
        database.execute(f"CREATE TABLE druid.events ({definitions})")
        database.execute("INSERT INTO druid.events SELECT * FROM rows ORDER BY __time")
        database.execute("CREATE TABLE druid.nested AS SELECT __time, country, CAST(properties AS JSON) AS properties FROM druid.events")
    assert rows.num_rows > 10_000


def clickstream_rows(count: int, *, end: datetime = CLOCK, days: float = 30, seed: int = 1) -> Iterator[Row]:
    """Rows as the converter writes them: sessions of a few pages each, over the days up to `end`, not in order of time."""
    dice = random.Random(seed)
    end_ms = int(end.replace(tzinfo=UTC).timestamp() * 1000)
    empty: Row = dict.fromkeys((column.name for column in columns(load_schema())), None)
    written = 0
    while written < count:
        for row in _session(dice, end_ms, days, empty):
            if written < count:
                yield row
            written += 1


def _session(dice: random.Random, end_ms: int, days: float, empty: Row) -> Iterator[Row]:
    country, iso3, iso2, city, latitude, longitude = PLACES[int(dice.random() ** 2 * len(PLACES))]
    device, width = DEVICES[int(dice.random() ** 1.5 * 3)]
    is_bot = int(dice.random() < 0.05)
    referrer = dice.choice(REFERRERS)
    pages = 1 + int(dice.random() ** 2 * 8)
    start = end_ms - int(dice.random() * days * DAY_MS) - pages * 60_000
    paths = [PAGES[int(dice.random() ** 1.5 * len(PAGES))] for _ in range(pages)]
    same: Row = empty | {
        "site": "shop",
        "source": "browser",
        "party_id": f"{dice.getrandbits(64):016x}"[: 16 if dice.random() < 0.7 else 3],
        "session_id": f"{dice.getrandbits(64):016x}",
        "party_kind": "private",
        "is_duplicate": 0,
        "is_corrupt": 0,
        "is_skewed": 0,
        "is_cleaned": 0,
        "is_implausible": 0,
        "page_host": "shop.example",
        "referrer_host": referrer,
        "viewport_width": width,
        "viewport_height": 800,
        "language": "en",
        "time_zone": "Europe/Amsterdam",
        "country": country,
        "country_code": iso2,
        "country_code3": iso3,
        "city": city,
        "latitude": latitude,
        "longitude": longitude,
        "device_type": "bot" if is_bot else device.lower(),
        "browser": dice.choice(BROWSERS),
        "os": dice.choice(SYSTEMS),
        "is_bot": is_bot,
        "bot_reasons": "user_agent" if is_bot else None,
        "channel": "Organic Search" if referrer else "Direct",
        "referrer_source": referrer,
        "session_channel": "Organic Search" if referrer else "Direct",
        "session_source": referrer,
        "landing_page_path": paths[0],
        "is_late": 0,
    }
    engaged = 0
    for number, path in enumerate(paths):
        at = start + number * 60_000
        page: Row = same | {
            "page_view_id": f"{dice.getrandbits(128):032x}",
            "page_path": path,
            "page_url": f"https://shop.example{path}",
            "page_title": path.strip("/").title() or "Home",
            "session_page_number": number + 1,
            "previous_page_path": paths[number - 1] if number else None,
            "ingested_at": at + 200,
            "received_at": at + 100,
        }
        begin: Row = {"event_type": "pageView", "is_session_start": int(number == 0), "session_engagement_ms": engaged}
        yield page | begin | {"__time": at, "created_at": at, "event_id": f"{dice.getrandbits(128):032x}"}
        stay = dice.randrange(500, 50_000)
        engaged += stay
        leave: Row = {"event_type": "pageLeave", "is_session_start": 0, "engagement_ms": stay, "scroll_percent": dice.randrange(101)}
        yield page | leave | {"__time": at + stay, "event_id": f"{dice.getrandbits(128):032x}", "session_engagement_ms": engaged}


def open_store(path: Path) -> Store[Session, Account]:
    """Open a store as the converter does."""
    return Store.open(path, columns(load_schema()), session=Session, account=Account)


def fill_clickstream(path: Path, count: int, *, end: datetime = CLOCK, days: float = 30) -> None:
    """Create a file with a number of rows in `clickstream`: a twentieth generated, the rest copies at other times with other ids."""
    part = min(count, max(5000, count // 20))
    store = open_store(path)
    store.commit(Batch("sample", part, rows=list(clickstream_rows(part, end=end, days=days))))
    store.close()
    with duckdb.connect(str(path)) as database:
        shift = "to_milliseconds((hash(session_id, copy) % 86400000)::BIGINT)"
        others = [f"__time - {shift} AS __time", "left(md5(party_id || copy), 16) AS party_id"]
        others += [f"md5({name} || copy) AS {name}" for name in ("event_id", "page_view_id", "session_id")]
        database.execute(
            f"INSERT INTO druid.clickstream SELECT * EXCLUDE (copy) REPLACE ({', '.join(others)}) "
            f"FROM druid.clickstream, range(1, {-(-count // part)}) AS copies(copy) LIMIT {count - part}"
        )


def an_event(number: int) -> StoredEvent:
    """A taken key, different for each number."""
    return StoredEvent(random.Random(number).randbytes(16), number)


@dataclass(frozen=True, slots=True)
class RunningMinidruid:
    """The port of a running server."""

    port: int
    store: Store[Session, Account]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/druid/v2/sql"


@contextmanager
def serve(
    store: Store[Session, Account], *, port: int = 0, now: datetime | None = CLOCK, token: str = "", **settings: Any
) -> Iterator[RunningMinidruid]:
    """Serve a store on a port of loopback (a free one by default) until the block ends; the clock is fixed at `now`, or runs if None."""
    app = create_app(store, Settings(**settings), clock=(lambda: now) if now else utc_now, token=token)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    assert server.started, "the server ended before it listened"
    try:
        yield RunningMinidruid(server.servers[0].sockets[0].getsockname()[1], store)
    finally:
        server.should_exit = True
        thread.join(10)


def ask(engine: Engine, sql: str, **request: Any) -> list[dict[str, Any]]:
    """Run a statement on an engine and return its rows; raises QueryError."""
    body = json.dumps({"query": sql, **request}).encode()
    parsed = parse_request(body)
    result = engine.run(parsed, engine.translate(parsed), Execution())
    rows: list[dict[str, Any]] = json.loads(b"".join(result.parts()))
    return rows


def engine_over(store: Store[Session, Account], **settings: Any) -> Engine:
    """An engine with a clock fixed at CLOCK."""
    return Engine(store, Settings(**settings), lambda: CLOCK)

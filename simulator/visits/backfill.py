"""Past visits, sent at once, so that charts over time are not empty in the first minutes.

The visits of a day depend on the seed and the date only. Safe to run again: no duplicates.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from simulator.settings import PLACES_PATH
from simulator.trusted_source import BATCH_EVENTS, Event, TrustedSource
from simulator.visits.visit import Tracker, Visit, plan_visit
from simulator.visits.world import World, load_world

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
# The traffic of each hour in the visitor's local time, and of each weekday from Monday, relative to the busiest.
HOUR_WEIGHTS = (6, 4, 3, 2, 2, 4, 9, 16, 24, 30, 34, 36, 38, 35, 34, 36, 38, 42, 50, 58, 62, 54, 36, 16)
WEEKDAY_SHARES = (1.0, 0.96, 0.93, 0.9, 0.82, 0.74, 0.88)

Progress = Callable[[int, int], None]  # days sent, days


@dataclass
class BackfillSummary:
    """The outcome of the past events."""

    events: int = 0
    ok: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def count(self, results: list[str]) -> None:
        """Count the collector's response to a batch."""
        self.events += len(results)
        for result in results:
            if result == "ok":
                self.ok += 1
            else:
                self.refused[result] = self.refused.get(result, 0) + 1


def backfill(
    collector_internal_url: str,
    *,
    days: int = 7,
    visits_per_day: int = 400,
    seed: str = "headrace",
    site: str = "shop",
    shop_url: str = "http://127.0.0.1:8000",
    places: Path = PLACES_PATH,
    now: datetime | None = None,
    progress: Progress = lambda _sent, _days: None,
    pause: Callable[[float], None] = time.sleep,
) -> BackfillSummary:
    """Send the visits of the last days up to now to the collector's internal port; raises CollectorUnavailable."""
    now = now or datetime.now(UTC)
    world = load_world(places)
    since = now - timedelta(days=days)
    first_day = since.date().toordinal()
    last_day = now.date().toordinal()
    summary = BackfillSummary()
    with TrustedSource(collector_internal_url, site, pause=pause) as collector:
        for day in range(first_day, last_day + 1):
            events = [
                event
                for event in day_of_events(world, day, visits_per_day=visits_per_day, seed=seed, shop_url=shop_url)
                if _milliseconds(since) <= event["occurred_at"] < _milliseconds(now)
            ]
            for start in range(0, len(events), BATCH_EVENTS):
                summary.count(collector.send(events[start : start + BATCH_EVENTS]))
            progress(day - first_day + 1, last_day - first_day + 1)
    return summary


def day_of_events(world: World, day: int, *, visits_per_day: int, seed: str, shop_url: str) -> list[Event]:
    """Return the events of the visits that begin on a day (a proleptic Gregorian ordinal), sorted by time."""
    events = [event for visit, began_at in _visits(world, day, visits_per_day, seed) for event in _events(visit, began_at, seed, shop_url)]
    return sorted(events, key=lambda event: int(event["occurred_at"]))


def _visits(world: World, day: int, visits_per_day: int, seed: str) -> Iterator[tuple[Visit, int]]:
    midnight = _milliseconds(datetime.fromordinal(day).replace(tzinfo=UTC))
    share = WEEKDAY_SHARES[(day + 6) % 7]
    for number in range(day * visits_per_day, (day + 1) * visits_per_day):
        random = Random(f"{seed}/time/{number}")  # noqa: S311 - simulated chance, repeatable on purpose
        if random.random() < share:
            visit = plan_visit(world, seed, number)
            local_ms = random.choices(range(24), HOUR_WEIGHTS)[0] * HOUR_MS + random.randrange(HOUR_MS)
            # Solar time is close enough to local time.
            yield visit, midnight + (local_ms - int(visit.visitor.longitude / 15 * HOUR_MS)) % DAY_MS


def _events(visit: Visit, began_at: int, seed: str, shop_url: str) -> Iterator[Event]:
    trusted_fields = {"address": visit.visitor.client_ip, "user_agent": visit.visitor.browser.user_agent}
    for moment in Tracker(visit, shop_url, f"{seed}/past").moments():
        for event in moment.events:
            yield {**event, "created_at": None, "occurred_at": began_at + event["created_at"], **trusted_fields}


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.simulator import StandIn, end, stand_in_running, start
from support.waiting import wait_until

from simulator.settings import PLACES_PATH
from simulator.visits.backfill import backfill
from simulator.visits.visit import Tracker, plan_visit
from simulator.visits.world import load_world

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[StandIn]:
    """A shop and a collector in one."""
    with stand_in_running() as stand_in:
        yield stand_in


def visits_of(site: StandIn, **settings: object) -> dict[str, object]:
    """Run visits to their end; return the last line of their log."""
    given = {"SHOP_URL": site.url, "PACE": 0, "RATE": 60_000} | settings
    process = start("simulator.visits", **{f"HEADRACE_VISITS_{name}": value for name, value in given.items()})
    said, faults = process.communicate(timeout=60)
    assert (process.returncode, faults) == (0, "")
    last = json.loads(said.splitlines()[-1])
    assert isinstance(last, dict)
    return last


def test_visits_fetch_pages_and_send_what_the_tracker_would(site: StandIn) -> None:
    last = visits_of(site, COUNT=20, SEED="x")
    world = load_world(PLACES_PATH)
    planned = [
        event
        for number in range(20)
        for moment in Tracker(plan_visit(world, "x", number), site.url, "").moments()
        for event in moment.events
    ]
    assert sorted(event["type"] for event in site.events) == sorted(event["type"] for event in planned)
    assert {event["url"] for event in site.events} == {event["url"] for event in planned}
    assert {request.path for request in site.requests if request.method == "GET"}
    assert (last["visits"], last["events"], last["given_up"], last["refused"]) == (20, len(planned), 0, 0)


def test_a_visitor_has_a_client_ip_an_agent_and_a_language(site: StandIn) -> None:
    visits_of(site, COUNT=3)
    assert all(request.headers.keys() >= {"x-forwarded-for", "user-agent", "accept-language"} for request in site.requests)
    assert len({request.headers["x-forwarded-for"] for request in site.requests}) == 3


def test_the_same_seed_gives_new_ids_at_each_start(site: StandIn) -> None:
    visits_of(site, COUNT=3)
    count = len(site.events)
    visits_of(site, COUNT=3)
    ids = [event["id"] for event in site.events]
    assert len(set(ids)) == len(ids) == 2 * count


def test_a_batch_that_was_not_taken_comes_again_with_the_same_ids(site: StandIn) -> None:
    site.answers = [(200, {}, b""), (503, {"Retry-After": "0"}, b""), (500, {"Retry-After": "0"}, b"")]
    last = visits_of(site, COUNT=1)
    batches = [request.envelope["events"] for request in site.requests if request.method == "POST"]
    assert batches[0] == batches[1] == batches[2]
    assert last["given_up"] == 0


def test_a_batch_that_is_refused_does_not_come_again(site: StandIn) -> None:
    site.answers = [(200, {}, b""), (422, {}, b"{}")]
    assert visits_of(site, COUNT=1)["refused"] == 1
    ids = [event["id"] for event in site.events]
    assert len(set(ids)) == len(ids)


def test_a_batch_that_fails_eight_times_is_given_up_and_counted(site: StandIn) -> None:
    busy = (503, {"Retry-After": "0"}, b"")
    site.answers = [(200, {}, b""), *[busy] * 8]
    last = visits_of(site, COUNT=1)
    assert last["given_up"] == len(site.requests[1].envelope["events"])


def test_a_visit_ends_when_the_shop_stays_away(site: StandIn) -> None:
    site.answers = [(503, {"Retry-After": "0"}, b"")] * 8
    last = visits_of(site, COUNT=1)
    assert (last["given_up"], last["visits"], site.events) == (1, 0, [])


def test_visits_end_by_time(site: StandIn) -> None:
    assert visits_of(site, DURATION_SECONDS=0.2)["given_up"] == 0


def test_sigterm_ends_visits_under_way(site: StandIn) -> None:
    process = start("simulator.visits", HEADRACE_VISITS_SHOP_URL=site.url, HEADRACE_VISITS_RATE=6000)
    wait_until(lambda: site.requests)
    assert end(process) == (0, "")


def test_wrong_settings_are_reported_and_end_with_2(tmp_path: Path) -> None:
    for setting, value in (("RATE", "0"), ("PLACES", str(tmp_path / "none.csv"))):
        process = start("simulator.visits", **{f"HEADRACE_VISITS_{setting}": value})
        _, said = process.communicate(timeout=30)
        assert process.returncode == 2
        assert said.startswith(f"HEADRACE_VISITS_{setting}: ")


def test_past_visits_are_sent_before_the_first(site: StandIn) -> None:
    visits_of(site, COUNT=1, BACKFILL_DAYS=2, BACKFILL_VISITS=20, COLLECTOR_INTERNAL_URL=site.url)
    trusted = ["occurred_at" in event for event in site.events]
    assert trusted == sorted(trusted, reverse=True)
    assert 20 < sum(trusted) < len(trusted)


def test_past_visits_fill_the_days_up_to_now(site: StandIn) -> None:
    seen: list[tuple[int, int]] = []
    summary = backfill(site.url, days=3, visits_per_day=100, now=NOW, progress=lambda sent, days: seen.append((sent, days)))
    times = [event["occurred_at"] for event in site.events]
    now_ms = NOW.timestamp() * 1000
    assert now_ms - 3 * 86_400_000 <= min(times) < now_ms - 2.9 * 86_400_000
    assert now_ms - 3_600_000 < max(times) < now_ms
    assert (summary.events, summary.ok, summary.refused) == (len(times), len(times), {})
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_later_backfill_sends_the_same_events_and_adds_those_since(site: StandIn) -> None:
    backfill(site.url, days=2, visits_per_day=100, now=NOW)
    first = {event["id"]: event for event in site.events}
    site.requests.clear()
    backfill(site.url, days=2, visits_per_day=100, now=NOW.replace(hour=18))
    second = {event["id"]: event for event in site.events}
    shared = first.keys() & second.keys()
    assert len(shared) > len(first) / 2
    assert all(first[one] == second[one] for one in shared)
    assert all(second[one]["occurred_at"] >= NOW.timestamp() * 1000 for one in second.keys() - first.keys())


def test_past_events_that_are_refused_are_counted_by_reason(site: StandIn) -> None:
    site.answers = [(422, {}, b'{"reason":"invalid_time"}')]
    summary = backfill(site.url, days=1, visits_per_day=20, now=NOW)
    assert summary.refused == {"invalid_time": len(site.requests[0].envelope["events"])}
    assert summary.ok == summary.events - summary.refused["invalid_time"]


def test_past_visits_without_a_collector_are_reported_and_end_with_1(site: StandIn) -> None:
    site.answers = [(503, {"Retry-After": "0"}, b"")] * 8
    settings = {"BACKFILL_DAYS": 1, "COLLECTOR_INTERNAL_URL": site.url, "SHOP_URL": site.url}
    process = start("simulator.visits", **{f"HEADRACE_VISITS_{name}": value for name, value in settings.items()})
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no answer after 8 tries (status 503)" in said


def test_sigterm_ends_past_visits_that_wait_for_the_collector(site: StandIn) -> None:
    site.answers = [(503, {"Retry-After": "15"}, b"")] * 8
    settings = {"BACKFILL_DAYS": 1, "COLLECTOR_INTERNAL_URL": site.url, "SHOP_URL": site.url}
    process = start("simulator.visits", **{f"HEADRACE_VISITS_{name}": value for name, value in settings.items()})
    wait_until(lambda: site.requests, within_seconds=30)
    assert end(process) == (0, "")
    assert len(site.requests) == 1

"""The simulator with the real collector: its events are stored completely, with the right places and times."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.collector.collectors import RunningCollector, collector_running
from support.simulator import ROOT, records, shop_running, start

from simulator.replay import replay
from simulator.settings import PLACES_PATH
from simulator.visits.backfill import backfill
from simulator.visits.visit import Tracker, plan_visit
from simulator.visits.world import load_world

VISITS = 30


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with collector_running(tmp_path_factory.mktemp("collector")) as running:
        yield running


def visit(shop_url: str, **settings: object) -> None:
    given = {"SHOP_URL": shop_url, "PACE": 0, "RATE": 60_000, "COUNT": VISITS} | settings
    process: subprocess.Popen[str] = start("simulator.visits", **{f"HEADRACE_VISITS_{name}": value for name, value in given.items()})
    said, faults = process.communicate(timeout=90)
    assert (process.returncode, faults) == (0, ""), said


@pytest.fixture(scope="module")
def visited(collector: RunningCollector) -> list[dict[str, Any]]:
    """The records of thirty visits through the shop."""
    with shop_running(collector.url) as shop:
        visit(shop.url, SITE="visited", SEED="x")
    return records(collector.topic_directory, "visited")


def test_every_event_of_the_visits_is_one_record(visited: list[dict[str, Any]]) -> None:
    world = load_world(PLACES_PATH)
    planned = [
        event
        for number in range(VISITS)
        for moment in Tracker(plan_visit(world, "x", number), "http://x", "").moments()
        for event in moment.events
    ]
    assert Counter(record["event_type"] for record in visited) == Counter(event["type"] for event in planned)
    assert len({record["event_id"] for record in visited}) == len(visited)


def test_the_visitors_have_their_own_client_ips_agents_and_consent(visited: list[dict[str, Any]]) -> None:
    world = load_world(PLACES_PATH)
    visitors = [plan_visit(world, "x", number).visitor for number in range(VISITS)]
    assert {record["address"] for record in visited} == {visitor.client_ip.rpartition(".")[0] + ".0" for visitor in visitors}
    assert {record["user_agent"] for record in visited} == {visitor.browser.user_agent for visitor in visitors}
    assert {record["party_kind"] for record in visited} >= {"consented", "private"}
    assert all(bool(record["party_id"]) is (record["party_kind"] == "consented") for record in visited)


def test_the_first_page_has_no_referrer_or_that_of_its_source(visited: list[dict[str, Any]]) -> None:
    hosts = {record["referrer_host"] for record in visited if record["event_type"] == "pageView"}
    assert {None, "127.0.0.1"} < hosts


def test_a_quantity_is_a_number(collector: RunningCollector) -> None:
    backfill(collector.internal_url, days=1, visits_per_day=200, site="bought", seed="y")
    bought = [record for record in records(collector.topic_directory, "bought") if record["event_type"] == "purchase"]
    assert bought
    assert all(
        record["revenue"] > 0 and record["currency"] == "EUR" and record["quantity"] > 0 and record["product_id"] for record in bought
    )


def test_past_events_have_their_own_times_and_are_not_skewed(collector: RunningCollector) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    summary = backfill(collector.internal_url, days=2, visits_per_day=50, site="past", now=now)
    past = records(collector.topic_directory, "past")
    assert (summary.ok, summary.refused) == (len(past), {})
    assert all(now.timestamp() - 2 * 86_400 <= record["occurred_at"] / 1000 < now.timestamp() for record in past)
    assert {(record["source"], record["is_skewed"], record["created_at"]) for record in past} == {("replay", False, None)}


def test_the_real_log_is_taken_whole_and_can_be_replayed_again(collector: RunningCollector) -> None:
    log: Path = ROOT / "simulator" / "data" / "access.log.gz"
    for times in (1, 2):
        summary = replay(log, collector.internal_url, site="replayed", origin="http://semicomplete.com")
        assert (summary.lines, summary.ok, summary.is_exact) == (5000, 2079, True)
        taken = records(collector.topic_directory, "replayed")
        assert len(taken) == 2079 * times
        assert len({record["event_id"] for record in taken}) == 2079
    first = next(record for record in taken if record["page_path"] == "/blog/geekery/disabling-battery-in-ubuntu-vms.html")
    assert first["page_host"] == "semicomplete.com"
    assert datetime.fromtimestamp(first["occurred_at"] / 1000, UTC).year == 2015

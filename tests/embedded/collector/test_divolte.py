"""Divolte's protocol with a collector process: over real sockets, acknowledged events are in the topic."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.collector.collectors import DECODER, DEFAULTS, RunningCollector, a_body, an_event, collector_running, milliseconds
from support.collector.divolte import PAGE_VIEW, PARTY, SESSION, Page, a_json_event, a_query
from support.topics.in_memory import read_all

from collector.endpoints.divolte_tag import GIF, TAG
from mapping.operations.base36 import text36
from topics.topic import Kind

SOURCES = """
[web]
kind = "divolte_tag"
event_path = "/csc-event"

[app]
kind = "divolte_json"
event_path = "/app-event"
site = "shop"

[old]
kind = "divolte_tag"
event_path = "/old/csc-event"
compatibility = "strict"
drop_corrupted = true

[copied]
kind = "divolte_tag"
event_path = "/copied"
drop_duplicates = true
copy = {{topic = "copies", mapping_file = "{mapping_file}", schema_file = "{schema_file}"}}
"""
IDS: dict[str, Any] = {"id": PAGE_VIEW + "0", "page_view_id": PAGE_VIEW, "party_id": PARTY, "session_id": SESSION}
TAG_HEADER = {"If-None-Match": TAG.decode()}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    (tmp_path / "sources.toml").write_text(SOURCES.format(mapping_file=DEFAULTS.mapping_file, schema_file=DEFAULTS.schema_file))
    with collector_running(tmp_path, sources_file=tmp_path / "sources.toml") as running:
        yield running


@pytest.fixture
def browser(collector: RunningCollector) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector.url, trust_env=False, timeout=20) as client:
        yield client


def test_a_pixel_is_answered_when_its_event_is_in_the_topic(collector: RunningCollector, browser: httpx.Client) -> None:
    now = milliseconds()
    answer = browser.get(f"/csc-event?{a_query(c=text36(now))}", headers={"User-Agent": "Firefox"})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, GIF, "image/gif")
    (message,) = read_all(collector.topic_directory)
    (record,) = collector.records()
    assert message.key == PARTY.encode()
    assert (record["party_id"], record["session_id"], record["page_view_id"]) == (PARTY, SESSION, PAGE_VIEW)
    assert (record["event_type"], record["page_url"], record["site"], record["source"]) == (
        "pageView",
        "https://shop.example/shoes",
        "web",
        "web",
    )
    assert (record["viewport_width"], record["screen_width"], record["user_agent"]) == (1440, 1920, "Firefox")
    assert (record["created_at"], record["is_corrupt"], record["is_duplicate"], record["is_skewed"]) == (now, False, False, False)
    assert record["event_id"] == message.event_id


def test_a_pixel_and_a_batch_of_one_event_are_one_row(collector: RunningCollector, browser: httpx.Client) -> None:
    browser.get(f"/csc-event?{a_query()}")
    assert browser.post("/csc-event", content=a_body(an_event(**IDS))).json() == {"results": ["ok"]}
    first, second = collector.records()
    assert (first["event_id"], first["site"]) == (second["event_id"], second["site"])
    assert (first["is_duplicate"], second["is_duplicate"]) == (False, True)


def test_batches_are_copied_and_duplicates_in_them_dropped_as_pixels_are(collector: RunningCollector, browser: httpx.Client) -> None:
    browser.get(f"/copied?{a_query()}")
    assert browser.post("/copied", content=a_body(an_event(**IDS), an_event(7))).json() == {"results": ["duplicate", "ok"]}
    assert browser.post("/copied", content=a_body(an_event(7))).json()["reason"] == "duplicate"
    copies = read_all(collector.directory / "copies")
    assert [message.event_id for message in copies] == [record["event_id"] for record in collector.records()]
    assert [DECODER.decode(message.value)["site"] for message in copies] == ["copied"] * 2
    metrics = httpx.get(collector.internal_url + "/metrics", trust_env=False).text
    assert 'clickstream_collector_events_total{result="duplicate",source="copied"} 2.0' in metrics


def test_a_rejection_is_reported_in_a_header_and_counted(collector: RunningCollector, browser: httpx.Client) -> None:
    answer = browser.get(f"/csc-event?{a_query(p='nope')}")
    assert (answer.content, answer.headers["x-event-rejected"]) == (GIF, "invalid_party")
    (message,) = read_all(collector.topic_directory)
    assert (message.kind, message.key) == (Kind.REJECTION, b"invalid_party")
    metrics = httpx.get(collector.internal_url + "/metrics", trust_env=False).text
    assert 'clickstream_collector_events_total{result="invalid_party",source="web"} 1.0' in metrics


def test_a_source_may_be_strict_beside_one_that_is_not(collector: RunningCollector, browser: httpx.Client) -> None:
    for path in ("/csc-event", "/old/csc-event"):
        browser.get(f"{path}?{a_query(t='👍')}")
    assert [record["event_type"] for record in collector.records()] == ["👍"]
    assert browser.options("/csc-event").status_code == 204
    assert browser.options("/old/csc-event").status_code == 405
    assert browser.head("/csc-event").status_code == 405


def test_a_cache_that_asks_again_is_not_an_event(collector: RunningCollector, browser: httpx.Client) -> None:
    assert browser.get(f"/csc-event?{a_query()}", headers=TAG_HEADER).status_code == 304
    assert read_all(collector.topic_directory) == []


def test_servers_send_one_event_or_many(collector: RunningCollector, browser: httpx.Client) -> None:
    path = f"/app-event?p={PARTY}"
    assert browser.post(path, json=a_json_event()).status_code == 204
    assert browser.post(path, json=[a_json_event(event_id=str(number)) for number in range(100)]).json() == {"results": ["ok"] * 100}
    assert browser.post(path, content=b"{", headers={"Content-Type": "application/json"}).json()["reason"] == "invalid_json"
    stored = collector.records()
    assert len(stored) == len({record["event_id"] for record in stored}) == 101
    assert {(record["event_type"], record["parameters"], record["site"]) for record in stored} == {
        ("screenView", '{"screen":"home","n":3}', "shop")
    }


def test_a_body_in_chunks_is_read_whole(collector: RunningCollector, browser: httpx.Client) -> None:
    parts = (bytes([byte]) for byte in httpx.Request("POST", "http://x", json=a_json_event()).content)
    assert browser.post(f"/app-event?p={PARTY}", content=parts, headers={"Content-Type": "application/json"}).status_code == 204
    assert len(collector.records()) == 1


def test_events_of_pages_with_the_tag_arrive_once_and_complete(collector: RunningCollector, browser: httpx.Client) -> None:
    pages = [Page(random.Random(number)) for number in range(20)]
    queries = [page.signal(kind) for page in pages for kind in ("pageView", *(f"custom{number}" for number in range(9)))]
    for query in queries:
        answer = browser.get(f"/csc-event?{query}")
        assert (answer.content, answer.headers.get("x-event-rejected")) == (GIF, None)
    stored = collector.records()
    assert len(stored) == len({record["event_id"] for record in stored}) == len(queries) == 200
    assert not any(record["is_corrupt"] or record["is_duplicate"] for record in stored)
    assert [(record["party_id"], record["session_id"], record["event_type"]) for record in stored] == [
        (page.party_id, page.session_id, kind) for page in pages for kind in ("pageView", *(f"custom{number}" for number in range(9)))
    ]

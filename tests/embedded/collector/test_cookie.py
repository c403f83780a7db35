"""The cookie of a source over HTTP: set once it is on disk, kept by the client, and worth the same after a restart."""

import itertools
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.collector.collectors import RunningCollector, a_body, an_event, an_id, milliseconds, start_collector
from support.collector.wire import Wire, a_request

SHOP = "https://shop.example"
SOURCES = f"""
[shop]
kind = "tracker"
event_path = "/h"
allowed_origins = ["{SHOP}"]
server_cookie = "__Host-party"
"""
numbers = itertools.count(1)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    running = start(tmp_path)
    yield running
    running.stop()


def start(directory: Path) -> RunningCollector:
    (directory / "sources.toml").write_text(SOURCES)
    return start_collector(directory, sources_file=directory / "sources.toml")


def send(collector: RunningCollector, cookie: str = "", **event: Any) -> httpx.Response:
    headers = {"Origin": SHOP} | ({"Cookie": f"__Host-party={cookie}"} if cookie else {})
    return httpx.post(f"{collector.url}/h", content=a_beacon(**event), headers=headers, trust_env=False)


def a_beacon(**event: Any) -> bytes:
    now = milliseconds()
    return a_body(an_event(next(numbers), created_at=now, **event), sent_at=now)


def test_a_party_keeps_its_cookie_over_a_restart_and_loses_it_with_its_no(collector: RunningCollector) -> None:
    answer = send(collector, party_id=an_id(7))
    assert [record["party_id"] for record in collector.records()] == [an_id(7)], "the answer comes when the event is on disk"
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie.key, cookie.value, cookie["max-age"], cookie["path"], cookie["domain"]) == (
        "__Host-party",
        an_id(7),
        str(395 * 86_400),
        "/",
        "",
    )
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert answer.headers["cache-control"] == "no-store"

    assert collector.stop() == 0
    again = start(collector.directory)
    try:
        kept = send(again, cookie.value, party_id=an_id(8))
        deleted = send(again, cookie.value, is_private=True)
        assert "set-cookie" not in kept.headers
        assert deleted.headers["set-cookie"].startswith("__Host-party=; Max-Age=0; Path=/")
        assert [record["party_id"] for record in again.records()] == [an_id(7), an_id(7), None]
    finally:
        assert again.stop() == 0


def test_each_browser_behind_one_connection_gets_its_own(collector: RunningCollector) -> None:
    origin = f"Origin: {SHOP}".encode()
    parties = [None, *map(an_id, range(1, 40)), None]
    with Wire(collector.port) as wire:
        wire.send(*(a_request(a_beacon(party_id=party), origin) for party in parties))
        answers = [wire.answer() for _ in parties]
    assert {answer.status for answer in answers} == {200}
    lines = [answer.headers.get("set-cookie") for answer in answers]
    assert [line and line.partition(";")[0] for line in lines] == [party and f"__Host-party={party}" for party in parties]


def test_a_page_that_is_listed_may_read_each_answer_with_a_cookie(collector: RunningCollector) -> None:
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = httpx.options(f"{collector.url}/h", headers=asked, trust_env=False)
    for answer in (preflight, send(collector), send(collector, party_id=an_id(7)), send(collector, party_id="none")):
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == SHOP
    other_site = httpx.post(
        f"{collector.url}/h", content=a_beacon(party_id=an_id(7)), headers={"Origin": "https://evil.example"}, trust_env=False
    )
    assert (other_site.status_code, other_site.headers.keys() & {"set-cookie", "access-control-allow-credentials"}) == (403, set())

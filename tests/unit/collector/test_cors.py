"""The pages that may send, and the CORS headers for their browsers."""

from collections.abc import Sequence

import msgspec
import pytest
from support.collector.collectors import DEFAULTS, Answer, LocalCollector, a_body, an_event
from support.collector.divolte import a_json_event, a_query

from collector.requests.cors import AllowedOrigins
from collector.requests.http_types import unavailable
from collector.sources import Source

SHOP, OTHER = "https://shop.example", "https://evil.example"
LISTED = (SHOP, "https://Blog.Example:443", "http://localhost:8000")
SOURCES = (
    Source(name="open", kind="tracker", event_path="/open"),
    Source(name="open-pixel", kind="divolte_tag", event_path="/open-pixel"),
    Source(name="open-json", kind="divolte_json", event_path="/open-json"),
    Source(name="shop", kind="tracker", event_path="/shop", allowed_origins=LISTED),
    Source(name="pixel", kind="divolte_tag", event_path="/pixel", allowed_origins=LISTED),
)
ANY = {"access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After"}
OWN = {"access-control-allow-origin": SHOP, "access-control-expose-headers": "Retry-After", "vary": "Origin"}


def the_collector(**settings: object) -> LocalCollector:
    return LocalCollector(DEFAULTS.model_copy(update=settings), sources=SOURCES)


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name in OWN}


def send(status: int, path: str, headers: Sequence[tuple[str, str]]) -> Answer:
    """Prepare a response with this status."""
    collector = the_collector(rate_per_second=1.0 if status == 429 else 0.0, rate_burst=1)
    body, method, query, headers = a_body(), "POST", "", list(headers)
    if status == 429:
        collector.send(body, path=path, headers=headers)
    elif status == 503:
        collector.topic.is_full = True
    elif status == 405:
        method = "PUT"
    elif status == 204:
        method, body = "OPTIONS", b""
    elif status == 413:
        body += b" " * DEFAULTS.max_body_bytes
    elif status == 415:
        headers.append(("content-encoding", "gzip"))
    elif status == 400:
        body = b"no JSON"
    elif status == 422:
        body = a_body(an_event(id="x"))
    return collector.send(body, method=method, path=path, query=query, headers=headers)


STATUSES = (200, 204, 400, 405, 413, 415, 422, 429, 503)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("origin", [SHOP, OTHER, None])
def test_any_page_can_read_each_answer_of_a_source_for_all(status: int, origin: str | None) -> None:
    answer = send(status, "/open", [("origin", origin)] if origin else [])
    assert (answer.status, cors(answer)) == (status, ANY)


@pytest.mark.parametrize("status", STATUSES)
def test_a_listed_page_can_read_each_answer_and_no_other_can(status: int) -> None:
    answer = send(status, "/shop", [("origin", SHOP)])
    assert (answer.status, cors(answer)) == (status, OWN)


@pytest.mark.parametrize("status", STATUSES)
def test_a_response_to_a_request_without_origin_is_not_cached_for_pages(status: int) -> None:
    answer = send(status, "/shop", [])
    assert (answer.status, cors(answer)) == (status, {"vary": "Origin"})


@pytest.mark.parametrize("path", ["/shop", "/pixel"])
@pytest.mark.parametrize(
    "origin", [OTHER, "null", "", "https://shop.example.evil.example", "http://shop.example", "https://shop.example:8443"]
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
def test_a_page_of_another_origin_is_refused_and_can_read_why(path: str, origin: str, method: str) -> None:
    collector = the_collector()
    answer = collector.send(a_body(), method=method, path=path, headers=[("origin", origin)])
    assert (answer.status, answer.json["reason"], cors(answer)) == (403, "origin_not_allowed", ANY)
    assert collector.topic.messages == []
    assert collector.app.metrics.refused == {"origin_not_allowed": 1}


@pytest.mark.parametrize("origin", [SHOP, "https://blog.example", "http://localhost:8000"])
def test_origins_are_compared_as_browsers_write_them(origin: str) -> None:
    assert the_collector().send(a_body(), path="/shop", headers=[("origin", origin)]).status == 200


@pytest.mark.parametrize(
    ("referrer", "status"),
    [
        (None, 200),
        ("", 200),
        ("https://shop.example/a?b#c", 200),
        ("https://user@SHOP.example:443/", 200),
        ("https://evil.example/https://shop.example", 403),
        ("https://shop.example@evil.example/", 403),
        ("android-app://shop.example", 403),
        ("https://[", 403),
        ("no address", 403),
    ],
)
def test_a_pixel_names_no_origin_so_that_its_referrer_is_looked_at(referrer: str | None, status: int) -> None:
    headers = [("referer", referrer)] if referrer is not None else []
    collector = the_collector()
    assert collector.send(method="GET", path="/pixel", query=a_query(), headers=headers).status == status
    assert collector.send(method="GET", path="/open-pixel", query=a_query(), headers=headers).status == 200


def test_pixels_and_answers_to_servers_can_be_read_by_pages_too() -> None:
    collector = the_collector()
    assert cors(collector.send(method="GET", path="/open-pixel", query=a_query())) == ANY
    assert cors(collector.send(method="GET", path="/open-pixel", query="p=1")) == ANY
    body, kind = msgspec.json.encode(a_json_event()), [("content-type", "application/json")]
    assert cors(collector.send(body, path="/open-json", query="p=0:1:a", headers=kind)) == ANY


@pytest.mark.parametrize(("path", "methods"), [("/shop", "POST"), ("/pixel", "GET, POST")])
def test_a_preflight_returns_what_a_listed_page_may_send(path: str, methods: str) -> None:
    asked = [("origin", SHOP), ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")]
    answer = the_collector().send(method="OPTIONS", path=path, headers=asked)
    assert (answer.status, answer.headers["access-control-allow-methods"]) == (204, methods)
    assert answer.headers["access-control-allow-headers"] == "Content-Type"
    assert answer.headers["access-control-max-age"] == "86400"
    assert answer.headers["access-control-allow-origin"] == SHOP


def test_a_common_answer_is_put_together_once() -> None:
    bare = unavailable("busy", 5)
    cors_headers = AllowedOrigins(LISTED).cors_headers({b"origin": SHOP.encode()})
    assert cors_headers is not None
    assert cors_headers.add_to(bare) is cors_headers.add_to(bare)


def test_the_cache_of_responses_is_bounded() -> None:
    cors_headers = AllowedOrigins().public
    for _ in range(2000):
        assert cors_headers.add_to(unavailable("busy", 5)).status == 503
    assert len(cors_headers._cache) <= 512

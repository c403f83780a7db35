"""The cookie that a source sets: when, with which attributes, and whose events it makes one party's."""

from typing import Any

import pytest
from support.collector.collectors import DEFAULTS, Answer, LocalCollector, a_body, an_event, an_id
from support.collector.divolte import PARTY, SESSION, a_query

from collector.http.responses import ENCODED, encode
from collector.requests import http_types
from collector.requests.cors import AllowedOrigins
from collector.sources import Source

SHOP = "https://shop.example"
SOURCES = (
    Source(name="shop", kind="tracker", event_path="/h", allowed_origins=(SHOP,), server_cookie="__Host-party"),
    Source(
        name="tag",
        kind="divolte_tag",
        event_path="/tag",
        allowed_origins=(SHOP,),
        server_cookie="__Secure-party",
        cookie_domain="shop.example",
    ),
    Source(name="plain", kind="tracker", event_path="/plain", allowed_origins=(SHOP,)),
)
SET = f"__Host-party={an_id(7)}; Max-Age=34128000; Path=/; HttpOnly; Secure; SameSite=Lax"
DELETED = "__Host-party=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
GRANTED: dict[str, Any] = {"party_id": an_id(7), "session_id": an_id(8), "is_new_party": True}
DENIED: dict[str, Any] = {"is_private": True}
MINE, OTHERS = f"a=b; __Host-party={an_id(7)}", f"__Host-party={an_id(9)}"


@pytest.fixture
def collector() -> LocalCollector:
    return LocalCollector(DEFAULTS, sources=SOURCES)


def send(collector: LocalCollector, *events: dict[str, Any], cookie: str = "", path: str = "/h", **headers: str) -> Answer:
    lines = [
        ("origin", SHOP),
        *([("cookie", cookie)] if cookie else []),
        *((name.replace("_", "-"), text) for name, text in headers.items()),
    ]
    return collector.send(a_body(*(an_event(number, **event) for number, event in enumerate(events))), path=path, headers=lines)


def parties(collector: LocalCollector) -> list[tuple[object, object]]:
    return [(record["party_kind"], record["party_id"]) for record in collector.records]


@pytest.mark.parametrize(
    ("events", "cookie", "headers", "line"),
    [
        ([GRANTED], "", {}, SET),
        ([GRANTED], "another=1", {}, SET),
        ([GRANTED], "__Host-party=nonsense", {}, SET),
        ([GRANTED], MINE, {}, None),  # never renewed
        ([GRANTED], OTHERS, {}, None),
        ([GRANTED], f"{MINE}; {OTHERS}", {}, SET),  # one of two is not ours
        ([DENIED], f"{MINE}; {OTHERS}", {}, DELETED),
        ([{}], "", {}, None),  # nothing was said
        ([{}], MINE, {}, None),
        ([DENIED], "", {}, None),
        ([DENIED], MINE, {}, DELETED),
        ([DENIED], "__Host-party=nonsense", {}, DELETED),
        ([GRANTED], MINE, {"sec_gpc": "1"}, DELETED),
        ([GRANTED], "", {"dnt": "1"}, None),
        ([{}, GRANTED], "", {}, SET),  # the last word counts
        ([GRANTED, DENIED], MINE, {}, DELETED),
        ([GRANTED, DENIED], "", {}, None),
        ([DENIED, GRANTED], MINE, {}, None),
        ([GRANTED, {"id": "none"}], "", {}, SET),  # what is refused says nothing
    ],
)
def test_the_cookie_follows_the_last_word_on_consent(
    collector: LocalCollector, events: list[dict[str, Any]], cookie: str, headers: dict[str, str], line: str | None
) -> None:
    answer = send(collector, *events, cookie=cookie, **headers)
    assert answer.status == 200
    assert answer.headers.get("set-cookie") == line
    assert answer.headers.get("cache-control") == (line and "no-store")


def test_a_party_is_the_one_of_its_cookie_whatever_the_page_has_in_mind(collector: LocalCollector) -> None:
    send(collector, GRANTED, cookie=OTHERS)
    (record,) = collector.records
    assert (record["party_id"], record["session_id"], record["is_new_party"]) == (an_id(9), an_id(8), False)
    assert collector.topic.messages[0].key == an_id(9).encode()


@pytest.mark.parametrize("lines", [[f"{OTHERS}; {MINE}"], [OTHERS, MINE]])
def test_one_of_two_cookies_identifies_nobody(collector: LocalCollector, lines: list[str]) -> None:
    collector.send(a_body(an_event(**GRANTED)), headers=[("origin", SHOP), *(("cookie", line) for line in lines)])
    assert parties(collector) == [("consented", an_id(7))]


@pytest.mark.parametrize("cookie", ["", MINE])
def test_a_party_that_both_know_may_be_new(collector: LocalCollector, cookie: str) -> None:
    send(collector, GRANTED, cookie=cookie)
    assert collector.records[0]["is_new_party"] is True


def test_a_cookie_without_consent_identifies_nobody(collector: LocalCollector) -> None:
    for event, headers in (({}, {}), (DENIED, {}), (GRANTED, {"sec_gpc": "1"})):
        send(collector, event, cookie=MINE, **headers)
    assert parties(collector) == [("private", None), ("none", None), ("none", None)]


def test_a_page_may_send_it_and_read_the_answer(collector: LocalCollector) -> None:
    preflight = collector.send(method="OPTIONS", headers=[("origin", SHOP)])
    for answer in (send(collector, GRANTED), preflight):
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == SHOP


def test_a_page_of_another_origin_gets_none(collector: LocalCollector) -> None:
    answer = collector.send(a_body(an_event(**GRANTED)), headers=[("origin", "https://evil.example")])
    assert (answer.status, answer.headers.keys() & {"set-cookie", "access-control-allow-credentials"}) == (403, set())


def test_an_event_that_is_not_stored_sets_none(collector: LocalCollector) -> None:
    collector.topic.is_full = True
    assert (send(collector, GRANTED).status, "set-cookie" in send(collector, GRANTED).headers) == (503, False)
    collector.topic.is_full = False
    assert (send(collector, GRANTED | {"id": "none"}).status, "set-cookie" in send(collector, GRANTED | {"id": "none"}).headers) == (
        422,
        False,
    )


def test_a_duplicate_that_is_dropped_sets_none() -> None:
    collector = LocalCollector(DEFAULTS, sources=(SOURCES[1].model_copy(update={"drop_duplicates": True}),))
    answers = [send(collector, GRANTED | {"id": an_id(1)}, path="/tag") for _ in range(2)]
    assert [(answer.results, "set-cookie" in answer.headers) for answer in answers] == [(["ok"], True), (["duplicate"], False)]


def test_no_memory_keeps_an_answer_that_sets_one() -> None:
    cors_headers = AllowedOrigins((SHOP,), with_cookies=True).cors_headers({b"origin": SHOP.encode()})
    assert cors_headers is not None
    bare = http_types.Response(200, ((b"set-cookie", SET.encode()),), b"")
    first, second = cors_headers.add_to(bare), cors_headers.add_to(bare)
    assert first == second
    assert first is not second
    assert SET.encode() in encode(first).keep_alive
    assert id(first) not in ENCODED


def test_a_source_without_one_sets_none(collector: LocalCollector) -> None:
    answer = send(collector, GRANTED, cookie=MINE, path="/plain")
    assert not answer.headers.keys() & {"set-cookie", "access-control-allow-credentials"}
    assert parties(collector) == [("consented", an_id(7))]


def pixel(collector: LocalCollector, cookie: str = "", query: str = "", **headers: str) -> Answer:
    lines = [("origin", SHOP), *([("cookie", cookie)] if cookie else []), *headers.items()]
    return collector.send(method="GET", path="/tag", query=query or a_query(), headers=lines)


def test_a_pixel_of_divolte_sets_it_too(collector: LocalCollector) -> None:
    answer = pixel(collector)
    assert answer.headers["set-cookie"] == (
        f"__Secure-party={PARTY}; Max-Age=34128000; Path=/; Domain=shop.example; HttpOnly; Secure; SameSite=Lax"
    )
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in pixel(collector, f"__Secure-party={PARTY}").headers


def test_a_pixel_is_its_cookies_party_and_keeps_its_key(collector: LocalCollector) -> None:
    older = PARTY.replace("loyw", "aaaa")
    assert older != PARTY
    pixel(collector)
    pixel(collector, f"__Secure-party={older}", a_query(n="t"))
    first, second = collector.records
    assert (first["party_id"], second["party_id"], second["session_id"]) == (PARTY, older, SESSION)
    assert (second["is_new_party"], first["event_id"]) == (False, second["event_id"])


def test_a_pixel_with_an_opt_out_deletes_it(collector: LocalCollector) -> None:
    answer = pixel(collector, f"__Secure-party={PARTY}", **{"sec-gpc": "1"})
    assert answer.headers["set-cookie"].startswith("__Secure-party=; Max-Age=0; ")
    assert parties(collector) == [("none", None)]


def test_a_pixel_that_a_browser_was_led_to_sets_none_and_is_nobodys(collector: LocalCollector) -> None:
    other = PARTY.replace("loyw", "aaaa")
    lines = [("sec-fetch-mode", "navigate"), ("cookie", f"__Secure-party={other}")]
    for headers in (lines[:1], lines):
        answer = collector.send(method="GET", path="/tag", query=a_query(), headers=headers)
        assert (answer.status, "set-cookie" in answer.headers) == (200, False)
    assert parties(collector) == [("consented", PARTY)] * 2


def test_a_refused_pixel_sets_none(collector: LocalCollector) -> None:
    answer = pixel(collector, query="p=0%3A1%3Aa")
    assert (answer.headers["x-event-rejected"], "set-cookie" in answer.headers) == ("missing_session", False)


@pytest.mark.parametrize("party", ["0:1:a;b=c", "0:1:a b", "0:1:ä"])
def test_an_identifier_that_a_cookie_cannot_hold_is_not_put_into_one(collector: LocalCollector, party: str) -> None:
    answer = collector.send(a_body(an_event(party_id=party)), path="/tag", headers=[("origin", SHOP)])
    assert (answer.results, "set-cookie" in answer.headers) == (["ok"], False)

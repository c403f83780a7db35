"""Whose requests a source takes: allowed origins, and how many from one network."""

import pytest
from support.collector import LocalCollector, a_body, an_event

from collector.rates import MOST_REMEMBERED, Rates
from collector.settings import Settings
from collector.sources import Source

SHOP = "https://shop.example"
OWN = Source(name="own", kind="tracker", event_path="/h", allowed_origins=(SHOP, "http://127.0.0.1:8000"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("origin", SHOP)], 200),
        ([("origin", "http://127.0.0.1:8000")], 200),
        ([("origin", "https://evil.example")], 403),
        ([("origin", "https://shop.example.evil.example")], 403),
        ([("origin", "null")], 403),
        ([("referer", SHOP + "/shoes?q=1")], 200),
        ([("referer", "https://evil.example/" + SHOP)], 403),
        ([("referer", "https://user@shop.example/")], 200),
        ([("referer", "https://[")], 403),
        ([], 200),
    ],
)
def test_pages_of_other_origins_may_not_send(headers: list[tuple[str, str]], status: int) -> None:
    collector = LocalCollector(sources=[OWN])
    assert collector.send(a_body(), headers=headers).status == status
    assert len(collector.topic.messages) == (status == 200)
    assert collector.app.metrics.refused == ({} if status == 200 else {"origin_not_allowed": 1})


@pytest.mark.parametrize(
    ("body", "method", "status"), [(a_body(), "POST", 200), (b"{", "POST", 400), (b"", "OPTIONS", 204), (b"", "PUT", 405)]
)
def test_the_page_that_asked_can_read_each_answer_and_no_other_can(body: bytes, method: str, status: int) -> None:
    answer = LocalCollector(sources=[OWN]).send(body, method=method, headers=[("origin", SHOP)])
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-expose-headers"] == "Retry-After"
    assert answer.headers["vary"] == "Origin"


def test_a_page_that_may_not_send_can_read_why() -> None:
    answer = LocalCollector(sources=[OWN]).send(a_body(), headers=[("origin", "https://evil.example")])
    assert (answer.json["reason"], answer.headers["access-control-allow-origin"]) == ("origin_not_allowed", "*")


def test_a_network_that_sends_too_much_is_told_when_to_come_again_and_nothing_is_stored() -> None:
    collector = LocalCollector(Settings(rate_per_second=0.5, rate_burst=2))
    answers = [collector.send(a_body(an_event(number)), client=(f"192.0.2.{number}", 1)) for number in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert answers[2].headers["retry-after"] == "2"
    assert answers[2].headers["access-control-expose-headers"] == "Retry-After"
    assert collector.send(a_body(an_event(9)), client=("192.0.3.1", 1)).status == 200
    assert len(collector.topic.messages) == 3
    assert collector.app.metrics.refused == {"too_many_requests": 2}


def test_behind_a_proxy_the_clients_network_counts() -> None:
    collector = LocalCollector(Settings(rate_per_second=1, rate_burst=1))
    for number in range(3):
        forwarded = [("x-forwarded-for", f"198.51.{number}.7")]
        assert collector.send(a_body(an_event(number)), client=("127.0.0.1", 1), headers=forwarded).status == 200


def test_trusted_sources_have_no_rate() -> None:
    collector = LocalCollector(Settings(rate_per_second=1, rate_burst=1))
    assert [collector.send(a_body(an_event(number)), internal=True).status for number in range(3)] == [200] * 3


def test_a_bucket_fills_again_with_time() -> None:
    rates = Rates(10, 5)
    assert [rates.take("a", 100.0) for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    assert [rates.take("a", 100.2) for _ in range(3)] == [0, 0, 1]
    assert [rates.take("a", 200.0) for _ in range(6)] == [0, 0, 0, 0, 0, 1]


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    rates = Rates(1, 2)
    assert rates.take("a", 1e9) == 0
    assert rates.take("a", 1.0) == 0


def test_what_is_remembered_of_networks_is_bounded() -> None:
    rates = Rates(1, 1)
    for number in range(MOST_REMEMBERED + 10):
        rates.take(str(number), 0.0)
    assert len(rates._full_at) == MOST_REMEMBERED

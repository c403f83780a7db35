"""How many requests are taken from one network."""

from collections.abc import Sequence

import pytest
from support.collector import DEFAULTS, LocalCollector, a_body, an_event

from collector import rates
from collector.addresses import AddressReader
from collector.rates import Rates
from collector.settings import Settings
from collector.sources import Source

FEW = DEFAULTS.model_copy(update={"rate_per_second": 0.5, "rate_burst": 2})


def taken(buckets: Rates, *moments: float, prefix: str = "a") -> list[int]:
    return [buckets.take(prefix, 1000 + moment) for moment in moments]


def test_so_many_come_at_once_and_then_so_many_a_second() -> None:
    buckets = Rates(10, 3)
    assert taken(buckets, 0, 0, 0, 0) == [0, 0, 0, 1]
    assert taken(buckets, 0.1, 0.1, 0.2, 0.2) == [0, 1, 0, 1]
    assert taken(buckets, 10, 10, 10, 10) == [0, 0, 0, 1]  # full again, and not fuller


def test_a_long_run_gets_its_rate_and_what_is_refused_costs_nothing() -> None:
    buckets = Rates(20, 200)
    asked = [step / 100 for step in range(60 * 100)]
    assert taken(buckets, *asked).count(0) == pytest.approx(200 + 60 * 20, abs=1)


def test_the_pause_is_in_whole_seconds_until_there_is_a_token() -> None:
    buckets = Rates(0.1, 1)
    assert taken(buckets, 0, 0.5, 7.2, 9.9, 10) == [0, 10, 3, 1, 0]


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    buckets = Rates(1, 2)
    assert taken(buckets, 5000, 5000, 0, 0, 0) == [0, 0, 0, 0, 1]


def test_what_is_remembered_is_bounded_and_who_was_silent_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_REMEMBERED", 2)
    buckets = Rates(1, 1)
    assert [buckets.take(prefix, 0) for prefix in ("a", "b", "a", "c")] == [0, 0, 1, 0]
    assert [buckets.take(prefix, 0) for prefix in ("a", "b")] == [1, 0]
    assert len(buckets._full_at) == 2


@pytest.mark.parametrize(
    ("address", "prefix"),
    [("203.0.113.9", "203.0.113.0"), ("2001:db8:1:2:3::4", "2001:db8:1:2::"), ("::ffff:203.0.113.9", "203.0.113.0")],
)
def test_a_network_is_a_24_or_a_64(address: str, prefix: str) -> None:
    seen = AddressReader([]).read(address, b"")
    assert seen is not None
    assert seen.prefix == prefix


def statuses(collector: LocalCollector, clients: Sequence[str], *, internal: bool = False) -> list[int]:
    return [collector.send(a_body(an_event(number)), client=(client, 1), internal=internal).status for number, client in enumerate(clients)]


def test_a_network_that_sends_too_much_is_asked_to_wait_and_leaves_no_trace() -> None:
    collector = LocalCollector(FEW)
    assert statuses(collector, ["192.0.2.1", "192.0.2.99", "192.0.2.1", "192.0.3.1"]) == [200, 200, 429, 200]
    answer = collector.send(a_body())
    assert (answer.status, answer.json["reason"], answer.headers["retry-after"]) == (429, "too_many_requests", "2")
    assert len(collector.topic.messages) == 3
    assert (collector.app.metrics.refused, collector.app.metrics.answers[429]) == ({"too_many_requests": 2}, 2)


def test_a_batch_counts_as_one_request_and_a_preflight_too() -> None:
    collector = LocalCollector(FEW)
    assert collector.send(a_body(*map(an_event, range(50)))).status == 200
    assert collector.send(method="OPTIONS").status == 204
    assert collector.send(method="OPTIONS").status == 429


def test_who_cannot_be_told_shares_a_bucket_with_all_who_cannot() -> None:
    collector = LocalCollector(FEW)
    unknown = [[("x-forwarded-for", f"garbage-{number}")] for number in range(3)]
    assert [collector.send(a_body(), client=("127.0.0.1", 1), headers=headers).status for headers in unknown] == [200, 200, 429]


def test_visitors_behind_a_proxy_have_buckets_of_their_own() -> None:
    collector = LocalCollector(FEW)
    visitors = [[("x-forwarded-for", f"203.0.{number}.9")] for number in range(9)]
    assert {collector.send(a_body(), client=("127.0.0.1", 1), headers=headers).status for headers in visitors} == {200}


@pytest.mark.parametrize("forwarded", [None, "", "127.9.9.9"])
def test_a_listed_proxy_that_names_no_client_has_no_bound(forwarded: str | None) -> None:
    collector = LocalCollector(FEW)
    headers = [] if forwarded is None else [("x-forwarded-for", forwarded)]
    assert {collector.send(a_body(), client=("127.0.0.1", 1), headers=headers).status for _ in range(9)} == {200}


def test_there_is_a_bound_unless_the_operator_takes_it_away() -> None:
    answers = statuses(LocalCollector(Settings()), ["192.0.2.1"] * 210)
    assert answers == [200] * 200 + [429] * 10


def test_trusted_sources_have_no_bound() -> None:
    assert statuses(LocalCollector(FEW), ["192.0.2.1"] * 9, internal=True) == [200] * 9


def test_a_source_can_have_a_rate_of_its_own_or_none() -> None:
    sources = [
        Source(name="a", kind="tracker", event_path="/a"),
        Source(name="b", kind="tracker", event_path="/b"),
        Source(name="c", kind="tracker", event_path="/c", rate_per_second=0),
        Source(name="d", kind="tracker", event_path="/d", rate_per_second=10),
    ]
    collector = LocalCollector(FEW, sources=sources)
    sent = [collector.send(a_body(), path=path).status for path in ("/a", "/b", "/a", "/c", "/c", "/c", "/d", "/d", "/d")]
    assert sent == [200, 200, 429, 200, 200, 200, 200, 200, 429]


def test_a_rate_of_0_is_no_bound() -> None:
    collector = LocalCollector(FEW.model_copy(update={"rate_per_second": 0.0}))
    assert statuses(collector, ["192.0.2.1"] * 9) == [200] * 9

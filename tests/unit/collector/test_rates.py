"""The rate limit of one network."""

from collections.abc import Sequence
from itertools import count

import pytest
from support.collector.collectors import DEFAULTS, LocalCollector, a_body, an_event

from collector.events.event import RejectReason
from collector.requests import intake, rates
from collector.requests.client_ip import ClientIpResolver
from collector.requests.rates import BYTES, REQUESTS, RateLimiter
from collector.settings import Settings
from collector.sources import Copy, Source

FEW = DEFAULTS.model_copy(update={"rate_per_second": 0.5, "rate_burst": 2})


def taken(buckets: RateLimiter, *moments: float, networks: Sequence[str] = ("a",)) -> list[int]:
    """Return the seconds to wait; 0 if the request is accepted."""
    return [wait.seconds if (wait := buckets.admit(networks, 1000 + moment)) else 0 for moment in moments]


def test_a_burst_comes_at_once_and_then_the_rate_per_second() -> None:
    buckets = RateLimiter(10, 3, 0)
    assert taken(buckets, 0, 0, 0, 0) == [0, 0, 0, 1]
    assert taken(buckets, 0.1, 0.1, 0.2, 0.2) == [0, 1, 0, 1]
    assert taken(buckets, 10, 10, 10, 10) == [0, 0, 0, 1]  # full again, and not fuller


def test_a_long_run_gets_its_rate_and_what_is_refused_costs_nothing() -> None:
    buckets = RateLimiter(20, 200, 0)
    asked = [step / 100 for step in range(60 * 100)]
    assert taken(buckets, *asked).count(0) == pytest.approx(200 + 60 * 20, abs=1)


def test_the_pause_is_in_whole_seconds_until_there_is_a_token() -> None:
    buckets = RateLimiter(0.1, 1, 0)
    assert taken(buckets, 0, 0.5, 7.2, 9.9, 10) == [0, 10, 3, 1, 0]


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    buckets = RateLimiter(1, 2, 0)
    assert taken(buckets, 5000, 5000, 0, 0, 0) == [0, 0, 0, 0, 1]


def test_the_memory_is_bounded_and_the_longest_silent_network_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_NETWORKS", 2)
    buckets = RateLimiter(1, 1, 0)
    assert [taken(buckets, 0, networks=[name]) for name in ("a", "b", "a", "c")] == [[0], [0], [1], [0]]
    assert [taken(buckets, 0, networks=[name]) for name in ("a", "b")] == [[1], [0]]
    assert len(buckets._full_at) == 2


def test_the_bytes_per_minute_are_limited_and_the_request_that_overdraws_is_the_last() -> None:
    buckets = RateLimiter(0, 200, 6000)
    sent = []
    for moment in range(600):
        if not taken(buckets, moment)[0]:
            buckets.charge(["a"], 1000 + moment, BYTES, 1000)
            sent.append(moment)
    assert sent[:7] == list(range(7))
    assert len(sent) == pytest.approx(7 + 60, abs=2)  # a minute's at once, then 6,000 a minute
    assert taken(buckets, 600, networks=["b"]) == [0]


def test_a_request_that_makes_the_work_of_several_counts_as_many() -> None:
    buckets = RateLimiter(20, 200, 0)
    sent = 0
    for step in range(60 * 100):
        if taken(buckets, step / 100) == [0]:
            buckets.charge(["a"], 1000 + step / 100, REQUESTS, 9)
            sent += 1
    assert sent == pytest.approx((200 + 60 * 20) / 10, abs=2)
    buckets.charge(["a"], 5000, REQUESTS, 200_000)
    assert [buckets.admit(["a"], at) is None for at in (5000, 5009.9, 5010.2)] == [False, False, True]


def test_a_debt_of_bytes_is_at_most_a_minute_and_a_clock_that_was_set_back_forgives_it() -> None:
    buckets = RateLimiter(0, 200, 1000)
    assert buckets.admit(["a"], 5000) is None
    buckets.charge(["a"], 5000, BYTES, 10**9)
    assert buckets.admit(["a"], 5000) == (RejectReason.TOO_MANY_BYTES, 61)
    assert buckets.admit(["a"], 5060.5) is None
    assert buckets.admit(["a"], 0) is None


def test_the_networks_of_one_site_of_ipv6_have_sixteen_times_the_allowance_of_one() -> None:
    buckets = RateLimiter(1, 1, 1000)
    assert [taken(buckets, 0, networks=[f"{number}", "site"]) for number in range(17)] == [[0]] * 16 + [[1]]
    assert taken(buckets, 1.1, networks=["0", "site"]) == [0]
    buckets.charge(["0", "site"], 2000, BYTES, 1000)
    assert taken(buckets, 1000, networks=["0", "site"]) == [1]
    assert taken(buckets, 1000, networks=["1", "site"]) == [0]
    for number in range(15):
        buckets.charge([f"{number}", "site"], 2000, BYTES, 1000)
    assert taken(buckets, 1000, networks=["99", "site"]) == [1]


@pytest.mark.parametrize(
    ("client_ip", "networks"),
    [
        ("203.0.113.9", ("203.0.113.0/24",)),
        ("2001:db8:1:2:3::4", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("2001:db8:1::4", ("2001:db8:1::/64", "2001:db8:1::/48")),
        ("::ffff:203.0.113.9", ("203.0.113.0/24",)),
    ],
)
def test_a_network_is_a_24_or_a_64_within_a_48(client_ip: str, networks: tuple[str, ...]) -> None:
    seen = ClientIpResolver([]).resolve(client_ip, b"")
    assert seen is not None
    assert seen.networks == networks


def statuses(collector: LocalCollector, clients: Sequence[str], *, internal: bool = False) -> list[int]:
    return [collector.send(a_body(an_event(number)), client=(client, 1), internal=internal).status for number, client in enumerate(clients)]


def test_a_network_that_sends_too_much_is_asked_to_wait_and_leaves_no_trace() -> None:
    collector = LocalCollector(FEW)
    assert statuses(collector, ["192.0.2.1", "192.0.2.99", "192.0.2.1", "192.0.3.1"]) == [200, 200, 429, 200]
    answer = collector.send(a_body())
    assert (answer.status, answer.json["reason"], answer.headers["retry-after"]) == (429, "too_many_requests", "2")
    assert len(collector.topic.messages) == 3
    assert (collector.app.metrics.refused, collector.app.metrics.responses[429]) == ({"too_many_requests": 2}, 2)


def test_a_network_that_has_too_much_stored_is_asked_to_wait_whatever_became_of_it() -> None:
    collector = LocalCollector(DEFAULTS.model_copy(update={"bytes_per_minute": 10_000}))
    wide = [an_event(number, parameters={"text": "x" * 2000}) for number in range(3)]
    assert collector.send(a_body(*wide), client=("192.0.2.1", 1)).status == 200
    assert collector.send(a_body(*({"id": number} for number in range(50))), client=("192.0.2.99", 1)).status == 422
    assert statuses(collector, ["192.0.2.1", "192.0.3.1"]) == [429, 200]
    answer = collector.send(a_body(), client=("192.0.2.1", 1))
    assert (answer.json["reason"], 1 <= int(answer.headers["retry-after"]) <= 61) == ("too_many_bytes", True)
    assert collector.app.metrics.refused == {"too_many_bytes": 2}
    assert statuses(collector, ["192.0.2.1"], internal=True) == [200]


def test_a_network_whose_requests_make_much_work_is_asked_to_wait() -> None:
    floats = b",".join([b"2.2250738585072011e-308"] * 10_000)  # each takes the decoder five microseconds
    body = a_body(an_event(parameters={"a": "x"})).replace(b'"x"', b"[" + floats + b"]")
    collector = LocalCollector()
    answers = [collector.send(body, client=("192.0.2.1", 1)).status for _ in range(60)]
    assert (set(answers), answers[0], answers[-1]) == ({422, 429}, 422, 429)
    assert statuses(collector, ["192.0.3.1"]) == [200]


def test_requests_that_a_full_topic_did_not_store_are_not_charged() -> None:
    collector = LocalCollector(DEFAULTS.model_copy(update={"bytes_per_minute": 1000}))
    collector.topic.is_full = True
    assert statuses(collector, ["192.0.2.1"] * 9) == [503] * 9
    collector.topic.is_full = False
    assert statuses(collector, ["192.0.2.1"]) == [200]


def test_the_work_of_a_long_query_is_charged_like_that_of_a_large_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "thread_time", count(0, 50 * rates.SECONDS_PER_REQUEST).__next__)  # the work of fifty requests
    collector = LocalCollector(sources=[Source(name="tag", kind="divolte_tag", event_path="/tag")])

    def answers(characters: int, client: str) -> list[int]:
        query = "&u=" + "x" * characters
        return [collector.send(method="GET", path="/tag", query=query, client=(client, 1)).status for _ in range(9)]

    assert answers(100, "192.0.2.1") == [200] * 9
    assert answers(5000, "192.0.3.1")[-1] == 429


def test_the_copies_of_events_are_charged_too() -> None:
    copy = Copy(topic="copies", mapping_file=DEFAULTS.mapping_file, schema_file=DEFAULTS.schema_file)
    sent = []
    for source in (Source(name="a", kind="tracker", event_path="/h"), Source(name="a", kind="tracker", event_path="/h", copy=copy)):
        collector = LocalCollector(DEFAULTS.model_copy(update={"bytes_per_minute": 10_000}), sources=[source])
        sent.append(statuses(collector, ["192.0.2.1"] * 60).count(200))
    assert sent[0] == pytest.approx(2 * sent[1], abs=1)


def test_a_batch_counts_as_one_request_and_a_preflight_too() -> None:
    collector = LocalCollector(FEW)
    assert collector.send(a_body(*map(an_event, range(50)))).status == 200
    assert collector.send(method="OPTIONS").status == 204
    assert collector.send(method="OPTIONS").status == 429


def test_clients_without_a_known_ip_share_a_bucket() -> None:
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


def test_a_source_can_have_bytes_of_its_own_or_none() -> None:
    sources = [
        Source(name="a", kind="tracker", event_path="/a"),
        Source(name="b", kind="tracker", event_path="/b", bytes_per_minute=0),
        Source(name="c", kind="tracker", event_path="/c", bytes_per_minute=1),
    ]
    collector = LocalCollector(DEFAULTS.model_copy(update={"bytes_per_minute": 1000}), sources=sources)
    sent = {path: [collector.send(a_body(), path=path).status for _ in range(9)] for path in ("/a", "/b", "/c")}
    counts = [statuses.count(200) for statuses in sent.values()]
    assert 2 <= counts[0] <= 4
    assert counts[1:] == [9, 1]


def test_a_rate_of_0_is_not_a_bound() -> None:
    collector = LocalCollector(FEW.model_copy(update={"rate_per_second": 0.0}))
    assert statuses(collector, ["192.0.2.1"] * 9) == [200] * 9

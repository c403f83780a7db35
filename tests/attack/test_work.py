"""Work and memory that a visitor can cause: long agents, hosts of a thousand labels, endless header lines."""

import sys
import tracemalloc
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from support.collector.collectors import DEFAULTS, LocalCollector, a_body, an_event
from support.cpu_time import times_as_long
from support.streams.in_memory import NOON

from collector.requests.client_ip import MAX_HOPS, ClientIpResolver
from enrichment.bots import MAX_AGENT_LENGTH
from enrichment.channels import find_channel
from enrichment.device import find_device
from streams.sessions.party import Parties
from streams.sessions.salts import DAY_MS, Salts

MIB = 1 << 20


@pytest.mark.parametrize(
    "piece", ["Android ", "Android Mobile", "googlebot ", "Tizen", "AFT", "Mozilla/5.0 (", "Spider", "(", "ContextualBot"]
)
def test_a_long_agent_takes_no_longer_than_one_that_is_stored(piece: str) -> None:
    def classify(length: int) -> None:
        find_device(f"{next(numbers)}{piece * 2000}"[:length])

    numbers = count()
    classify(MAX_AGENT_LENGTH)
    assert times_as_long(lambda: classify(16_000), lambda: classify(MAX_AGENT_LENGTH)) < 3, "10 to 200 times, when all of it was searched"


@pytest.mark.parametrize("host", ["." * 2000, "a." * 1000, "a.co." * 400])
def test_a_host_of_a_thousand_labels_is_looked_up_as_quickly_as_any(host: str) -> None:
    def look_up(host: str) -> None:
        for _ in range(20):
            find_channel("shop.example", "https://x/", f"{host}{next(numbers)}.fr", host, None, None, None)

    numbers = count()
    look_up("warm")
    assert times_as_long(lambda: look_up(host), lambda: look_up(host[: len(host) // 4])) < 8, (
        "16 times, when each label took all of the host"
    )


def test_proxies_without_end_in_a_header_are_not_all_read() -> None:
    reader = ClientIpResolver(DEFAULTS.trusted_proxies)
    endless, long = (b"203.0.113.9," + b"::1," * hops + b"127.0.0.1" for hops in (4000, MAX_HOPS))
    assert reader.resolve("127.0.0.1", endless) is None
    assert times_as_long(lambda: reader.resolve("127.0.0.1", endless), lambda: reader.resolve("127.0.0.1", long)) < 3, (
        "40, when all of it was read"
    )


def test_long_headers_of_visitors_who_opted_out_are_not_searched_once_per_event() -> None:
    collector = LocalCollector(DEFAULTS.model_copy(update={"rate_per_second": 0.0, "bytes_per_minute": 0}))
    headers = [("sec-gpc", "1"), *((f"x-{number}", "a=%3D" * 300) for number in range(10))]
    encoded = a_body(*(an_event(number) for number in range(40)))
    assert collector.send(encoded, headers=headers).results == ["ok"] * 40
    with_long_headers = times_as_long(
        lambda: collector.send(encoded, headers=headers), lambda: collector.send(encoded, headers=headers[:1])
    )
    assert with_long_headers < 3, "13 times, when they were"


def grown(work: Callable[[], object]) -> float:
    """MiB that are held after some work and were not before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[0] / MIB
    finally:
        tracemalloc.stop()


def test_the_cache_of_long_agents_is_bounded_in_bytes() -> None:
    collector = LocalCollector(DEFAULTS.model_copy(update={"rate_per_second": 0.0, "bytes_per_minute": 0}))
    encoded = a_body(an_event())

    def flood() -> None:
        for number in range(1000):
            collector.send(encoded, headers=[("user-agent", f"{number:05}" + "a" * 15_000)])
            collector.topic.messages.clear()

    assert grown(flood) < 6, "15 MiB, when only the agents' number was bounded"


def test_the_cache_of_private_visitors_is_bounded_in_bytes(tmp_path: Path) -> None:
    salts = Salts.open(tmp_path / "salts.json")
    salts.renew([NOON // DAY_MS], NOON)
    parties = Parties(salts)

    def flood() -> None:
        for number in range(1000):
            agent = f"{number:05}" + "a" * 15_000
            parties.identify({"party_kind": "private", "occurred_at": NOON, "site": "shop", "address": None, "user_agent": agent})

    assert grown(flood) < 1
    assert sys.getsizeof(parties._cache) < MIB

"""What the forwarder counts, as Prometheus reads it."""

import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from topics.forwarder.in_flight import InFlight

PREFIX = "clickstream_forwarder"


class Progress:
    """What a forwarder counts of one spool, and how far it is behind."""

    def __init__(self, end: Callable[[], int]) -> None:
        self._end = end
        self.sent = self.settled = self.resent = self.failures = 0
        self.in_flight = self._done = 0
        self._oldest: int | None = None

    def forwarded(self, sent: int, settled: int) -> None:
        """Count what was reported, and what was accounted for here."""
        self.sent += sent
        self.settled += settled

    def requeued(self, count: int, oldest: int | None) -> None:
        """Count a failure, and what is sent again for it; `oldest` is when the first message that waits was received."""
        self.failures += 1
        self.resent += count
        self.in_flight = 0
        self._oldest = oldest

    def stands(self, window: InFlight, done: int) -> None:
        """Note how far the forwarder is."""
        oldest = window.oldest()
        self.in_flight, self._done = window.messages, done
        self._oldest = oldest.received_at if oldest else None

    def unread_bytes(self) -> int:
        """Give how much of the spool Kafka does not have yet."""
        return max(0, self._end() - self._done)

    def oldest_at(self) -> float | None:
        """Give when the oldest message under way was received, seconds since 1970."""
        return self._oldest / 1000 if self._oldest is not None and self.unread_bytes() else None


class Metrics(Collector):
    """The counts of all spools, added up."""

    def __init__(self, spools: Callable[[], Sequence[Progress]], now: Callable[[], float] = time.time) -> None:
        self._spools, self._now = spools, now
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Give the metrics; Prometheus' client calls this."""
        spools = self._spools()
        counters = {
            "messages": ("Messages that Kafka has reported as delivered.", sum(one.sent for one in spools)),
            "settled": ("Rejections and damage, accounted for here.", sum(one.settled for one in spools)),
            "requeued": ("Messages that were under way when something failed, and are sent again.", sum(one.resent for one in spools)),
            "failures": ("Times that forwarding failed and began again further back.", sum(one.failures for one in spools)),
        }
        for name, (text, count) in counters.items():
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value=count)
        now = self._now()
        oldest = min((at for one in spools if (at := one.oldest_at()) is not None), default=now)
        gauges = {
            "in_flight": ("Messages under way to Kafka.", sum(one.in_flight for one in spools)),
            "unreleased_bytes": ("Bytes of the local topic that Kafka does not have yet.", sum(one.unread_bytes() for one in spools)),
            "oldest_seconds": ("Age of the oldest message under way.", max(0.0, now - oldest)),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)

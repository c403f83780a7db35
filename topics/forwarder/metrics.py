"""The metrics of the forwarder for Prometheus."""

import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from topics.forwarder.in_flight import InFlight

PREFIX = "clickstream_forwarder"


class Progress:
    """The counts and the lag of one spool."""

    def __init__(self, end: Callable[[], int]) -> None:
        self._end = end
        self.sent = self.settled = self.resent = self.failures = 0
        self.in_flight = self._done = 0
        self._oldest: int | None = None

    def forwarded(self, sent: int, settled: int) -> None:
        """Count messages that were reported as delivered, and those that the forwarder itself accounted for."""
        self.sent += sent
        self.settled += settled

    def requeued(self, count: int, oldest: int | None) -> None:
        """Count a failure and the messages that are sent again; `oldest` is when the first waiting message was received."""
        self.failures += 1
        self.resent += count
        self.in_flight = 0
        self._oldest = oldest

    def update(self, in_flight: InFlight, done: int) -> None:
        """Update the messages in flight and the position before which Kafka has everything."""
        oldest = in_flight.oldest()
        self.in_flight, self._done = in_flight.messages, done
        self._oldest = oldest.received_at if oldest else None

    def unread_bytes(self) -> int:
        """Return the bytes of the spool that Kafka does not have yet."""
        return max(0, self._end() - self._done)

    def oldest_at(self) -> float | None:
        """Return when the oldest message in flight was received, in seconds since 1970."""
        return self._oldest / 1000 if self._oldest is not None and self.unread_bytes() else None


class Metrics(Collector):
    """The sums over all spools."""

    def __init__(self, spools: Callable[[], Sequence[Progress]], now: Callable[[], float] = time.time) -> None:
        self._spools, self._now = spools, now
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; Prometheus' client calls this."""
        spools = self._spools()
        counters = {
            "messages": ("Messages that Kafka has reported as delivered.", sum(spool.sent for spool in spools)),
            "settled": ("Rejections and damaged frames, which the forwarder itself accounts for.", sum(spool.settled for spool in spools)),
            "requeued": ("Messages that were in flight when forwarding failed, and are sent again.", sum(spool.resent for spool in spools)),
            "failures": ("Times that forwarding failed and restarted at the released position.", sum(spool.failures for spool in spools)),
        }
        for name, (text, count) in counters.items():
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value=count)
        now = self._now()
        oldest = min((at for spool in spools if (at := spool.oldest_at()) is not None), default=now)
        gauges = {
            "in_flight": ("Messages in flight to Kafka.", sum(spool.in_flight for spool in spools)),
            "unreleased_bytes": ("Bytes of the local topic that Kafka does not have yet.", sum(spool.unread_bytes() for spool in spools)),
            "oldest_seconds": ("Age of the oldest message in flight.", max(0.0, now - oldest)),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)

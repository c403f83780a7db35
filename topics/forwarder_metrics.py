"""What the forwarder counts, as Prometheus reads it."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from topics.window import Window

PREFIX = "clickstream_forwarder"


class Metrics(Collector):
    """The forwarder's counters, and how far it is behind."""

    def __init__(self, end: Callable[[], int], now: Callable[[], float] = time.time) -> None:
        self._end, self._now = end, now
        self._forwarded = self._settled = self._requeued = self._failures = 0
        self._in_flight = self._done = 0
        self._oldest: int | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def forwarded(self, sent: int, settled: int) -> None:
        """Count what was reported, and what was accounted for here."""
        self._forwarded += sent
        self._settled += settled

    def requeued(self, count: int, oldest: int | None) -> None:
        """Count a failure, and what is sent again for it; `oldest` is when the first message that waits was received."""
        self._failures += 1
        self._requeued += count
        self._in_flight = 0
        self._oldest = oldest

    def stands(self, window: Window, done: int) -> None:
        """Note how far the forwarder is."""
        oldest = window.oldest()
        self._in_flight, self._done = window.messages, done
        self._oldest = oldest.received_at if oldest else None

    def text(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Give the metrics; Prometheus' client calls this."""
        counters = {
            "messages": ("Messages that Kafka has reported as delivered.", self._forwarded),
            "settled": ("Rejections and damage, accounted for here.", self._settled),
            "requeued": ("Messages that were under way when something failed, and are sent again.", self._requeued),
            "failures": ("Times that forwarding failed and began again further back.", self._failures),
        }
        for name, (text, count) in counters.items():
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value=count)
        unread = max(0, self._end() - self._done)
        age = self._now() - self._oldest / 1000 if self._oldest is not None and unread else 0.0
        yield GaugeMetricFamily(f"{PREFIX}_in_flight", "Messages under way to Kafka.", value=self._in_flight)
        yield GaugeMetricFamily(f"{PREFIX}_unreleased_bytes", "Bytes of the local topic that Kafka does not have yet.", value=unread)
        yield GaugeMetricFamily(f"{PREFIX}_oldest_seconds", "Age of the oldest message under way.", value=max(0.0, age))

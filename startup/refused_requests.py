"""The metric of the denied requests of a guarded port."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from startup.port_guard import REASONS, Denial


class RefusedRequests(Collector):
    """A Prometheus collector of the number of denied requests, by reason."""

    def __init__(self) -> None:
        self._counts = Counter(dict.fromkeys(REASONS, 0))

    def count(self, denial: Denial) -> None:
        """Count one denied request."""
        self._counts[denial.reason] += 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the metric; the Prometheus client calls this."""
        family = CounterMetricFamily("clickstream_port_refused_requests", "Requests that this port refused, by reason.", labels=("reason",))
        for reason, count in self._counts.items():
            family.add_metric((reason,), count)
        yield family

    def text(self) -> bytes:
        """Return the metric in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

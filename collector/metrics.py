"""The collector's metrics for Prometheus. The hot path increments plain numbers, which become metrics when they are read."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

PREFIX = "clickstream_collector"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics(Collector):
    """The collector's counters."""

    def __init__(self, unread_bytes: Callable[[], int], implausible: Mapping[tuple[str, str], int] = MappingProxyType({})) -> None:
        self.results: Counter[tuple[str, str]] = Counter()  # (source, result)
        self.responses: Counter[int] = Counter()  # status
        self.refused: Counter[str] = Counter()  # requests rejected as a whole, by reason
        self._implausible = implausible  # (source, field)
        self.unknown_keys = 0
        self.aborted = 0
        self._unread_bytes = unread_bytes
        self._seconds = 0.0
        self._buckets = [0] * (len(BUCKETS) + 1)
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def count_durable(self, source: str, results: Sequence[str], seconds: float) -> None:
        """Count the events of a request, and the time from its receipt until they were durable."""
        if len(results) == 1:
            self.results[source, results[0]] += 1
        else:
            for result in results:
                self.results[source, result] += 1
        self._seconds += seconds
        self._buckets[bisect_left(BUCKETS, seconds)] += 1

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; Prometheus' client calls this."""
        events = CounterMetricFamily(
            f"{PREFIX}_events", "Events by source and result: ok, duplicate or the reject reason.", labels=("source", "result")
        )
        for (source, result), count in sorted(self.results.items()):
            events.add_metric((source, str(result)), count)
        yield events
        responses = CounterMetricFamily(f"{PREFIX}_answers", "Responses to requests for events, by status.", labels=("status",))
        for status, count in sorted(self.responses.items()):
            responses.add_metric((str(status),), count)
        yield responses
        refused = CounterMetricFamily(f"{PREFIX}_refused_requests", "Requests rejected as a whole, by reason.", labels=("reason",))
        for reason, count in sorted(self.refused.items()):
            refused.add_metric((str(reason),), count)
        yield refused
        implausible = CounterMetricFamily(
            f"{PREFIX}_implausible_numbers",
            "Numbers outside their range, omitted from the record, by source and field.",
            labels=("source", "field"),
        )
        for labels, count in sorted(self._implausible.items()):
            implausible.add_metric(labels, count)
        yield implausible
        yield CounterMetricFamily(
            f"{PREFIX}_unknown_keys", "Unknown keys of batches and events, which were ignored.", value=self.unknown_keys
        )
        yield CounterMetricFamily(f"{PREFIX}_aborted_requests", "Requests whose client disconnected before the end.", value=self.aborted)
        yield GaugeMetricFamily(
            f"{PREFIX}_unread_bytes", "Bytes of the topic that the slowest consumer has not read.", value=self._unread_bytes()
        )
        yield self._durations()

    def _durations(self) -> Metric:
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            buckets.append((bound, total))
        durations = HistogramMetricFamily(f"{PREFIX}_durable_seconds", "Time from the receipt of a request until its events were durable.")
        durations.add_metric((), buckets, self._seconds)
        return durations


class _WorkerMetrics(Collector):
    """The metrics of several workers, each with a label. To Prometheus, a sum would reset at each restart of one of them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; Prometheus' client calls this."""
        families: dict[str, Metric] = {}
        for worker, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [sample._replace(labels={"worker": worker} | sample.labels) for sample in family.samples]
        up = GaugeMetricFamily(f"{PREFIX}_worker_answers", "1 if the worker returned its metrics, 0 if it did not.", labels=("worker",))
        for worker, text in self._texts.items():
            up.add_metric((worker,), 1.0 if text else 0.0)
        yield from (*families.values(), up)


def merge(texts: Mapping[str, str]) -> bytes:
    """Merge the metrics of several workers by name; the text of a worker that did not respond is empty."""
    registry = CollectorRegistry()
    registry.register(_WorkerMetrics(texts))
    return generate_latest(registry)

"""What the collector counts, as Prometheus reads it. The hot path adds to plain numbers; they become metrics when asked for."""

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
        self.refused: Counter[str] = Counter()  # requests refused as a whole, by reason
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
        """Count the events of an answered beacon and the time from its arrival until they were durable."""
        if len(results) == 1:
            self.results[source, results[0]] += 1
        else:
            for result in results:
                self.results[source, result] += 1
        self._seconds += seconds
        self._buckets[bisect_left(BUCKETS, seconds)] += 1

    def text(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Give the metrics; Prometheus' client calls this."""
        events = CounterMetricFamily(
            f"{PREFIX}_events", "Events by source and result: ok, duplicate or the reject reason.", labels=("source", "result")
        )
        for (source, result), count in sorted(self.results.items()):
            events.add_metric((source, str(result)), count)
        yield events
        answers = CounterMetricFamily(f"{PREFIX}_answers", "Answers to requests for events, by status.", labels=("status",))
        for status, count in sorted(self.responses.items()):
            answers.add_metric((str(status),), count)
        yield answers
        refused = CounterMetricFamily(f"{PREFIX}_refused_requests", "Requests refused as a whole, by reason.", labels=("reason",))
        for reason, count in sorted(self.refused.items()):
            refused.add_metric((str(reason),), count)
        yield refused
        implausible = CounterMetricFamily(
            f"{PREFIX}_implausible_numbers",
            "Numbers out of their range, left out of the record, by source and field.",
            labels=("source", "field"),
        )
        for labels, count in sorted(self._implausible.items()):
            implausible.add_metric(labels, count)
        yield implausible
        yield CounterMetricFamily(
            f"{PREFIX}_unknown_keys", "Keys of batches and events that are not known and were ignored.", value=self.unknown_keys
        )
        yield CounterMetricFamily(f"{PREFIX}_aborted_requests", "Requests whose sender went away before the end.", value=self.aborted)
        yield GaugeMetricFamily(
            f"{PREFIX}_unread_bytes", "Bytes of the topic that the slowest reader has before it.", value=self._unread_bytes()
        )
        yield self._durations()

    def _durations(self) -> Metric:
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            buckets.append((bound, total))
        durations = HistogramMetricFamily(f"{PREFIX}_durable_seconds", "Time from a request's arrival until its events were durable.")
        durations.add_metric((), buckets, self._seconds)
        return durations


class _Gathered(Collector):
    """The metrics of several workers, each under its own name: added up, they would all seem to begin anew with each worker that does."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        """Give the metrics; Prometheus' client calls this."""
        families: dict[str, Metric] = {}
        for worker, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                whole.samples += [sample._replace(labels={"worker": worker} | sample.labels) for sample in family.samples]
        up = GaugeMetricFamily(f"{PREFIX}_worker_answers", "1 if the worker said what it counts, 0 if it did not.", labels=("worker",))
        for worker, text in self._texts.items():
            up.add_metric((worker,), 1.0 if text else 0.0)
        yield from (*families.values(), up)


def gather(texts: Mapping[str, str]) -> bytes:
    """Join the metrics of several workers, by the name of each; one that did not answer has an empty text."""
    registry = CollectorRegistry()
    registry.register(_Gathered(texts))
    return generate_latest(registry)

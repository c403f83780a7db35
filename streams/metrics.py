"""The metrics of the converter for Prometheus."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.sink import Batch
from topics.accounts import DEAD_LETTERS, DUPLICATES, REJECTED, STORED


class Metrics:
    """The converter's metrics, in the registry of the process that runs it."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry = registry or CollectorRegistry()
        self._messages = Counter("clickstream_streams_messages", "Messages processed, by outcome.", ["outcome"], registry=registry)
        self._dead_letters = Counter(
            "clickstream_streams_dead_letters", "Messages that could not become rows, by reason.", ["reason"], registry=registry
        )
        self._without_session = Counter(
            "clickstream_streams_rows_without_session", "Rows of parties with the maximum number of sessions.", registry=registry
        )
        self._failures = Counter(
            "clickstream_streams_enrichment_failures", "Lookups in reference data that failed.", ["what"], registry=registry
        )
        self._position = Gauge(
            "clickstream_streams_position", "Position in the topic up to which everything is committed.", ["topic"], registry=registry
        )
        self._batches = Histogram("clickstream_streams_batch_seconds", "Time from reading a batch to its commit.", registry=registry)

    def committed(self, batch: Batch, seconds: float) -> None:
        """Count a committed batch."""
        for outcome in (STORED, DUPLICATES, REJECTED):
            self._messages.labels(outcome).inc(sum(getattr(account, outcome) for account in batch.ledger.values()))
        # Not from the accounts, where a replay subtracts: a counter only grows.
        self._messages.labels(DEAD_LETTERS).inc(len(batch.dead_letters))
        for letter in batch.dead_letters:
            self._dead_letters.labels(letter.reason).inc()
        self._without_session.inc(batch.rows_without_session)
        self._position.labels(batch.topic).set(batch.position)
        self._batches.observe(seconds)

    def watch_places(self, is_ready: Callable[[], bool], failures: Callable[[], int]) -> None:
        """Add metrics of the place database."""
        ready = Gauge("clickstream_streams_places_ready", "1 if the newest place database is in use.", registry=self.registry)
        ready.set_function(lambda: float(is_ready()))
        failed = Gauge("clickstream_streams_places_failures", "Place databases and places that could not be read.", registry=self.registry)
        failed.set_function(lambda: float(failures()))

    def watch_kafka(self, lags: Callable[[], Mapping[str, int]]) -> "KafkaMetrics":
        """Add the metrics that exist on Kafka only; `lags` returns the lag of each partition."""
        self.registry.register(_Lags(lags))
        return KafkaMetrics(self.registry)

    def enrichment_failed(self, lookup: str) -> None:
        """Count a failed lookup in reference data."""
        self._failures.labels(lookup).inc()


class KafkaMetrics:
    """The additional metrics on Kafka."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.redelivered = Counter(
            "clickstream_streams_redelivered_messages", "Messages that a forwarder sent again; they are in no account.", registry=registry
        )
        self.failed_transactions = Counter(
            "clickstream_streams_failed_transactions",
            "Transactions that were not committed, or whose result is unknown.",
            registry=registry,
        )
        self.forgotten_early = Counter(
            "clickstream_streams_event_ids_forgotten_early",
            "Event ids forgotten before the window ended, because memory was full.",
            registry=registry,
        )
        self.restore_seconds = Histogram(
            "clickstream_streams_restore_seconds", "Time to rebuild the state of a partition from its output.", registry=registry
        )


class _Lags(Collector):
    """The current lag of each partition."""

    def __init__(self, lags: Callable[[], Mapping[str, int]]) -> None:
        self._lags = lags

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("clickstream_streams_lag_messages", "Messages not yet read, by partition.", labels=("topic",))
        for topic, lag in self._lags().items():
            family.add_metric((topic,), lag)
        yield family

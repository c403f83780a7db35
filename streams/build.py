"""Creates workers from their settings, with the schemas, the enrichment and the salts that the settings name."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from enrichment.bots import find_bot_reasons
from enrichment.channels import find_channel
from enrichment.device import find_device
from enrichment.place import DatabaseState, Places
from schemas.contract import columns, load_schema
from streams.batches import Tools, make_tools
from streams.conversion.decoding import CompiledDecoder
from streams.conversion.enricher import Lookups
from streams.kafka.confluent_messages import ConfluentMessages
from streams.kafka.shared_salts import SharedSalts
from streams.kafka.worker import KafkaWorker
from streams.local.worker import Consumers, Worker
from streams.metrics import Metrics
from streams.sessions.salts import Salts
from streams.settings import Settings
from streams.sink import Sink
from topics.kafka.settings import KafkaSettings
from topics.kafka.shared_values import SharedValues

Clock = Callable[[], int]
SYSTEM_CLOCK: Final[Clock] = lambda: time.time_ns() // 1_000_000  # noqa: E731

# A batch creates and drops objects without cycles; more frequent collections took a tenth of the converter's time.
GARBAGE_THRESHOLDS: Final = (50_000, 20, 50)


def build_worker(consumers: Consumers, sink: Sink, settings: Settings) -> Worker:
    """Create a worker for one machine; raises StreamsError for errors that the operator must fix."""
    metrics = Metrics()
    return Worker(consumers, sink, _tools(settings, Salts.open(settings.salts), metrics), settings, SYSTEM_CLOCK, metrics)


@contextmanager
def kafka_worker(settings: Settings, kafka: KafkaSettings, *, clock: Clock = SYSTEM_CLOCK) -> Iterator[KafkaWorker]:
    """Create a worker on Kafka; raises StreamsError, or TopicError if Kafka does not respond."""
    metrics = Metrics()
    schema = load_schema(settings.schema_path)
    confluent = ConfluentMessages(kafka, schema)
    with closing(SharedValues(kafka, "salts")) as values:
        tools = _tools(settings, Salts(SharedSalts(values)), metrics)
        yield KafkaWorker(settings, kafka, columns(schema), confluent, tools, clock, metrics)


def _tools(settings: Settings, salts: Salts, metrics: Metrics) -> Tools:
    return make_tools(_decoder(settings), _lookups(settings, metrics), settings, salts, metrics)


def _decoder(settings: Settings) -> CompiledDecoder:
    """Return a decoder for the schema of the settings and all others in its folder (`*.avsc`)."""
    return CompiledDecoder([load_schema(path) for path in sorted(settings.schema_path.parent.glob("*.avsc"))])


def _lookups(settings: Settings, metrics: Metrics) -> Lookups:
    places = Places(settings.places)
    metrics.watch_places(lambda: places.state is DatabaseState.READY, lambda: places.failed_loads + places.failed_lookups)
    return Lookups(places.find, find_device, find_bot_reasons, find_channel)

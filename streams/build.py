"""Puts a worker together from its settings: the schemas, the enrichment and the salts they name."""

import time
from collections.abc import Callable

from enrichment.bots import find_bot_reasons
from enrichment.channels import find_channel
from enrichment.device import find_device
from enrichment.place import Places, State
from schemas.contract import load_schema
from streams.decoding import CompiledDecoder
from streams.facts import Lookups
from streams.metrics import Metrics
from streams.salts import Salts
from streams.settings import Settings
from streams.sink import Sink
from streams.worker import AccountedReader, Worker


def build_worker(
    reader: AccountedReader,
    sink: Sink,
    settings: Settings,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    metrics: Metrics | None = None,
) -> Worker:
    """Give a worker that is ready to run; raises StreamsError for what the operator has to put right.

    Messages of any schema beside the one in the settings (`*.avsc` in its folder) are understood.
    """
    schemas = [load_schema(path) for path in sorted(settings.schema_path.parent.glob("*.avsc"))]
    places = Places(settings.places)
    lookups = Lookups(places.find, find_device, find_bot_reasons, find_channel)
    metrics = metrics or Metrics()
    metrics.watch_places(lambda: places.state is State.READY, lambda: places.failed_loads + places.failed_lookups)
    return Worker(reader, sink, CompiledDecoder(schemas), lookups, settings, Salts.open(settings.salts), clock, metrics)

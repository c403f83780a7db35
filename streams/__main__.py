"""`python -m streams`: the converter on Kafka. On one machine it runs within `python -m headrace.store`."""

import os
import sys
import threading
from contextlib import closing
from functools import partial

from prometheus_client import generate_latest

from startup.gc_tuning import freeze_gc
from startup.port_guard import PortGuard
from startup.probes import Probes
from startup.service import run_service
from streams.build import GARBAGE_THRESHOLDS, kafka_worker
from streams.errors import StreamsError
from streams.settings import PREFIX, Settings
from topics.kafka.settings import KafkaSettings
from topics.topic import TopicError


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 2 for wrong settings or schemas, 1 for any other error."""
    return run_service(convert, PREFIX, faults=(StreamsError,), errors=(TopicError,))


def convert(stop: threading.Event) -> None:
    """Convert the records of Kafka."""
    settings, kafka = Settings.read(os.environ), KafkaSettings.read(os.environ)
    with kafka_worker(settings, kafka) as worker:
        freeze_gc(*GARBAGE_THRESHOLDS)
        metrics = partial(generate_latest, worker.metrics.registry)
        guard = PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts)
        with closing(Probes(settings.host, settings.port, guard, not_ready_reason=worker.not_ready_reason, metrics=metrics)):
            worker.run(stop)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m streams`: the converter on Kafka. On one machine it runs within `python -m headrace.store`."""

import os
import signal
import sys
import threading
from contextlib import closing
from functools import partial

from prometheus_client import generate_latest

from startup.atomic_files import keep_private
from startup.gc_tuning import freeze_gc
from startup.logs import configure
from startup.port_guard import PortGuard
from startup.probes import Probes, ProbesError
from startup.settings import SettingsError
from streams.build import GARBAGE_THRESHOLDS, kafka_worker
from streams.errors import StreamsError
from streams.settings import PREFIX, Settings
from topics.kafka.settings import KafkaSettings
from topics.topic import TopicError


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 2 for wrong settings or schemas, 1 for any other error."""
    keep_private()
    configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings, kafka = Settings.read(os.environ), KafkaSettings.read(os.environ)
        with kafka_worker(settings, kafka) as worker:
            freeze_gc(*GARBAGE_THRESHOLDS)
            metrics = partial(generate_latest, worker.metrics.registry)
            guard = PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts)
            with closing(Probes(settings.host, settings.port, guard, not_ready_reason=worker.not_ready_reason, metrics=metrics)):
                worker.run(stop)
    except (SettingsError, StreamsError, ProbesError, TopicError) as error:
        print(f"{PREFIX}PORT: {error}" if isinstance(error, ProbesError) else error, file=sys.stderr)  # noqa: T201 - for the operator who starts it
        return 2 if isinstance(error, SettingsError | StreamsError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m topics.forwarder`: the forwarder as a process."""

import os
import sys
import threading
from contextlib import ExitStack, closing

from startup.port_guard import PortGuard
from startup.probes import Probes
from startup.service import run_service
from topics.forwarder.forwarder import Forwarders
from topics.forwarder.settings import PREFIX, ForwarderSettings
from topics.kafka.settings import KafkaSettings
from topics.topic import TopicError


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 2 for wrong settings, 1 for any other error."""

    def serve(stop: threading.Event) -> None:
        with ExitStack() as stack:
            forward(ForwarderSettings.read(os.environ), KafkaSettings.read(os.environ), stop, stack)

    return run_service(serve, PREFIX, errors=(TopicError,))


def forward(settings: ForwarderSettings, kafka: KafkaSettings, stop: threading.Event, stack: ExitStack) -> None:
    """Create the forwarders of a topic and run them."""
    kafka.client()  # reports its errors before anything is touched
    forwarders = Forwarders(settings, kafka, stop, stack)
    guard = PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts)
    stack.enter_context(
        closing(Probes(settings.host, settings.port, guard, not_ready_reason=forwarders.not_ready_reason, metrics=forwarders.metrics.text))
    )
    forwarders.run()


if __name__ == "__main__":
    sys.exit(main())

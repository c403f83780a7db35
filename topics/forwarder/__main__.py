"""`python -m topics.forwarder`: the forwarder as a process."""

import os
import signal
import sys
import threading
from contextlib import ExitStack, closing

from startup.atomic_files import keep_private
from startup.logs import configure
from startup.port_guard import PortGuard
from startup.probes import Probes, ProbesError
from startup.settings import SettingsError
from topics.forwarder.forwarder import Forwarders
from topics.forwarder.settings import PREFIX, ForwarderSettings
from topics.kafka.settings import KafkaSettings
from topics.topic import TopicError


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 2 for wrong settings, 1 for any other error."""
    keep_private()
    configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with ExitStack() as stack:
            forward(ForwarderSettings.read(os.environ), KafkaSettings.read(os.environ), stop, stack)
    except (SettingsError, ProbesError, TopicError) as error:
        print(f"{PREFIX}PORT: {error}" if isinstance(error, ProbesError) else error, file=sys.stderr)  # noqa: T201 - for the operator who starts it
        return 2 if isinstance(error, SettingsError) else 1
    return 0


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

"""`python -m collector`: settings in, server up, nothing else."""

import os
import sys

import uvloop

from collector.errors import CollectorError, MappingError
from collector.server import run
from collector.settings import Settings
from startup.logs import configure
from startup.settings import SettingsError
from topics.kafka.settings import KafkaSettings


def main() -> int:
    """Run the collector; 0 after a clean stop, 2 when settings or mapping are wrong, 1 for everything else."""
    try:
        settings = Settings.read(os.environ)
        kafka = KafkaSettings.read(os.environ)
        kafka.client()  # its faults are told before a port opens
        configure()
        return 0 if uvloop.run(run(settings, kafka)) else 1
    except (CollectorError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, to whoever starts it
        return 2 if isinstance(error, SettingsError | MappingError) else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m collector`: read the settings and run the server."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

import uvloop

from collector.errors import exit_status
from collector.processes import server, workers
from collector.settings import PREFIX, Settings
from topics.kafka.settings import KafkaSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the collector; return 0 after a clean stop, 2 for invalid settings or an invalid mapping, 1 for all other errors."""
    parser = argparse.ArgumentParser("python -m collector", description="Accept events over HTTP. All settings are environment variables.")
    parser.add_argument("--workers", metavar="N", help=f"number of worker processes; overrides {PREFIX}WORKERS")
    given = parser.parse_args(arguments)
    return exit_status(lambda: _run({**os.environ} | ({f"{PREFIX}WORKERS": given.workers} if given.workers else {})))


def _run(environment: dict[str, str]) -> int:
    settings = Settings.read(environment)
    kafka = KafkaSettings.read(environment)
    kafka.client()  # report its faults before a port opens
    if settings.workers > 1:
        return asyncio.run(workers.run(settings, kafka))
    return 0 if uvloop.run(server.run(settings, kafka)) else 1


if __name__ == "__main__":
    sys.exit(main())

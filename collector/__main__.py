"""`python -m collector`: settings in, server up, nothing else."""

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
    """Run the collector; 0 after a clean stop, 2 when settings or mapping are wrong, 1 for everything else."""
    parser = argparse.ArgumentParser("python -m collector", description="Takes events over HTTP; settings are environment variables.")
    parser.add_argument("--workers", metavar="N", help=f"processes that take events, in the place of {PREFIX}WORKERS")
    given = parser.parse_args(arguments)
    return exit_status(lambda: _run({**os.environ} | ({f"{PREFIX}WORKERS": given.workers} if given.workers else {})))


def _run(environment: dict[str, str]) -> int:
    settings = Settings.read(environment)
    kafka = KafkaSettings.read(environment)
    kafka.client()  # its faults are told before a port opens
    if settings.workers > 1:
        return asyncio.run(workers.run(settings, kafka))
    return 0 if uvloop.run(server.run(settings, kafka)) else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m simulator.visits`: read the settings and visit the shop."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from uuid import uuid4

import httpx
import structlog

from simulator.errors import CollectorUnavailable
from simulator.settings import VisitsSettings
from simulator.visits.backfill import backfill
from simulator.visits.runner import Runner
from simulator.visits.world import load_world
from startup.atomic_files import keep_private
from startup.logs import configure
from startup.settings import SettingsError

LOG_INTERVAL_SECONDS = 60

log = structlog.get_logger()


def main() -> int:
    """Visit the shop until SIGTERM, Ctrl-C or the end in the settings; return 2 for an invalid setting."""
    try:
        settings = VisitsSettings.read(os.environ)
        if not settings.places.is_file():
            raise SettingsError([f"HEADRACE_VISITS_PLACES: there is no file {settings.places}"])
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, for the operator
        return 2
    keep_private()
    configure()
    try:
        asyncio.run(_run(settings))
    except CollectorUnavailable as error:
        log.error("past visits not sent", reason=str(error))
        return 1
    return 0


async def _run(settings: VisitsSettings) -> None:
    task = asyncio.current_task()
    assert task is not None
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        if settings.backfill_days:
            await _send_past(settings)
        await _visit(settings)


async def _visit(settings: VisitsSettings) -> None:
    limits = httpx.Limits(max_connections=32, max_keepalive_connections=16)
    async with httpx.AsyncClient(base_url=settings.shop_url, limits=limits, timeout=30, trust_env=False) as client:
        # The seed determines the visitors. The ids are new at each start; otherwise the events of a second start would be duplicates.
        runner = Runner(settings, load_world(settings.places), uuid4().hex, client)
        log.info("visits started", rate=settings.rate, seed=settings.seed)
        try:
            async with _logging_progress(runner):
                await runner.run()
        finally:
            log.info("visits ended", **asdict(runner.tally))


async def _send_past(settings: VisitsSettings) -> None:
    stop = threading.Event()

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise CollectorUnavailable("stopped")

    sending = partial(
        backfill,
        settings.collector_internal_url,
        days=settings.backfill_days,
        visits_per_day=settings.backfill_visits,
        seed=settings.seed,
        site=settings.site,
        shop_url=settings.shop_url,
        places=settings.places,
        progress=lambda _sent, _days: wait(0),
        pause=wait,
    )
    try:
        summary = await asyncio.to_thread(sending)
    finally:
        stop.set()  # a thread cannot be cancelled, it must end itself
    log.info("past visits sent", count=summary.events, ok=summary.ok, refused=summary.refused)


@contextlib.asynccontextmanager
async def _logging_progress(runner: Runner) -> AsyncIterator[None]:
    """Log the tally at intervals while the block runs."""

    async def log_progress() -> None:
        while True:
            await asyncio.sleep(LOG_INTERVAL_SECONDS)
            log.info("visits", **asdict(runner.tally))

    task = asyncio.create_task(log_progress())
    try:
        yield
    finally:
        task.cancel()


if __name__ == "__main__":
    sys.exit(main())

"""The parent of several workers: holds the ports, starts the workers, restarts crashed ones, and replaces all one by one on SIGHUP."""

import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from collector.app import load_encoders
from collector.errors import StartError
from collector.processes.ports import Ports, open_ports
from collector.processes.spools import TopicOpener, clean_spools, keep_spools_clean
from collector.settings import PREFIX, Settings
from collector.sources_file import load_sources, warnings
from startup.atomic_files import close_folder
from topics.kafka.settings import KafkaSettings
from topics.local.lock import lock, unlock
from topics.topic import TopicError

START_TIMEOUT_SECONDS = 60.0
HANDOVER_SECONDS = 1.0  # before the next worker is replaced; an old worker with idle connections takes longer to stop
KILL_SECONDS = 5.0  # after the time that workers have to drain
STABLE_SECONDS = 60.0  # a worker that ran this long is restarted without a pause
MAX_BACKOFF_SECONDS = 30.0

log = structlog.get_logger("collector")


@dataclass(slots=True, eq=False)
class Worker:
    """A process that serves the ports."""

    process: asyncio.subprocess.Process
    control: socket.socket  # closed whenever this process ends: then the worker stops
    started_at: float  # monotonic seconds

    async def is_ready(self) -> bool:
        """Wait until the worker reports that it is ready; False if it has ended or a timeout is exceeded."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                return bool(await asyncio.get_running_loop().sock_recv(self.control, 16))
        return False

    async def end_within(self, seconds: float) -> int:
        """Wait for the end of the worker, kill it after a timeout, and return its exit status."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)
        self.signal(signal.SIGKILL)
        return await self.process.wait()

    def signal(self, number: int) -> None:
        """Send the worker a signal, if it is still running."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class Workers:
    """The workers of one parent."""

    def __init__(self, settings: Settings, ports: Ports, folder: Path, directories: Sequence[Path]) -> None:
        self._settings, self._ports, self._folder, self._directories = settings, ports, folder, directories
        self._running: set[Worker] = set()
        self._serving: list[Worker] = []  # the running workers that should stay
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._shutdown_requested = asyncio.Event()
        self._replacing = asyncio.Lock()
        self._backoff_seconds = 0.0

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._shutdown_requested.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._start_task(self._replace_all()))
        first, status = await self._start()
        if not first:
            return status
        started = await asyncio.gather(*(self._start() for _ in range(self._settings.workers - 1)))
        if all(worker for worker, _ in started):
            log.info("collector started", workers=self._settings.workers, **self._ports.numbers())
            self._start_task(keep_spools_clean(self._directories, holds_locks=True))
            await self._shutdown_requested.wait()
        await self._stop()
        return max(bool(self._failures), *(status for _, status in started))

    async def _start(self) -> tuple[Worker | None, int]:
        """Start a worker and wait until it serves; None and its exit status if it does not."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        passed = (self._ports.public.fileno(), self._ports.internal.fileno(), theirs.fileno())
        command = (sys.executable, "-m", "collector.processes.worker", *map(str, passed), str(self._folder))
        try:
            process = await asyncio.create_subprocess_exec(*command, pass_fds=passed, start_new_session=True)
        except OSError as error:
            log.error("cannot start a process", error=str(error))
            ours.close()
            return None, 1
        finally:
            theirs.close()
        worker = Worker(process, ours, time.monotonic())
        self._running.add(worker)
        self._start_task(self._wait_for_end(worker))
        if await worker.is_ready():
            self._serving.append(worker)
            return worker, 0
        return None, await worker.end_within(KILL_SECONDS) or 1

    async def _wait_for_end(self, worker: Worker) -> None:
        status = await worker.process.wait()
        worker.control.close()
        self._running.discard(worker)
        if worker in self._serving and not self._shutdown_requested.is_set():
            self._serving.remove(worker)
            log.error("worker ended, starting another", status=status, pid=worker.process.pid)
            await self._restart(time.monotonic() - worker.started_at)

    async def _restart(self, run_seconds: float) -> None:
        """Start a worker in place of one that has ended, with exponential backoff while workers keep crashing."""
        if run_seconds > STABLE_SECONDS:
            self._backoff_seconds = 0.0
        while True:
            await asyncio.sleep(self._backoff_seconds)
            self._backoff_seconds = min(max(1.0, 2 * self._backoff_seconds), MAX_BACKOFF_SECONDS)
            async with self._replacing:
                clean_spools(self._directories, holds_locks=True)
                if len(self._serving) >= self._settings.workers or (await self._start())[0]:
                    return

    async def _replace_all(self) -> None:
        """Replace all workers one by one. Stop at a new worker that does not start, and keep the old ones."""
        async with self._replacing:
            log.info("rolling restart", workers=len(self._serving))
            for old in list(self._serving):
                new, status = await self._start()
                if new is None:
                    log.error("rolling restart stopped, a new worker did not start; the old ones stay", status=status)
                    return
                await self._retire(old)
            log.info("rolling restart done", workers=len(self._serving))

    async def _retire(self, worker: Worker) -> None:
        if worker in self._serving:  # unless it has crashed in the meantime
            self._serving.remove(worker)
            worker.signal(signal.SIGTERM)
            await asyncio.wait({self._start_task(self._end(worker))}, timeout=HANDOVER_SECONDS)

    async def _end(self, worker: Worker) -> None:
        await worker.end_within(self._settings.drain_timeout_seconds + KILL_SECONDS)

    async def _stop(self) -> None:
        """Drain and end all workers."""
        self._shutdown_requested.set()
        workers = list(self._running)
        for worker in workers:
            worker.signal(signal.SIGTERM)
        await asyncio.gather(*map(self._end, workers))
        for task in self._tasks:
            task.cancel()
        log.info("collector stopped")

    def _start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task in the background; its failure stops the workers."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end_task)
        return task

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the parent of the workers failed", exc_info=error)
            self._failures.append(error)
            self._shutdown_requested.set()


async def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run workers until a signal; return the exit status. Raises SettingsError and CollectorError before a port is open."""
    sources = load_sources(settings.sources_file)
    load_encoders(settings, sources)
    for warning in warnings(sources, settings.sites):
        log.warning(warning)
    directories = TopicOpener(settings, kafka, sources).directories()
    with contextlib.ExitStack() as stack:
        ports = open_ports(settings, stack)
        for directory in directories:
            _claim(directory, stack)
        clean_spools(directories, holds_locks=True)  # a consumer may wait at a torn end
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-collector-")))
        return await Workers(settings, ports, folder, directories).run()


def _claim(directory: Path, stack: contextlib.ExitStack) -> None:
    """Lock a topic against other collectors; its spools have locks of their own."""
    try:
        close_folder(directory)
        stack.callback(unlock, lock(directory / "lock"))
    except (OSError, TopicError) as error:
        raise StartError([f"{PREFIX}TOPIC_DIRECTORY: {error}"]) from error

"""The parent of several workers: it holds the ports, starts the workers, starts anew what dies, and changes them one by one on SIGHUP."""

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
from collector.processes.ports import Ports, take_ports
from collector.processes.spools import TopicOpener, keep_tidy, tidy_spools
from collector.settings import PREFIX, Settings
from collector.sources_file import load_sources, warnings
from startup.atomic_files import close_folder
from topics.kafka.settings import KafkaSettings
from topics.local.lock import lock, unlock
from topics.topic import TopicError

START_SECONDS = 60.0
LEAVE_SECONDS = 1.0  # a connection that sends nothing makes a worker stay longer than it makes the next one wait
KILL_SECONDS = 5.0  # after the time that workers have to drain
STEADY_SECONDS = 60.0  # what lived so long is started anew at once
LONGEST_PAUSE_SECONDS = 30.0

log = structlog.get_logger("collector")


@dataclass(slots=True, eq=False)
class Worker:
    """A process that serves the ports."""

    process: asyncio.subprocess.Process
    line: socket.socket  # closed with us, whatever ends us: then the worker stops
    started_at: float  # monotonic seconds

    async def is_ready(self) -> bool:
        """Wait until it says so; False if it has ended, or takes too long."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(START_SECONDS):
                return bool(await asyncio.get_running_loop().sock_recv(self.line, 16))
        return False

    async def end_within(self, seconds: float) -> int:
        """Wait for its end, kill it if that takes too long; give its status."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)
        self.signal(signal.SIGKILL)
        return await self.process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class Workers:
    """The workers of one parent."""

    def __init__(self, settings: Settings, ports: Ports, folder: Path, directories: Sequence[Path]) -> None:
        self._settings, self._ports, self._folder, self._directories = settings, ports, folder, directories
        self._running: set[Worker] = set()
        self._serving: list[Worker] = []  # those of the running that are to stay
        self._watching: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._stopping = asyncio.Event()
        self._changing = asyncio.Lock()
        self._pause_seconds = 0.0

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; give the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._watch(self._change_all()))
        first, status = await self._start()
        if not first:
            return status
        started = await asyncio.gather(*(self._start() for _ in range(self._settings.workers - 1)))
        if all(worker for worker, _ in started):
            log.info("collector started", workers=self._settings.workers, **self._ports.numbers())
            self._watch(keep_tidy(self._directories, are_ours=True))
            await self._stopping.wait()
        await self._stop()
        return max(bool(self._failures), *(status for _, status in started))

    async def _start(self) -> tuple[Worker | None, int]:
        """Start a worker and wait until it serves; None and its status if it does not come up."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        passed = (self._ports.public.fileno(), self._ports.internal.fileno(), theirs.fileno())
        command = (sys.executable, "-m", "collector.processes.worker", *map(str, passed), str(self._folder))
        try:
            process = await asyncio.create_subprocess_exec(*command, pass_fds=passed, start_new_session=True)
        except OSError as error:
            log.error("no process can be started", error=str(error))
            ours.close()
            return None, 1
        finally:
            theirs.close()
        worker = Worker(process, ours, time.monotonic())
        self._running.add(worker)
        self._watch(self._wait_for_end(worker))
        if await worker.is_ready():
            self._serving.append(worker)
            return worker, 0
        return None, await worker.end_within(KILL_SECONDS) or 1

    async def _wait_for_end(self, worker: Worker) -> None:
        status = await worker.process.wait()
        worker.line.close()
        self._running.discard(worker)
        if worker in self._serving and not self._stopping.is_set():
            self._serving.remove(worker)
            log.error("worker ended, another is started", status=status, pid=worker.process.pid)
            await self._replace(time.monotonic() - worker.started_at)

    async def _replace(self, lived_seconds: float) -> None:
        """Start another in the place of one that has ended, ever more seldom while they do not live long."""
        if lived_seconds > STEADY_SECONDS:
            self._pause_seconds = 0.0
        while True:
            await asyncio.sleep(self._pause_seconds)
            self._pause_seconds = min(max(1.0, 2 * self._pause_seconds), LONGEST_PAUSE_SECONDS)
            async with self._changing:
                tidy_spools(self._directories, are_ours=True)
                if len(self._serving) >= self._settings.workers or (await self._start())[0]:
                    return

    async def _change_all(self) -> None:
        """Put a new worker in the place of each, one by one; one that does not come up ends this, and the others stay."""
        async with self._changing:
            log.info("rolling restart", workers=len(self._serving))
            for old in list(self._serving):
                new, status = await self._start()
                if new is None:
                    log.error("rolling restart ended, a new worker did not come up; the old ones stay", status=status)
                    return
                await self._let_go(old)
            log.info("rolling restart done", workers=len(self._serving))

    async def _let_go(self, worker: Worker) -> None:
        if worker in self._serving:  # else it has ended by itself
            self._serving.remove(worker)
            worker.signal(signal.SIGTERM)
            await asyncio.wait({self._watch(self._end(worker))}, timeout=LEAVE_SECONDS)

    async def _end(self, worker: Worker) -> None:
        await worker.end_within(self._settings.drain_timeout_seconds + KILL_SECONDS)

    async def _stop(self) -> None:
        """Have all workers drain and end."""
        self._stopping.set()
        workers = list(self._running)
        for worker in workers:
            worker.signal(signal.SIGTERM)
        await asyncio.gather(*map(self._end, workers))
        for task in self._watching:
            task.cancel()
        log.info("collector stopped")

    def _watch(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done beside the rest; if it fails, all ends."""
        task = asyncio.create_task(work)
        self._watching.add(task)
        task.add_done_callback(self._watched)
        return task

    def _watched(self, task: asyncio.Task[None]) -> None:
        self._watching.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the parent of the workers failed", exc_info=error)
            self._failures.append(error)
            self._stopping.set()


async def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run workers until told to stop; give the exit status. Raises SettingsError and CollectorError before a port is open."""
    sources = load_sources(settings.sources_file)
    load_encoders(settings, sources)
    for warning in warnings(sources, settings.sites):
        log.warning(warning)
    directories = TopicOpener(settings, kafka, sources).directories()
    with contextlib.ExitStack() as stack:
        ports = take_ports(settings, stack)
        for directory in directories:
            _claim(directory, stack)
        tidy_spools(directories, are_ours=True)  # a reader may wait for an end that is put right
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-collector-")))
        return await Workers(settings, ports, folder, directories).run()


def _claim(directory: Path, stack: contextlib.ExitStack) -> None:
    """Keep other collectors from a topic; its spools have locks of their own."""
    try:
        close_folder(directory)
        stack.callback(unlock, lock(directory / "lock"))
    except (OSError, TopicError) as error:
        raise StartError([f"{PREFIX}TOPIC_DIRECTORY: {error}"]) from error

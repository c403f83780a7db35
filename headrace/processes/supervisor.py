"""Starts processes, reports when they are ready, restarts crashed ones, and stops them in order."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from headrace.errors import CommandError
from headrace.polling import attempts
from headrace.processes.installation import RunningProcess

STOP_SECONDS = 20
POLL_INTERVAL_SECONDS = 0.05
STEADY_SECONDS = 60  # a process that lived longer is restarted at once
MAX_BACKOFF_SECONDS = 30.0
LOG_LINES_SHOWN = 15
MAX_LINE_CHARS = 500
MAX_READ_BYTES = 1 << 16
_SIGNALS = {number.value: number.name for number in signal.Signals}  # real-time signals have no names


@dataclass(frozen=True, slots=True)
class Service:
    """A process to run: its command, the variables added to our environment, and its readiness check."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool] | None = None
    folder: Path | None = None
    ready_seconds: int = 60


@dataclass(slots=True)
class Child:
    """A service that was started."""

    service: Service
    log: Path
    process: subprocess.Popen[bytes]
    created: float  # seconds since 1970, from the operating system
    started: float  # monotonic seconds
    log_start: int  # offset of its first line in the log
    backoff_seconds: float = 0  # minimum time between two starts
    last_end: str = ""  # how this process, or the one before it, ended

    @property
    def running(self) -> RunningProcess:
        return RunningProcess(self.process.pid, self.created, self.last_end, self.backoff_seconds)


def created_at(pid: int) -> float:
    """Return when a process was created, in seconds since 1970; 0 if there is no such process."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def this_process() -> RunningProcess:
    """Return this process, as run.json lists it."""
    return RunningProcess(os.getpid(), created_at(os.getpid()))


def is_alive(process: RunningProcess) -> bool:
    """Whether this process still runs, and its pid does not belong to a later one."""
    try:
        found = psutil.Process(process.pid)
        return abs(found.create_time() - process.created) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_leftovers(processes: Mapping[str, RunningProcess], order: Iterable[Sequence[str]]) -> list[str]:
    """Stop processes left over from an earlier run, and return their names: first those in no group, then group by group."""
    groups = [tuple(name for name in group if name in processes) for group in order]
    unknown = tuple(processes.keys() - {name for group in groups for name in group})
    stopped: list[str] = []
    for group in (unknown, *groups):
        alive = [name for name in group if is_alive(processes[name])]
        for name in alive:
            os.kill(processes[name].pid, signal.SIGTERM)
        for name in alive:
            if not wait_until_gone(processes[name], STOP_SECONDS):
                os.kill(processes[name].pid, signal.SIGKILL)
        stopped += alive
    return stopped


def wait_until_gone(process: RunningProcess, seconds: float) -> bool:
    """Wait until a process has ended; False if the time is up before.

    psutil's wait does not do: it takes a zombie for alive until its parent has reaped it.
    """
    return any(not is_alive(process) for _ in attempts(seconds, POLL_INTERVAL_SECONDS))


def responds(url: str) -> bool:
    """Whether the URL responds with 200."""
    return not not_ready_reason(url)


def not_ready_reason(url: str) -> str:
    """Return the not-ready reason of a URL, from the `message` of its response; empty if it responds with 200."""
    try:
        response = httpx.get(url, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return f"nothing responds at {url}"
    if response.status_code == httpx.codes.OK:
        return ""
    try:
        return str(response.json()["message"])
    except (ValueError, TypeError, KeyError):
        return f"{url} responds with {response.status_code}"


class Supervisor:
    """The processes of one installation, in start order."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.children: dict[str, Child] = {}

    def start(self, service: Service) -> None:
        """Start a service; its output goes to its log."""
        self.children[service.name] = self._spawn(service)

    def is_ready(self, name: str) -> bool:
        """Whether the service is ready; raises CommandError with the last lines of its log if it has exited or takes too long."""
        child = self.children[name]
        if child.service.is_ready is None or child.service.is_ready():
            return True
        if child.process.poll() is not None:
            raise CommandError(
                f"{name} exited with status {child.process.returncode} while starting; the last lines of {child.log}:\n{_end(child.log)}"
            )
        if time.monotonic() - child.started > child.service.ready_seconds:
            raise CommandError(
                f"{name} was not ready within {child.service.ready_seconds} s; the last lines of {child.log}:\n{_end(child.log)}"
            )
        return False

    def restart_dead(self) -> list[str]:
        """Restart the services that have exited, and return their names.

        A crashing service is restarted forever, with exponential backoff: a full disk stops the store until there is room again, and
        meanwhile the collector accepts events.
        """
        restarted = []
        for name, child in self.children.items():
            if child.process.poll() is None:
                continue
            lived_seconds = time.monotonic() - child.started
            child.last_end = describe_end(child)
            if lived_seconds < child.backoff_seconds:
                continue
            backoff = 0 if lived_seconds > STEADY_SECONDS else min(max(1.0, 2 * child.backoff_seconds), MAX_BACKOFF_SECONDS)
            self.children[name] = replace(self._spawn(child.service), backoff_seconds=backoff, last_end=child.last_end)
            restarted.append(name)
        return restarted

    def processes(self) -> dict[str, RunningProcess]:
        """Return the processes by service name, including those that wait for their restart."""
        return {name: child.running for name, child in self.children.items()}

    def stop(self, *groups: Sequence[str]) -> None:
        """Stop services group by group: each is asked to drain, and killed if it takes too long."""
        for group in groups:
            ending = [child.process for name in group if (child := self.children.pop(name, None))]
            for process in ending:
                process.terminate()
            for process in ending:
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _spawn(self, service: Service) -> Child:
        log = self._logs / f"{service.name}.log"
        with log.open("ab") as output:
            log_start = output.tell()
            process = subprocess.Popen(
                service.command,
                env=os.environ | service.environment,
                cwd=service.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only the supervisor, which stops its services in order
            )
        return Child(service, log, process, created_at(process.pid), time.monotonic(), log_start)


def describe_end(child: Child) -> str:
    """Return how a process ended: its exit status or signal, and the last error in its log."""
    status = child.process.returncode
    how = f"status {status}" if status >= 0 else _SIGNALS.get(-status, f"signal {-status}")
    text = "" if status == -signal.SIGKILL else _last_error(_lines(child.log, child.log_start))
    return f"{how}: {text[:MAX_LINE_CHARS]}" if text else how


def _last_error(lines: Sequence[str]) -> str:
    """Return the last error in a log: an error event, a plain line, or the exception of a traceback, whichever is last."""
    for number, line in reversed(list(enumerate(lines))):
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return _error_of_traceback(lines[: number + 1]) or line
        if content.get("level") in ("error", "critical"):
            return _error_of_traceback(str(content.get("exception", "")).splitlines()) or str(content.get("event", line))
    return ""


def _error_of_traceback(lines: Sequence[str]) -> str:
    """Return the first line of the exception that ends a traceback; its text may have more lines."""
    begins = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    after = lines[begins[-1] + 1 :] if begins else ()
    return next((line for line in after if line.strip() and not line.startswith(" ")), "")


def _end(log: Path) -> str:
    return "\n".join(f"  {line}" for line in _lines(log)[-LOG_LINES_SHOWN:])


def _lines(log: Path, start: int = 0) -> list[str]:
    """Return the last non-empty lines of a log, from an offset on; the log may be large or deleted."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - MAX_READ_BYTES))
            content = file.read()
    except FileNotFoundError:
        return []
    return [line for line in content.decode("utf-8", "replace").splitlines() if line.strip()]

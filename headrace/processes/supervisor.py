"""Starts processes, waits until they are ready, starts again what dies, stops them in order."""

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
from headrace.processes.installation import RunningProcess

STOP_SECONDS = 20
POLL_INTERVAL_SECONDS = 0.05
STEADY_SECONDS = 60  # what lived so long is started again at once
MAX_PAUSE_SECONDS = 30.0
LOG_LINES_SHOWN = 15
MAX_LINE_CHARS = 500
MAX_READ_BYTES = 1 << 16
_SIGNALS = {number.value: number.name for number in signal.Signals}  # those of real time have numbers only


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run: its command, its environment beside ours, and how to see that it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    folder: Path | None = None
    ready_seconds: int = 60


@dataclass(slots=True)
class Child:
    """A service that was started."""

    service: Service
    log: Path
    process: subprocess.Popen[bytes]
    created: float  # seconds since 1970, as the operating system says
    started: float  # monotonic seconds
    log_start: int  # where its lines in the log begin
    pause_seconds: float = 0  # at least so long from one start to the next
    last_end: str = ""  # of the process before this one, or of this one

    @property
    def running(self) -> RunningProcess:
        return RunningProcess(self.process.pid, self.created, self.last_end, self.pause_seconds)


def created_at(pid: int) -> float:
    """Say when a process was created, seconds since 1970; 0 if there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def is_alive(process: RunningProcess) -> bool:
    """Say whether this very process still runs, not a later one with its number."""
    try:
        found = psutil.Process(process.pid)
        return abs(found.create_time() - process.created) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_leftovers(processes: Mapping[str, RunningProcess], order: Iterable[Sequence[str]]) -> list[str]:
    """End processes that an earlier run left behind, group by group, what is in no group first; gives the names of those that still ran."""
    groups = [tuple(name for name in group if name in processes) for group in order]
    unknown = tuple(processes.keys() - {name for group in groups for name in group})
    ended: list[str] = []
    for group in (unknown, *groups):
        alive = [name for name in group if is_alive(processes[name])]
        for name in alive:
            os.kill(processes[name].pid, signal.SIGTERM)
        for name in alive:
            if not wait_until_gone(processes[name], STOP_SECONDS):
                os.kill(processes[name].pid, signal.SIGKILL)
        ended += alive
    return ended


def wait_until_gone(process: RunningProcess, seconds: float) -> bool:
    """Wait for a process to end; False if it has not within the time.

    Not psutil's wait: that one takes a process that has ended for alive until its parent has asked for its status.
    """
    until = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_INTERVAL_SECONDS)  # nothing tells of the end of a process that is no child of ours
    return True


def responds(url: str) -> bool:
    """Whether the address responds 200 at once."""
    return not not_ready_reason(url)


def not_ready_reason(url: str) -> str:
    """Return why the address does not answer 200 at once, empty if it does; a service puts its reason into `message`."""
    try:
        answer = httpx.get(url, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return f"nothing responds at {url}"
    if answer.status_code == httpx.codes.OK:
        return ""
    try:
        return str(answer.json()["message"])
    except (ValueError, TypeError, KeyError):
        return f"{url} responds {answer.status_code}"


class Supervisor:
    """The processes of one installation, in the order in which they were started."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.children: dict[str, Child] = {}

    def start(self, service: Service) -> None:
        """Start a service; its output goes to its log."""
        self.children[service.name] = self._spawn(service)

    def is_ready(self, name: str) -> bool:
        """Say whether the service responds; raises CommandError with the end of its log when it died or takes too long."""
        child = self.children[name]
        if child.service.ready is None or child.service.ready():
            return True
        if child.process.poll() is not None:
            raise CommandError(
                f"{name} ended with status {child.process.returncode} while starting; the end of {child.log}:\n{_end(child.log)}"
            )
        if time.monotonic() - child.started > child.service.ready_seconds:
            raise CommandError(f"{name} was not ready within {child.service.ready_seconds} s; the end of {child.log}:\n{_end(child.log)}")
        return False

    def restart_dead(self) -> list[str]:
        """Restart what has ended, and return its names.

        What ends again soon waits longer each time and is never given up: a full disk ends the store until somebody frees space, and
        meanwhile the collector takes events.
        """
        restarted = []
        for name, child in self.children.items():
            if child.process.poll() is None:
                continue
            lived_seconds = time.monotonic() - child.started
            child.last_end = describe_end(child)
            if lived_seconds < child.pause_seconds:
                continue
            pause = 0 if lived_seconds > STEADY_SECONDS else min(max(1.0, 2 * child.pause_seconds), MAX_PAUSE_SECONDS)
            self.children[name] = replace(self._spawn(child.service), pause_seconds=pause, last_end=child.last_end)
            restarted.append(name)
        return restarted

    def processes(self) -> dict[str, RunningProcess]:
        """Return what runs, or is about to be restarted, by name."""
        return {name: child.running for name, child in self.children.items()}

    def stop(self, *groups: Sequence[str]) -> None:
        """End services group by group, each asked to drain first; one that does not end in time is killed."""
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
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the others in order
            )
        return Child(service, log, process, created_at(process.pid), time.monotonic(), log_start)


def describe_end(child: Child) -> str:
    """Return how a process ended: its status, or the signal, with the last error that it wrote."""
    status = child.process.returncode
    how = f"status {status}" if status >= 0 else _SIGNALS.get(-status, f"signal {-status}")
    text = "" if status == -signal.SIGKILL else _last_error(_lines(child.log, child.log_start))
    return f"{how}: {text[:MAX_LINE_CHARS]}" if text else how


def _last_error(lines: Sequence[str]) -> str:
    """Return the last line that is no log line, or the text of the last log line that is an error; of a traceback its error."""
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
    """Return the first line of the error at the end of a traceback; its text may go on for more lines."""
    begins = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    after = lines[begins[-1] + 1 :] if begins else ()
    return next((line for line in after if line.strip() and not line.startswith(" ")), "")


def _end(log: Path) -> str:
    return "\n".join(f"  {line}" for line in _lines(log)[-LOG_LINES_SHOWN:])


def _lines(log: Path, start: int = 0) -> list[str]:
    """Return the last lines of a log that are not empty, from a place on; it may have grown for months, or been deleted."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - MAX_READ_BYTES))
            content = file.read()
    except FileNotFoundError:
        return []
    return [line for line in content.decode("utf-8", "replace").splitlines() if line.strip()]

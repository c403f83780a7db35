"""`headrace down`: asks a running `headrace up` to stop, and waits until it has."""

import os
import signal
import time

from rich.console import Console

from headrace.errors import CommandError
from headrace.state import RunningProcess, State
from headrace.supervisor import STOP_SECONDS, is_alive, stop_leftover

SERVICES = 6
LOOK_SECONDS = 0.05


def down(state: State, console: Console) -> None:
    """End the supervisor, which ends its services in order; services without one are ended here."""
    run = state.running()
    if is_alive(run.supervisor):
        os.kill(run.supervisor.pid, signal.SIGTERM)
        with console.status("stopping"):
            _wait_until_gone(run.supervisor, STOP_SECONDS * SERVICES)
    for process in run.processes.values():
        stop_leftover(process)
    console.print("headrace is down")


def _wait_until_gone(process: RunningProcess, seconds: int) -> None:
    # Not psutil's wait: that one takes a process that has ended for alive until its parent has asked for its status.
    until = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() > until:
            raise CommandError(f"headrace (process {process.pid}) has not stopped within {seconds} s")
        time.sleep(LOOK_SECONDS)

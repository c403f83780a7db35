"""`headrace down`: asks a running `headrace up` to stop, and waits until it has."""

import psutil
from rich.console import Console

from headrace.errors import CommandError
from headrace.state import State
from headrace.supervisor import STOP_SECONDS, is_alive, stop_leftover

SERVICES = 6


def down(state: State, console: Console) -> None:
    """End the supervisor, which ends its services in order; services without one are ended here."""
    run = state.running()
    if is_alive(run.supervisor):
        supervisor = psutil.Process(run.supervisor.pid)
        supervisor.terminate()
        with console.status("stopping"):
            try:
                supervisor.wait(STOP_SECONDS * SERVICES)
            except psutil.TimeoutExpired as error:
                raise CommandError(f"headrace (process {run.supervisor.pid}) has not stopped within {STOP_SECONDS * SERVICES} s") from error
    for process in run.processes.values():
        stop_leftover(process)
    console.print("headrace is down")

"""`headrace down`: asks a running `headrace up` to stop, and waits until it has."""

import os
import signal

from rich.console import Console

from headrace.errors import CommandError
from headrace.local.services import STOP_ORDER
from headrace.processes.installation import StateFolder
from headrace.processes.supervisor import STOP_SECONDS, is_alive, stop_leftovers, wait_until_gone

LONGEST_SECONDS = STOP_SECONDS * len(STOP_ORDER)


def stop(state: StateFolder, console: Console) -> None:
    """End the supervisor, which ends its services in order; services without one are ended here."""
    run = state.running()
    if is_alive(run.supervisor):
        os.kill(run.supervisor.pid, signal.SIGTERM)
        with console.status("stopping"):
            if not wait_until_gone(run.supervisor, LONGEST_SECONDS):
                raise CommandError(f"headrace (process {run.supervisor.pid}) has not stopped within {LONGEST_SECONDS} s")
    stop_leftovers(run.processes, STOP_ORDER)
    console.print("headrace is down")

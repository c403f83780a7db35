"""`headrace down`: asks a running `headrace up` to stop, and waits until it has stopped."""

import os
import signal

from rich.console import Console

from headrace.errors import CommandError
from headrace.local.services import STOP_ORDER
from headrace.processes.installation import StateFolder
from headrace.processes.supervisor import STOP_SECONDS, is_alive, stop_leftovers, wait_until_gone

MAX_SECONDS = STOP_SECONDS * len(STOP_ORDER)


def stop(state: StateFolder, console: Console) -> None:
    """Stop the supervisor, which stops its services in order; services without a supervisor are stopped here."""
    run = state.running()
    if is_alive(run.supervisor):
        os.kill(run.supervisor.pid, signal.SIGTERM)
        with console.status("stopping"):
            if not wait_until_gone(run.supervisor, MAX_SECONDS):
                raise CommandError(f"headrace (process {run.supervisor.pid}) is still running {MAX_SECONDS} s after it was asked to stop")
    stop_leftovers(run.processes, STOP_ORDER)
    console.print("headrace is down")

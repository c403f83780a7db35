"""Starts services side by side and shows how far they are."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from headrace.processes.supervisor import POLL_INTERVAL_SECONDS, Service, Supervisor


def _nothing(_console: Console) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Stage:
    """Services that are started side by side, and what is done once they are ready."""

    services: Iterable[Service]
    finish: Callable[[Console], None] = _nothing


def spinner(console: Console) -> Progress:
    """Make a display that has a line for each thing under way."""
    return Progress(SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn(), console=console)


def start(
    services: Iterable[Service], supervisor: Supervisor, console: Console, note: Callable[[], object], stopping: threading.Event
) -> None:
    """Start each, note it, and wait until all are ready or somebody wants to stop; raises CommandError when one will not."""
    with spinner(console) as progress:
        tasks = {}
        for service in services:
            supervisor.start(service)
            note()
            tasks[service.name] = progress.add_task(f"starting {service.name}", total=1)
        waiting = set(tasks)
        while waiting and not stopping.wait(POLL_INTERVAL_SECONDS):
            for name in sorted(waiting):
                if supervisor.is_ready(name):
                    progress.update(tasks[name], completed=1)
                    waiting.discard(name)

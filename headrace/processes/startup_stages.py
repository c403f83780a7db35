"""Starts services in parallel and shows their progress."""

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
    """Services that start in parallel, and the step that follows when all are ready."""

    services: Iterable[Service]
    finish: Callable[[Console], None] = _nothing


def spinner(console: Console) -> Progress:
    """Return a progress display with a line for each task."""
    return Progress(SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn(), console=console)


def start(
    services: Iterable[Service], supervisor: Supervisor, console: Console, on_start: Callable[[], object], stopping: threading.Event
) -> None:
    """Start the services and wait until all are ready or `stopping` is set; raises CommandError if one does not start."""
    with spinner(console) as progress:
        tasks = {}
        for service in services:
            supervisor.start(service)
            on_start()
            tasks[service.name] = progress.add_task(f"starting {service.name}", total=1)
        waiting = set(tasks)
        while waiting and not stopping.wait(POLL_INTERVAL_SECONDS):
            for name in sorted(waiting):
                if supervisor.is_ready(name):
                    progress.update(tasks[name], completed=1)
                    waiting.discard(name)

"""`headrace replay`: an access log through the collector, with progress and an account of every line."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from headrace.errors import CommandError
from headrace.state import State
from simulator import replay as log_replay


def replay(file: Path, state: State, site: str, console: Console, *, as_json: bool) -> None:
    """Send the log's page lines to the running collector and show what became of each line."""
    if not file.is_file():
        raise CommandError(f"there is no log {file}")
    url = state.running()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"replaying {file.name}", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        summary = log_replay.replay(file, f"http://127.0.0.1:{url.ports['internal']}", site=site, progress=show)
    if as_json:
        console.out(json.dumps(asdict(summary)), highlight=False)

"""`headrace replay`: sends an access log to the collector, and accounts for every line."""

import json
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from headrace.consoles import SafeConsole
from headrace.errors import CommandError
from headrace.processes.installation import StateFolder
from simulator.errors import SimulatorError
from simulator.replay import Summary, replay


def replay_log(file: Path, state: StateFolder, site: str, console: Console, *, as_json: bool) -> None:
    """Send the pages of a log to the running collector, and print the counts of its lines."""
    if not file.is_file():
        raise CommandError(f"{file} does not exist, or is not a file")
    internal = state.running().url("internal")
    with Progress(console=SafeConsole(stderr=True)) as progress:
        task = progress.add_task(f"replaying {file.name}", total=None)

        def show(read: int, size: int) -> None:
            progress.update(task, completed=read, total=size)

        try:
            summary = replay(file, internal, site=site, progress=show)
        except SimulatorError as error:
            raise CommandError(f"{error}; it is safe to run the replay again") from error
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
    if as_json:
        console.out(json.dumps(vars(summary) | {"pages": summary.pages}), highlight=False)
    else:
        _print_summary(summary, console)


def _print_summary(summary: Summary, console: Console) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("lines", str(summary.lines))
    table.add_row("pages accepted", str(summary.ok))
    table.add_row("pages twice in a batch", str(summary.duplicates))
    for reason, count in sorted(summary.refused.items()):
        table.add_row(f"pages rejected: {reason}", str(count))
    for reason, count in sorted(summary.no_pages.items()):
        table.add_row(f"not pages: {reason}", str(count))
    table.add_row("unreadable", f"{summary.unreadable}" + (f"   lines {summary.unreadable_lines}" if summary.unreadable else ""))
    console.print(table)
    console.print("every line is accounted for" if summary.is_exact else "[bold red]the counts do not add up to the number of lines[/]")

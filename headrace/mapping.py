"""`headrace mapping`: what is wrong with a mapping, and what it makes of events."""

import json
from pathlib import Path

from rich.console import Console

from collector.errors import MappingError
from collector.mapping import tool
from headrace.errors import CommandError
from schemas.contract import SCHEMA_PATH


def check(mapping: Path, schema: Path | None, console: Console) -> None:
    """Say that a mapping fits its schema; raises CommandError with all its faults."""
    if faults := tool.check(mapping, schema or SCHEMA_PATH):
        raise CommandError("\n".join((f"{len(faults)} fault{'' if len(faults) == 1 else 's'} in {mapping}", *faults)))
    console.print(f"{mapping} fits {schema or SCHEMA_PATH}", highlight=False, markup=False, soft_wrap=True)


def test(mapping: Path, events: Path, schema: Path | None, console: Console) -> None:
    """Print the record of each event, one JSON object a line."""
    if not events.is_file():
        raise CommandError(f"there is no file of events {events}")
    try:
        for record in tool.try_events(mapping, schema or SCHEMA_PATH, events):
            console.out(json.dumps(record, ensure_ascii=False), highlight=False)
    except MappingError as error:
        raise CommandError(str(error)) from error

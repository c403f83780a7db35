"""`headrace mapping`: checks a mapping, prints its records, or converts a mapping of Divolte to Python."""

import json
from pathlib import Path

from rich.console import Console

from collector import dry_run
from collector.errors import MappingError
from headrace.errors import CommandError
from mapping.migrate import migrate
from schemas.contract import SCHEMA_PATH


def check(mapping: Path, schema: Path | None, kind: str, console: Console) -> None:
    """Check a mapping against its schema for events of this source kind; raises CommandError with all errors."""
    if faults := dry_run.check(mapping, schema or SCHEMA_PATH, kind):
        raise CommandError("\n".join((f"{len(faults)} error{'' if len(faults) == 1 else 's'} in {mapping}", *faults)))
    console.print(f"{mapping} fits {schema or SCHEMA_PATH}", highlight=False, markup=False, soft_wrap=True)


def test(mapping: Path, events: Path, schema: Path | None, kind: str, console: Console) -> None:
    """Print the record of each event of this source kind, one JSON object per line."""
    if not events.is_file():
        raise CommandError(f"{events} does not exist, or is not a file")
    try:
        for record in dry_run.try_events(mapping, schema or SCHEMA_PATH, events, kind):
            console.out(json.dumps(record, ensure_ascii=False), highlight=False)
    except MappingError as error:
        raise CommandError(str(error)) from error


def migrate_script(script: Path, output: Path | None, console: Console) -> None:
    """Print or write a mapping of Divolte in Python; raises CommandError with all lines that could not be translated."""
    try:
        migration = migrate(script.read_text("utf-8-sig"), str(script))
        if output is not None:
            output.write_text(migration.text, "utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{script}: not valid UTF-8; expected a Groovy script") from error
    if output is None:
        console.out(migration.text, end="", highlight=False)
    if faults := migration.faults:
        raise CommandError("\n".join((f"{len(faults)} error{'' if len(faults) == 1 else 's'} in {script}", *faults)))

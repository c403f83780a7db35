"""`headrace druid apply`: brings Druid to what the files of `druid/` say, and changes nothing that is so already."""

import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from headrace.druid.client import COMPACTION, RULES, SUPERVISORS, Druid
from headrace.druid.difference import Difference, differences
from headrace.druid.spec import FOLDER, Options, Spec, fill_in, read_files
from headrace.druid.supervisor import runs, wait_until
from headrace.errors import CommandError
from schemas.contract import SCHEMA_PATH, columns, load_schema
from topics.kafka.settings import KafkaSettings

SHOWN_CHARACTERS: Final = 160


def apply_table(
    url: str,
    kafka: KafkaSettings,
    console: Console,
    *,
    options: Options = Options(),  # noqa: B008  # frozen
    folder: Path = FOLDER,
    schema: Path = SCHEMA_PATH,
    dry_run: bool = False,
    as_json: bool = False,
) -> list[Difference]:
    """Submit what differs and wait until the supervisor runs; gives the differences, none at a second time.

    Raises CommandError, and nothing was changed, when a file has a fault, Druid refuses the spec, or nobody answers.
    """
    wanted, datasource = fill_in(read_files(folder), columns(load_schema(schema)), kafka, options), options.datasource
    with Druid(url) as druid:
        changes = _compared(druid, wanted, datasource)
        if not as_json:
            _print(changes, console)
        if not dry_run:
            _submit(druid, wanted, changes, datasource)
            if ignored := changes and _compared(druid, wanted, datasource):
                raise CommandError(f"Druid took it, but does not keep {', '.join(change.path for change in ignored)}: it knows no such key")
            word = _waited(druid, wanted, datasource)
    if as_json:
        content = {"applied": bool(changes) and not dry_run, "changes": [change.shown() for change in changes]}
        console.out(json.dumps(content, ensure_ascii=False), highlight=False)
    elif not dry_run:
        console.print(f"{datasource} {word}", highlight=False)
    return changes


def _compared(druid: Druid, wanted: Spec, datasource: str) -> list[Difference]:
    found = {
        "supervisor": druid.get(f"{SUPERVISORS}/{datasource}"),
        "compaction": druid.get(f"{COMPACTION}/{datasource}"),
        "rules": druid.get(f"{RULES}/{datasource}"),
    }
    if found["supervisor"]:
        _keep(found["supervisor"], wanted)
    return [change for part, content in found.items() for change in differences(content, getattr(wanted, part), part)]


def _keep(found: dict[str, Any], wanted: Spec) -> None:
    """Keep what apply never takes away: a suspension, and columns that the schema no longer has; raises CommandError on another type."""
    if found.get("suspended"):
        wanted.supervisor["suspended"] = True
    dimensions = wanted.supervisor["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    types = {dimension["name"]: _type(dimension) for dimension in dimensions}
    there = found["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    dimensions += [dimension for dimension in there if dimension["name"] not in types]
    faults = [
        f"column {name} is {kind} in Druid, {types[name]} in the schema: give the field another name"
        for name, kind in ((dimension["name"], _type(dimension)) for dimension in there)
        if types.get(name, kind) != kind
    ]
    if faults:
        raise CommandError("\n".join(("nothing was changed", *faults)))


def _type(dimension: dict[str, Any]) -> str:
    return str(dimension.get("castToType") or dimension["type"]).lower()


def _print(changes: list[Difference], console: Console) -> None:
    for change in (change.shown() for change in changes):
        line = Text.assemble((change["path"], "bold"), f": {_short(change['old'])} -> {_short(change['new'])}")
        console.print(line, soft_wrap=True)
    if not changes:
        console.print("nothing to change", highlight=False)


def _short(value: Any) -> str:
    """Give a value in a line; all of it is in --json."""
    text = "(nothing)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _submit(druid: Druid, wanted: Spec, changes: list[Difference], datasource: str) -> None:
    """Send the parts that differ, the supervisor first: it is what Druid has most to say about, and then nothing else is changed yet."""
    parts = {change.path.partition("/")[0] for change in changes}
    for part, path in (("supervisor", SUPERVISORS), ("compaction", COMPACTION), ("rules", f"{RULES}/{datasource}")):
        if part in parts:
            druid.post(path, getattr(wanted, part))


def _waited(druid: Druid, wanted: Spec, datasource: str) -> str:
    if wanted.supervisor.get("suspended"):
        return "is suspended; `headrace druid resume` lets it go on"
    wait_until(druid, datasource, runs)
    return "runs"

"""`headrace druid apply`: brings Druid to what the files of `druid/` say, and changes nothing that is so already."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from headrace.druid_client import COMPACTION, RULES, SUPERVISORS, Druid
from headrace.druid_difference import Difference, differences
from headrace.druid_spec import FOLDER, Options, Spec, fill_in, read_files
from headrace.druid_supervisor import runs, wait_until
from headrace.errors import CommandError
from schemas.contract import SCHEMA_PATH, columns, load_schema
from topics.kafka.settings import KafkaSettings


def apply(
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
    wanted = fill_in(read_files(folder), columns(load_schema(schema)), kafka, options)
    with Druid(url) as druid:
        found = _found(druid, options.datasource)
        _keep(found, wanted)
        changes = [change for part in ("supervisor", "compaction", "rules") for change in _changes(found[part], wanted, part)]
        if not as_json:
            _print(changes, console)
        if not dry_run:
            _submit(druid, wanted, changes, options.datasource)
            if not wanted.supervisor.get("suspended"):
                wait_until(druid, options.datasource, runs)
    if as_json:
        console.out(
            json.dumps({"applied": bool(changes) and not dry_run, "changes": [change.shown() for change in changes]}), highlight=False
        )
    elif not dry_run:
        word = "is suspended; `headrace druid resume` lets it go on" if wanted.supervisor.get("suspended") else "runs"
        console.print(f"{options.datasource} {word}", highlight=False)
    return changes


def _found(druid: Druid, datasource: str) -> dict[str, Any]:
    return {
        "supervisor": druid.get(f"{SUPERVISORS}/{datasource}") or {},
        "compaction": druid.get(f"{COMPACTION}/{datasource}") or {},
        "rules": druid.get(f"{RULES}/{datasource}") or [],
    }


def _keep(found: dict[str, Any], wanted: Spec) -> None:
    """Keep what apply never takes away: a suspension, and columns that the schema no longer has; raises CommandError on another type."""
    if not found["supervisor"]:
        return
    if found["supervisor"].get("suspended"):
        wanted.supervisor["suspended"] = True
    dimensions = wanted.supervisor["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    types = {dimension["name"]: _type(dimension) for dimension in dimensions}
    there = found["supervisor"]["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    faults = [
        f"column {dimension['name']} is {_type(dimension)} in Druid, {types[dimension['name']]} in the schema: give the field another name"
        for dimension in there
        if dimension["name"] in types and types[dimension["name"]] != _type(dimension)
    ]
    if faults:
        raise CommandError("\n".join(("nothing was changed", *faults)))
    dimensions += [dimension for dimension in there if dimension["name"] not in types]


def _type(dimension: dict[str, Any]) -> str:
    return str(dimension.get("castToType") or dimension["type"]).lower()


def _changes(found: Any, wanted: Spec, part: str) -> list[Difference]:
    return list(differences(found, getattr(wanted, part), part))


def _print(changes: list[Difference], console: Console) -> None:
    for change in (change.shown() for change in changes):
        line = Text.assemble((change["path"], "bold"), f": {_short(change['old'])} -> {_short(change['new'])}")
        console.print(line, soft_wrap=True)
    if not changes:
        console.print("nothing to change", highlight=False)


def _short(value: Any) -> str:
    return "(nothing)" if value is None else json.dumps(value, ensure_ascii=False)


def _submit(druid: Druid, wanted: Spec, changes: list[Difference], datasource: str) -> None:
    """Send the parts that differ, the supervisor first: it is what Druid has most to say about, and then nothing else is changed yet."""
    parts = {change.path.partition("/")[0] for change in changes}
    for part, path in (("supervisor", SUPERVISORS), ("compaction", COMPACTION), ("rules", f"{RULES}/{datasource}")):
        if part in parts:
            druid.post(path, getattr(wanted, part))

"""`headrace druid apply`: makes Druid match the files in `druid/`, and changes nothing that already matches."""

import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from headrace.druid.client import COMPACTION, RULES, SUPERVISORS, Druid
from headrace.druid.difference import Difference, differences
from headrace.druid.spec import FOLDER, Options, Spec, fill_in, read_files
from headrace.druid.supervisor import is_running, wait_until
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
    """Submit the parts that differ, wait until the supervisor runs, and return the differences; a second run finds none.

    Raises CommandError without having changed anything if a file has errors, or if Druid rejects the spec or does not respond.
    """
    spec, datasource = fill_in(read_files(folder), columns(load_schema(schema)), kafka, options), options.datasource
    with Druid(url) as druid:
        changes = _compare(druid, spec, datasource)
        if not as_json:
            _print(changes, console)
        if not dry_run:
            _submit(druid, spec, changes, datasource)
            if ignored := changes and _compare(druid, spec, datasource):
                raise CommandError(
                    f"Druid accepted the spec, but ignores {', '.join(change.path for change in ignored)}: it does not know these keys"
                )
            state = _wait(druid, spec, datasource)
    if as_json:
        content = {"applied": bool(changes) and not dry_run, "changes": [change.shown() for change in changes]}
        console.out(json.dumps(content, ensure_ascii=False), highlight=False)
    elif not dry_run:
        console.print(f"{datasource} {state}", highlight=False)
    return changes


def _compare(druid: Druid, spec: Spec, datasource: str) -> list[Difference]:
    found = {
        "supervisor": druid.get(f"{SUPERVISORS}/{datasource}"),
        "compaction": druid.get(f"{COMPACTION}/{datasource}"),
        "rules": druid.get(f"{RULES}/{datasource}"),
    }
    if found["supervisor"]:
        _keep(found["supervisor"], spec)
    return [change for part, content in found.items() for change in differences(content, getattr(spec, part), part)]


def _keep(found: dict[str, Any], spec: Spec) -> None:
    """Keep a suspension, and columns that the schema no longer has; raises CommandError if the type of a column differs."""
    if found.get("suspended"):
        spec.supervisor["suspended"] = True
    dimensions = spec.supervisor["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    types = {dimension["name"]: _type(dimension) for dimension in dimensions}
    existing = found["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    dimensions += [dimension for dimension in existing if dimension["name"] not in types]
    faults = [
        f"column {name} is {kind} in Druid, but {types[name]} in the schema: choose another name for the field"
        for name, kind in ((dimension["name"], _type(dimension)) for dimension in existing)
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
    """Return a value in one line; --json shows it whole."""
    text = "(none)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _submit(druid: Druid, spec: Spec, changes: list[Difference], datasource: str) -> None:
    """Send the parts that differ, the supervisor first: Druid is most likely to reject it, and then nothing is changed."""
    parts = {change.path.partition("/")[0] for change in changes}
    for part, path in (("supervisor", SUPERVISORS), ("compaction", COMPACTION), ("rules", f"{RULES}/{datasource}")):
        if part in parts:
            druid.post(path, getattr(spec, part))


def _wait(druid: Druid, spec: Spec, datasource: str) -> str:
    if spec.supervisor.get("suspended"):
        return "is suspended; `headrace druid resume` resumes it"
    wait_until(druid, datasource, is_running)
    return "is running"

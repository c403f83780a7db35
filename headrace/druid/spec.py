"""The files of `druid/`: read, checked, and filled in with topic, brokers, columns and options."""

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from headrace.druid.models import RULES_BY_TYPE, CompactionFile, Part, SupervisorFile, instead
from headrace.errors import CommandError
from schemas.contract import TIME, Column
from topics.kafka.settings import KafkaSettings

FOLDER: Final = Path(__file__).resolve().parents[2] / "druid"
SUPERVISOR, COMPACTION, RULES = "supervisors/clickstream.json", "compaction.json", "rules.json"

# `auto` with a type rejects a list where a text is expected; `string` would silently make the column multi-valued.
DIMENSIONS: Final[Mapping[str, dict[str, str]]] = {
    "string": {"type": "auto", "castToType": "STRING"},
    "long": {"type": "long"},
    "double": {"type": "double"},
    "json": {"type": "json"},
}


@dataclass(frozen=True, slots=True)
class Options:
    """Values that replace those of the files; None keeps the value of the file."""

    datasource: str = "clickstream"
    tasks: int | None = None
    replicas: int | None = None
    task_duration: str | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """The configuration of a datasource in Druid."""

    supervisor: dict[str, Any]
    compaction: dict[str, Any]
    rules: list[dict[str, Any]]


def read_files(folder: Path = FOLDER) -> Spec:
    """Read the files; raises CommandError with all errors in all of them."""
    found, faults = {}, []
    for name, check in (
        (SUPERVISOR, partial(_faults, SupervisorFile)),
        (COMPACTION, partial(_faults, CompactionFile)),
        (RULES, _rules_faults),
    ):
        try:
            found[name] = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            faults.append(f"{folder / name}: cannot be read: {error}")
        else:
            faults += [f"{folder / name}: {fault}" for fault in check(found[name])]
    if faults:
        raise CommandError("\n".join((f"{len(faults)} error{'' if len(faults) == 1 else 's'}; nothing was changed", *faults)))
    return Spec(found[SUPERVISOR], found[COMPACTION], found[RULES])


def fill_in(files: Spec, columns: tuple[Column, ...], kafka: KafkaSettings, options: Options) -> Spec:
    """Return the files with topic, brokers, columns and options filled in."""
    filled = deepcopy(files)
    schema, reading = filled.supervisor["spec"]["dataSchema"], filled.supervisor["spec"]["ioConfig"]
    schema["dataSource"] = filled.compaction["dataSource"] = options.datasource
    schema["dimensionsSpec"] = {"dimensions": [DIMENSIONS[column.druid] | {"name": column.name} for column in columns if column != TIME]}
    reading["topic"] = kafka.topic("json")
    reading["consumerProperties"]["bootstrap.servers"] = kafka.bootstrap_servers
    given = {"taskCount": options.tasks, "replicas": options.replicas, "taskDuration": options.task_duration}
    reading |= {key: value for key, value in given.items() if value is not None}
    if options.replicas is not None:
        for rule in filled.rules:
            if tiers := rule.get("tieredReplicants"):
                rule["tieredReplicants"] = dict.fromkeys(tiers, options.replicas)
    return filled


def _faults(model: type[Part], content: Any) -> Iterator[str]:
    try:
        model.model_validate(content)
    except ValidationError as error:
        for fault in error.errors():
            yield f"{'/'.join(map(str, fault['loc'])) or 'the file'}: {_text(fault, model)}"


def _text(fault: ErrorDetails, model: type[Part]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key, which Druid would ignore{_nearest(str(fault['loc'][-1]), model.at(fault['loc'][:-1]).keys())}"
    if fault["type"] == "model_type":
        return f"must be an object, {instead(fault['input'])}"
    return fault["msg"]


def _rules_faults(content: Any) -> Iterator[str]:
    rules = content if isinstance(content, list) and content else [None]
    for number, rule in enumerate(rules):
        kind = str(rule.get("type")) if isinstance(rule, dict) else ""
        if kind in RULES_BY_TYPE:
            yield from (f"{number}/{fault}" for fault in _faults(RULES_BY_TYPE[kind], rule))
        else:
            yield f"{number}/type: {json.dumps(kind)} is not a rule of Druid{_nearest(kind, RULES_BY_TYPE)}"
    if isinstance(rules[-1], dict) and rules[-1].get("type") not in ("loadForever", "dropForever"):
        yield f"{len(rules) - 1}/type: the last rule must be loadForever or dropForever: otherwise other days follow the cluster's default"


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""

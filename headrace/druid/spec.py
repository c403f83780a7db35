"""The files of `druid/`: read, checked as a whole, filled in with what only the moment knows."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from headrace.druid import keys
from headrace.errors import CommandError
from schemas.contract import TIME, Column
from topics.kafka.settings import KafkaSettings

FOLDER: Final = Path(__file__).resolve().parents[2] / "druid"
SUPERVISOR, COMPACTION, RULES = "supervisors/clickstream.json", "compaction.json", "rules.json"

# `auto` with a type refuses a list where a text is expected; `string` would make the column multi-valued without a word.
DIMENSIONS: Final[Mapping[str, dict[str, str]]] = {
    "string": {"type": "auto", "castToType": "STRING"},
    "long": {"type": "long"},
    "double": {"type": "double"},
    "json": {"type": "json"},
}


@dataclass(frozen=True, slots=True)
class Options:
    """What is filled in; None leaves what the files say."""

    datasource: str = "clickstream"
    tasks: int | None = None
    replicas: int | None = None
    task_duration: str | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """All that Druid is told of a datasource."""

    supervisor: dict[str, Any]
    compaction: dict[str, Any]
    rules: list[dict[str, Any]]


def read_files(folder: Path = FOLDER) -> Spec:
    """Read the files; raises CommandError with every fault of all of them."""
    found, faults = {}, []
    for name, check in ((SUPERVISOR, _supervisor_faults), (COMPACTION, _compaction_faults), (RULES, _rules_faults)):
        try:
            found[name] = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            faults.append(f"{folder / name}: cannot be read: {error}")
        else:
            faults += [f"{folder / name}: {fault}" for fault in check(found[name])]
    if faults:
        raise CommandError("\n".join((f"{len(faults)} fault{'' if len(faults) == 1 else 's'}; nothing was changed", *faults)))
    return Spec(found[SUPERVISOR], found[COMPACTION], found[RULES])


def fill_in(files: Spec, columns: tuple[Column, ...], kafka: KafkaSettings, options: Options) -> Spec:
    """Give what Druid is told: the files with topic, brokers, columns and options in their places."""
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


def _supervisor_faults(content: Any) -> Iterator[str]:
    yield from _unknown(content, keys.SUPERVISOR)
    yield from _meaning(content, keys.SUPERVISOR_MUST, keys.SUPERVISOR_NEVER)
    for path in ("spec/ioConfig/taskCount", "spec/ioConfig/replicas"):
        if type(count := _at(content, path)) is not int or count < 1:
            yield f"{path}: must be a whole number from 1 on, {_but(count)}"


def _compaction_faults(content: Any) -> Iterator[str]:
    yield from _unknown(content, keys.COMPACTION)
    yield from _meaning(content, keys.COMPACTION_MUST, keys.COMPACTION_NEVER)


def _rules_faults(content: Any) -> Iterator[str]:
    rules = content if isinstance(content, list) and content else [None]
    for number, rule in enumerate(rules):
        kind = str(rule.get("type")) if isinstance(rule, dict) else ""
        if kind not in keys.RULES:
            yield f"{number}/type: Druid knows no such rule as {_shown(kind)}{_nearest(kind, keys.RULES)}"
        else:
            yield from (f"{number}/{fault}" for fault in _unknown(rule, {"": keys.RULES[kind]}))
    if isinstance(rules[-1], dict) and rules[-1].get("type") not in ("loadForever", "dropForever"):
        yield f"{len(rules) - 1}/type: the last rule must be loadForever or dropForever, else other days follow the cluster's default"


def _unknown(content: Any, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for path, names in known.items():
        part = _at(content, path)
        if not isinstance(part, dict):
            if part is not None or path == "":
                yield f"{path or 'the file'}: must be an object, {_but(part)}"
            continue
        for name in part.keys() - names:
            yield f"{_join(path, name)}: Druid knows no such key and would ignore it{_nearest(name, names)}"


def _meaning(content: Any, must: Mapping[str, tuple[Any, str]], never: Mapping[str, str]) -> Iterator[str]:
    for path, (value, otherwise) in must.items():
        if type(found := _at(content, path)) is not type(value) or found != value:
            yield f"{path}: must be {_shown(value)}, {_but(found)}: else {otherwise}"
    for path, reason in never.items():
        if _at(content, path) is not None:
            yield f"{path}: take it out: {reason}"


def _at(content: Any, path: str) -> Any:
    for name in path.split("/") if path else ():
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _but(value: Any) -> str:
    return "but is missing" if value is None else f"not {_shown(value)}"


def _nearest(name: str, names: Mapping[str, Any] | frozenset[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""

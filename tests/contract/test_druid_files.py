"""The files for Druid: their semantics, their columns, and their README."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from headrace.druid.models import CompactionFile, Forbidden, Part, Required, SupervisorFile
from headrace.druid.spec import COMPACTION, RULES, SUPERVISOR, Options, fill_in, read_files
from schemas.contract import columns, load_schema
from topics.kafka.settings import KafkaSettings

Check = TypeVar("Check", Required, Forbidden)
FOLDER = Path(__file__).resolve().parents[2] / "druid"
README = (FOLDER / "README.md").read_text()
SPEC = fill_in(read_files(), columns(load_schema()), KafkaSettings(), Options())
SCHEMA, READING, TUNING = (SPEC.supervisor["spec"][part] for part in ("dataSchema", "ioConfig", "tuningConfig"))


def test_no_row_is_skipped_dropped_or_added_up() -> None:
    assert READING["useEarliestOffset"] is True
    assert READING["consumerProperties"]["isolation.level"] == "read_committed"
    assert not [key for key in READING if "Rejection" in key]
    assert TUNING["resetOffsetAutomatically"] is False
    assert TUNING["maxParseExceptions"] == 0
    assert TUNING["logParseExceptions"] is True
    assert SCHEMA["granularitySpec"] == {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False}
    assert SPEC.compaction["granularitySpec"] == SCHEMA["granularitySpec"]


def test_compaction_works_beside_rows_that_arrive() -> None:
    assert SPEC.supervisor["context"]["useConcurrentLocks"] is True
    assert SPEC.compaction["taskContext"]["useConcurrentLocks"] is True


def test_a_row_does_not_wait_to_be_fetched() -> None:
    assert (READING["pollTimeout"], READING["consumerProperties"]["fetch.max.wait.ms"]) == (50, 50)
    assert READING["idleConfig"] == {"enabled": False}


@pytest.mark.parametrize("column", [column for column in columns(load_schema()) if column.name != "__time"], ids=lambda column: column.name)
def test_every_column_of_the_contract_has_its_type(column: Any) -> None:
    (dimension,) = (dimension for dimension in SCHEMA["dimensionsSpec"]["dimensions"] if dimension["name"] == column.name)
    assert (dimension.get("castToType") or dimension["type"]).lower() == column.druid
    assert (dimension["type"] == "auto") == (column.druid == "string")


def test_the_time_of_the_event_is_the_time_of_the_row() -> None:
    assert SCHEMA["timestampSpec"] == {"column": "__time", "format": "millis"}
    assert "__time" not in {dimension["name"] for dimension in SCHEMA["dimensionsSpec"]["dimensions"]}


def test_the_file_has_no_list_of_columns_of_its_own() -> None:
    assert "dimensionsSpec" not in json.loads((FOLDER / SUPERVISOR).read_text())["spec"]["dataSchema"]


def rows(header: str) -> list[list[str]]:
    table = README.partition(f"| {header} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def checks(part: type[Part], kind: type[Check], path: str = "") -> Iterator[tuple[str, Check]]:
    """The checks of this kind in a file, each with the path of its key."""
    parts = part.parts()
    for field in part.model_fields.values():
        if field.alias in parts:
            yield from checks(parts[field.alias], kind, f"{path}{field.alias}/")
        yield from ((f"{path}{field.alias}", check) for check in field.metadata if isinstance(check, kind))


def test_the_readme_has_every_value_that_the_files_must_have() -> None:
    meant = [
        [f"`{path}`{suffix}", f"`{json.dumps(required.value)}`", required.otherwise]
        for model, suffix in ((SupervisorFile, ""), (CompactionFile, f" ({COMPACTION})"))
        for path, required in checks(model, Required)
    ]
    assert rows("path | value | otherwise") == meant


def test_the_readme_names_every_key_that_the_files_must_not_have() -> None:
    documented = re.findall(r"`([^`]+)`", README.partition("Keys that must not be in the files: ")[2].partition("\n")[0])
    forbidden = (path for model in (SupervisorFile, CompactionFile) for path, _ in checks(model, Forbidden))
    assert set(documented) == {path.rpartition("/")[2] for path in forbidden}


def test_the_readme_has_the_defaults_of_what_is_filled_in() -> None:
    documented = {name.strip("`"): default.strip("`") for name, default, _ in rows("in the supervisor | default | meaning")}
    where = SCHEMA | READING | READING["consumerProperties"]
    assert documented == {name: str(where[name]) for name in documented}
    assert set(documented) == {"dataSource", "topic", "bootstrap.servers", "taskCount", "replicas", "taskDuration"}


def test_the_readme_names_every_file() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json") if "runtime" not in path.parts}
    assert {name.strip("`") for name, _ in rows("file | purpose")} == files == {SUPERVISOR, COMPACTION, RULES}


def test_every_way_to_keep_rows_that_the_readme_shows_is_taken(tmp_path: Path) -> None:
    (shown,) = re.findall(r"`(\[\{.+?\])`", README)
    for name in (SUPERVISOR, COMPACTION):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((FOLDER / name).read_text())
    (tmp_path / RULES).write_text(shown)
    assert [rule["type"] for rule in read_files(tmp_path).rules] == ["loadByPeriod", "dropForever"]

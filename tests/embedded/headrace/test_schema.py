"""`headrace schema check`: its output and exit status."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.collector.collectors import ROOT
from typer.testing import CliRunner

from headrace.cli import app
from headrace.errors import CommandError
from schemas.contract import load_schema

OURS = ROOT / "schemas" / "clickstream.avsc"


def checked(old: Path, new: Path, *options: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["schema", "check", str(old), str(new), *options])
    if isinstance(result.exception, CommandError):
        raise result.exception
    return result.exit_code, result.output.splitlines()


def changed(folder: Path, **fields: Any) -> Path:
    """Our schema with some fields changed, added, or left out for None."""
    schema = load_schema()
    kept = {field["name"]: field for field in schema["fields"]} | fields
    path = folder / "new.avsc"
    path.write_text(json.dumps(schema | {"fields": [field for field in kept.values() if field]}))
    return path


def test_a_schema_with_one_more_optional_field_is_fully_compatible(tmp_path: Path) -> None:
    new = changed(tmp_path, basket_size={"name": "basket_size", "type": ["null", "int"], "default": None})
    assert checked(OURS, new) == (0, [f"{new} is compatible with {OURS} (full)"])


def test_all_that_does_not_fit_is_reported_at_once_with_the_exit_status_1(tmp_path: Path) -> None:
    new = changed(tmp_path, basket_size={"name": "basket_size", "type": "int"}, site=None)
    assert checked(OURS, new) == (
        1,
        [
            "backward: basket_size: messages of OLD lack it; give it a default",
            "forward: site: messages of NEW lack it; keep it: OLD has no default for it",
            "note: the converter makes no rows without site; that is right for a topic that it does not read",
            f"{new} is not compatible with {OURS} (full)",
        ],
    )


@pytest.mark.parametrize(("direction", "status"), [("backward", 1), ("forward", 0), ("full", 1)])
def test_the_direction_is_chosen(tmp_path: Path, direction: str, status: int) -> None:
    new = changed(tmp_path, basket_size={"name": "basket_size", "type": "int"})
    assert checked(OURS, new, "--compatibility", direction)[0] == status


def test_a_column_that_changes_and_an_instant_in_another_unit_are_noted(tmp_path: Path) -> None:
    new = changed(
        tmp_path,
        viewport_width={"name": "viewport_width", "type": ["null", "double"], "default": None},
        received_at={"name": "received_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    )
    status, output = checked(OURS, new, "--compatibility", "backward")
    assert status == 0
    assert set(output[:-1]) == {
        "note: viewport_width: its column in Druid changes from long to double; existing rows keep their type",
        "note: received_at: timestamp-millis becomes timestamp-micros; the bytes stay the same",
    }


WRAPPED = '{"type": "record", "name": "A", "fields": [{"name": "a", "type": {"type": ["null", "int"]}}]}'


@pytest.mark.parametrize(
    "content", ["{", "[]", '"string"', '{"type": "enum", "name": "E", "symbols": ["A"]}', '{"type": "record"}', WRAPPED, None]
)
def test_a_file_that_is_not_a_record_schema_is_reported(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "new.avsc"
    if content:
        path.write_text(content)
    with pytest.raises(CommandError, match=f"{path} is not an Avro schema of a record"):
        checked(OURS, path)

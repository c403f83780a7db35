"""The collector's documents agree with its code."""

import re
from pathlib import Path

from collector.events.event import Event, RejectReason, TrustedEvent
from collector.settings import PREFIX, Settings
from collector.source_registry import SOURCE_KINDS
from collector.sources import Source
from mapping.dsl.input_specs import EVENT_KINDS, INPUTS
from mapping.dsl.names import NAMES
from schemas.contract import ENRICHED, load_schema

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "collector" / "README.md").read_text("utf-8")
MAPPING_README = (ROOT / "mapping" / "README.md").read_text("utf-8")
SCHEMAS_README = (ROOT / "schemas" / "README.md").read_text("utf-8")


def test_variables_that_documents_name_exist() -> None:
    names = {PREFIX + name.upper() for name in Settings.model_fields}
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md")):
        found = set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", path.read_text("utf-8")))
        assert found <= names, path


def test_every_reject_reason_is_in_the_readme() -> None:
    table = README.partition("| reason | applies to |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table.replace("`sent_at`", "").replace("`created_at`", ""))) == set(RejectReason)


def test_every_key_of_a_source_is_in_the_readme() -> None:
    table = README.partition("| key | source kinds | meaning |")[2].partition("\n\n")[0]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert documented == {field.alias or name for name, field in Source.model_fields.items()} - {"name"}


def test_every_source_kind_is_in_the_readme() -> None:
    [row] = re.findall(r"^\| `kind` \| all \| (.*) \|$", README, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {name for kind in SOURCE_KINDS.values() for name in (kind.name, kind.former_name) if name}


def test_every_key_of_an_event_is_in_the_readme() -> None:
    fields = set(TrustedEvent.__struct_fields__)
    assert {name for name in fields if f"`{name}`" not in README} == set()
    table = README.partition("| key of an event | value |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(Event.__struct_fields__)


def test_every_field_and_column_is_in_the_schemas_readme() -> None:
    lines = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|$", SCHEMAS_README, re.MULTILINE))
    fields = {field["name"]: field["doc"] for field in load_schema()["fields"]}
    added = {column.name: column.doc for column in ENRICHED}
    assert lines == fields | added


def test_every_field_of_the_default_schema_is_mapped() -> None:
    rules = (ROOT / "mapping" / "clickstream.py").read_text("utf-8")
    assert {field["name"] for field in load_schema()["fields"] if f'"{field["name"]}"' not in rules} == set()


def test_every_name_that_the_example_uses_is_one_of_the_language() -> None:
    used = re.findall(r"from mapping import (.*)", MAPPING_README)
    assert {name.strip() for line in used for name in line.split(",")} <= set(NAMES)


def test_every_name_of_the_language_is_in_the_mapping_readme() -> None:
    assert {name for name in NAMES if not re.search(rf"\b{name}\b", MAPPING_README)} == set()


def test_every_input_is_in_the_mapping_readme() -> None:
    rows = re.findall(r"^\| `(\w+)\(\)` \| (.*?) \| (.*?) \| (.*?) \|$", MAPPING_README, re.MULTILINE)
    inputs = [spec for spec in INPUTS.values() if spec.function]
    kinds = ["all" if len(spec.accesses) == len(EVENT_KINDS) else ", ".join(spec.accesses) for spec in inputs]
    assert rows == [(spec.function, spec.type.value, kind, spec.doc) for spec, kind in zip(inputs, kinds, strict=True)]

"""A small schema, mappings for it in a file, and their results for events."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cleaning.urls import UrlRules
from collector.encoders.loader import load_plan
from collector.encoders.samples import arguments
from collector.events.event import Event
from mapping.evaluation import evaluate
from schemas.codec import Decoder

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
MAPPINGS = SCHEMAS.with_name("mapping")
ID = "0" * 32
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Small",
    "fields": [
        {"name": "kind", "type": "string", "default": "none"},
        {"name": "text", "type": ["null", "string"], "default": None},
        {"name": "other", "type": ["string", "null"], "default": "unset"},
        {"name": "flag", "type": ["null", "boolean"], "default": None},
        {"name": "small", "type": ["null", "int"], "default": None},
        {"name": "large", "type": "long", "default": -1},
        {"name": "single", "type": ["null", "float"], "default": None},
        {"name": "real", "type": "double", "default": 0.5},
        {"name": "ratio", "type": "float", "default": 0.25},
        {"name": "is_set", "type": "boolean", "default": True},
        {"name": "json", "type": ["null", {"type": "string", "logicalType": "json"}], "default": None},
    ],
}


def write(directory: Path, rules: str) -> Path:
    """Write a mapping of these rules."""
    path = directory / "mapping.py"
    path.write_text("from mapping import *\n" + rules, "utf-8")
    return path


def write_sources(directory: Path, rules: str, schema: Mapping[str, Any], sources: Mapping[str, tuple[str, str]]) -> Path:
    """Write a file of sources, by path a kind and a compatibility, all with one mapping and one schema."""
    write(directory, rules)
    (directory / "schema.avsc").write_bytes(msgspec.json.encode(schema))
    files = 'mapping_file = "mapping.py"\nschema_file = "schema.avsc"\n'
    tables = [
        f'[source{number}]\nkind = "{kind}"\nevent_path = "{path}"\ncompatibility = "{compatibility}"\n{files}'
        for number, (path, (kind, compatibility)) in enumerate(sources.items())
    ]
    path = directory / "sources.toml"
    path.write_text("\n".join(tables), "utf-8")
    return path


def one_field(avro: Any, **more: Any) -> dict[str, Any]:
    """Return a schema with one nullable field `f`."""
    allowed = avro if isinstance(avro, list) else [avro]
    branches = allowed if "null" in allowed else ["null", *allowed]
    default = {"default": None} if branches[0] == "null" else {}
    return {"type": "record", "name": "One", "fields": [{"name": "f", "type": branches, **default, **more}]}


def record_of(
    rules: str,
    event: object = None,
    *,
    schema: Mapping[str, Any] = SCHEMA,
    is_strict: bool = False,
    find_place: Any = None,
    **inputs: object,
) -> dict[str, Any]:
    """Return the record that rules make of an event, whose class selects the event kind."""
    event = Event(id=ID, type="pageView") if event is None else event
    kind = "divolte_tag" if isinstance(event, dict) else "tracker" if isinstance(event, Event) else "divolte_json"
    plan = evaluate(b"from mapping import *\n" + rules.encode(), "mapping.py")
    encode = load_plan(plan, schema, UrlRules(), kind=kind, is_strict=is_strict, find_place=find_place)
    return Decoder([schema]).decode(encode(*arguments(event, **inputs).values()))


def value_of(value: str, event: object = None, avro: Any = "string", **more: Any) -> Any:
    """Return the value of an expression of the language for an event; None if it is absent."""
    return record_of(f'map_({value}).onto("f")', event, schema=one_field(avro), **more)["f"]

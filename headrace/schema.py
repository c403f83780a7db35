"""`headrace schema`: checks whether a schema may replace another one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import fastavro.schema
from rich.console import Console

from headrace.errors import CommandError
from schemas.contract import COLUMN_TYPES, avro_kind, load_schema
from schemas.evolution import backward_faults, forward_faults
from streams.conversion.converter import MANDATORY

Compatibility: TypeAlias = Literal["backward", "forward", "full"]


def check(old: Path, new: Path, compatibility: Compatibility, console: Console) -> bool:
    """Print all incompatibilities and notes, and return whether the schemas are compatible; raises CommandError if one is not a schema."""
    before, after = _read(old), _read(new)
    faults = []
    if compatibility != "forward":
        faults += [f"backward: {fault}" for fault in backward_faults(before, after)]
    if compatibility != "backward":
        faults += [f"forward: {fault}" for fault in forward_faults(before, after)]
    lines = [*faults, *(f"note: {note}" for note in _notes(before, after))]
    lines.append(f"{new} is {'not ' if faults else ''}compatible with {old} ({compatibility})")
    for line in lines:
        console.out(line, highlight=False)
    return not faults


def _read(path: Path) -> dict[str, Any]:
    try:
        schema = load_schema(path)
        fastavro.schema.parse_schema(schema, named_schemas={})
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise ValueError("its type must be record")
    except (OSError, ValueError, KeyError, TypeError, fastavro.schema.SchemaParseException) as error:
        raise CommandError(f"{path} is not an Avro schema of a record: {error}") from error
    return schema


def _notes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Return notes on changes that Avro allows, but that affect the tables."""
    before, after = ({field["name"]: field["type"] for field in schema["fields"]} for schema in (old, new))
    if missing := [name for name in MANDATORY if name not in after]:
        yield f"the converter makes no rows without {', '.join(missing)}; that is right for a topic that it does not read"
    for name in before.keys() & after.keys():
        columns = [COLUMN_TYPES.get(avro_kind(fields[name]), ("", ""))[1] for fields in (before, after)]
        if all(columns) and columns[0] != columns[1]:
            yield f"{name}: its column in Druid changes from {columns[0]} to {columns[1]}; existing rows keep their type"
        meanings = [_meaning(fields[name]) for fields in (before, after)]
        if meanings[0] != meanings[1]:
            yield f"{name}: {meanings[0] or 'a plain value'} becomes {meanings[1] or 'a plain value'}; the bytes stay the same"


def _meaning(avro: Any) -> str:
    """Return the logical type of a field, also within a union."""
    if isinstance(avro, list):
        return next(filter(None, map(_meaning, avro)), "")
    return str(avro.get("logicalType", "")) if isinstance(avro, Mapping) else ""

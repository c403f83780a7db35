"""Loader of encoders: checks a mapping against its schema, compiles it and verifies the result."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastavro
import fastavro.schema
import structlog

import mapping as language
import schemas
from cleaning.urls import UrlRules
from collector.encoders.samples import verify
from collector.errors import MappingError
from mapping import checks
from mapping.compilation.compiler import Encoder, Report, compile_mapping
from mapping.compilation.specialization import specialize
from mapping.dsl.expressions import operations_of
from mapping.dsl.statements import Plan, assignments
from mapping.evaluation import evaluate
from mapping.operations.registry import FindPlace, functions
from schemas.codec import message_prefix

log = structlog.get_logger()

_MAPPINGS, _SCHEMAS = Path(language.__file__).parent, Path(schemas.__file__).parent
# The built-in mappings by their former paths (0.3.0), which settings may still name.
_FORMER_PATHS = {
    _SCHEMAS / "clickstream_mapping.py": _MAPPINGS / "clickstream.py",
    _SCHEMAS / "divolte" / "default_mapping.py": _MAPPINGS / "divolte.py",
}


def read_plan(path: Path) -> Plan:
    """Evaluate a mapping; errors in it become faults of the plan."""
    path = _FORMER_PATHS.get(path.resolve(), path)
    try:
        return evaluate(path.read_bytes(), str(path))
    except OSError as error:
        raise MappingError([f"{path}: {error.strerror}; the mapping must be a readable file"]) from error


def read_schema(path: Path) -> dict[str, Any]:
    """Read a schema; raises MappingError unless it is an Avro record."""
    try:
        schema = json.loads(path.read_bytes())
        fastavro.parse_schema(schema)
    except OSError as error:
        raise MappingError([f"{path}: {error.strerror}; the schema must be a readable file"]) from error
    except (ValueError, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError, TypeError, AttributeError) as error:
        raise MappingError([f"{path}: not a valid Avro schema: {error!r}"]) from error
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise MappingError([f"{path}: the schema must be an Avro record"])
    return schema


def load(
    mapping: Path,
    schema_path: Path,
    rules: UrlRules,
    *,
    kind: str = "tracker",
    is_strict: bool = False,
    find_place: FindPlace | None = None,
    report: Report = len,
) -> Encoder:
    """Return the encoder for one kind of event; raises MappingError with all faults."""
    schema = read_schema(schema_path)
    return load_plan(read_plan(mapping), schema, rules, kind=kind, is_strict=is_strict, find_place=find_place, report=report)


def load_plan(
    plan: Plan,
    schema: Mapping[str, Any],
    rules: UrlRules,
    *,
    kind: str = "tracker",
    is_strict: bool = False,
    find_place: FindPlace | None = None,
    report: Report = len,
) -> Encoder:
    """Check, compile and verify a plan; the encoder reports the fields of numbers out of their range to `report`."""
    if found := checks.faults(plan, schema, kind):
        raise MappingError(found)
    if find_place is None and _needs_places(plan, kind):
        log.warning("mapping needs a place database", mapping=plan.name, setting="HEADRACE_COLLECTOR_PLACES")
    operations = functions(rules, is_strict=is_strict, find_place=find_place)
    encode = compile_mapping(plan, schema, kind, operations, message_prefix(schema), report, is_strict=is_strict)
    verify(encode, schema, kind)
    return encode


def _needs_places(plan: Plan, kind: str) -> bool:
    found = assignments(specialize(plan.statements, kind))
    return any("place" in operations_of(one) for assign, conditions in found for one in (assign.value, *conditions))

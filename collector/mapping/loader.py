"""From the files of a mapping and a schema to the function that encodes events, or to all that is wrong with them."""

import json
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import fastavro
import fastavro.schema

from collector.errors import MappingError
from collector.mapping import check
from collector.mapping.compile import Encoder, compile_mapping
from collector.mapping.operations import functions
from collector.mapping.samples import verify
from collector.mapping.statements import Plan, recording
from collector.urls import AddressRules
from schemas.codec import message_prefix


def read_plan(path: Path) -> Plan:
    """Evaluate a mapping; what cannot be evaluated is a fault of the plan."""
    plan = Plan(str(path))
    try:
        code = compile(path.read_bytes(), plan.name, "exec")
    except OSError as error:
        raise MappingError([f"{path}: {error.strerror}; the mapping must be a file that can be read"]) from error
    except (SyntaxError, ValueError) as error:
        plan.faults.append((getattr(error, "lineno", None) or 1, f"this is no Python: {getattr(error, 'msg', error)}"))
        return plan
    with recording(plan):
        try:
            exec(code, {"__name__": "mapping", "__file__": str(path)})  # noqa: S102 - the operator's own file
        except Exception as error:  # noqa: BLE001 - whatever a mapping does wrong is told with its line
            plan.faults.append((_line_of(error, plan.name), _explained(error)))
    return plan


def _line_of(error: Exception, name: str) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return (lines[-1] if lines else None) or 1


def _explained(error: Exception) -> str:
    from collector import mapping  # noqa: PLC0415 - the package is complete only when the mapping runs

    wanted = getattr(error, "name", None)
    if isinstance(error, ImportError) and "cannot import name" in str(error):
        wanted = str(error).split("'")[1]
    near = get_close_matches(str(wanted), mapping.__all__, n=1) if wanted else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{type(error).__name__}: {error}{hint}"


def read_schema(path: Path) -> dict[str, Any]:
    """Read a schema, which must be a record of Avro."""
    try:
        schema = json.loads(path.read_bytes())
        fastavro.parse_schema(schema)
    except OSError as error:
        raise MappingError([f"{path}: {error.strerror}; the schema must be a file that can be read"]) from error
    except (ValueError, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError, TypeError, AttributeError) as error:
        raise MappingError([f"{path}: this is no Avro schema: {error!r}"]) from error
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise MappingError([f"{path}: the schema must be an Avro record"])
    return schema


def load(mapping: Path, schema_path: Path, rules: AddressRules) -> Encoder:
    """Give the function that encodes events; raises MappingError with all faults."""
    schema = read_schema(schema_path)
    return load_plan(read_plan(mapping), schema, rules)


def load_plan(plan: Plan, schema: Mapping[str, Any], rules: AddressRules) -> Encoder:
    """Check, compile and try out a plan."""
    if found := check.faults(plan, schema):
        raise MappingError(found)
    encode = compile_mapping(plan, schema, functions(rules), message_prefix(schema))
    verify(encode, schema)
    return encode

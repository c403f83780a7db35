"""A small schema, and mappings for it written to a file."""

from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
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
    path.write_text("from collector.mapping import *\n" + rules, "utf-8")
    return path

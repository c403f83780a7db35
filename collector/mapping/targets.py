"""The fields of the schema as a mapping sees them: what each takes, and the bytes for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collector.mapping import avro
from collector.mapping.expressions import Call, Expression, Input, Type

_NUMBERS = {
    "int": {Type.INT32},
    "long": {Type.INT32, Type.INT64},
    "float": {Type.FP32, Type.FP64},
    "double": {Type.INT32, Type.FP32, Type.FP64},
}
_TAKES = {"boolean": {Type.BOOLEAN}, "string": {Type.TEXT}, **_NUMBERS}

# How JSON becomes an Avro value; what does not fit is absent.
_FROM_JSON = {
    "boolean": ("json_boolean", Type.BOOLEAN),
    "int": ("json_int32", Type.INT32),
    "long": ("json_int64", Type.INT64),
    "float": ("json_floating", Type.FP64),
    "double": ("json_floating", Type.FP64),
    "string": ("json_text_of", Type.TEXT),
    "json": ("json_encode", Type.JSON),
}

_ENCODERS = {
    "int": "(INTEGERS.get({0}) or varint({0}))",
    "long": "(INTEGERS.get({0}) or instant({0}))",
    "float": "pack_float({0})",
    "double": "pack_double({0})",
    "string": "text({0})",
    "json": "octets({0})",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One field of the schema; `kind` is its Avro type without null, `json` for a text that holds JSON."""

    name: str
    kind: str
    branch: bytes  # what a union puts before the value; empty where the field is no union
    unset: bytes | None  # bytes of null or of the default; None where the field must be set

    def fits(self, value: Expression) -> bool:
        """Tell whether values of this type can be written here."""
        if value.type is Type.JSON:
            return self.kind in _FROM_JSON
        return value.type in _TAKES.get(self.kind, ())

    def converted(self, value: Expression) -> Expression:
        """Put the conversion to the field's type around a value."""
        if value.type is Type.JSON:
            if self.kind == "json" and value == Input("parameters", Type.JSON, is_always=False):
                return Input("parameters_text", Type.JSON, is_always=False)
            operation, result = _FROM_JSON[self.kind]
            value = Call(operation, (value,), result)
        return Call("to_single", (value,), Type.FP32) if self.kind == "float" else value

    def encoder(self, variable: str) -> str:
        """Give the Python expression for the bytes of a value that is present."""
        if self.kind == "boolean":
            yes, no = self.branch + b"\x01", self.branch + b"\x00"
            return f"({yes!r} if {variable} else {no!r})"
        code = _ENCODERS[self.kind].format(variable)
        return f"{self.branch!r} + {code}" if self.branch else code


def targets(schema: Mapping[str, Any]) -> Iterator[Target]:
    """Give the fields of a schema in order."""
    for field in schema["fields"]:
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        kinds = [_kind(branch) for branch in branches]
        index = next((i for i, kind in enumerate(kinds) if kind != "null"), 0)
        branch = avro.varint(index) if isinstance(field["type"], list) else b""
        kind = kinds[index] if len([one for one in kinds if one != "null"]) == 1 else "union of several types"
        yield Target(field["name"], kind, branch, _unset(field, kinds[0], bool(branch)))


def _kind(branch: Any) -> str:
    if isinstance(branch, Mapping):
        return "json" if branch.get("logicalType") == "json" else str(branch["type"])
    return str(branch)


def _unset(field: Mapping[str, Any], kind: str, is_union: bool) -> bytes | None:
    """Encode the default, which always is of a union's first branch."""
    if "default" not in field:
        return None
    value = field["default"]
    branch = b"\x00" if is_union else b""
    if value is None:
        return branch
    if kind == "boolean":
        return branch + (b"\x01" if value else b"\x00")
    if kind in ("int", "long"):
        return branch + avro.varint(value)
    if kind in ("float", "double"):
        return branch + (avro.pack_float if kind == "float" else avro.pack_double)(value)
    return branch + avro.text(value) if kind in ("string", "json") else None

"""The fields of the schema as a mapping sees them: what each takes, and the bytes for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from mapping import avro
from mapping.compilation import avro_json
from mapping.compilation.avro_json import AvroJson, Encode
from mapping.dsl.expressions import Call, Expression, Input, Type
from mapping.dsl.input_specs import plausible
from mapping.dsl.inputs import INSTANTS, RANGES

_TAKES: Final[Mapping[str, frozenset[Type]]] = MappingProxyType(
    {
        "boolean": frozenset({Type.BOOLEAN}),
        "string": frozenset({Type.TEXT}),
        "bytes": frozenset({Type.BYTES}),
        "int": frozenset({Type.INT32}),
        "long": frozenset({Type.INT32, Type.INT64}),
        "float": frozenset({Type.FP32, Type.FP64}),
        "double": frozenset({Type.INT32, Type.FP32, Type.FP64}),
        "array of string": frozenset({Type.TEXTS}),
        "array of int": frozenset({Type.INTEGERS}),
        "array of long": frozenset({Type.INTEGERS}),
        "map of array of string": frozenset({Type.QUERY}),
    }
)

# How JSON becomes a plain value; what does not fit is absent.
_FROM_JSON: Final = MappingProxyType(
    {
        "boolean": ("json_boolean", Type.BOOLEAN),
        "int": ("json_int32", Type.INT32),
        "long": ("json_int64", Type.INT64),
        "float": ("json_floating", Type.FP64),
        "double": ("json_floating", Type.FP64),
        "string": ("json_text", Type.TEXT),
        "json": ("json_encode", Type.JSON),
    }
)

# How JSON becomes a number of any size, of which the range decides: by what, and whether a fraction is cut off.
_NUMBERS: Final = MappingProxyType(
    {
        "int": ("json_whole_number", True, Type.INT32),
        "long": ("json_whole_number", True, Type.INT64),
        "float": ("json_number", False, Type.FP64),
        "double": ("json_number", False, Type.FP64),
    }
)

_ENCODERS: Final = MappingProxyType(
    {
        "int": "(INTEGERS.get({0}) or varint({0}))",
        "long": "(INTEGERS.get({0}) or instant({0}))",
        "float": "pack_float({0})",
        "double": "pack_double({0})",
        "string": "text({0})",
        "bytes": "octets({0})",
        "json": "octets({0})",
    }
)


WHOLE: Final = frozenset({"int", "long"})  # kinds of fields that hold integers


@dataclass(frozen=True, slots=True)
class Target:
    """One field of the schema; `kind` is its Avro type without null, `json` for a text that holds JSON."""

    name: str
    kind: str
    branch: bytes  # what a union puts before the value; empty where the field is no union
    unset: bytes | None  # bytes of null or of the default; None where the field must be set
    encode_json: Encode | None  # what makes the bytes of a JSON value, a list or a map; None if there are several types to choose from

    def fits(self, value: Expression) -> bool:
        """Tell whether values of this type can be written here."""
        if value.type is Type.JSON:
            return self.encode_json is not None
        return value.type in _TAKES.get(self.kind, ())

    def converted(self, value: Expression, *, has_parameters_text: bool, has_ranges: bool) -> Expression:
        """Put the conversion to the field's type around a value; a number out of JSON is held to the range of the input of that name."""
        if value.type is Type.JSON and has_ranges and self.name in RANGES and self.kind in _NUMBERS:
            read, is_whole, result = _NUMBERS[self.kind]
            value = plausible(Call(read, (value,), result), self.name, is_whole=is_whole)
        elif value.type is Type.JSON:
            if self.kind == "json" and has_parameters_text and isinstance(value, Input):
                return Input("parameters_text", Type.JSON)
            if self.kind not in _FROM_JSON:
                return Call(self.json_operation, (value,), Type.BYTES)
            operation, result = _FROM_JSON[self.kind]
            value = Call(operation, (value,), result)
        if value.type is Type.QUERY:
            value = Call("query_by_name", (value,), Type.JSON)
        if value.type in (Type.TEXTS, Type.INTEGERS, Type.JSON) and self.kind not in _ENCODERS:
            return Call(self.json_operation, (value,), Type.BYTES)
        return Call("to_single", (value,), Type.FP32) if self.kind == "float" else value

    @property
    def json_operation(self) -> str:
        """Name the function that makes the field's bytes of a JSON value, with the branch of a union before them."""
        return f"encode_{self.name}"

    def encoder(self, value: Expression, variable: str) -> str:
        """Give the Python expression for the bytes of a value that is present."""
        if isinstance(value, Call) and value.operation == self.json_operation:
            return variable
        if self.kind == "boolean":
            yes, no = self.branch + b"\x01", self.branch + b"\x00"
            return f"({yes!r} if {variable} else {no!r})"
        is_instant = self.kind == "long" and isinstance(value, Input) and value.name in INSTANTS
        code = f"instant({variable})" if is_instant else _ENCODERS[self.kind].format(variable)
        return f"{self.branch!r} + {code}" if self.branch else code


def targets(schema: Mapping[str, Any], *, is_strict: bool = False) -> Iterator[Target]:
    """Give the fields of a schema in order."""
    schema = avro_json.parsed(schema)
    types = AvroJson(schema, is_strict=is_strict)
    for field in schema["fields"]:
        wanted, has_null = avro_json.branches(field["type"])
        is_union = isinstance(field["type"], list)
        branch = avro.varint(field["type"].index(wanted[0])) if is_union and wanted else b""
        is_clear = all(len(avro_json.branches(union)[0]) == 1 for union in avro_json.unions_of(field["type"]))
        encode = avro_json.top_level(types.encoder(field["type"]), is_nullable=has_null) if is_clear and wanted else None
        kind = _kind(types, wanted[0]) if len(wanted) == 1 else "a union of several types" if wanted else "null"
        yield Target(field["name"], kind, branch, types.default(field), encode)


def _kind(types: AvroJson, schema: Any) -> str:
    schema = types.resolved(schema)
    name = avro_json.name_of(schema)
    if isinstance(schema, Mapping):
        if schema.get("logicalType") == "json":
            return "json"
        if name in ("array", "map"):
            inner, _ = avro_json.branches(schema["items" if name == "array" else "values"])
            return f"{name} of {_kind(types, inner[0])}" if len(inner) == 1 else f"{name} of a union of several types"
        if name == "record":
            return "record"
    return name

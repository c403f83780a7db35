"""The fields of the schema as targets of a mapping: the types that each accepts, and the code that encodes them."""

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

_ACCEPTED: Final[Mapping[str, frozenset[Type]]] = MappingProxyType(
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

# The operation that converts JSON to a plain value, and its type. A value that does not fit is absent.
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

# The operation that converts JSON to a number before its range is checked, whether it cuts off the fraction, and the type.
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


WHOLE: Final = frozenset({"int", "long"})  # kinds of fields for integers


@dataclass(frozen=True, slots=True)
class Target:
    """One field of the schema; `kind` is its Avro type without null, `json` for a text that holds JSON."""

    name: str
    kind: str
    branch: bytes  # the prefix of a value in a union; empty if the field is not a union
    unset: bytes | None  # the bytes of null or of the default; None if the field must be set
    encode_json: Encode | None  # encodes a JSON value, a list or a map; None if the field has several types

    def fits(self, value: Expression) -> bool:
        """Return whether the field accepts values of this type."""
        if value.type is Type.JSON:
            return self.encode_json is not None
        return value.type in _ACCEPTED.get(self.kind, ())

    def converted(self, value: Expression, *, has_parameters_text: bool, has_ranges: bool) -> Expression:
        """Return a value converted to the type of the field. A number from JSON is limited to the range of the input of that name."""
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
        """The name of the function that encodes a JSON value for this field, with the branch of a union."""
        return f"encode_{self.name}"

    def encoder(self, value: Expression, variable: str) -> str:
        """Return the Python expression for the bytes of a value that is present."""
        if isinstance(value, Call) and value.operation == self.json_operation:
            return variable
        if self.kind == "boolean":
            yes, no = self.branch + b"\x01", self.branch + b"\x00"
            return f"({yes!r} if {variable} else {no!r})"
        is_instant = self.kind == "long" and isinstance(value, Input) and value.name in INSTANTS
        code = f"instant({variable})" if is_instant else _ENCODERS[self.kind].format(variable)
        return f"{self.branch!r} + {code}" if self.branch else code


def targets(schema: Mapping[str, Any], *, is_strict: bool = False) -> Iterator[Target]:
    """Yield the fields of a schema in order."""
    schema = avro_json.parse(schema)
    types = AvroJson(schema, is_strict=is_strict)
    for field in schema["fields"]:
        inner, has_null = avro_json.branches(field["type"])
        is_union = isinstance(field["type"], list)
        branch = avro.varint(field["type"].index(inner[0])) if is_union and inner else b""
        has_one_type = all(len(avro_json.branches(union)[0]) == 1 for union in avro_json.unions_of(field["type"]))
        encode = avro_json.top_level(types.encoder(field["type"]), is_nullable=has_null) if has_one_type and inner else None
        kind = _kind(types, inner[0]) if len(inner) == 1 else "a union of several types" if inner else "null"
        yield Target(field["name"], kind, branch, types.default(field), encode)


def _kind(types: AvroJson, schema: Any) -> str:
    schema = types.resolve(schema)
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

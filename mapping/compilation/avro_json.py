"""Encoders from JSON values to Avro, by Divolte's rules. A value that does not fit becomes None, and its field stays unset."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import fastavro

from mapping import avro
from mapping.operations import scalars
from mapping.operations.nulls import NULL
from mapping.operations.registry import json_encode

Encode: TypeAlias = Callable[[Any], bytes | None]
Schema: TypeAlias = Any


def parse(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema in which every type has its full name."""
    result = fastavro.parse_schema(dict(schema))
    assert isinstance(result, dict)
    return result


def name_of(schema: Schema) -> str:
    """Return the name of a type: Avro's or its own."""
    return str(schema["type"]) if isinstance(schema, Mapping) else str(schema)


def unions_of(schema: Schema) -> Iterator[Sequence[Schema]]:
    """Yield every union in a schema."""
    if isinstance(schema, list):
        yield schema
        for branch in schema:
            yield from unions_of(branch)
    elif isinstance(schema, Mapping):
        inner = [schema.get("items"), schema.get("values"), *(field["type"] for field in schema.get("fields", ()))]
        for one in filter(None, inner):
            yield from unions_of(one)


def branches(schema: Schema) -> tuple[list[Schema], bool]:
    """Return the types of a schema without null, and whether it allows null."""
    allowed = schema if isinstance(schema, list) else [schema]
    return [one for one in allowed if one != "null"], "null" in allowed


class AvroJson:
    """A factory of encoders for the types of one schema."""

    def __init__(self, schema: Mapping[str, Any], *, is_strict: bool = False) -> None:
        self._is_strict = is_strict
        self._named: dict[str, Mapping[str, Any]] = {}
        self._encoders: dict[str, Encode] = {}
        self._find_names(schema)

    def _find_names(self, schema: Schema) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self._find_names(branch)
        elif isinstance(schema, Mapping):
            if "name" in schema:
                self._named[schema["name"]] = schema
            for inner in (schema.get("items"), schema.get("values"), *(field["type"] for field in schema.get("fields", ()))):
                self._find_names(inner)
            if isinstance(schema.get("type"), Mapping | list):
                self._find_names(schema["type"])

    def resolve(self, schema: Schema) -> Schema:
        """Return the type that a name refers to."""
        if isinstance(schema, Mapping):
            return self.resolve(schema["type"]) if isinstance(schema.get("type"), Mapping) else schema
        return self._named.get(schema, schema) if isinstance(schema, str) else schema

    def encoder(self, schema: Schema) -> Encode:
        """Return the encoder for JSON values of a type, with the branch of a union."""
        if isinstance(schema, list):
            return self._union(schema)
        schema = self.resolve(schema)
        if isinstance(schema, Mapping) and "name" in schema:
            return self._named_type(schema)
        return self._plain(schema)

    def _union(self, schema: Sequence[Schema]) -> Encode:
        (inner, *_), has_null = branches(schema) if schema != ["null"] else (["null"], True)
        encode = self.encoder(inner)
        branch = avro.varint(list(schema).index(inner))
        null = avro.varint(list(schema).index("null")) if has_null else None

        def encode_branch(value: Any) -> bytes | None:
            if value is None:
                return null
            encoded = encode(value)
            return None if encoded is None else branch + encoded

        return encode_branch

    def _named_type(self, schema: Mapping[str, Any]) -> Encode:
        """Return the encoder of a named type. There is one for each name, because a record may contain records of its own type."""
        name = schema["name"]
        if name not in self._encoders:
            self._encoders[name] = lambda value: self._encoders[name](value)  # noqa: PLW0108 - the entry is replaced in the next line
            self._encoders[name] = self._plain(schema)
        return self._encoders[name]

    def _plain(self, schema: Schema) -> Encode:
        if not isinstance(schema, Mapping):
            return self._scalar(str(schema))
        match schema["type"]:
            case "array":
                encode = _array(self.encoder(schema["items"]))
            case "map":
                encode = _map(self.encoder(schema["values"]))
            case "record" | "error":
                encode = self._record(schema["fields"])
            case "enum":
                encode = _enum(schema["symbols"])
            case "fixed":
                encode = _fixed(schema["size"])
            case name:
                is_json = schema.get("logicalType") == "json"
                encode = _then(json_encode, avro.octets) if is_json else self._scalar(name)
        return encode

    def _scalar(self, name: str) -> Encode:
        def text_of(value: object) -> str | None:
            return scalars.json_text(value, self._is_strict)

        return {
            "null": lambda value: b"" if value is None else None,
            "boolean": _then(scalars.json_boolean, lambda truth: b"\x01" if truth else b"\x00"),
            "int": _then(lambda value: scalars.json_integer(value, 32), avro.varint),
            "long": _then(lambda value: scalars.json_integer(value, 64), avro.varint),
            "float": _then(_single, avro.pack_float),
            "double": _then(scalars.json_floating, avro.pack_double),
            "string": _then(text_of, avro.text),
            "bytes": _then(_base64, avro.octets),
        }[name]

    def _record(self, fields: Sequence[Mapping[str, Any]]) -> Encode:
        steps = [(field["name"], self.encoder(field["type"]), self.default(field)) for field in fields]

        def encode_record(value: Any) -> bytes | None:
            if not isinstance(value, dict):
                return None
            parts: list[bytes] = []
            for name, encode, default in steps:
                encoded = encode(value[name]) if name in value else default
                if encoded is None:
                    return None
                parts.append(encoded)
            return b"".join(parts)

        return encode_record

    def default(self, field: Mapping[str, Any]) -> bytes | None:
        """Encode the default of a field; None if it has none."""
        return self._default_of(field["type"], field["default"]) if "default" in field else None

    def _default_of(self, schema: Schema, value: Any) -> bytes | None:
        """Encode a default. It has the first type of a union, and writes bytes as characters (Avro 1.12, section Complex Types)."""
        if isinstance(schema, list):
            inner = self._default_of(schema[0], value)
            return None if inner is None else b"\x00" + inner
        schema = self.resolve(schema)
        encoded: bytes | None
        match name_of(schema):
            case "bytes" | "fixed" as name:
                content: bytes = value.encode("latin-1")
                encoded = content if name == "fixed" else avro.octets(content)
            case "string":
                encoded = avro.text(value)
            case "array":
                encoded = _block([self._default_of(schema["items"], item) for item in value])
            case "map":
                encoded = _block([_entry(key, self._default_of(schema["values"], inner)) for key, inner in value.items()])
            case "record" | "error":
                encoded = self._default_record(schema["fields"], value)
            case _:
                encoded = self._plain(schema)(value)
        return encoded

    def _default_record(self, fields: Sequence[Mapping[str, Any]], value: Mapping[str, Any]) -> bytes | None:
        parts: list[bytes] = []
        for field in fields:
            name = field["name"]
            encoded = self._default_of(field["type"], value[name]) if name in value else self.default(field)
            if encoded is None:
                return None
            parts.append(encoded)
        return b"".join(parts)


def _array(encode: Encode) -> Encode:
    def encode_array(value: Any) -> bytes | None:
        return _block([encode(item) for item in (value if isinstance(value, list) else [value])])

    return encode_array


def _map(encode: Encode) -> Encode:
    def encode_map(value: Any) -> bytes | None:
        return _block([_entry(key, encode(inner)) for key, inner in value.items()]) if isinstance(value, dict) else None

    return encode_map


def _entry(key: str, value: bytes | None) -> bytes | None:
    return None if value is None else avro.text(key) + value


def _then(read: Callable[[Any], Any], write: Callable[[Any], bytes]) -> Encode:
    def encode(value: Any) -> bytes | None:
        found = read(value)
        return None if found is None else write(found)

    return encode


def _block(items: Sequence[bytes | None]) -> bytes | None:
    """Encode the items of an array or map; None if one of them does not fit."""
    if None in items:
        return None
    return b"".join((avro.varint(len(items)), *filter(None, items), b"\x00")) if items else b"\x00"


def _enum(symbols: Sequence[str]) -> Encode:
    known = {symbol: avro.varint(number) for number, symbol in enumerate(symbols)}

    def encode(value: Any) -> bytes | None:
        text = value[0] if isinstance(value, list) and len(value) == 1 else value
        return known.get(text) if isinstance(text, str) else None

    return encode


def _fixed(size: int) -> Encode:
    def encode(value: Any) -> bytes | None:
        found = _base64(value)
        return found[:size] if found is not None and len(found) >= size else None

    return encode


def _base64(value: Any) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _single(value: Any) -> float | None:
    found = scalars.json_floating(value)
    return None if found is None else scalars.to_single(found)


def top_level(encode: Encode, *, is_nullable: bool) -> Encode:
    """Return the encoder of a whole field. A null is not written to a field that is null without it."""

    def encode_field(value: Any) -> bytes | None:
        if value is NULL:
            value = None
        return None if value is None and is_nullable else encode(value)

    return encode_field

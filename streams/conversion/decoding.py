"""Decodes messages with code generated from their schema, in half the time of a general decoder for a flat record.

Records come without their null fields. Schemas with structures or unions of several types are left to schemas.codec.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from schemas.codec import PREFIX_BYTES, CodecError, Decoder, Record, message_prefix

Decode: TypeAlias = Callable[[bytes], Record]


class RecordDecoder(Protocol):
    """Decodes a message to a record, in which null fields may be absent. Raises CodecError."""

    def decode(self, message: bytes) -> Record: ...


class CompiledDecoder:
    """Decodes messages of several schemas; the fingerprint in a message selects the schema."""

    def __init__(self, schemas: Iterable[Mapping[str, Any]]) -> None:
        schemas = list(schemas)
        self._general = Decoder(schemas)
        compiled = ((message_prefix(schema), compile_decoder(schema)) for schema in schemas)
        self._compiled: dict[bytes, Decode] = {prefix: decode for prefix, decode in compiled if decode is not None}

    def decode(self, message: bytes) -> Record:
        """Return the record; raises CodecError (not_single_object, unknown_schema, undecodable)."""
        decode = self._compiled.get(message[:PREFIX_BYTES])
        if decode is None:
            return self._general.decode(message)
        try:
            return decode(message)
        except (IndexError, ValueError, struct.error) as error:
            raise CodecError("undecodable", f"the content does not fit the schema: {error!r}") from error


# Each template reads one value at `p` of the message `m` into the record `r`, and moves `p` past it.
_STRING = """\
n = m[p]
p += 1
if n > 127:
    if m[p] < 128:
        n += (m[p] << 7) - 128
        p += 1
    else:
        n, p = varint(m, n, p)
if n & 1:
    raise ValueError("negative length of {name}")
e = p + (n >> 1)
r[{name!r}] = m[p:e].{convert}
p = e"""
_LONG = """\
n = m[p]
p += 1
if n > 127:
    n, p = varint(m, n, p)
r[{name!r}] = n >> 1 ^ -(n & 1)"""
_FLOAT = """\
r[{name!r}] = unpack_from("{convert}", m, p)[0]
p += {size}"""
_READERS: Mapping[str, str] = {
    "string": _STRING.replace("{convert}", "decode()"),
    "bytes": _STRING.replace(".{convert}", ""),
    "int": _LONG,
    "long": _LONG,
    "double": _FLOAT.replace("{convert}", "<d").replace("{size}", "8"),
    "float": _FLOAT.replace("{convert}", "<f").replace("{size}", "4"),
    "boolean": "r[{name!r}] = m[p] != 0\np += 1",
}
_OPTIONAL = """\
n = m[p]
p += 1
if n == {here}:
{reader}
elif n != {absent}:
    raise ValueError("no such branch of {name}")"""
_FUNCTION = """\
def decode(m):
    r = {{}}
    p = {start}
{body}
    if p != len(m):
        raise ValueError(f"{{len(m) - p}} bytes are left after the record")
    return r
"""


def compile_decoder(schema: Mapping[str, Any]) -> Decode | None:
    """Generate the decoder of a schema; None if a field needs the general decoder."""
    readers = [_reader(field["name"], field["type"]) for field in schema["fields"]]
    if None in readers:
        return None
    source = _FUNCTION.format(start=PREFIX_BYTES, body="\n".join(_indented(reader or "") for reader in readers))
    names: dict[str, Any] = {"varint": _varint, "unpack_from": struct.unpack_from}
    # The names of Avro fields are letters, digits and _ only (Avro 1.12, section Names), and they enter as literals.
    exec(compile(source, f"<decoder of {schema['name']}>", "exec"), names)  # noqa: S102
    decode: Decode = names["decode"]
    return decode


def _reader(name: str, avro: Any) -> str | None:
    if isinstance(avro, Mapping):
        avro = avro["type"]
    if isinstance(avro, list):
        return _optional_reader(name, avro)
    return (
        None
        if not isinstance(avro, str) or avro not in _READERS
        else _READERS[avro].replace("{name!r}", repr(name)).replace("{name}", name)
    )


def _optional_reader(name: str, branches: list[Any]) -> str | None:
    if len(branches) != 2 or "null" not in branches:
        return None
    absent = branches.index("null")
    reader = _reader(name, branches[1 - absent])
    return reader and _OPTIONAL.format(here=2 * (1 - absent), absent=2 * absent, name=name, reader=_indented(reader))


def _indented(lines: str) -> str:
    return "\n".join("    " + line for line in lines.split("\n"))


def _varint(message: bytes, first: int, at: int) -> tuple[int, int]:
    """Return a variable-length number and the position after it (Avro 1.12, section Primitive Types)."""
    number, shift = first & 127, 7
    while (digit := message[at]) > 127:
        number |= (digit & 127) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
    number |= digit << shift
    if number >> 64:
        raise ValueError("a number of more than 64 bits")
    return number, at + 1

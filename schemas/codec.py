"""The encoding of records as messages: Avro's single-object encoding (Avro 1.12, section Single-object encoding)."""

import io
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import fastavro
import fastavro.schema

# Field names to plain values; instants are milliseconds since 1970, a nested column is JSON text.
Record: TypeAlias = dict[str, Any]

MARKER = b"\xc3\x01"
PREFIX_BYTES = 10  # the marker and the 8 bytes of the fingerprint


class CodecError(ValueError):
    """Bytes that are not a message of a known schema; `reason` is a code, and the text has the details."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def fingerprint(schema: Mapping[str, Any]) -> bytes:
    """Return the CRC-64-AVRO fingerprint of the schema's parsing canonical form: 8 bytes, little-endian."""
    canonical = fastavro.schema.to_parsing_canonical_form(dict(schema))
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def message_prefix(schema: Mapping[str, Any]) -> bytes:
    """Return the prefix of every message of this schema: 10 bytes."""
    return MARKER + fingerprint(schema)


def encode(schema: Mapping[str, Any], record: Record) -> bytes:
    """Encode one record with fastavro, the reference for the generated encoders."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, _plain(schema), record)
    return message_prefix(schema) + buffer.getvalue()


class Decoder:
    """A decoder for messages of several schemas, which it selects by the fingerprint in the message."""

    def __init__(self, schemas: Iterable[Mapping[str, Any]]) -> None:
        self._schemas = {message_prefix(schema): fastavro.parse_schema(_plain(schema)) for schema in schemas}

    def decode(self, message: bytes) -> Record:
        """Decode a message; raises CodecError (not_single_object, unknown_schema, undecodable)."""
        if message[:2] != MARKER:
            raise CodecError("not_single_object", f"a message begins with {MARKER.hex()}, not with {message[:2].hex() or 'nothing'}")
        schema = self._schemas.get(message[:PREFIX_BYTES])
        if schema is None:
            raise CodecError("unknown_schema", f"no schema has the fingerprint {message[2:PREFIX_BYTES].hex()}")
        body = io.BytesIO(message)
        body.seek(PREFIX_BYTES)
        try:
            record: Any = fastavro.schemaless_reader(body, schema, None)
        except (EOFError, IndexError, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise CodecError("undecodable", f"the content does not fit the schema: {error!r}") from error
        if body.tell() != len(message):
            raise CodecError("undecodable", f"{len(message) - body.tell()} bytes are left after the record")
        return dict(record)


def _plain(schema: Any) -> Any:
    """Remove the logical types, so that instants stay numbers, as in every component."""
    if isinstance(schema, Mapping):
        return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    return schema

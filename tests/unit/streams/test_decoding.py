"""Generated decoders return the same as fastavro, and reject invalid messages."""

import copy
import io
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streams.in_memory import a_record, encoded

from schemas.codec import CodecError, Decoder, encode, fingerprint, message_prefix
from schemas.contract import SCHEMA_PATH, load_schema
from schemas.evolution import backward_faults
from streams.conversion.converter import Converter
from streams.conversion.decoding import CompiledDecoder, compile_decoder

SCHEMA = load_schema()
PLAIN = Decoder([SCHEMA])
COMPILED = CompiledDecoder([SCHEMA])
LONG = st.integers(-(1 << 63), (1 << 63) - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=200),
    "bytes": st.binary(max_size=200),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": LONG,
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False, width=32),
    "boolean": st.booleans(),
}


def a_schema(*types: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Test", "fields": [{"name": f"f{number}", "type": avro} for number, avro in enumerate(types)]}


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


@given(
    st.lists(st.sampled_from(sorted(VALUES)).flatmap(lambda avro: st.tuples(st.just(avro), st.none() | VALUES[avro], st.integers(0, 2))))
)
def test_any_flat_record_is_decoded_as_fastavro_does(fields: list[tuple[str, Any, int]]) -> None:
    types = [
        avro if shape == 0 and value is not None else ["null", avro] if shape == 1 else [avro, "null"] for avro, value, shape in fields
    ]
    schema = a_schema(*types)
    record = {f"f{number}": value for number, (_, value, _) in enumerate(fields)}
    message = encode(schema, record)
    assert CompiledDecoder([schema]).decode(message) == comparable(Decoder([schema]).decode(message)) == comparable(record)


def test_a_record_of_the_default_schema_is_decoded_as_fastavro_does() -> None:
    message = encoded(a_record(engagement_ms=-5, revenue=1.5, page_title="Ærø " * 50, parameters='{"a": 1}', is_duplicate=True))
    assert COMPILED.decode(message) == comparable(PLAIN.decode(message))


def test_the_messages_of_the_tests_are_those_of_the_codec() -> None:
    record = a_record()
    assert encoded(record) == encode(SCHEMA, record)


@given(st.data())
def test_a_message_cut_or_changed_anywhere_is_a_record_or_a_codec_error(data: st.DataObject) -> None:
    message = bytearray(encoded(a_record()))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] = data.draw(st.integers(0, 255))
    del message[data.draw(st.integers(at, len(message))) :]
    with suppress(CodecError):
        assert isinstance(COMPILED.decode(bytes(message)), dict)


@pytest.mark.parametrize("end", range(10, 40))
def test_a_message_that_ends_early_is_undecodable(end: int) -> None:
    with pytest.raises(CodecError) as raised:
        COMPILED.decode(encoded(a_record())[:end])
    assert raised.value.reason == "undecodable"


@pytest.mark.parametrize(
    ("types", "body", "text"),
    [
        (["string"], b"\x01", "negative length of f0"),
        (["string"], b"\x02\xff", "utf-8"),
        (["string"], b"\x10ab", "-6 bytes are left"),
        (["long"], b"\x02\x00", "1 bytes are left"),
        (["long"], b"\x80" * 10 + b"\x01", "more than 64 bits"),
        (["long"], b"\x80" * 9 + b"\x02", "more than 64 bits"),
        ([["null", "long"]], b"\x04\x00", "no such branch of f0"),
        ([["long", "null"]], b"\x01\x00", "no such branch of f0"),
        (["double"], b"\x00" * 7, "undecodable|8 bytes"),
        (["boolean"], b"", "IndexError"),
    ],
)
def test_content_that_does_not_fit_is_undecodable(types: list[Any], body: bytes, text: str) -> None:
    schema = a_schema(*types)
    with pytest.raises(CodecError, match=text) as raised:
        CompiledDecoder([schema]).decode(message_prefix(schema) + body)
    assert raised.value.reason == "undecodable"


def test_the_fingerprint_in_the_message_selects_the_schema() -> None:
    old = copy.deepcopy(SCHEMA)
    old["fields"] = [field for field in old["fields"] if field["name"] != "quantity"]
    both = CompiledDecoder([SCHEMA, old])
    record = a_record(quantity=3)
    assert both.decode(encode(SCHEMA, record))["quantity"] == 3
    assert "quantity" not in both.decode(encode(old, record))
    with pytest.raises(CodecError, match="no schema has the fingerprint"):
        COMPILED.decode(encode(old, record))


@pytest.mark.parametrize(
    "avro", [{"type": "array", "items": "string"}, ["null", "string", "long"], ["string"], ["null", {"type": "map", "values": "long"}]]
)
def test_a_schema_that_is_not_flat_is_left_to_fastavro(avro: Any) -> None:
    assert compile_decoder(a_schema(avro)) is None
    schema = a_schema({"type": "array", "items": "string"})
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), {"f0": ["a"]})
    assert CompiledDecoder([schema]).decode(message_prefix(schema) + buffer.getvalue()) == {"f0": ["a"]}


def test_messages_of_an_earlier_release_are_read_with_the_defaults_of_missing_fields() -> None:
    earlier = {fingerprint(load_schema(path)).hex(): load_schema(path) for path in SCHEMA_PATH.parent.glob("*.avsc")}
    decoder = CompiledDecoder(list(earlier.values()))
    message = encode(earlier["99c9261479bc3a95"], a_record(revenue=3.5))  # release 0.3
    record = decoder.decode(message)
    assert record["revenue"] == 3.5
    assert Converter(SCHEMA, 0).complete(record)["is_implausible"] is False
    assert [backward_faults(old, SCHEMA) for old in earlier.values()] == [[]] * len(earlier)

"""The compatibility of schemas: the check compared with fastavro's behaviour."""

import io
import json
from contextlib import suppress
from typing import Any, TypeAlias

import fastavro
import pytest
from fastavro.utils import generate_one
from hypothesis import given
from hypothesis import strategies as st

from schemas.contract import load_schema
from schemas.evolution import backward_faults, forward_faults

Schema: TypeAlias = dict[str, Any]


def field(name: str, avro: Any, **more: Any) -> Schema:
    return {"name": name, "type": avro, **more}


def record(*fields: Schema, name: str = "R", **more: Any) -> Schema:
    return {"type": "record", "name": name, "namespace": "shop", "fields": list(fields), **more}


def of(avro: Any, **more: Any) -> Schema:
    return record(field("a", avro, **more))


def enum(*symbols: str, **more: Any) -> Schema:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F", **more: Any) -> Schema:
    return {"type": "fixed", "name": name, "size": size, **more}


def read_with_fastavro(old: Schema, new: Schema) -> None:
    content = io.BytesIO()
    fastavro.schemaless_writer(content, old, generate_one(old))
    with suppress(UnicodeDecodeError):  # Avro lets bytes be read as a string; random ones are none
        fastavro.schemaless_reader(io.BytesIO(content.getvalue()), old, new)


NODE = record(field("n", "int"), field("next", ["null", "shop.Node"]), name="Node")
FITTING = [
    (of("int"), of("int")),
    *((of(written), of(read)) for written, read in [("int", "long"), ("int", "double"), ("long", "float"), ("float", "double")]),
    *((of(written), of(read)) for written, read in [("string", "bytes"), ("bytes", "string")]),
    (of({"type": "long", "logicalType": "timestamp-millis"}), of("double")),
    (of("int"), of(["null", "int"])),
    (of(["null", "int"]), of(["null", "int", "string"])),
    (of(["null", "int"]), of(["double", "null"])),
    (of("int"), record(field("a", "int"), field("b", "string", default=""))),
    (record(field("a", "int"), field("b", "string")), of("int")),
    (of("int"), record(field("b", "int", aliases=["a"]))),
    (of("int"), of("int") | {"name": "S", "aliases": ["R"]}),
    (of("int"), of("int") | {"name": "S", "aliases": ["shop.R"]}),
    (of({"type": "array", "items": "int"}), of({"type": "array", "items": "long"})),
    (of({"type": "map", "values": "int"}), of({"type": "map", "values": ["null", "int"]})),
    (of(enum("A", "B")), of(enum("A", "B", "C"))),
    (of(enum("A", "B")), of(enum("A", default="A"))),
    (of(fixed(4)), of(fixed(4))),
    (of(fixed(4)), of(["null", fixed(4)])),
    (of(["null", record(field("b", "int"), name="Q")]), of(["null", record(field("b", "long"), name="Q")])),
    (of(record(field("b", "int"), name="Q") | {"namespace": "one"}), of(record(field("b", "int"), name="Q") | {"namespace": "two"})),
    (NODE, NODE | {"fields": [field("n", "long"), field("next", ["null", "shop.Node"])]}),
]


@pytest.mark.parametrize(("old", "new"), FITTING)
def test_parameters_within_the_bounds_are_read(old: Schema, new: Schema) -> None:
    assert backward_faults(old, new) == []
    read_with_fastavro(old, new)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (of("string"), of("int"), "a: OLD writes string, NEW reads int; NEW must take string or bytes there"),
        (of("long"), of("int"), "a: OLD writes long, NEW reads int; NEW must take long or float or double there"),
        (of(["null", "int"]), of("int"), "a: OLD writes null, NEW reads int; NEW must take null there"),
        (of("string"), of(["null", "int"]), "a: OLD writes string, NEW reads null or int; NEW must take string or bytes there"),
        (record(), of("int"), "a: messages of OLD lack it; give it a default"),
        (of("int"), record(field("b", "int", aliases=["c"])), "b: messages of OLD lack it; give it a default"),
        (
            of("int"),
            of("int") | {"name": "S"},
            'the record: OLD calls the record shop.R, NEW shop.S; keep the name, or give it "aliases": ["shop.R"]',
        ),
        (
            of({"type": "array", "items": "string"}),
            of({"type": "array", "items": "int"}),
            "a[]: OLD writes string, NEW reads int; NEW must take string or bytes there",
        ),
        (
            of({"type": "map", "values": "null"}),
            of({"type": "map", "values": "int"}),
            "a{}: OLD writes null, NEW reads int; NEW must take null there",
        ),
        (of(enum("A", "B", "C")), of(enum("A")), "a: NEW does not know the symbols B, C; keep them, or give the enum a default"),
        (of(fixed(4)), of(fixed(8)), "a: OLD writes 4 bytes, NEW reads 8; keep the size, or add a field"),
        (of(fixed(4)), of(fixed(4, "G")), 'a: OLD calls the fixed shop.F, NEW shop.G; keep the name, or give it "aliases": ["shop.F"]'),
        (
            of(["null", record(name="Q")]),
            of(["null", record(field("b", "int"), name="Q")]),
            "a.b: messages of OLD lack it; give it a default",
        ),
        (
            NODE,
            NODE | {"fields": [field("n", "int"), field("next", ["null", "shop.Node"]), field("o", "int")]},
            "o: messages of OLD lack it; give it a default",
        ),
    ],
)
def test_an_incompatibility_is_reported_with_its_place_and_a_fix(old: Schema, new: Schema, fault: str) -> None:
    assert backward_faults(old, new) == [fault]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (of("int"), record(), "a: messages of NEW lack it; keep it: OLD has no default for it"),
        (of("int"), of("string"), "a: NEW writes string, OLD reads int; NEW must write int there"),
        (of(["null", "long"]), of("string"), "a: NEW writes string, OLD reads null or long; NEW must write null or long or int there"),
        (of(enum("A")), of(enum("A", "B")), "a: OLD does not know the symbols B; leave them out: OLD's enum has no default"),
        (of("int"), of("int") | {"name": "S"}, "the record: NEW calls the record shop.S, OLD shop.R; keep the name"),
    ],
)
def test_forward_incompatibilities_are_reported_too(old: Schema, new: Schema, fault: str) -> None:
    assert forward_faults(old, new) == [fault]


def test_all_faults_are_reported_at_once() -> None:
    old = record(field("a", "int"), field("b", "string"), field("c", enum("A", "B")))
    new = record(field("a", "string"), field("b", "int"), field("c", enum("A")), field("d", "int"))
    assert [fault.partition(":")[0] for fault in backward_faults(old, new)] == ["a", "b", "c", "d"]


def test_our_own_schema_fits_itself() -> None:
    schema = load_schema()
    assert backward_faults(schema, schema) == forward_faults(schema, schema) == []


PRIMITIVE = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])
UNION = st.lists(PRIMITIVE, min_size=1, max_size=3, unique=True)
SIMPLE = PRIMITIVE | UNION
TYPES = (
    SIMPLE
    | SIMPLE.map(lambda avro: {"type": "array", "items": avro})
    | SIMPLE.map(lambda avro: {"type": "map", "values": avro})
    | SIMPLE.map(lambda avro: record(field("b", avro), name="Q"))
)


@given(TYPES, TYPES)
def test_fastavro_reads_every_compatible_schema(written: Any, read: Any) -> None:
    old, new = json.loads(json.dumps([of(written), of(read)]))
    if backward_faults(old, new):
        return
    for _ in range(5):
        read_with_fastavro(old, new)

"""JSON values in Avro fields of every type, compared with recorded results of Divolte's collector."""

import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collector.divolte import vectors
from support.mapping.mappings import ID, one_field, record_of

from collector.events.event import Event
from mapping.compilation import avro_json
from mapping.compilation.avro_json import AvroJson, top_level
from mapping.operations.nulls import NULL
from schemas.codec import Decoder

VECTORS = [(group["schema"], case) for group in vectors("json_to_avro.json") for case in group["cases"]]
DOUBLES = {"2.0": "2", "1.0E30": "1e+30"}  # in plain digits, as JavaScript writes them


def encoded(schema: Any, value: Any, *, is_strict: bool = True) -> bytes | None:
    """Encode a JSON value for a field of a type, without the branch that a union puts before it."""
    record = avro_json.parse({"type": "record", "name": "Whole", "fields": [{"name": "f", "type": schema}]})
    field = record["fields"][0]["type"]
    (wanted, *_), has_null = avro_json.branches(field) if field != "null" else (["null"], True)
    made = top_level(AvroJson(record, is_strict=is_strict).encoder(wanted), is_nullable=has_null)(NULL if value is None else value)
    return None if wanted == "null" else made


@pytest.mark.parametrize(("schema", "case"), VECTORS, ids=lambda one: json.dumps(one)[:80])
def test_a_json_value_is_what_the_original_makes_of_it(schema: Any, case: dict[str, Any]) -> None:
    made = encoded(schema, case["json"])
    assert (None if made is None else made.hex()) == _without_branch(schema, case)


def _without_branch(schema: Any, case: dict[str, Any]) -> str | None:
    """The value that the original wrote; where it lost the event, nothing is written and the event stays."""
    if case["outcome"] != "value":
        return None
    return str(case["avro_hex"])[2 if isinstance(schema, list) else 0 :]


@pytest.mark.parametrize(
    ("schema", "case"), [one for one in VECTORS if one[0] != "null" and one[1]["json"] is not None], ids=lambda one: json.dumps(one)[:80]
)
def test_a_json_value_fills_a_field_or_leaves_it_and_the_event_stays(schema: Any, case: dict[str, Any]) -> None:
    event = Event(id=ID, type="a", parameters={"v": case["json"]})
    rules = 'map_(event_parameters().path("$.v")).onto("f")'
    field = one_field(schema)
    if "default" not in field["fields"][0]:
        field["fields"][0]["default"] = "unset"
    unset = field["fields"][0]["default"]
    expected = case.get("value", unset) if case["outcome"] == "value" else unset
    if isinstance(expected, dict) and "hex" in expected:
        expected = bytes.fromhex(expected["hex"])[: schema.get("size") if isinstance(schema, dict) else None]
    if isinstance(expected, str):
        expected = DOUBLES.get(expected, expected)
    found = record_of(rules, event, schema=field)["f"]
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


NESTED: dict[str, Any] = {
    "type": "record",
    "name": "Basket",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}, "default": "OPEN"},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Line",
                    "fields": [
                        {"name": "sku", "type": "string"},
                        {"name": "count", "type": "int", "default": 1},
                        {"name": "tags", "type": {"type": "map", "values": ["null", "string"]}, "default": {}},
                        {"name": "parts", "type": {"type": "array", "items": "Line"}, "default": []},
                    ],
                },
            },
            "default": [],
        },
        {"name": "first", "type": ["null", "shop.Line"], "default": None},
        {"name": "key", "type": "bytes", "default": "\u00ff"},
        {"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": 2}, "default": "ab"},
        {"name": "origin", "type": "shop.Line", "default": {"sku": "none"}},
        {"name": "weights", "type": {"type": "map", "values": "double"}, "default": {"a": 1.5}},
        {"name": "ranks", "type": {"type": "array", "items": "int"}, "default": [1]},
        {"name": "note", "type": [{"type": "string", "logicalType": "json"}, "null"], "default": "{}"},
    ],
}
DEFAULT_LINE = {"sku": "none", "count": 1, "tags": {}, "parts": []}


def test_a_json_object_fills_nested_records_lists_and_maps() -> None:
    basket = {
        "id": 7,
        "state": "PAID",
        "lines": [{"sku": "a", "count": "2", "tags": {"x": None, "y": 1}, "parts": {"sku": "b"}}, {"sku": "c"}],
        "first": {"sku": "d"},
        "key": "aGVsbG8=",
        "note": {"deep": [1]},
        "unknown": 1,
    }
    event = Event(id=ID, type="a", parameters={"basket": basket})
    found = record_of('map_(event_parameters().path("$.basket")).onto("f")', event, schema=one_field(NESTED))["f"]
    assert found == {
        "id": "7",
        "state": "PAID",
        "lines": [
            {"sku": "a", "count": 2, "tags": {"x": None, "y": "1"}, "parts": [DEFAULT_LINE | {"sku": "b"}]},
            DEFAULT_LINE | {"sku": "c"},
        ],
        "first": DEFAULT_LINE | {"sku": "d"},
        "key": b"hello",
        "mark": b"ab",
        "origin": DEFAULT_LINE,
        "weights": {"a": 1.5},
        "ranks": [1],
        "note": '{"deep":[1]}',
    }


@pytest.mark.parametrize(
    "basket", [{}, {"id": None}, {"id": []}, {"id": "a", "lines": [{}]}, {"id": "a", "state": "LOST"}, {"id": "a", "weights": {"a": "b"}}]
)
def test_an_object_that_does_not_fit_leaves_the_field(basket: object) -> None:
    event = Event(id=ID, type="a", parameters={"basket": basket})
    assert record_of('map_(event_parameters().path("$.basket")).onto("f")', event, schema=one_field(NESTED))["f"] is None


def test_a_structure_has_its_default() -> None:
    basket = NESTED["fields"]
    assert record_of("map_(event_key()).onto('id')", schema=NESTED)["origin"] == DEFAULT_LINE
    assert {field["name"] for field in basket} == record_of("map_(event_key()).onto('id')", schema=NESTED).keys()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "lines", "sku", "first", "key", "count"]), inner, max_size=3)
    ),
    max_leaves=12,
)
SCHEMAS = [schema for schema, _ in {json.dumps(schema): (schema, None) for schema, _ in VECTORS}.values()] + [NESTED]


@given(st.sampled_from(SCHEMAS), JSON, st.booleans())
def test_every_written_message_can_be_read(schema: Any, value: Any, is_strict: bool) -> None:
    made = encoded(schema, value, is_strict=is_strict)
    if made is not None:
        wanted = next(one for one in schema if one != "null") if isinstance(schema, list) else schema
        whole = {"type": "record", "name": "Whole", "fields": [{"name": "f", "type": wanted}]}
        prefix = Decoder([whole])
        assert fastavro.parse_schema(whole)
        assert "f" in prefix.decode(next(iter(prefix._schemas)) + made)

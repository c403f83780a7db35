"""JSON values become Avro as Divolte makes them: its vectors, recorded from the original."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from collector.mapping.avro_json import AvroJson, branches, parsed, top_level

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "divolte" / "json_to_avro.json").read_text("utf-8")
)
CASES = [(entry["schema"], case) for entry in VECTORS for case in entry["cases"]]


@pytest.mark.parametrize(("schema", "case"), CASES)
def test_a_json_value_becomes_what_the_original_makes_of_it(schema: Any, case: dict[str, Any]) -> None:
    record = parsed({"type": "record", "name": "Holder", "fields": [{"name": "field", "type": schema}]})
    (field,) = record["fields"]
    encode = top_level(AvroJson(record, is_strict=True).encoder(field["type"]), is_nullable=branches(field["type"])[1])
    made = encode(case["json"])
    if case["outcome"] == "value":
        assert made is not None
        assert made.hex() == case["avro_hex"]
        fastavro.schemaless_reader(io.BytesIO(made), dict(record), None)
    else:  # "event lost": the original ended with an exception; here the field is unset and the event kept
        assert made is None

"""A collector with a site's own mapping: it does not start with a faulty one, and reports all faults."""

import socket
from pathlib import Path

import msgspec
from support.collector.collectors import start_process

SCHEMA = {
    "type": "record",
    "name": "Shop",
    "fields": [
        {"name": "must", "type": "string"},
        {"name": "page", "type": ["null", "string"], "default": None},
        {"name": "count", "type": ["null", "int"], "default": None},
        {"name": "either", "type": ["null", "int", "string"], "default": None},
    ],
}
MAPPING = '''"""A mapping with a fault on nearly every line."""

from mapping import digest, event_parameters, event_type, location, map_, match, party_id, refferer, viewport_width, when

map_(locatoin()).onto("page")
map_(location()).onto("pgae")
map_(location()).onto("count")
map_(viewport_width().uri()).onto("page")
map_(match("(a").against(location()).group(1)).onto("page")

with when(event_type() == "pageView"):
    map_(event_parameters().path("$.items[")).onto("page")
    map_(digest("sha-257").add(party_id()).result().to_hex_lower()).onto("page")
    map_(location())
map_(event_parameters()).onto("either")
map_(location()).onto("must")
'''
FAULTS = [
    (3, "the mapping language has no 'refferer'; did you mean 'referrer'?"),
    (5, "NameError: name 'locatoin' is not defined; did you mean 'location'?"),
    (6, "the schema has no field 'pgae'; did you mean 'page'?"),
    (7, "field 'count' takes int, not a text; convert it with parse(...).to_int32()"),
    (8, "a number has no .uri(); it has .equal_to(), .is_absent(), .is_present()"),
    (9, "ValueError: not a valid regular expression: '(a': missing ), unterminated subpattern at position 0"),
    (11, "TypeError: a mapping runs before there are events: use equal_to(...) instead of =="),
    (12, "ValueError: not a valid JSONPath: '$.items['"),
    (13, "ValueError: not a valid digest: 'sha-257'; the digests are md5, sha-1"),
    (14, 'map_(...) has no field: add .onto("field")'),
    (15, "field 'either' takes a union of several types, not a JSON value"),
    (16, "field 'must' must have a value in every record: this rule may not write one; give it a default in the schema, or map a constant"),
]


def test_a_mapping_with_ten_faults_and_more_gives_a_message_for_each_and_opens_no_port(tmp_path: Path) -> None:
    mapping, schema = tmp_path / "shop.py", tmp_path / "shop.avsc"
    mapping.write_text(MAPPING, "utf-8")
    schema.write_bytes(msgspec.json.encode(SCHEMA))
    with socket.create_server(("127.0.0.1", 0)) as taken:  # a process that opens the port would report that it is in use
        port = taken.getsockname()[1]
        process = start_process(tmp_path, mapping_file=mapping, schema_file=schema, port=port, internal_port=port)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "in use" not in errors
    assert len(FAULTS) >= 10
    reported = errors.splitlines()
    assert len(reported) == len(FAULTS)
    for (line, text), message in zip(FAULTS, reported, strict=True):
        assert message.startswith(f"{mapping}:{line}: {text}")
    assert not (tmp_path / "topic").exists()

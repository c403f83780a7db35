"""All faults of a mapping are reported at once, with their lines; and dry runs."""

from pathlib import Path
from typing import Any

import pytest
from support.mapping.mappings import MAPPINGS, SCHEMA, SCHEMAS, write

import mapping
from cleaning.urls import UrlRules
from collector import dry_run as tool
from collector.encoders.loader import load_plan, read_plan, read_schema
from collector.errors import MappingError
from mapping.dsl.names import NAMES
from mapping.dsl.statements import map_


def faults(directory: Path, rules: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    with pytest.raises(MappingError) as raised:
        load_plan(read_plan(write(directory, rules)), schema, UrlRules())
    return [fault.replace(str(directory / "mapping.py"), "FILE") for fault in raised.value.faults]


def test_all_faults_are_reported_at_once_with_line_and_near_name(tmp_path: Path) -> None:
    rules = """map_("a").onto("txt")
map_("a").onto("small")
map_(location().uri()).onto("text")
map_(location().uri().query()).onto("text")
with when(is_new_party()):
    map_(2**40).onto("small")
map_(5).onto("nothing like it")
"""
    assert faults(tmp_path, rules) == [
        "FILE:2: the schema has no field 'txt'; did you mean 'text'?",
        "FILE:3: field 'small' takes int, not a text; convert it with parse(...).to_int32()",
        "FILE:4: field 'text' takes string, not a URI; map one of its parts, such as .path() or .query().value('name')",
        "FILE:5: field 'text' takes string, not a query; map one of its values with .value('name'), or all onto a map of arrays of strings",
        "FILE:7: field 'small' takes int, not an int64",
        "FILE:8: the schema has no field 'nothing like it'",
    ]


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ("map_(locatoin()).onto('text')", "FILE:2: NameError: name 'locatoin' is not defined; did you mean 'location'?"),
        ("from mapping import refferer", "did you mean 'referrer'?"),
        ("map_(location())", 'FILE:2: map_(...) has no field: add .onto("field")'),
        ("map_(object()).onto('text')", "use a value of the event, a text, a number or a boolean"),
        ("if is_new_party(): pass", "use when(...), and_(), or_() and negate() instead of if, and, or and not"),
        ("with when(event_type() == 'a'): pass", "use equal_to(...) instead of =="),
        ("with when(True): pass", "when takes a condition, not True"),
        ("with when(event_type()): pass", "when takes a condition"),
        ("is_new_party().and_(5)", "and_ takes a condition, not 5"),
        ("viewport_width().equal_to('a')", "an int32 never equals a text"),
        ("parse(viewport_width())", "parse takes a text of the event, not an int32"),
        ("event_parameters().path('$..[')", "not a valid JSONPath: '$..['"),
        ("event_parameters().path('a')", "not a valid JSONPath: 'a'; it must begin with $"),
        ("\n\nmap_(", "FILE:4: not valid Python"),
        ("def f():\n    1 / 0\nf()", "FILE:3: ZeroDivisionError"),
        ("map_(event_type).onto('text')", "not a valid value: event_type without ()"),
        ("map_(2**64).onto('large')", "not a valid value: 18446744073709551616"),
        ("map_(digest('md5').add('a')).onto('text')", "not a valid value: a digest without .result()"),
        ("map_(match('a')).onto('text')", "not a valid value: a match(...) without .against(...)"),
        ("map_(parse(location())).onto('small')", "not a valid value: a parse(...) without a type, such as .to_int32()"),
        ("map_(match('a').against(location())).onto('text')", "not a matcher; map one of its groups, such as .group(1)"),
        ("map_(header('a')).onto('text')", "not a list of texts; map one of them with .first()"),
        ("map_(digest('md5').add('a').result()).onto('text')", "not bytes; map their text with .to_hex_lower()"),
        ("map_(ip2geo()).onto('text')", "not a place; map one of its parts, such as .country_code()"),
        ("map_(location()).onto(5)", "onto takes the name of a field as a text, not 5"),
        ("when(is_new_party())", "FILE:2: a block needs `with`"),
        ("import contextlib\nwith contextlib.nullcontext(): pass", "FILE:3: with takes when(...) or section()"),
        ("not_(location())", "not_ takes a condition, not a text"),
        ("header('a').get('b')", "get takes a whole number"),
        ("cookie(location())", "a name must be a constant text, not a text of the event"),
        ("location().uri().query().value(5)", "a name must be a constant text, not 5"),
        ("ip2geo(5)", "ip2geo takes a text with an IP address, or nothing, not 5"),
        ("digest('sha-257')", "not a valid digest: 'sha-257'; the digests are md5, sha-1, sha-224"),
        ("digest('md5', 5)", "the seed of a digest must be a constant text, not 5"),
        ("digest('md5').add(viewport_width())", "a digest takes a text, another digest's result or a JSON value, not an int32"),
        ("match('(a').against(location())", "not a valid regular expression: '(a': missing )"),
        ("match(r'\\p{Greek}')", "\\p{Greek}; the classes are Lower, Upper"),
        ("match(r'a\\X')", "\\X has no equivalent in Python"),
        ("match(r'[a\\R]')", "\\R has no equivalent in Python within [...]"),
        ("match(5)", "match takes a regular expression as a text, not 5"),
        ("match('(?<n>a)').against(location()).group('m')", "the expression has no group 'm'; it has 0 to 1, 'n'"),
        ("match('a').against(location()).group(1)", "the expression has no group 1; it has 0 to 0"),
        ("match('a').against(viewport_width())", "against takes a text of the event, not an int32"),
        ("event_parameters().path(5)", "path takes a JSONPath as a text"),
        ("event_parameters().path('$.a[?(@.b nun [1])]')", "not a valid JSONPath"),
        ("location().ury()", "FILE:2: a text has no .ury(); did you mean .uri()?"),
        ("user_agent().frobnicate()", "an agent has no .frobnicate(); it has .device_category()"),
        ("page = location()\nmap_(pgae).onto('text')", "name 'pgae' is not defined; did you mean 'page'?"),
    ],
)
def test_a_mistake_in_the_language_is_reported_with_its_line(tmp_path: Path, rules: str, fault: str) -> None:
    assert fault in "\n".join(faults(tmp_path, rules))


@pytest.mark.parametrize(
    "rules",
    [
        "path = location().ury()\nmap_(path).onto('text')\nmap_(path.uri().host()).onto('text')",
        "with when(locatoin().is_present()):\n    map_('a').onto('text')",
        "for name in ('a', 'b'):\n    map_(location().ury()).onto(name)",
        "from mapping import refferer as page\nmap_(page()).onto('text')",
        "if locatoin():\n    map_('a').onto('txt')",
    ],
)
def test_a_consequence_of_a_fault_is_not_reported(tmp_path: Path, rules: str) -> None:
    assert len(faults(tmp_path, rules)) == 1


def test_a_fault_on_the_line_of_a_block_hides_none_within(tmp_path: Path) -> None:
    found = faults(
        tmp_path, "with when(event_type()):\n    map_(1).onto('txt')\n    with when(1):\n        map_(location().ury()).onto('text')"
    )
    assert [fault.split(":")[1] for fault in found] == ["2", "3", "4", "5"]


def test_a_field_that_a_faulty_rule_may_have_meant_is_not_reported_again(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "Strict", "fields": [{"name": "must", "type": "string"}]}
    assert len(faults(tmp_path, "map_(event_id().ury()).onto('must')", schema)) == 1


@pytest.mark.parametrize(
    ("avro", "value"),
    [
        (["null", "int", "string"], "event_parameters()"),
        ({"type": "array", "items": ["int", "string"]}, "event_parameters()"),
        ({"type": "array", "items": ["int", "string"]}, "header('a')"),
        ({"type": "map", "values": {"type": "array", "items": ["null", "int", "long"]}}, "event_parameters()"),
        ("int", "received_at()"),
        ({"type": "array", "items": "int"}, "header('a')"),
        ({"type": "map", "values": "string"}, "location().uri().query()"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "location()"),
        ("null", "event_parameters()"),
    ],
)
def test_a_type_that_does_not_fit_is_reported_before_there_are_events(tmp_path: Path, avro: object, value: str) -> None:
    schema = {"type": "record", "name": "Odd", "fields": [{"name": "odd", "type": avro}]}
    assert "field 'odd' takes" in faults(tmp_path, f"map_({value}).onto('odd')", schema)[0]


def test_faults_before_a_mistake_are_reported_with_it(tmp_path: Path) -> None:
    assert len(faults(tmp_path, "map_(1).onto('txt')\nmap_(2)\nnothing()")) == 3


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "map_(page_title()).onto('must')",
        "with when(is_new_party()):\n    map_('a').onto('must')",
        "with when(is_new_party()):\n    stop()\nmap_('a').onto('must')",
    ],
)
def test_a_field_that_must_be_set_needs_a_rule_that_always_sets_it(tmp_path: Path, rules: str) -> None:
    schema = {"type": "record", "name": "Strict", "fields": [{"name": "must", "type": "string"}]}
    (fault,) = faults(tmp_path, rules, schema)
    assert "field 'must' must have a value in every record" in fault
    assert fault.startswith("FILE:")
    load_plan(read_plan(write(tmp_path, "map_(event_id()).onto('must')")), schema, UrlRules())


@pytest.mark.parametrize("avro", [["int", "string"], {"type": "array", "items": "string"}, ["null", "bytes"], "null"])
def test_a_type_that_nothing_fills_is_a_fault_of_the_rule(tmp_path: Path, avro: object) -> None:
    schema = {"type": "record", "name": "Odd", "fields": [{"name": "odd", "type": avro}]}
    assert "field 'odd' takes" in faults(tmp_path, "map_(event_id()).onto('odd')", schema)[0]


def test_a_mapping_is_not_imported() -> None:
    with pytest.raises(RuntimeError, match="cannot be imported"):
        map_("a")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"no JSON", "not a valid Avro schema"),
        (b'{"type":"enum","name":"E","symbols":["A"]}', "must be an Avro record"),
        (b'{"type":"record"}', "not a valid Avro schema"),
    ],
)
def test_a_file_that_is_not_a_schema_is_reported(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "schema.avsc"
    path.write_bytes(content)
    with pytest.raises(MappingError, match=fault):
        read_schema(path)


def test_files_that_are_missing_are_reported(tmp_path: Path) -> None:
    assert "No such file" in tool.check(tmp_path / "none.py", tmp_path / "none.avsc")[0]
    assert "No such file" in tool.check(tmp_path / "none.py", SCHEMAS / "clickstream.avsc")[0]


def test_the_default_mapping_has_no_fault() -> None:
    assert tool.check(MAPPINGS / "clickstream.py", SCHEMAS / "clickstream.avsc") == []
    assert tool.check(MAPPINGS / "clickstream.py", SCHEMAS / "clickstream.avsc", "browser") == []


def test_the_names_of_the_language_are_those_of_its_package() -> None:
    assert sorted(NAMES) == NAMES
    assert all(hasattr(mapping, name) for name in NAMES)

"""The mapping language: what its statements and values do to an event, and what is wrong with a mapping."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import mapping
from collector.errors import MappingError
from collector.event import Event
from collector.mapping import tool
from collector.mapping.loader import load, load_plan, read_plan, read_schema
from collector.mapping.samples import arguments
from collector.mapping.statements import map_
from collector.urls import AddressRules
from schemas.codec import Decoder, encode
from schemas.contract import load_schema

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
ID = "0" * 32
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Small",
    "fields": [
        {"name": "kind", "type": "string", "default": "none"},
        {"name": "text", "type": ["null", "string"], "default": None},
        {"name": "other", "type": ["string", "null"], "default": "unset"},
        {"name": "flag", "type": ["null", "boolean"], "default": None},
        {"name": "small", "type": ["null", "int"], "default": None},
        {"name": "large", "type": "long", "default": -1},
        {"name": "single", "type": ["null", "float"], "default": None},
        {"name": "real", "type": "double", "default": 0.5},
        {"name": "ratio", "type": "float", "default": 0.25},
        {"name": "is_set", "type": "boolean", "default": True},
        {"name": "json", "type": ["null", {"type": "string", "logicalType": "json"}], "default": None},
    ],
}
DEFAULTS = {
    "kind": "none",
    "text": None,
    "other": "unset",
    "flag": None,
    "small": None,
    "large": -1,
    "single": None,
    "real": 0.5,
    "ratio": 0.25,
    "is_set": True,
    "json": None,
}

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Evaluates the rules for an event and gives the fields that are not at their default."""

    def run(rules: str, event: Event | None = None, **facts: object) -> dict[str, Any]:
        event = event or Event(id=ID, type="pageView")
        encoder = load_plan(read_plan(write(tmp_path, rules)), SCHEMA, AddressRules())
        if event.parameters is not None:
            facts["parameters_text"] = b"{}"
        record = Decoder([SCHEMA]).decode(encoder(**arguments(event, **facts)))
        return {name: value for name, value in record.items() if value != DEFAULTS[name]}

    return run


def write(directory: Path, rules: str) -> Path:
    path = directory / "mapping.py"
    path.write_text("from collector.mapping import *\n" + rules, "utf-8")
    return path


def faults(directory: Path, rules: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    with pytest.raises(MappingError) as raised:
        load_plan(read_plan(write(directory, rules)), schema, AddressRules())
    return [fault.replace(str(directory / "mapping.py"), "FILE") for fault in raised.value.faults]


def test_without_rules_fields_have_their_defaults(run: Run) -> None:
    assert run("") == {}


def test_literals_fill_fields_of_their_type(run: Run) -> None:
    rules = """
map_("a").onto("text")
map_(True).onto("flag")
map_(5).onto("small")
map_(2**40).onto("large")
map_(1.5).onto("real")
map_(0.5).onto("single")
map_(7).onto("real")
"""
    assert run(rules) == {"text": "a", "flag": True, "small": 5, "large": 2**40, "real": 7.0, "single": 0.5}


def test_a_later_rule_wins_where_its_value_is_present(run: Run) -> None:
    rules = 'map_("first").onto("text")\nmap_(page_title()).onto("text")'
    assert run(rules) == {"text": "first"}
    assert run(rules, Event(id=ID, type="a", title="second")) == {"text": "second"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('event_type().equal_to("pageView")', True),
        ('event_type().equal_to("other")', False),
        ("page_title().is_present()", False),
        ("page_title().is_absent()", True),
        ("page_title().equal_to(language())", True),  # both absent
        ('page_title().equal_to("")', False),
        ("viewport_width().equal_to(1280)", True),
        ("is_new_party()", True),
        ("is_new_party().negate()", False),
        ("not_(is_new_party())", False),
        ("is_first_in_session()", False),  # absent
        ("is_first_in_session().negate()", False),
        ("is_new_party().and_(page_title().is_absent())", True),
        ("is_new_party().and_(page_title().is_present())", False),
        ("is_new_party().or_(page_title().is_present())", True),
        ("is_new_party().or_(is_first_in_session())", False),  # absent if either is
        ("is_new_party().and_(is_first_in_session())", False),
    ],
)
def test_a_block_is_done_where_its_condition_holds(run: Run, condition: str, holds: bool) -> None:
    event = Event(id=ID, type="pageView", viewport_width=1280, is_new_party=True)
    assert run(f'with when({condition}):\n    map_("yes").onto("text")', event) == ({"text": "yes"} if holds else {})


def test_a_value_worked_out_in_a_block_that_is_passed_over_is_there_after_it(run: Run) -> None:
    rules = """
with when(event_type().equal_to("purchase")):
    map_(location().uri().path()).onto("text")
map_(location().uri().path()).onto("other")
with when(is_new_party()):
    map_(viewport_width()).onto("small")
map_(viewport_width()).onto("large")
"""
    assert run(rules, Event(id=ID, type="a", url="http://a.example/b", viewport_width=3)) == {"other": "/b", "large": 3}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ('map_("a").onto("text")\nstop()\nmap_("b").onto("text")', {"text": "a"}),
        ('map_("a").onto("text")\nexit_()\nmap_("b").onto("text")', {"text": "a"}),
        (
            'with section():\n    map_("a").onto("text")\n    exit_()\n    map_("b").onto("text")\nmap_("c").onto("other")',
            {"text": "a", "other": "c"},
        ),
        ('with section():\n    map_("a").onto("text")\n    stop()\nmap_("c").onto("other")', {"text": "a"}),
        (
            'with section():\n    with when(is_skewed().negate()):\n        exit_()\n    map_("b").onto("text")\nmap_("c").onto("other")',
            {"other": "c"},
        ),
        ('with when(page_title().is_present()):\n    stop()\nmap_("c").onto("other")', {"other": "c"}),
        ('with section():\n    map_("a").onto("text")\nmap_("c").onto("other")', {"text": "a", "other": "c"}),
        ('with section():\n    with section():\n        stop()\n    map_("a").onto("text")\nmap_("c").onto("other")', {}),
    ],
)
def test_sections_end_at_exit_and_the_mapping_at_stop(run: Run, rules: str, expected: dict[str, Any]) -> None:
    assert run(rules) == expected


URL = "https://User@Shop.example:8443/a%20b/%2F?utm_source=x%20y+z&utm_medium=&utm_term=1&utm_term=2&gclid=G&size=9#part"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("location()", "https://shop.example:8443/a%20b/%2F?utm_source=x%20y+z&utm_medium=&utm_term=1&utm_term=2&gclid=G"),
        ("location().uri().scheme()", "https"),
        ("location().uri().host()", "shop.example"),
        ("location().uri().path()", "/a b//"),
        ("location().uri().raw_path()", "/a%20b/%2F"),
        ("location().uri().raw_query_string()", "utm_source=x%20y+z&utm_medium=&utm_term=1&utm_term=2&gclid=G"),
        ("location().uri().decoded_query_string()", "utm_source=x y+z&utm_medium=&utm_term=1&utm_term=2&gclid=G"),
        ('location().uri().query().value("utm_source")', "x y z"),
        ('location().uri().query().value("utm_medium")', ""),
        ('location().uri().query().value("utm_term")', "1"),
        ('location().uri().query().value("size")', None),
        ('location().uri().query().first_of("fbclid", "gclid")', "gclid:G"),
        ("parse(location()).to_uri().host()", "shop.example"),
        ("location().uri().raw_fragment()", None),
        ('parse(as_text("//h/p#a%20b")).to_uri().raw_fragment()', "a%20b"),
        ('parse(as_text("//h/p#a%20b")).to_uri().decoded_fragment()', "a b"),
        ('parse(as_text("http://h:port/")).to_uri().host()', None),
    ],
)
def test_parts_of_an_address(run: Run, value: str, expected: str | None) -> None:
    rules = f'from collector.mapping.values import as_value as as_text\nmap_({value}).onto("text")'
    assert run(rules, Event(id=ID, type="a", url=URL)) == ({} if expected is None else {"text": expected})


def test_the_port_of_an_address_is_a_number(run: Run) -> None:
    assert run('map_(location().uri().port()).onto("small")', Event(id=ID, type="a", url=URL)) == {"small": 8443}


@pytest.mark.parametrize(
    ("text", "to", "field", "expected"),
    [
        ("12", "to_int32", "small", 12),
        ("-12", "to_int32", "small", -12),
        ("+12", "to_int32", "small", None),
        (" 12", "to_int32", "small", None),
        ("1.0", "to_int32", "small", None),
        ("2147483648", "to_int32", "small", None),
        ("2147483648", "to_int64", "large", 2147483648),
        ("9223372036854775808", "to_int64", "large", None),
        ("1e2", "to_fp64", "real", 100.0),
        ("1e999", "to_fp64", "real", None),
        ("nan", "to_fp64", "real", None),
        ("0.5", "to_fp32", "single", 0.5),
        ("1e300", "to_fp32", "single", None),
        ("TRUE", "to_bool", "flag", True),
        ("yes", "to_bool", "flag", False),
    ],
)
def test_texts_are_read_as_types_or_are_absent(run: Run, text: str, to: str, field: str, expected: object) -> None:
    event = Event(id=ID, type="a", title=text)
    assert run(f'map_(parse(page_title()).{to}()).onto("{field}")', event) == ({} if expected is None else {field: expected})


PARAMETERS: dict[str, object] = {
    "text": "a",
    "int": 5,
    "big": 2**40,
    "real": 2.75,
    "true": True,
    "null": None,
    "digits": " 7 ",
    "list": [1, 2],
    "one": [3],
    "deep": {"er": [{"x y": "found"}]},
    "yes": "True",
    "huge": 10**400,
}


@pytest.mark.parametrize(
    ("path", "field", "expected"),
    [
        ("$.text", "text", "a"),
        ("$.int", "text", "5"),
        ("$.true", "text", "true"),
        ("$.null", "text", None),
        ("$.list", "text", None),
        ("$.one", "text", "3"),
        ("$.deep.er[0]['x y']", "text", "found"),
        ('$.deep["er"][-1]["x y"]', "text", "found"),
        ("$.deep.er[1]", "text", None),
        ("$.deep[0]", "text", None),
        ("$.missing.more", "text", None),
        ("$.int", "small", 5),
        ("$.real", "small", 2),
        ("$.big", "small", None),
        ("$.big", "large", 2**40),
        ("$.digits", "small", 7),
        ("$.text", "small", None),
        ("$.true", "small", None),
        ("$.deep", "small", None),
        ("$.real", "real", 2.75),
        ("$.digits", "real", 7.0),
        ("$.true", "real", None),
        ("$.deep", "real", None),
        ("$.huge", "real", None),
        ("$.huge", "single", None),
        ("$.real", "single", 2.75),
        ("$.true", "flag", True),
        ("$.int", "flag", True),
        ("$.yes", "flag", True),
        ("$.text", "flag", None),
        ("$.real", "flag", None),
        ("$.deep", "json", '{"er":[{"x y":"found"}]}'),
        ("$.text", "json", '"a"'),
    ],
)
def test_parameters_fill_what_they_fit(run: Run, path: str, field: str, expected: object) -> None:
    event = Event(id=ID, type="a", parameters=PARAMETERS)
    assert run(f"map_(event_parameters().path({path!r})).onto({field!r})", event) == ({} if expected is None else {field: expected})


def test_one_parameter_is_a_text(run: Run) -> None:
    event = Event(id=ID, type="a", parameters=PARAMETERS)
    assert run('map_(event_parameter("int")).onto("text")\nmap_(event_parameters().value("real")).onto("other")', event) == {
        "text": "5",
        "other": "2.75",
    }


def test_all_faults_are_told_at_once_with_line_and_near_name(tmp_path: Path) -> None:
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
        "FILE:3: field 'small' takes int, not text",
        "FILE:4: field 'text' takes string, not a URI; map one of its parts, such as .path() or .value('name')",
        "FILE:5: field 'text' takes string, not a query; map one of its parts, such as .path() or .value('name')",
        "FILE:7: field 'small' takes int, not int64",
        "FILE:8: the schema has no field 'nothing like it'",
    ]


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ("map_(locatoin()).onto('text')", "FILE:2: NameError: name 'locatoin' is not defined; did you mean 'location'?"),
        ("from collector.mapping import refferer", "did you mean 'referrer'?"),
        ("map_(location())", "FILE:2: map_(...) says no field: add .onto(...)"),
        ("map_(object()).onto('text')", "neither a value of an event nor a text, number or boolean"),
        ("if is_new_party(): pass", "use when(...), and_(), or_() and negate(), not if, and, or, not"),
        ("with when(event_type() == 'a'): pass", "use equal_to(...), not =="),
        ("with when(True): pass", "when takes a condition, not True"),
        ("with when(event_type()): pass", "when takes a condition"),
        ("is_new_party().and_(5)", "a condition is joined with another condition, not with 5"),
        ("viewport_width().equal_to('a')", "a int32 never equals a text"),
        ("parse(viewport_width())", "parse takes a text, not a number"),
        ("event_parameters().path('$..a')", "'$..a' is no definite path"),
        ("event_parameters().path('a')", "'a' is no definite path"),
        ("\n\nmap_(", "FILE:4: this is no Python"),
        ("def f():\n    1 / 0\nf()", "FILE:3: ZeroDivisionError"),
    ],
)
def test_a_mistake_in_the_language_is_told_with_its_line(tmp_path: Path, rules: str, fault: str) -> None:
    assert fault in "\n".join(faults(tmp_path, rules))


def test_faults_before_a_mistake_are_told_with_it(tmp_path: Path) -> None:
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
    assert fault.startswith("FILE: field 'must' must have a value in every record")
    load_plan(read_plan(write(tmp_path, "map_(event_id()).onto('must')")), schema, AddressRules())


@pytest.mark.parametrize("avro", [["int", "string"], {"type": "array", "items": "string"}, ["null", "bytes"], "null"])
def test_a_type_that_nothing_fills_is_a_fault_of_the_rule(tmp_path: Path, avro: object) -> None:
    schema = {"type": "record", "name": "Odd", "fields": [{"name": "odd", "type": avro}]}
    assert "field 'odd' takes" in faults(tmp_path, "map_(event_id()).onto('odd')", schema)[0]


def test_a_mapping_is_not_imported() -> None:
    with pytest.raises(RuntimeError, match="not imported"):
        map_("a")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"no JSON", "no Avro schema"),
        (b'{"type":"enum","name":"E","symbols":["A"]}', "must be an Avro record"),
        (b'{"type":"record"}', "no Avro schema"),
    ],
)
def test_a_file_that_is_no_schema_is_told(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "schema.avsc"
    path.write_bytes(content)
    with pytest.raises(MappingError, match=fault):
        read_schema(path)


def test_files_that_are_missing_are_told(tmp_path: Path) -> None:
    assert "No such file" in tool.check(tmp_path / "none.py", tmp_path / "none.avsc")[0]
    assert "No such file" in tool.check(tmp_path / "none.py", SCHEMAS / "clickstream.avsc")[0]


def test_the_default_mapping_has_no_fault() -> None:
    assert tool.check(SCHEMAS / "clickstream_mapping.py", SCHEMAS / "clickstream.avsc") == []


def test_a_mapping_can_be_tried_on_events(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text(
        f'{{"id":"{ID}","type":"pageView","created_at":1767225600000,"url":"http://a.example/b?utm_source=x"}}\n\n'
        '{"id":"forged"}\nno JSON\n',
        "utf-8",
    )
    taken, refused, broken = tool.try_events(SCHEMAS / "clickstream_mapping.py", SCHEMAS / "clickstream.avsc", events)
    assert taken["page_path"] == "/b"
    assert taken["utm_source"] == "x"
    assert taken["occurred_at"] == 1767225600000
    assert refused == {"line": 3, "reason": "invalid_event_id", "message": "id must be 32 digits of 0-9 and a-f"}
    assert broken["reason"] == "invalid_json"


def test_the_names_of_the_language_are_those_of_its_package() -> None:
    assert mapping.__all__ == sorted(mapping.__all__)
    assert all(hasattr(mapping, name) for name in mapping.__all__)


TEXTS = st.none() | st.text(st.characters(exclude_characters="\0"), max_size=80) | st.text(max_size=3).map(lambda text: text * 2000)
INTS = st.none() | st.integers(0, 2**31 - 1)
NUMBERS = st.none() | st.floats(-(2**31), 2**31, allow_nan=False)
EVENTS = st.builds(
    Event,
    id=st.just(ID),
    type=st.just("a"),
    page_view_id=st.none() | st.just(ID),
    is_new_party=st.none() | st.booleans(),
    url=TEXTS | st.builds("https://{}/{}?utm_source={}".format, st.text(max_size=9), st.text(max_size=9), st.text(max_size=9)),
    title=TEXTS,
    referrer=TEXTS,
    viewport_width=INTS,
    device_pixel_ratio=NUMBERS,
    language=TEXTS,
    engagement_ms=NUMBERS.map(lambda number: number and abs(number)),
    x=NUMBERS,
    target=TEXTS,
    revenue=NUMBERS,
    currency=TEXTS,
    quantity=INTS,
    parameters=st.none()
    | st.dictionaries(st.sampled_from(["revenue", "currency", "quantity"]), st.none() | st.integers() | st.text(max_size=5)),
)
CLICKSTREAM = load_schema()
ENCODE = load(SCHEMAS / "clickstream_mapping.py", SCHEMAS / "clickstream.avsc", AddressRules())


@given(EVENTS, st.integers(0, 253_402_300_799_999), st.booleans())
def test_the_generated_code_writes_what_fastavro_writes(event: Event, instant: int, flag: bool) -> None:
    message = ENCODE(**arguments(event, occurred_at=instant, created_at=instant // 3, is_skewed=flag, party_id=ID if flag else None))
    record = Decoder([CLICKSTREAM]).decode(message)
    assert encode(CLICKSTREAM, record) == message
    assert (record["occurred_at"], record["is_skewed"]) == (instant, flag)
    assert record["viewport_width"] == event.viewport_width
    assert record["page_title"] == (None if event.title is None else event.title[:512])

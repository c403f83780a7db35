"""The mapping language: its statements and values, and generated code that writes the same as fastavro."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mapping.mappings import ID, MAPPINGS, SCHEMA, SCHEMAS, write

from cleaning.urls import UrlRules
from collector.encoders.loader import load, load_plan, read_plan
from collector.encoders.samples import arguments
from collector.events.event import Event
from schemas.codec import Decoder, encode
from schemas.contract import load_schema

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
    """Evaluates the rules for an event and returns the fields that are not at their default."""

    def run(rules: str, event: Event | None = None, **inputs: object) -> dict[str, Any]:
        event = event or Event(id=ID, type="pageView")
        encoder = load_plan(read_plan(write(tmp_path, rules)), SCHEMA, UrlRules())
        if event.parameters is not None:
            inputs["parameters_text"] = b"{}"
        record = Decoder([SCHEMA]).decode(encoder(**arguments(event, **inputs)))
        return {name: value for name, value in record.items() if value != DEFAULTS[name]}

    return run


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


def test_a_range_that_several_rules_share_holds_a_time_too(run: Run) -> None:
    rules = """
recent = created_at().within(0, 5)
map_(recent).onto("large")
map_(recent.is_absent()).onto("flag")
map_(is_implausible()).onto("is_set")
"""
    assert run(rules, created_at=500) == {"flag": True}
    assert run(rules, created_at=5) == {"large": 5, "flag": False, "is_set": False}


def test_an_event_is_implausible_from_the_rule_on_that_finds_it(run: Run) -> None:
    rules = """
map_(is_implausible().negate()).onto("is_set")
map_(scroll_percent()).onto("small")
map_(is_implausible().negate()).onto("flag")
"""
    assert run(rules, Event(id=ID, type="a", scroll_percent=101)) == {"flag": False}


@pytest.mark.parametrize(("scroll_percent", "x", "small"), [(100, None, 100), (500, None, None), (100, 500, 500), (500, 700, 700)])
def test_each_rule_for_a_field_holds_its_number_to_its_own_range(run: Run, scroll_percent: int, x: int | None, small: int | None) -> None:
    rules = 'map_(scroll_percent()).onto("small"); map_(x()).onto("small"); map_(is_implausible()).onto("flag")'
    found = run(rules, Event(id=ID, type="a", scroll_percent=scroll_percent, x=x))
    assert (found.get("small"), found["flag"]) == (small, scroll_percent > 100)


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
def test_parts_of_a_url(run: Run, value: str, expected: str | None) -> None:
    rules = f'from mapping.dsl.values import as_value as as_text\nmap_({value}).onto("text")'
    assert run(rules, Event(id=ID, type="a", url=URL)) == ({} if expected is None else {"text": expected})


def test_the_port_of_a_url_is_a_number(run: Run) -> None:
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


TEXTS = (
    st.none()
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)
    | st.text(max_size=3).map(lambda text: text * 2000)
)
INTS = st.none() | st.integers(0)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
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
    engagement_ms=NUMBERS,
    x=NUMBERS,
    target=TEXTS,
    revenue=NUMBERS,
    currency=TEXTS,
    quantity=INTS,
    parameters=st.none()
    | st.dictionaries(st.sampled_from(["revenue", "currency", "quantity"]), st.none() | st.integers() | st.text(max_size=5)),
)
CLICKSTREAM = load_schema()
ENCODE = load(MAPPINGS / "clickstream.py", SCHEMAS / "clickstream.avsc", UrlRules())


@given(EVENTS, st.integers(0, 253_402_300_799_999), st.booleans())
def test_the_generated_code_writes_what_fastavro_writes(event: Event, instant: int, flag: bool) -> None:
    message = ENCODE(**arguments(event, occurred_at=instant, created_at=instant // 3, is_skewed=flag, party_id=ID if flag else None))
    record = Decoder([CLICKSTREAM]).decode(message)
    assert encode(CLICKSTREAM, record) == message
    assert (record["occurred_at"], record["is_skewed"]) == (instant, flag)
    assert record["viewport_width"] == (None if event.viewport_width is None or event.viewport_width > 32_767 else event.viewport_width)
    assert record["page_title"] == (None if event.title is None else event.title[:512])

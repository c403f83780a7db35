"""Each value of an event, for events of browsers, pages and servers, strictly as in Divolte and corrected."""

import pytest
from support.collector.divolte import PAGE_VIEW, PARTY, SESSION
from support.mapping.events import AGENT, BROWSER, INPUTS, PAGE, PAGED, SERVER
from support.mapping.mappings import ID, record_of, value_of

from collector.divolte.json_body import JsonEvent
from collector.events.event import Event


@pytest.mark.parametrize(
    ("value", "avro", "of_browser", "of_server"),
    [
        ("raw_location()", "string", PAGE, None),
        ("location()", "string", "https://shop.example:8443/a%20b/%2F", None),
        ("raw_referrer()", "string", "https://search.example/?q=secret", None),
        ("referrer()", "string", "https://search.example/", None),
        ("event_type()", "string", "pageView", "order"),
        ("event_id()", "string", PAGE_VIEW + "0", "e-1"),
        ("event_key()", "string", "0123456789abcdef" * 2, "0123456789abcdef" * 2),
        ("page_view_id()", "string", PAGE_VIEW, None),
        ("party_id()", "string", PARTY, PARTY),
        ("session_id()", "string", SESSION, SESSION),
        ("is_new_party()", "boolean", True, True),
        ("is_first_in_session()", "boolean", False, False),
        ("is_corrupt()", "boolean", False, False),
        ("is_duplicate()", "boolean", False, False),
        ("received_at()", "long", 1_767_225_600_000, 1_767_225_600_000),
        ("created_at()", "long", 1_767_225_599_000, 1_767_225_599_000),
        ("remote_host()", "string", "192.0.2.7", "192.0.2.7"),
        ("address()", "string", "192.0.2.0", "192.0.2.0"),
        ("viewport_width()", "int", 1440, None),
        ("viewport_height()", "int", 900, None),
        ("screen_width()", "int", 1920, None),
        ("screen_height()", "int", 1040, None),
        ("whole_device_pixel_ratio()", "int", 2, None),
        ("device_pixel_ratio()", "double", 2.0, None),
        ("user_agent_string()", "string", AGENT, AGENT),
        ("event_parameter('a')", "string", "text", "text"),
        ("page_title()", "string", None, None),
        ("page_title().is_present()", "boolean", False, False),
        ("page_title().is_absent()", "boolean", True, True),
        ("page_title().is_absent().and_(is_new_party())", "boolean", True, True),
        ("page_title().equal_to(language())", "boolean", True, True),
        ("page_title().equal_to('a')", "boolean", False, False),
        ("page_title().is_present().negate()", "boolean", True, True),
        ("is_new_party().or_(viewport_width().equal_to(1440))", "boolean", True, True),
        ("source()", "string", "browser", "browser"),
        ("site()", "string", "sample", "sample"),
    ],
)
def test_a_value_is_what_the_source_sends_or_absent(value: str, avro: str, of_browser: object, of_server: object) -> None:
    assert value_of(value, BROWSER, avro, **INPUTS) == of_browser
    assert value_of(value, SERVER, avro, **INPUTS) == of_server


@pytest.mark.parametrize(
    ("text", "whole", "ratio", "strict"),
    [
        ("1", 1, 1.0, 1.0),
        ("1.i", None, 1.5, None),
        ("2.mi", None, 2.625, None),
        ("0.weeecyi1wce", None, 0.8999999761581421, None),  # a zoomed page, as Chromium reports it
        ("1.3llln1hy3o", None, 1.100000023841858, None),
        ("", None, None, None),
        ("+G", 16, 16.0, 16.0),
        ("1.x y", None, None, None),
    ],
)
def test_a_fractional_pixel_ratio_is_kept_beside_the_whole_one(
    text: str, whole: int | None, ratio: float | None, strict: float | None
) -> None:
    assert value_of("whole_device_pixel_ratio()", {"k": text, "v": "", "e": ""}, "int") == whole
    assert value_of("device_pixel_ratio()", {"k": text, "v": "", "e": ""}, "double") == ratio
    assert value_of("device_pixel_ratio()", {"k": text, "v": "", "e": ""}, "double", is_strict=True) == strict


@pytest.mark.parametrize(("ratio", "whole"), [(2.0, 2), (1.5, None), (None, None), (float(2**40), None)])
def test_a_page_s_pixel_ratio_is_whole_or_absent(ratio: float | None, whole: int | None) -> None:
    assert value_of("whole_device_pixel_ratio()", Event(id=ID, type="a", device_pixel_ratio=ratio), "int") == whole


@pytest.mark.parametrize(
    ("value", "corrected", "strict"),
    [
        ("event_parameters().value('a')", "text", "text"),
        ("event_parameters().value('n')", "7", "7"),
        ("event_parameters().value('half')", "0.5", "0.5"),
        ("event_parameters().value('yes')", "true", "true"),
        ("event_parameters().value('missing')", None, ""),
        ("event_parameters().value('list')", None, ""),
        ("event_parameters().value('null')", None, "null"),
        ("event_parameters().path('$.list').value('a')", None, ""),
        ("event_parameters().path('$.missing').value('a')", None, None),
    ],
)
def test_the_text_of_a_parameter(value: str, corrected: str | None, strict: str | None) -> None:
    assert value_of(value, PAGED) == corrected
    assert value_of(value, PAGED, is_strict=True) == strict


@pytest.mark.parametrize(
    ("mincode", "corrected", "strict"), [("j1e+7!", "10000000", "1E+7"), ("j1.50!", "1.5", "1.5"), ("dzz!", "1295", "1295")]
)
def test_the_text_of_a_number(mincode: str, corrected: str, strict: str) -> None:
    event = {"v": "", "e": "", "u": f"({mincode[0]}n!{mincode[1:]})"}
    assert value_of("event_parameter('n')", event) == corrected
    assert value_of("event_parameter('n')", event, is_strict=True) == strict
    assert value_of("parse(event_parameter('n')).to_int32()", event, "int") == (int(corrected) if corrected.isdigit() else None)


@pytest.mark.parametrize(
    ("event", "corrected", "strict"),
    [
        ({"v": "", "e": ""}, False, False),
        ({"v": "", "e": "", "u": "o"}, False, False),
        ({"v": "", "e": "", "u": "n"}, True, True),
        (JsonEvent(event_id="e"), False, True),
        (Event(id=ID, type="a"), False, False),
    ],
)
def test_parameters_that_are_missing(event: object, corrected: bool, strict: bool) -> None:
    assert value_of("event_parameters().is_present()", event, "boolean") is corrected
    assert value_of("event_parameters().is_present()", event, "boolean", is_strict=True) is strict
    assert value_of("event_parameter('a')", event, is_strict=True) == ("" if strict else None)
    assert value_of("event_parameters()", event, {"type": "string", "logicalType": "json"}) is None


@pytest.mark.parametrize(
    ("path", "avro", "expected"),
    [
        ("$.items[*].sku", {"type": "array", "items": "string"}, ["s1", "s2"]),
        ("$..sku", {"type": "array", "items": "string"}, ["s1", "s2"]),
        ("$.items[?(@.price > 10)].price", {"type": "array", "items": "int"}, [15, 25]),
        ("$.items[?(@.sku == 's2')].price", "int", 15),
        ("$.items[?(@.sku =~ /S./i)].price", {"type": "array", "items": "long"}, [5, 15]),
        ("$.items[?(@.sku)].price", {"type": "array", "items": "long"}, [5, 15]),
        ("$.items[0,2].price", {"type": "array", "items": "int"}, [5, 25]),
        ("$.items[1:].price", {"type": "array", "items": "int"}, [15, 25]),
        ("$.items[-1:].price", "int", 25),
        ("$.items[9:].price", {"type": "array", "items": "int"}, []),
        ("$.list[?(@ > 'a')]", {"type": "array", "items": "int"}, []),
        ("$.items[-1].price", "int", 25),
        ("$['items'][0]['sku','price']", {"type": "map", "values": "string"}, {"sku": "s1", "price": "5"}),
        ("$.items.length()", "int", 3),
        ("$.items[*].price.sum()", "double", 45.0),
        ("$.items[*].price.avg()", "double", 15.0),
        ("$.list.min()", "double", 1.0),
        ("$.list.max()", "double", 2.0),
        ("$.a.max()", "double", None),
        ("$.n.length()", "int", None),
        ("$", {"type": "string", "logicalType": "json"}, '{"a":"text"}'),
        ("$.missing", "string", None),
    ],
)
def test_a_path_finds_a_part_or_several(path: str, avro: object, expected: object) -> None:
    event = Event(id=ID, type="a", parameters={"a": "text"}) if path == "$" else PAGED
    assert value_of(f"event_parameters().path({path!r})", event, avro) == expected


@pytest.mark.parametrize(
    ("path", "present"),
    [("$.null", True), ("$.missing", False), ("$.items[*].nothing", True), ("$.items[1]['x y']", True), ("$.n.deeper", False)],
)
def test_a_null_and_an_empty_list_are_present_but_a_miss_is_not(path: str, present: bool) -> None:
    assert value_of(f"event_parameters().path({path!r}).is_present()", PAGED, "boolean") is present
    assert value_of(f"event_parameters().path({path!r})", PAGED, "string") is None


def test_inputs_that_a_source_kind_lacks_leave_no_code() -> None:
    rules = """
with when(page_title().is_present()):
    map_("never").onto("text")
    stop()
with when(page_title().is_absent()):
    map_("always").onto("text")
    exit_()
map_("not reached").onto("text")
"""
    assert record_of(rules, SERVER)["text"] == "always"
    assert record_of(rules, PAGED)["text"] == "never"


@pytest.mark.parametrize(("field", "unset"), [("single", None), ("ratio", 0.25)])
def test_a_constant_that_its_field_cannot_hold_leaves_the_field_unset(field: str, unset: float | None) -> None:
    assert record_of(f'map_(1e300).onto("{field}")')[field] == unset

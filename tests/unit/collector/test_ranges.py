"""Numbers that no page can mean: the field is null, the event is taken, flagged and counted."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.collector.collectors import NOW, LocalCollector, a_body, an_event, an_id
from support.collector.divolte import a_json_event, a_query, a_source, mincode_of
from support.mapping.mappings import value_of

from collector.divolte.json_body import JsonEvent
from mapping.dsl.inputs import RANGES
from schemas.codec import Record

FIELDS = [name for name in RANGES if name != "whole_device_pixel_ratio"]  # of the event itself
TOO_LARGE = (1e308, -1e308, 10**400, -(10**25), 2**63, 1e15)
NO_DOUBLE = ("1e400", "-1e400", "9" * 5000, "1" + "0" * 400 + ".5")


def raw_event(fields: str) -> bytes:
    return msgspec.json.encode(an_event())[:-1] + f",{fields}}}".encode()


def taken(body: bytes, *, internal: bool = False) -> tuple[Record, LocalCollector]:
    collector = LocalCollector()
    answer = collector.send(body, internal=internal)
    assert (answer.status, answer.results) == (200, ["ok"])
    (record,) = collector.records
    return record, collector


def a_raw_body(event: bytes) -> bytes:
    return b'{"version":1,"site":"shop","sent_at":%d,"events":[%s]}' % (NOW, event)


@pytest.mark.parametrize("name", FIELDS)
def test_the_ends_of_a_range_are_taken(name: str) -> None:
    for number in RANGES[name]:
        record, _ = taken(a_body(an_event() | {name: number}))
        assert (record[name], record["is_implausible"]) == (number, False)


@pytest.mark.parametrize("internal", [False, True])
@pytest.mark.parametrize("name", FIELDS)
def test_a_number_out_of_its_range_is_null_flagged_and_counted(name: str, internal: bool) -> None:
    low, high = RANGES[name]
    for number in (low - 0.01, high + 0.01, low - 1, high + 1, *TOO_LARGE):
        before = LocalCollector().app.metrics.text().decode()
        record, collector = taken(a_raw_body(raw_event(f'"{name}":{number}')), internal=internal)
        assert (record[name], record["is_implausible"], record["page_title"]) == (None, True, an_event().get("title"))
        assert counted(collector, name, internal=internal) == counted_in(before, name, internal=internal) + 1


@pytest.mark.parametrize("number", NO_DOUBLE)
@pytest.mark.parametrize("name", FIELDS)
def test_a_number_that_no_double_holds_is_out_of_every_range(name: str, number: str) -> None:
    record, _ = taken(a_raw_body(raw_event(f'"{name}":{number}')))
    assert (record[name], record["is_implausible"]) == (None, True)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "01", "0x10", "1e"])
def test_an_invalid_number_is_not_valid_json(number: str) -> None:
    assert LocalCollector().send(a_raw_body(raw_event(f'"revenue":{number}'))).json["reason"] in ("invalid_json", "invalid_event")


def test_only_the_field_is_lost_and_only_of_that_event() -> None:
    collector = LocalCollector()
    events = (an_event(1, revenue=1e308, quantity=2), an_event(2, revenue=9.5, quantity=3))
    assert collector.send(a_body(*events)).results == ["ok", "ok"]
    assert [(one["revenue"], one["quantity"], one["is_implausible"]) for one in collector.records] == [(None, 2, True), (9.5, 3, False)]


def test_a_text_with_the_digits_of_a_number_stays_as_it_is() -> None:
    title = 'a \\" 1e999 \\\\'
    record, _ = taken(a_raw_body(raw_event(f'"title":"{title}","revenue":1e999,"parameters":{{"a":"1e999","1e999":1e999}}')))
    assert record["page_title"] == 'a " 1e999 \\'
    assert msgspec.json.decode(record["parameters"]) == {"a": "1e999", "1e999": 1.7976931348623157e308}


@pytest.mark.parametrize("time", ["1e400", "9" * 5000])
def test_a_time_that_no_double_holds_is_still_a_rejection(time: str) -> None:
    body = a_raw_body(b'{"id":"%s","type":"a","created_at":%s}' % (an_id(1).encode(), time.encode()))
    assert LocalCollector().send(body).results == ["invalid_time"]


PARAMETERS: list[tuple[str, float | None, bool]] = [
    ('{"revenue":1e308}', None, True),
    ('{"revenue":-1e11}', None, True),
    ('{"revenue":1e400}', None, True),
    ('{"revenue":"1e308"}', None, True),
    ('{"revenue":"1e999"}', None, True),
    ('{"revenue":"NaN"}', None, True),
    ('{"revenue":"Infinity"}', None, True),
    (f'{{"revenue":{"9" * 400}}}', None, True),
    ('{"revenue":[1e12]}', None, True),
    ('{"revenue":"12 EUR"}', None, False),
    ('{"revenue":null}', None, False),
    ('{"revenue":true}', None, False),
    ('{"revenue":" 12.5 "}', 12.5, False),
    ('{"revenue":-12.5}', -12.5, False),
    ('{"revenue":1e10}', 1e10, False),
]


@pytest.mark.parametrize(("parameters", "revenue", "is_implausible"), PARAMETERS)
def test_numbers_in_the_parameters_are_held_to_the_range_of_their_field(
    parameters: str, revenue: float | None, is_implausible: bool
) -> None:
    record, _ = taken(a_raw_body(raw_event(f'"parameters":{parameters}')))
    assert (record["revenue"], record["is_implausible"]) == (revenue, is_implausible)


@pytest.mark.parametrize(
    ("parameters", "quantity"),
    [('{"quantity":3.9}', 3), ('{"quantity":"3"}', 3), ('{"quantity":"3.9"}', None), (f'{{"quantity":{"9" * 30}}}', None)],
)
def test_a_whole_number_in_the_parameters_loses_its_fraction(parameters: str, quantity: int | None) -> None:
    assert taken(a_raw_body(raw_event(f'"parameters":{parameters}')))[0]["quantity"] == quantity


def test_the_number_of_the_event_itself_counts_where_that_of_the_parameters_is_wild() -> None:
    record, _ = taken(a_body(an_event(revenue=5, parameters={"revenue": 1e300})))
    assert (record["revenue"], record["is_implausible"]) == (5, True)


PIXEL = {"w": "viewport_width", "h": "viewport_height", "i": "screen_width", "j": "screen_height", "k": "device_pixel_ratio"}


@pytest.mark.parametrize("text", ["zik0zj", "-1", "zzzzzzzzzzzzz", "z" * 180])
@pytest.mark.parametrize("key", PIXEL)
def test_numbers_of_a_pixel_are_held_to_the_same_ranges(key: str, text: str) -> None:
    source = a_source()
    collector = LocalCollector(sources=[source])
    for again in ("1", "2"):  # what followed from the text is remembered, and must be flagged and counted again
        collector.send(method="GET", path=source.event_path, query=a_query(**{key: text, "e": f"0:1:x{again}"}))
    assert [(one[PIXEL[key]], one["is_implausible"]) for one in collector.records] == [(None, True)] * 2
    assert f'implausible_numbers_total{{field="{PIXEL[key]}",source="divolte"}} 2.0' in collector.app.metrics.text().decode()


def test_numbers_in_the_parameters_of_a_pixel_are_too() -> None:
    source = a_source()
    collector = LocalCollector(sources=[source])
    collector.send(method="GET", path=source.event_path, query=a_query(u=mincode_of({"revenue": 1e300, "quantity": 7})))
    (record,) = collector.records
    assert (record["revenue"], record["quantity"], record["is_implausible"]) == (None, 7, True)


@pytest.mark.parametrize("revenue", ["1e300", "1e400", "-1e11"])
def test_numbers_of_a_server_are_too(revenue: str) -> None:
    source = a_source("divolte_json")
    collector = LocalCollector(sources=[source])
    body = msgspec.json.encode(a_json_event(parameters={"revenue": 1})).replace(b'"revenue":1', f'"revenue":{revenue}'.encode())
    for sent in (body, b"[" + body.replace(b'"e-', b'"f-') + b"]"):
        answer = collector.send(sent, path=source.event_path, query="p=0:1:x", headers=[("Content-Type", "application/json")])
        assert answer.status in (200, 204)
    assert [(one["revenue"], one["is_implausible"]) for one in collector.records] == [(None, True)] * 2


@pytest.mark.parametrize(
    ("value", "key"),
    [("viewport_width()", "w"), ("whole_device_pixel_ratio()", "k")],
)
def test_a_strict_source_has_the_numbers_that_the_original_has(value: str, key: str) -> None:
    event = {"v": "", "e": "", key: "zik0zj"}
    assert value_of(value, event, "int", is_strict=True) == 2**31 - 1
    assert value_of(value, event, "int") is None


def test_a_strict_source_is_held_to_the_ranges_that_its_own_mapping_names() -> None:
    event = {"v": "", "e": "", "w": "zik0zj"}
    assert value_of("viewport_width().within(0, 10)", event, "int", is_strict=True) is None


@pytest.mark.parametrize(("shelf", "expected"), [("7", 7), ("0", 0), ("500", 500), ("501", None), ("-1", None), ("x", None)])
def test_a_mapping_can_name_a_range_of_its_own(shelf: str, expected: int | None) -> None:
    event = JsonEvent(event_id="e", parameters={"shelf": shelf})
    rule = "parse(event_parameters().value('shelf')).to_int32().within(0, 500)"
    assert value_of(rule, event, "int", parameters=event.parameters) == expected


def counted(collector: LocalCollector, name: str, *, internal: bool) -> float:
    return counted_in(collector.app.metrics.text().decode(), name, internal=internal)


def counted_in(text: str, name: str, *, internal: bool) -> float:
    source = "replay" if internal else "browser"
    found = re.search(rf'implausible_numbers_total{{field="{name}",source="{source}"}} ([0-9.e+]+)', text)
    return float(found[1]) if found else 0.0


def test_every_range_is_in_the_readme() -> None:
    readme = (Path(__file__).resolve().parents[3] / "collector" / "README.md").read_text("utf-8")
    table = readme.partition("| number | from | to | why |")[2].partition("\n\n")[0]
    documented: dict[str, Any] = {}
    for row in table.splitlines()[2:]:
        names, low, high = row.split("|")[1:4]
        numbers = tuple(float(text.replace(",", "")) for text in (low, high))
        documented |= dict.fromkeys(re.findall(r"`(\w+)`", names), numbers)
    assert documented == {name: tuple(map(float, bounds)) for name, bounds in RANGES.items()}

"""Inputs about the client in a mapping: headers, cookies, agent, place."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from support.mapping.events import AGENT, INPUTS, PAGED
from support.mapping.mappings import ID, one_field, value_of

from cleaning.urls import UrlRules
from collector.encoders.loader import load_plan
from collector.encoders.samples import arguments
from collector.events.event import Event
from enrichment.device import find_device
from enrichment.place import Place
from mapping.evaluation import evaluate
from mapping.operations.headers import AnonymousHeaders
from schemas.codec import Decoder


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        (["a"], ["a"]),
        (["a, b", "c"], ["a", "b", "c"]),
        (["  a  \t b  ,,c "], ["a b", "c"]),
        (['"a, b" c'], ["a, b c"]),
        (['"  a "'], ["  a "]),
        (['a"b"c'], ["abc"]),
        (['"a\\"b\\\\"'], ['a"b\\']),
        (['"unfinished, b'], ["unfinished, b"]),
        (['"a\\'], ["a"]),
        (['""'], []),
        ([" , ,"], []),
        ([""], []),
    ],
)
def test_a_header_is_all_values_of_its_lines(lines: list[str], expected: list[str] | None) -> None:
    inputs: dict[str, Any] = {"headers": [(b"x-name", line.encode()) for line in lines] + [(b"other", b"z")]}
    assert value_of("header('X-Name')", avro={"type": "array", "items": "string"}, **inputs) == expected
    first, last = (expected[0], expected[-1]) if expected else (None, None)
    assert value_of("header('x-NAME').first()", **inputs) == first
    assert value_of("header('X-Name').last()", **inputs) == last
    assert value_of("header('X-Name').comma_separated()", **inputs) == (None if expected is None else ",".join(expected))
    assert value_of("header('X-Name').is_present()", avro="boolean", **inputs) is (expected is not None)


def test_headers_of_a_visitor_who_opted_out_have_no_cookies_and_no_click_ids() -> None:
    headers = AnonymousHeaders([(b"referer", b"https://a.example/?gclid=Tester&q=1"), (b"cookie", b"a=1"), (b"x", b"caf\xe9")])
    assert value_of("header('Referer').first()", headers=headers) == "https://a.example/?gclid=&q=1"
    assert value_of("header('X').first()", headers=headers) == "café"
    assert value_of("cookie('a')", headers=headers) is None


@pytest.mark.parametrize(("number", "expected"), [(0, "a"), (1, "b"), (2, None), (-1, "b"), (-2, "a"), (-3, None)])
def test_one_value_of_a_header_by_number(number: int, expected: str | None) -> None:
    assert value_of(f"header('x').get({number})", headers=[(b"x", b"a,b")]) == expected


@pytest.mark.parametrize(
    ("line", "corrected", "strict"),
    [
        ("a=1; b=2", "1", "1"),
        ("A=1; b=2", None, None),
        ("b=2;a=0:loyw3v28:q0t", "0:loyw3v28:q0t", "0"),
        ("a=x=y", "x=y", "x"),
        ('a="x; y"', '"x', ""),
        ('a="x y\\""', 'x y"', 'x y"'),
        ("a=", "", ""),
        ("a", None, None),
        (" a = 1 ", "1", "1"),
        ("a=1; a=2", "1", "1"),
    ],
)
def test_a_cookie_is_whole_or_cut_as_divolte_does(line: str, corrected: str | None, strict: str | None) -> None:
    inputs: dict[str, Any] = {"headers": [(b"accept", b"a=b"), (b"cookie", line.encode())]}
    assert value_of("cookie('a')", **inputs) == corrected
    assert value_of("cookie('a')", is_strict=True, **inputs) == strict


PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.1 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("agent", "name", "vendor", "kind", "version", "category", "system", "maker"),
    [
        (AGENT, "Chrome", "Google Inc.", "Browser", "38", "Personal computer", "Mac OS X", "Apple Computer, Inc."),
        (PHONE, "Mobile Safari", "Apple Inc.", "Mobile Browser", "17", "Smartphone", "iOS", "Apple Inc."),
        ("curl/8.5.0", "curl", None, "Library", "8", "Other", None, None),
        ("Feedly/1.0", None, None, "Feed Reader", None, "Other", None, None),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", "Googlebot", None, "Robot", "2", "Other", None, None),
        ("nothing known", None, None, None, None, None, None, None),
    ],
)
def test_an_agent_has_what_the_converter_finds(
    agent: str,
    name: str | None,
    vendor: str | None,
    kind: str | None,
    version: str | None,
    category: str | None,
    system: str | None,
    maker: str | None,
) -> None:
    parts = {
        "name": name,
        "family": name,
        "vendor": vendor,
        "type": kind,
        "version": version,
        "device_category": category,
        "os_vendor": maker,
    }
    found = {part: value_of(f"user_agent().{part}()", user_agent=agent) for part in parts}
    device = find_device(agent)
    if "Feedly" in agent:
        parts |= {"name": device.browser, "family": device.browser, "version": device.browser_version}
    assert found == parts
    assert value_of("user_agent().os_family()", user_agent=agent) == system == device.os
    assert value_of("user_agent().os_version()", user_agent=agent) == device.os_version


@pytest.mark.parametrize(
    ("part", "expected"), [("name", "unknown"), ("family", "unknown"), ("vendor", ""), ("type", ""), ("os_version", "")]
)
def test_strictly_an_agent_that_is_not_known_is_called_so(part: str, expected: str) -> None:
    assert value_of(f"user_agent().{part}()", is_strict=True, user_agent="nothing known") == expected
    assert value_of(f"user_agent().{part}()", is_strict=True) is None


def test_an_agent_itself_is_cut_and_its_string_is_whole() -> None:
    agent = "x" * 600
    assert value_of("user_agent()", user_agent=agent) == "x" * 512
    assert value_of("user_agent_string()", user_agent=agent) == agent


def find_place(ip: str) -> Place | None:
    return Place("Netherlands", "NL", "NLD", "North Holland", "Amsterdam", 52.5, 5.0) if ip in ("192.0.2.0", "192.0.2.9") else None


@pytest.mark.parametrize(
    ("part", "avro", "expected"),
    [
        ("city_name", "string", "Amsterdam"),
        ("country_code", "string", "NL"),
        ("country_name", "string", "Netherlands"),
        ("most_specific_subdivision_name", "string", "North Holland"),
        ("subdivision_names", {"type": "array", "items": "string"}, ["North Holland"]),
        ("latitude", "double", 52.5),
        ("longitude", "double", 5.0),
        ("postal_code", "string", None),
        ("city_id", "int", None),
        ("anonymous_proxy", "boolean", None),
        ("subdivision_ids", {"type": "array", "items": "int"}, None),
        ("subdivision_codes", {"type": "array", "items": "string"}, None),
    ],
)
def test_a_place_is_the_converter_s(part: str, avro: object, expected: object) -> None:
    assert value_of(f"ip2geo().{part}()", avro=avro, find_place=find_place, **INPUTS) == expected
    assert value_of(f"ip2geo(page_title()).{part}()", Event(id=ID, type="a", title="192.0.2.9"), avro, find_place=find_place) == expected
    assert value_of(f"ip2geo(page_title()).{part}()", Event(id=ID, type="a", title="nowhere"), avro, find_place=find_place) is None


def test_a_place_is_asked_for_again_as_its_database_may_change() -> None:

    asked: list[str] = []

    def place_of(ip: str) -> Place:
        asked.append(ip)
        return Place(None, None, None, city=str(len(asked)))

    schema = one_field("string")
    plan = evaluate(b"from mapping import *\nmap_(ip2geo().city_name()).onto('f')", "m.py")
    encode = load_plan(plan, schema, UrlRules(), find_place=place_of)
    tries = [Decoder([schema]).decode(encode(*arguments(PAGED, address="192.0.2.0").values()))["f"] for _ in range(2)]
    assert tries[0] != tries[1]


def test_without_a_database_places_are_absent_and_a_warning_is_logged() -> None:

    with capture_logs() as logs:
        assert value_of("ip2geo().city_name()", **INPUTS) is None
    assert logs[0]["setting"] == "HEADRACE_COLLECTOR_PLACES"

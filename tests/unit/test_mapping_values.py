"""Each value of the language: what it is for events of browsers, pages and servers, strictly as Divolte has it and corrected."""

import base64
import hashlib
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.divolte import PAGE_VIEW, PARTY, SESSION, mincode_of
from support.mapping import ID, one_field, record_of, value_of

from collector.divolte.json_body import JsonEvent
from collector.event import Event
from collector.mapping.evaluate import evaluate
from collector.mapping.loader import load_plan
from collector.mapping.samples import arguments
from collector.urls import AddressRules
from enrichment.device import find_device
from enrichment.place import Place
from schemas.codec import Decoder

AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/38.0.2125.122 Safari/537.36"
PAGE = "https://Shop.example:8443/a%20b/%2F?q=x+y&q=2&=e&n=#/c/d?k=v%20w"
BROWSER = {
    "p": PARTY,
    "s": SESSION,
    "v": PAGE_VIEW,
    "e": PAGE_VIEW + "0",
    "n": "t",
    "f": "f",
    "l": PAGE,
    "r": "https://search.example/?q=secret",
    "i": "1hc",
    "j": "sw",
    "k": "2",
    "w": "140",
    "h": "p0",
    "t": "pageView",
    "u": mincode_of({"a": "text", "n": 7, "list": [1, 2], "deep": {"er": [{"x": "y"}, {"x": "z"}]}, "null": None}),
}
SERVER = JsonEvent(event_id="e-1", event_type="order", is_new_party=True, is_new_session=False, parameters={"a": "text"})
PARAMETERS: dict[str, object] = {
    "a": "text",
    "n": 7,
    "half": 0.5,
    "list": [1, 2],
    "yes": True,
    "null": None,
    "empty": "",
    "items": [{"sku": "s1", "price": 5}, {"sku": "s2", "price": 15, "x y": None}, {"price": 25}],
}
PAGED = Event(id=ID, type="a", title="a title", parameters=PARAMETERS)
FACTS: dict[str, Any] = {"party_id": PARTY, "session_id": SESSION, "address": "192.0.2.0", "remote_host": "192.0.2.7", "user_agent": AGENT}


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
def test_a_value_is_what_the_source_tells_or_absent(value: str, avro: str, of_browser: object, of_server: object) -> None:
    assert value_of(value, BROWSER, avro, **FACTS) == of_browser
    assert value_of(value, SERVER, avro, **FACTS) == of_server


@pytest.mark.parametrize(
    ("text", "whole", "ratio", "strict"),
    [
        ("1", 1, 1.0, 1.0),
        ("1.i", None, 1.5, None),
        ("2.mi", None, 2.625, None),
        ("", None, None, None),
        ("+Z", 35, 35.0, 35.0),
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


URIS: list[tuple[str, str, Any, Any]] = [  # the text, the part, corrected, strict
    (PAGE, "scheme()", "https", "https"),
    (PAGE, "host()", "shop.example", "Shop.example"),
    (PAGE, "path()", "/a b//", "/a b//"),
    (PAGE, "raw_path()", "/a%20b/%2F", "/a%20b/%2F"),
    (PAGE, "raw_query_string()", "q=x+y&q=2&=e&n=", "q=x+y&q=2&=e&n="),
    (PAGE, "decoded_query_string()", "q=x+y&q=2&=e&n=", "q=x+y&q=2&=e&n="),
    (PAGE, "query().value('q')", "x y", "x y"),
    (PAGE, "query().value('n')", "", ""),
    (PAGE, "query().value('')", "e", "e"),
    (PAGE, "query().value('none')", None, None),
    (PAGE, "raw_fragment()", "/c/d?k=v%20w", "/c/d?k=v%20w"),
    (PAGE, "decoded_fragment()", "/c/d?k=v w", "/c/d?k=v w"),
    ("http://h/?a=b|c", "host()", "h", None),
    ("http://h/?a=b^c", "host()", "h", None),
    ("http://h/{x}", "path()", "/{x}", None),
    ("http://h/a`b", "path()", "/a`b", None),
    ("http://h/a\\b", "path()", "/a\\b", None),
    ("http://h/?a=100%", "raw_query_string()", "a=100%", None),
    ("http://h/?a=%zz", "raw_query_string()", "a=%zz", None),
    ("http://h/a b", "path()", "/a b", None),
    ("http://h/?a=[1]", "raw_query_string()", "a=[1]", "a=[1]"),
    ("http://h/[1]", "path()", "/[1]", None),
    ("http://under_score/x", "host()", "under_score", None),
    ("http://under_score/x", "path()", "/x", "/x"),
    ("http://m\xfcnchen.de/stra\xdfe", "path()", "/stra\xdfe", "/stra\xdfe"),
    ("http://m\xfcnchen.de/", "host()", "m\xfcnchen.de", None),
    ("http://[::1]:80/", "host()", "::1", "[::1]"),
    ("http://192.0.2.1/", "host()", "192.0.2.1", "192.0.2.1"),
    ("http://h/%FF", "path()", "/%FF", "/\ufffd"),
    ("http://h/%00", "path()", "/%00", "/%00"),
    ("http://h/a#b#c", "raw_fragment()", "b#c", None),
    ("http://", "path()", "", None),
    ("file:///x", "path()", "/x", "/x"),
    ("//h/p", "host()", "h", "h"),
    ("/a/b?x=1", "query().value('x')", "1", "1"),
    ("mailto:a@example.org", "scheme()", "mailto", "mailto"),
    ("mailto:a@example.org", "path()", "a@example.org", None),
    ("mailto:", "scheme()", "mailto", None),
    ("1http://h/", "host()", None, None),
    ("http://h:80x/", "path()", None, "/"),
    ("http://h:99999/", "path()", None, "/"),
    ("http://u:p@h/", "host()", "h", "h"),
    ("", "path()", "", ""),
    ("http://h?a", "raw_query_string()", "a", "a"),
    ("http://h?", "raw_query_string()", None, ""),
    ("http://a.1b/", "host()", "a.1b", None),
    ("http://h^/", "host()", "h^", None),
]


@pytest.mark.parametrize(("text", "part", "corrected", "strict"), URIS)
def test_an_address_is_taken_apart_as_browsers_write_it_or_as_java_reads_it(
    text: str, part: str, corrected: str | None, strict: str | None
) -> None:
    event = Event(id=ID, type="a", title=text)
    assert value_of(f"parse(page_title()).to_uri().{part}", event) == corrected
    assert value_of(f"parse(page_title()).to_uri().{part}", event, is_strict=True) == strict


def test_a_fragment_may_be_an_address_itself() -> None:
    assert value_of("parse(parse(raw_location()).to_uri().raw_fragment()).to_uri().query().value('k')", BROWSER) == "v w"


@pytest.mark.parametrize(
    ("port", "corrected", "strict"), [(":8443", 8443, 8443), ("", None, None), (":", None, None), (":99999", None, 99999)]
)
@pytest.mark.parametrize("is_strict", [False, True])
def test_a_port_is_a_number(port: str, corrected: int | None, strict: int | None, is_strict: bool) -> None:
    event = Event(id=ID, type="a", title=f"http://h{port}/")
    assert value_of("page_title().uri().port()", event, "int", is_strict=is_strict) == (strict if is_strict else corrected)


def test_a_query_fills_a_map_of_lists() -> None:
    event = Event(id=ID, type="a", title="/x?a=value&=42&b=&d=word&c&=bla")
    found = value_of("page_title().uri().query()", event, {"type": "map", "values": {"type": "array", "items": "string"}})
    assert found == {"a": ["value"], "": ["42", "bla"], "b": [""], "d": ["word"], "c": [""]}
    assert value_of("page_title().uri().query().value_list('')", event, {"type": "array", "items": "string"}) == ["42", "bla"]
    assert value_of("page_title().uri().query().value_list('x')", event, {"type": "array", "items": ["null", "string"]}) is None


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
    facts: dict[str, Any] = {"headers": [(b"x-name", line.encode()) for line in lines] + [(b"other", b"z")]}
    assert value_of("header('X-Name')", avro={"type": "array", "items": "string"}, **facts) == expected
    first, last = (expected[0], expected[-1]) if expected else (None, None)
    assert value_of("header('x-NAME').first()", **facts) == first
    assert value_of("header('X-Name').last()", **facts) == last
    assert value_of("header('X-Name').comma_separated()", **facts) == (None if expected is None else ",".join(expected))
    assert value_of("header('X-Name').is_present()", avro="boolean", **facts) is (expected is not None)


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
    facts: dict[str, Any] = {"headers": [(b"accept", b"a=b"), (b"cookie", line.encode())]}
    assert value_of("cookie('a')", **facts) == corrected
    assert value_of("cookie('a')", is_strict=True, **facts) == strict


@pytest.mark.parametrize(
    ("pattern", "text", "group", "expected"),
    [
        ("(a+)(b)?", "aa", 1, "aa"),
        ("(a+)(b)?", "aa", 2, None),
        ("(a+)(b)?", "aab", 0, "aab"),
        ("a", "ab", 0, None),
        ("(?<name>[a-z]+)/(?:x|y)", "abc/y", "name", "abc"),
        ("(?P<name>a)", "a", "name", "a"),
        (r"(?<d>\d)\k<d>", "77", "d", "7"),
        (r"\Qa.b\E(.*)", "a.bc", 1, "c"),
        (r"\p{Alpha}+(\p{Digit}*)", "ab12", 1, "12"),
        (r"[\p{Upper}_]+", "A_B", 0, "A_B"),
        (r"\h*(\S+)\h*\z", " \ta ", 1, "a"),
        (r"[\h]x", "\tx", 0, "\tx"),
        (r"\x{e9}\e?", "\xe9", 0, "\xe9"),
        (r"\w+", "\xe9", 0, None),
        ("(?i)ABC", "abc", 0, "abc"),
        ("a++b", "aab", 0, "aab"),
        ("(?>a+)b", "aab", 0, "aab"),
        ("[(?<x>]+", "(?<", 0, "(?<"),
    ],
)
def test_a_regular_expression_of_java_matches_the_whole_text(pattern: str, text: str, group: int | str, expected: str | None) -> None:
    event = Event(id=ID, type="a", title=text)
    assert value_of(f"match({pattern!r}).against(page_title()).group({group!r})", event) == expected


@pytest.mark.parametrize(("title", "expected"), [("aa", True), ("b", False), (None, None)])
def test_whether_a_text_matches_is_absent_without_a_text(title: str | None, expected: bool | None) -> None:
    assert value_of("match('a*').against(page_title()).matches()", Event(id=ID, type="a", title=title), "boolean") is expected


@pytest.mark.parametrize(
    ("algorithm", "seed", "expected"),
    [
        ("sha-224", "foo", "738cea8c1054dd101349da035986ce18ffbb6ade1995fc86b7a6344b"),
        ("SHA-256", "foo", "ca5628424c22147c2fbd3d125cb9b69b81f5df71aca9f5c43c335e89a0b7da35"),
        ("sha-512", "foo", "132691aea6dcfb9e"),
        ("sha-256", None, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        ("sha-1", None, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        ("sha-512/256", None, "e30d87cfa2a75db5"),
        ("sha3-256", None, "3338be694f50c5f3"),
    ],
)
def test_a_digest_is_that_of_divolte(algorithm: str, seed: str | None, expected: str) -> None:
    event = Event(id=ID, type="a", title="hel")
    digest = f"digest({algorithm!r}{'' if seed is None else f', {seed!r}'}).add(page_title()).add('lo').add(language()).result()"
    assert value_of(f"{digest}.to_hex_lower()", event).startswith(expected)
    assert value_of(f"{digest}.to_hex_upper()", event).startswith(expected.upper())
    assert value_of(digest, event, "bytes").hex().startswith(expected)


@pytest.mark.parametrize(
    ("added", "content"),
    [
        ("event_parameter('a')", b"text"),
        ("event_parameters().path('$.n')", b"7"),
        ("event_parameters().path('$.yes')", b"true"),
        ("event_parameters().path('$.list')", b""),
        ("event_parameters()", b""),
        ("digest('md5').add('x').result()", bytes.fromhex("9dd4e461268c8034f5c8564e155c67a6")),
    ],
)
def test_a_digest_takes_in_what_has_a_text(added: str, content: bytes) -> None:

    expected = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert value_of(f"digest('sha-256').add({added}).result().to_base64()", PAGED) == expected


@pytest.mark.parametrize(("is_strict", "content"), [(False, b""), (True, b"null")])
def test_a_null_is_digested_strictly_only(is_strict: bool, content: bytes) -> None:

    value = "digest('sha-256').add(event_parameters().path('$.null')).result().to_hex_lower()"
    assert value_of(value, PAGED, is_strict=is_strict) == hashlib.sha256(content).hexdigest()


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
def test_an_agent_tells_what_the_converter_finds(
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


def find_place(address: str) -> Place | None:
    return Place("Netherlands", "NL", "NLD", "North Holland", "Amsterdam", 52.5, 5.0) if address in ("192.0.2.0", "192.0.2.9") else None


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
    assert value_of(f"ip2geo().{part}()", avro=avro, find_place=find_place, **FACTS) == expected
    assert value_of(f"ip2geo(page_title()).{part}()", Event(id=ID, type="a", title="192.0.2.9"), avro, find_place=find_place) == expected
    assert value_of(f"ip2geo(page_title()).{part}()", Event(id=ID, type="a", title="nowhere"), avro, find_place=find_place) is None


def test_a_place_is_asked_for_anew_as_its_database_may_change() -> None:

    asked: list[str] = []

    def place_of(address: str) -> Place:
        asked.append(address)
        return Place(None, None, None, city=str(len(asked)))

    schema = one_field("string")
    plan = evaluate(b"from collector.mapping import *\nmap_(ip2geo().city_name()).onto('f')", "m.py")
    encode = load_plan(plan, schema, AddressRules(), find_place=place_of)
    tries = [Decoder([schema]).decode(encode(*arguments(PAGED, address="192.0.2.0").values()))["f"] for _ in range(2)]
    assert tries[0] != tries[1]


def test_without_a_database_places_are_absent_and_a_warning_tells() -> None:

    with capture_logs() as logs:
        assert value_of("ip2geo().city_name()", **FACTS) is None
    assert logs[0]["setting"] == "HEADRACE_COLLECTOR_PLACES"


@pytest.mark.parametrize(
    ("text", "corrected", "strict"),
    [
        ("1e5", 1e5, 1e5),
        ("+1.5", 1.5, 1.5),
        ("1.5f", 1.5, 1.5),
        (".5D", 0.5, 0.5),
        ("0x1.8p1", 3.0, 3.0),
        ("-0X1P-1d", -0.5, -0.5),
        ("Infinity", None, float("inf")),
        ("-Infinity", None, float("-inf")),
        ("1e999", None, float("inf")),
        ("0x1p9999", None, float("inf")),
        (" 1", None, None),
        ("1_0", None, None),
        ("infinity", None, None),
        ("0x1.8", None, None),
        ("1" * 500, None, None),
        ("", None, None),
    ],
)
def test_a_number_is_read_as_java_writes_it(text: str, corrected: float | None, strict: float | None) -> None:
    event = Event(id=ID, type="a", title=text)
    assert value_of("parse(page_title()).to_fp64()", event, "double") == corrected
    assert value_of("parse(page_title()).to_fp64()", event, "double", is_strict=True) == strict


@pytest.mark.parametrize("text", ["2147483648", "-2147483649", "1.0", "+1", " 1", "\u0661", "", "9" * 5000])
def test_what_is_no_int32_is_absent(text: str) -> None:
    assert value_of("parse(page_title()).to_int32()", Event(id=ID, type="a", title=text), "int") is None


def test_what_a_kind_of_source_lacks_leaves_no_code() -> None:
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

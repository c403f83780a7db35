"""URLs in a mapping, strictly as in Divolte and corrected."""

from typing import Any

import pytest
from support.mapping.events import BROWSER, PAGE
from support.mapping.mappings import ID, value_of

from collector.events.event import Event

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
def test_a_url_is_split_as_browsers_write_it_or_as_java_reads_it(text: str, part: str, corrected: str | None, strict: str | None) -> None:
    event = Event(id=ID, type="a", url=text)
    assert value_of(f"parse(raw_location()).to_uri().{part}", event) == corrected
    assert value_of(f"parse(raw_location()).to_uri().{part}", event, is_strict=True) == strict


def test_a_fragment_may_be_a_url_itself() -> None:
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

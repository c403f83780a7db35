"""Operations on texts in a mapping: numbers, matches, digests."""

import base64
import hashlib

import pytest
from support.mapping.events import PAGED
from support.mapping.mappings import ID, value_of

from collector.events.event import Event


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
        (r"(\w+)\Z\s*", "ab\n", 1, "ab"),
        (r"(\w+)\Z\s*", "ab\r\n", 1, "ab"),
        (r"(\w+\r)\Z\n", "ab\r\n", 1, None),
        (r"(\w+)\Z\s*", "ab\n\n", 1, None),
        (r"(\w+)\Z.", "ab\u2028", 1, "ab"),
        (r"\w+\Z", "ab", 0, "ab"),
        (r"\Ga+", "aa", 0, "aa"),
        (r"a\Ga", "aa", 0, None),
        (r"(\w)\R(\w)", "a\r\nb", 2, "b"),
        (r"(\w)\R(\w)", "a\x85b", 2, "b"),
        (r"(\w)\R(\w)", "a\n\nb", 2, None),
        (r"\w\R{2}\w", "a\r\nb", 0, "a\r\nb"),
        (r"\w\R+\w", "a b", 0, None),
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
def test_a_number_that_is_not_an_int32_is_absent(text: str) -> None:
    assert value_of("parse(page_title()).to_int32()", Event(id=ID, type="a", title=text), "int") is None

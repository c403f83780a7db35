"""Queries, checksums, identifiers and the memory of events: the vectors of the original, and whatever else may come."""

from typing import Any
from urllib.parse import quote, unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.collector.divolte import vectors

from collector.divolte import checksum
from collector.divolte.identifiers import canonical
from collector.divolte.query import Query, read_query
from collector.events.duplicates import DuplicateMemory, event_digest
from mapping.operations.base36 import number36, text36

ASTRAL = [one for one in vectors("checksum.json") if "note" in one and "outside the basic plane" in one["note"]]


def as_query(parameters: dict[str, list[str]]) -> Query:
    pieces = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, values in parameters.items() for value in values]
    return read_query("&".join(pieces).encode())


def is_corrupt(query: Query, is_strict: bool = False) -> bool:
    return checksum.is_corrupt(query, checksum.canonical_text(query), is_strict=is_strict)


def signed(query: Query, x: str) -> Query:
    values = None if query.all_values is None else query.all_values | {"x": [x]}
    return Query(query.first | {"x": x}, values)


@pytest.mark.parametrize("vector", vectors("checksum.json"), ids=lambda one: str(one["title"]))
def test_the_checksum_is_that_of_the_tracker(vector: dict[str, Any]) -> None:
    query = as_query(vector["query"])
    assert checksum.canonical_text(query) == vector["canonical"]
    assert not is_corrupt(signed(query, vector["checksum"]))
    assert is_corrupt(signed(query, vector["checksum"] + "1"))


@pytest.mark.parametrize("vector", ASTRAL, ids=lambda one: str(one["title"]))
def test_strictly_what_holds_an_emoji_is_corrupt(vector: dict[str, Any]) -> None:
    assert is_corrupt(signed(as_query(vector["query"]), vector["checksum"]), is_strict=True)


def test_strictly_what_holds_other_characters_is_not_corrupt() -> None:
    assert not is_corrupt(signed(read_query("l=https://shop.example/é?q=€".encode()), "-lf0889"), is_strict=True)


@pytest.mark.parametrize("x", ["", " a6j96d", "a6j_96d", "+", "٣"])
def test_a_checksum_that_is_not_a_number_is_corrupt(x: str) -> None:
    assert is_corrupt(signed(read_query(b"t=pageView"), x))


@pytest.mark.parametrize("x", ["A6J96D", "+a6j96d", "00a6j96d"])
def test_a_checksum_is_compared_as_a_number(x: str) -> None:
    assert not is_corrupt(signed(read_query(b"t=pageView"), x))


def test_ever_new_names_take_no_memory_beyond_a_bound() -> None:
    for number in range(3 * checksum.MAX_TEMPLATES):
        checksum.canonical_text(read_query(b"name%d=1" % number))
    checksum.canonical_text(read_query(b"x" * 4000 + b"y=1"))
    assert len(checksum._templates) <= checksum.MAX_TEMPLATES
    assert max(len(names[0]) for names in checksum._templates) <= checksum.MAX_NAMES_LENGTH


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"a", {"a": ""}),
        (b"=b", {"": "b"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=1&a=2", {"a": "1"}),
        (b"a+b=c+d%2B", {"a b": "c d+"}),
        (b"a%3Db=%26", {"a=b": "&"}),
        (b"a=%C3%A9%3D%25", {"a": "é=%"}),
        (b"a=%FF", {"a": "\ufffd"}),
        (b"a=\xff", {"a": "\ufffd"}),
        (b"a=%ED%A0%80", {"a": "\ufffd\ufffd\ufffd"}),
        (b"a=100%&b=%zz&c=%4", {"a": "100%", "b": "%zz", "c": "%4"}),
        (b"a=%0A%0D%3D%0a%5f", {"a": "\n\r=\n_"}),
    ],
)
def test_a_query_is_read_as_forms_are_and_the_first_value_counts(query: bytes, first: dict[str, str]) -> None:
    assert read_query(query).first == first


def test_all_values_of_a_name_are_signed() -> None:
    assert checksum.canonical_text(read_query(b"t=2&a=1&t=1&x=3&x=4")) == "a=1,;t=2,1,;"


@given(st.text(alphabet="%0123456789abcdefCDEF+=_?/: \t\n\ré", max_size=60))
@example("a=b%")
def test_values_are_decoded_as_the_standard_library_does(text: str) -> None:
    assert read_query(b"k=" + text.encode()).first["k"] == unquote_plus(text, errors="replace")


PIECES = ["a", "b", "=", "=", "&", "&", "+", "%", "%41", "%3D", "%26", "%25", "%0A", "%1e", "%7F", "%C2%85", "%C3%A9", "%E2%80%A8", "%zz"]


@given(st.lists(st.sampled_from([*(piece.encode() for piece in PIECES), b"\x1e", b"\r", b"\n", b"\xc3", b"%4"]), max_size=16).map(b"".join))
@example(b"a=1%1Ea%1E2")
@example(b"a=%\n&b=1")
@example(b"a&b=c=d")
def test_all_at_once_comes_to_the_same_as_piece_by_piece(query: bytes) -> None:
    first: dict[str, str] = {}
    for piece in filter(None, query.decode("utf-8", "replace").split("&")):
        name, _, value = piece.partition("=")
        first.setdefault(unquote_plus(name, errors="replace"), unquote_plus(value, errors="replace"))
    assert read_query(query).first == first


@given(st.binary(max_size=300) | st.text(alphabet="psvecx=&%+0:aé", max_size=100).map(str.encode))
def test_every_query_is_read_and_signed(query: bytes) -> None:
    for is_strict in (False, True):
        assert is_corrupt(read_query(query), is_strict) in {False, True}


@pytest.mark.parametrize("vector", vectors("identifiers.json"), ids=lambda one: repr(one["input"]))
def test_an_identifier_is_known_by_its_canonical_form(vector: dict[str, Any]) -> None:
    assert canonical(vector["input"]) == vector.get("value")


@pytest.mark.parametrize("identifier", ["0:1:" + "x" * 300, "0:1:a\0", "0:1:a\nb", "0:1:" + "é" * 130, "0:٣:x", "0:1_0:x"])
def test_an_identifier_that_no_key_can_hold_is_none(identifier: str) -> None:
    assert canonical(identifier) is None


@given(st.text(alphabet="0:zA-+ ~!\0é", max_size=30))
def test_a_canonical_identifier_stays_as_it_is(text: str) -> None:
    if identifier := canonical(text):
        assert canonical(identifier) == identifier


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_survive_base_36(number: int) -> None:
    assert number36(text36(number)) == number


@pytest.mark.parametrize(
    ("text", "bound", "number"),
    [("zik0zj", 2**31, 2**31 - 1), ("zik0zk", 2**31, None), ("-zik0zk", 2**31, -(2**31)), ("1.i", 2**31, None), (None, 2**31, None)],
)
def test_numbers_out_of_their_range_are_absent(text: str | None, bound: int, number: int | None) -> None:
    assert number36(text, bound) == number


@pytest.mark.parametrize("vector", vectors("duplicates.json"))
def test_slot_and_signature_of_an_event_are_those_of_the_original(vector: dict[str, Any]) -> None:
    digest = event_digest(vector["partyId"], vector["sessionId"], vector["eventId"])
    assert digest[8:].hex() == vector["signature_hex"]
    number = int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
    assert (number % 1_000_000, number % 2) == (vector["slot_of_1000000"], vector["slot_of_2"])


def test_a_duplicate_is_known_until_another_event_takes_its_slot() -> None:
    memory, first, other = DuplicateMemory(1), event_digest("p", "s", "1"), event_digest("p", "s", "2")
    assert [memory.check_and_add(event) for event in (first, first, other, first)] == [False, True, False, False]


def test_an_event_that_was_forgotten_is_not_a_duplicate() -> None:
    memory, event, other = DuplicateMemory(1), event_digest("p", "s", "1"), event_digest("p", "s", "2")
    memory.check_and_add(event)
    memory.forget(other)
    assert memory.check_and_add(event)
    memory.forget(event)
    assert not memory.check_and_add(event)


@pytest.mark.parametrize("control", ["\0", "\x01", "\n", "\x1e", "\x1f", "\x7f", "\x80", "\x9f"])
def test_a_control_character_is_noticed_however_it_comes(control: str) -> None:
    for written in (quote(control), quote(control).lower(), control):
        assert read_query(f"t=a&l=b{written}c&s=d".encode()).may_hold_unwanted
    assert read_query(f"{quote(control)}=a".encode()).may_hold_unwanted


def test_most_queries_hold_none() -> None:
    assert not read_query(b"t=pageView&l=https%3A%2F%2Fshop.example%2F%C3%A9%3Fa%3Db+c&u=~%E2%82%AC%F0%9F%8E%88").may_hold_unwanted

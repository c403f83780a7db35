"""The filters of a JSONPath, with the comparisons of Jayway's library."""

from typing import Any

import pytest
from support.mapping.mappings import ID, value_of

from collector.events.event import Event
from mapping.operations import paths

ITEMS: list[dict[str, Any]] = [
    {"id": 1, "tags": ["a", "b"], "name": "ab", "price": 5, "parts": [{"n": "x"}]},
    {"id": 2, "tags": [], "name": "", "price": 15.5, "parts": [{"n": "x"}, {"n": "y"}]},
    {"id": 3, "tags": {"a": 1}, "name": None, "price": True, "parts": []},
    {"id": 4, "tags": {}, "name": "😀", "size": 2, "price": "5"},
    {"id": 5},
]
IDS = {"type": "array", "items": "int"}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("@.price in [5, 'x', 15.5]", [1, 2]),
        ("@.price in [1]", []),
        ("@.price in [true]", [3]),
        ("@.price in 'x5'", []),
        ("@.price in $.wanted", [1]),
        ("@.price in $.missing", []),
        ("@.price nin [5, 15.5]", [3, 4, 5]),
        ("@.price nin[5]", [2, 3, 4, 5]),
        ("@.id nin $.wanted", [1, 2, 3, 4]),
        ("@.id nin [1, 2] && @.id nin [5]", [3, 4]),
        ("!(@.id nin [1, 2])", [1, 2]),
        ("@.tags subsetof ['b', 'a', 'c']", [1, 2]),
        ("@.tags subsetof ['a']", [2]),
        ("@.tags subsetof []", [2]),
        ("@.name subsetof ['ab']", []),
        ("@.parts[*].n subsetof ['x']", [1, 3, 4, 5]),
        ("@.parts[*].n subsetof ['y', 'x']", [1, 2, 3, 4, 5]),
        ("@.tags size 2", [1]),
        ("@.tags size 0", [2]),
        ("@.tags size true", []),
        ("@.name size 2", [1, 4]),
        ("@.name size 2.9", [1, 4]),
        ("@.tags size $.two", [1]),
        ("@.size size 2", []),
        ("@.tags empty true", [2, 4]),
        ("@.tags empty false", [1, 3]),
        ("@.name empty true", [2]),
        ("@.name empty false", [1, 4]),
        ("@.name empty 1", []),
        ("@.price empty false", [4]),
        ("@.size", [4]),
        ("@['size'] == 2", [4]),
    ],
)
def test_a_filter_finds_what_jayways_does(condition: str, found: list[int]) -> None:
    event = Event(id=ID, type="a", parameters={"items": ITEMS, "wanted": [5, None], "two": 2})
    assert value_of(f"event_parameters().path({f'$.items[?({condition})].id'!r})", event, IDS) == found


@pytest.mark.parametrize("name", ["nin", "subsetof", "size", "empty"])
def test_the_word_of_an_operator_may_be_a_name(name: str) -> None:
    event = Event(id=ID, type="a", parameters={"in": {name: 7}})
    for path in (f"$.in.{name}", f"$..{name}", f"$['in']['{name}']", f"$.in[?(@ == 7)].{name}", f"$[?(@.{name} == 7)].{name}"):
        is_found = "?(@ ==" not in path
        assert value_of(f"event_parameters().path({path!r})", event, IDS) == ([7] if is_found else []), path


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize(
    ("condition", "found"), [("== 19.99", "[19.99]"), (">= 19.99", "[19.99,30]"), ("in [19.99, 3]", "[19.99]"), ("!= 19.99", "[0.1,30]")]
)
def test_a_decimal_is_the_number_that_is_written_so(condition: str, found: str, is_strict: bool) -> None:
    event = {"v": "", "e": "", "u": "(ap!j19.99!j0.1!du!.)"}
    json = {"type": "string", "logicalType": "json"}
    assert value_of(f"event_parameters().path('$.p[?(@ {condition})]')", event, json, is_strict=is_strict) == found


@pytest.mark.parametrize(
    ("numbers", "deviation"),
    [
        ([2, 4, 4, 4, 5, 5, 7, 9], 2.0),
        ([3], 0.0),
        ([0.1, 0.1, 0.1], pytest.approx(0.0, abs=1e-12)),
        ([], None),
        ([1, "x"], None),
        ([1e308, -1e308], None),
    ],
)
def test_the_standard_deviation_is_that_of_the_whole(numbers: list[object], deviation: object) -> None:
    event = Event(id=ID, type="a", parameters={"n": numbers})
    assert value_of("event_parameters().path('$.n.stddev()')", event, "double") == deviation


@pytest.mark.parametrize("path", ["$.a[?(@.b nin)]", "$.a[?(nin [1])]", "$.a[?(@.b size)]", "$.a[?(@.b empty empty)]"])
def test_an_operator_without_its_sides_is_a_fault(path: str) -> None:
    with pytest.raises(ValueError, match="not a valid JSONPath"):
        paths.parse(path)

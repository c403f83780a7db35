"""Mincode: the vectors of the original's parser, the texts of numbers, and whatever else may come."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collector.divolte import vectors

from mapping.operations.mincode import decode, json_text, number_text, problem_of

DECODED = vectors("mincode_decode.json")


def titled(vector: dict[str, Any]) -> str:
    return str(vector.get("title", vector["mincode"]))


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("vector", vectors("mincode.json"), ids=titled)
def test_values_of_the_tracker_are_decoded_unchanged(vector: dict[str, Any], is_strict: bool) -> None:
    value = decode(vector["mincode"], is_strict)
    assert value == vector["json"] or json.loads(json_text(value)) == vector["json"]
    if isinstance(value, dict):
        assert list(value) == list(vector["json"])


@pytest.mark.parametrize("vector", [one for one in DECODED if one["accepted"]], ids=titled)
def test_input_that_the_original_accepts_has_its_value(vector: dict[str, Any]) -> None:
    assert json.loads(json_text(decode(vector["mincode"], False))) == vector["json"]


@pytest.mark.parametrize("vector", [one for one in DECODED if not one["accepted"]], ids=titled)
def test_input_that_the_original_rejects_is_absent(vector: dict[str, Any]) -> None:
    assert decode(vector["mincode"], False) is None
    assert problem_of(vector["mincode"]) is None


@pytest.mark.parametrize("vector", [one for one in DECODED if "text" in one], ids=titled)
def test_strictly_a_number_has_the_text_of_java(vector: dict[str, Any]) -> None:
    value = decode(vector["mincode"], True)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        assert number_text(value, True) == vector["text"]


@pytest.mark.parametrize(
    ("mincode", "text"),
    [
        ("j1e+7!", "10000000"),
        ("j1e+20!", "100000000000000000000"),
        ("j1e+21!", "1e+21"),
        ("j1.50!", "1.5"),
        ("j1e-7!", "1e-7"),
        ("j1e+300!", "1e+300"),
        ("j0.12345678901234567890!", "0.1234567890123456789"),
        ("dz!", "35"),
    ],
)
def test_corrected_a_number_has_the_text_of_plain_digits(mincode: str, text: str) -> None:
    value = decode(mincode, False)
    assert isinstance(value, int | float | Decimal)
    assert number_text(value, False) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e30, "1.0E30"),
        (1.5, "1.5"),
        (3.0, "3.0"),
        (0.0, "0.0"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (-1.25e-4, "-1.25E-4"),
    ],
)
def test_strictly_a_double_of_a_json_body_has_the_text_of_java(number: float, text: str) -> None:
    assert number_text(number, True) == text


@pytest.mark.parametrize(
    "mincode", ["j1e+999999999!", "j1e+309!", "j1e-401!", "d" + "z" * 199 + "!", "j" + "1" * 310 + "!", "d" + "z" * 5000 + "!"]
)
def test_numbers_out_of_all_bounds_are_absent(mincode: str) -> None:
    assert decode(mincode, False) is None
    assert decode(mincode, True) is None


@pytest.mark.parametrize(
    ("mincode", "problem"),
    [
        ("a" * 9 + "." * 9, "nested deeper than 8"),
        ("(" + "(a!" * 4000, "nested deeper than 8"),
        ("(" + "".join(f"tkey{number}!" for number in range(201)) + ")", "201 keys"),
        ("a(" + "".join(f"tkey{number}!" for number in range(201)) + ").", "201 keys"),
        ("s" + "x" * 8192 + "!", "8194 bytes"),
        ("a" + "n" * 2000 + ".", "10001 bytes"),
    ],
)
def test_parameters_over_the_bounds_of_other_events_are_reported(mincode: str, problem: str) -> None:
    assert problem in (problem_of(mincode) or "")


@pytest.mark.parametrize(
    "mincode", ["a" * 8 + "." * 8, "(" + "".join(f"tkey{number}!" for number in range(200)) + ")", "s" + "x" * 8190 + "!", "(" * 9]
)
def test_parameters_at_the_bounds_are_taken(mincode: str) -> None:
    assert problem_of(mincode) is None


def test_whole_numbers_over_64_bits_are_written_with_all_digits() -> None:
    assert json_text(decode("(da!zzzzzzzzzzzzzz!sb!é!)", False)) == '{"a":6140942214464815497215,"b":"é"}'.encode()


@given(st.text(alphabet="sdjtfna(.)!~-+e0123456789kz \x00é👍", max_size=200) | st.text(max_size=100))
def test_every_text_is_read_or_absent(text: str) -> None:
    for is_strict in (False, True):
        value = decode(text, is_strict)
        if problem_of(text) is None:
            json.loads(json_text(value))
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            number_text(value, is_strict)

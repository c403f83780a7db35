"""Boundary values of numbers and texts: each leads to the right record or to a rejection with its reason, and never to a 5xx."""

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from support.collector.collectors import RunningCollector, collector_running
from support.collector.divolte import PARTY, SESSION, a_json_event, a_query
from support.mapping.mappings import write_sources
from support.topics.in_memory import read_all

from schemas.codec import Decoder
from topics.topic import Kind

TYPES: dict[str, Any] = {
    "json": {"type": "string", "logicalType": "json"},
    "text": "string",
    "int": "int",
    "long": "long",
    "double": "double",
    "float": "float",
    "boolean": "boolean",
}
SCHEMA = {
    "type": "record",
    "name": "Value",
    "fields": [{"name": name, "type": ["null", avro], "default": None} for name, avro in TYPES.items()],
}
DECODER = Decoder([SCHEMA])
MAPPING = "".join(f"map_(event_parameters().path('$.v')).onto({name!r})\n" for name in TYPES)
COMPATIBILITIES = ("corrected", "strict")
INVALID_STATUS = {"invalid_json": 400, "invalid_encoding": 400}  # of a JSON source; else 422


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    directory = tmp_path_factory.mktemp("values")
    sources = {
        f"/{kind}/{compatibility}": (kind, compatibility) for kind in ("divolte_tag", "divolte_json") for compatibility in COMPATIBILITIES
    }
    with collector_running(directory, sources_file=write_sources(directory, MAPPING, SCHEMA, sources)) as running:
        yield running


def exchanged(collector: RunningCollector, method: str, path: str, content: bytes | None = None) -> tuple[httpx.Response, Any]:
    """Send a request; return the response, and the resulting record or reason."""
    before = len(read_all(collector.topic_directory))
    headers = {"Content-Type": "application/json"} if content else {}
    answer = httpx.request(method, collector.url + path, content=content, headers=headers, trust_env=False, timeout=20)
    (message,) = read_all(collector.topic_directory)[before:]
    if message.kind is Kind.REJECTION:
        return answer, message.key.decode()
    return answer, {name: value for name, value in DECODER.decode(message.value).items() if value is not None}


def of_whole(number: int, **more: Any) -> dict[str, Any]:
    """The record of a whole number that fits a double but no int."""
    return {"json": str(number), "text": str(number), "double": float(number), "float": float(number), "boolean": bool(number)} | more


ZERO = of_whole(0, int=0, long=0)
NO_TRUTH = {name: value for name, value in ZERO.items() if name != "boolean"}  # a fraction is none, though it be nought
LARGE = of_whole(2**53 + 1, long=2**53 + 1, float=2.0**53)
SMALLEST = {"json": "-1.7976931348623157e308", "text": "-1.7976931348623157e+308", "double": -sys.float_info.max}
MAX_DOUBLE = {"json": "1.7976931348623157e308", "text": "1.7976931348623157e+308", "double": sys.float_info.max}
TINY = {"int": 0, "long": 0, "double": 0.0, "float": 0.0}


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
@pytest.mark.parametrize(
    ("mincode", "corrected", "strict"),
    [
        ("d2gosa7pa2gx!", LARGE, LARGE),
        ("j9007199254740993!", LARGE, LARGE),
        ("d3w5e11264sgsg!", of_whole(2**64), of_whole(2**64)),
        ("d-0!", ZERO, ZERO),
        ("j-0!", ZERO, ZERO),
        ("j-0.0!", ZERO, NO_TRUTH),
        ("j1e400!", {}, {}),
        ("j-1e400!", {}, {}),
        ("j1e-400!", TINY | {"json": "1E-400", "text": "1e-400"}, TINY | {"json": "1E-400", "text": "1E-400"}),
        ("j1e+308!", {"json": "1e308", "text": "1e+308", "double": 1e308}, {"json": "1E+308", "text": "1E+308", "double": 1e308}),
        ("s\0!", "invalid_text", "invalid_text"),
        ("s\ufffd!", {"json": '"\ufffd"', "text": "\ufffd"}, {"json": '"\ufffd"', "text": "\ufffd"}),
    ],
)
def test_a_value_of_a_page_is_right_or_absent_or_refused(
    collector: RunningCollector, mincode: str, corrected: Any, strict: Any, compatibility: str
) -> None:
    answer, found = exchanged(collector, "GET", f"/divolte_tag/{compatibility}?{a_query(u=f'({mincode[0]}v!{mincode[1:]})')}")
    assert found == (strict if compatibility == "strict" else corrected)
    assert (answer.status_code, answer.headers.get("x-event-rejected")) == (200, found if isinstance(found, str) else None)


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
def test_half_a_pair_in_a_query_is_not_utf_8_and_becomes_the_replacement_character(collector: RunningCollector, compatibility: str) -> None:
    query = a_query(u="(sv!half!)").replace("half", "%ED%A0%BD")
    answer, found = exchanged(collector, "GET", f"/divolte_tag/{compatibility}?{query}")
    assert (answer.status_code, found) == (200, {"json": '"\ufffd\ufffd\ufffd"', "text": "\ufffd\ufffd\ufffd"})


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
@pytest.mark.parametrize(
    ("value", "corrected", "strict"),
    [
        (b"9007199254740993", LARGE, LARGE),
        (b"18446744073709551616", of_whole(2**64), of_whole(2**64)),
        (b"-0", ZERO, ZERO),
        (b"-0.0", NO_TRUTH | {"json": "-0.0"}, NO_TRUTH | {"json": "-0.0", "text": "-0.0"}),
        (b"1e-400", NO_TRUTH | {"json": "0.0"}, NO_TRUTH | {"json": "0.0", "text": "0.0"}),
        (b"1e400", MAX_DOUBLE, "invalid_parameters"),
        (b"-1e400", SMALLEST, "invalid_parameters"),
        (b"NaN", "invalid_json", "invalid_json"),
        (b'"\\ud83d"', "invalid_text", "invalid_text"),
        (b'"\\ude00\\ud83d"', "invalid_text", "invalid_text"),
        (b'"\\ud83d\\ude00"', {"json": '"😀"', "text": "😀"}, {"json": '"😀"', "text": "😀"}),
        (b'"a\\u0000b"', "invalid_text", "invalid_text"),
        (b'{"\\ud83d": 1}', "invalid_text", "invalid_text"),
        (b'"\xed\xa0\xbd"', "invalid_encoding", "invalid_encoding"),
    ],
)
def test_a_value_of_a_server_is_right_or_refused(
    collector: RunningCollector, value: bytes, corrected: Any, strict: Any, compatibility: str
) -> None:
    body = msgspec.json.encode(a_json_event(parameters={"v": "value"})).replace(b'"value"', value)
    answer, found = exchanged(collector, "POST", f"/divolte_json/{compatibility}?p={PARTY}", body)
    assert found == (strict if compatibility == "strict" else corrected)
    is_reported = isinstance(found, str) and compatibility == "corrected"
    assert answer.status_code == (INVALID_STATUS.get(found, 422) if is_reported else 204)
    assert answer.headers.get("x-event-rejected") == (found if isinstance(found, str) else None)


@pytest.mark.parametrize("compatibility", COMPATIBILITIES)
@pytest.mark.parametrize("escape", [b"\\ud83d", b"\\u0000"])
@pytest.mark.parametrize(
    ("name", "reason"), [("event_type", "invalid_text"), ("event_id", "invalid_text"), ("session_id", "invalid_session")]
)
def test_an_identifier_and_a_type_are_whole_texts(
    collector: RunningCollector, name: str, reason: str, escape: bytes, compatibility: str
) -> None:
    body = msgspec.json.encode(a_json_event(**{name: SESSION + "half"})).replace(b"half", escape)
    _, found = exchanged(collector, "POST", f"/divolte_json/{compatibility}?p={PARTY}", body)
    assert found == reason

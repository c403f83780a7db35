"""Whatever an event holds, a mapping that uses all of the language makes a record of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mapping.mappings import ID

from cleaning.urls import UrlRules
from collector.divolte.json_body import JsonEvent
from collector.encoders.loader import load_plan
from collector.encoders.samples import arguments
from collector.events.event import Event
from mapping.compilation.compiler import Encoder
from mapping.evaluation import evaluate
from schemas.codec import Decoder

URL_PARTS = ["scheme", "host", "path", "raw_path", "raw_query_string", "decoded_query_string", "raw_fragment", "decoded_fragment"]
RULES = "from mapping import *\n" + "".join(
    f'map_({value}).onto("{field}")\n'
    for field, values in {
        "texts": [
            *(f"raw_location().uri().{part}()" for part in URL_PARTS),
            "location()",
            "referrer()",
            "raw_location().uri().query().value('q')",
            "raw_location().uri().query().first_of('q', 'r')",
            "match('(.*)q(.)?').against(raw_location()).group(2)",
            "header('x').first()",
            "header('x').comma_separated()",
            "cookie('x')",
            "user_agent().type()",
            "user_agent().name()",
            "event_parameter('q')",
            "event_parameters().path('$..q')",
            "event_parameters().path('$.q[?(@.q > 1)].q')",
            "event_parameters().path('$.q[?(@.q nin [1] || @.q size 2 || @.q empty true)].q')",
            "event_parameters().path('$.q[*]').value('q')",
            "digest('sha-256', 'seed').add(event_parameters().path('$.q')).add(raw_location()).result().to_base64()",
            "event_id()",
            "event_type()",
        ],
        "whole": ["parse(event_parameter('q')).to_int32()", "viewport_width()", "raw_location().uri().port()", "event_parameters()"],
        "real": [
            "parse(event_parameter('q')).to_fp64()",
            "device_pixel_ratio()",
            "event_parameters().path('$.q[*].sum()')",
            "event_parameters()",
        ],
        "single": ["parse(raw_location()).to_fp32()", "event_parameters().path('$.q')"],
        "truth": ["parse(raw_location()).to_bool()", "match('q+').against(raw_location()).matches()", "event_parameters().path('$.q')"],
        "list": [
            "header('x')",
            "raw_location().uri().query().value_list('q')",
            "event_parameters().path('$..q')",
            "event_parameters().path('$.q')",
        ],
        "map": ["raw_location().uri().query()", "event_parameters()"],
        "bytes": ["digest('md5').add(event_id()).result()", "event_parameters().path('$.q')"],
    }.items()
    for value in values
)
NULLABLE = {
    "texts": "string",
    "whole": "int",
    "real": "double",
    "single": "float",
    "truth": "boolean",
    "list": {"type": "array", "items": "string"},
    "map": {"type": "map", "values": {"type": "array", "items": "string"}},
    "bytes": "bytes",
}
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "All",
    "fields": [{"name": name, "type": ["null", avro], "default": None} for name, avro in NULLABLE.items()],
}
DECODER = Decoder([SCHEMA])


def encoder(kind: str, is_strict: bool) -> Encoder:
    return load_plan(evaluate(RULES.encode(), "all.py"), SCHEMA, UrlRules(), kind=kind, is_strict=is_strict)


ENCODERS = {
    (kind, is_strict): encoder(kind, is_strict) for kind in ("tracker", "divolte_tag", "divolte_json") for is_strict in (False, True)
}
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, max_size=20) | st.text(st.sampled_from('q=&?#%/:.@[]{}|!~(sdjna)."\\;, 0159eE+-pxX'), max_size=30)
URL = TEXT | st.builds("http://{}/{}?q={}&{}#{}".format, TEXT, TEXT, TEXT, TEXT, TEXT)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("q") | TEXT, inner, max_size=3),
    max_leaves=8,
)
MINCODE = TEXT | st.builds("(sq!{}!jr!{}!)".format, TEXT, TEXT) | st.builds("(aq!j{}!j1e308!j1e308!(jq!{}!).)".format, TEXT, TEXT)
HEADERS = st.lists(st.tuples(st.sampled_from([b"x", b"cookie"]), st.binary(max_size=20) | TEXT.map(str.encode)), max_size=3)


def readable(kind: str, event: object, headers: object, agent: str | None, **inputs: object) -> None:
    for is_strict in (False, True):
        DECODER.decode(ENCODERS[kind, is_strict](*arguments(event, headers=headers, user_agent=agent, **inputs).values()))


@given(st.dictionaries(st.sampled_from("lrtkwhiju"), URL | MINCODE, max_size=9), MINCODE, HEADERS, st.none() | TEXT)
def test_every_event_of_a_browser_becomes_a_record(event: dict[str, str], mincode: str, headers: object, agent: str | None) -> None:
    readable("divolte_tag", event | {"v": "", "e": "", "u": mincode}, headers, agent)


@given(st.none() | TEXT, JSON, HEADERS, st.none() | TEXT)
def test_every_event_of_a_server_becomes_a_record(event_type: str | None, parameters: object, headers: object, agent: str | None) -> None:
    readable("divolte_json", JsonEvent(event_id="e", event_type=event_type, parameters=parameters), headers, agent)


@given(st.none() | URL, JSON, HEADERS)
def test_every_event_of_a_page_becomes_a_record(url: str | None, value: object, headers: object) -> None:
    readable("tracker", Event(id=ID, type="a", url=url, parameters={"q": value}), headers, None)


@pytest.mark.parametrize("q", [[1e308, 1e308], [2**63, 0.5], [], ["1", 2], [True], [[1]]])
def test_sums_of_what_cannot_be_added_are_absent_or_finite(q: list[object]) -> None:
    readable("tracker", Event(id=ID, type="a", parameters={"q": q}), (), None)

"""Whatever comes: a 4xx with its reason, never a 5xx, always counted, nothing half stored."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.collector.collectors import NOW, Answer, LocalCollector, a_body, an_event, an_id

from collector.events.event import RejectReason

TEXTS = ("url", "title", "referrer", "language", "time_zone", "target", "currency", "product_id")
DEEP = b'{"a":' * 3000 + b"1" + b"}" * 3000


def raw_body(event: bytes) -> bytes:
    return b'{"version":1,"site":"shop","sent_at":%d,"events":[%s]}' % (NOW, event)


def raw_event(more: bytes) -> bytes:
    return msgspec.json.encode(an_event())[:-1] + b"," + more + b"}"


BODIES: list[tuple[str, bytes, int]] = [
    ("invalid_json", b"", 400),
    ("invalid_json", b"no JSON", 400),
    ("invalid_json", a_body()[:-10], 400),
    ("invalid_json", a_body() + b"{}", 400),
    ("invalid_json", b"\xef\xbb\xbf" + a_body(), 400),
    ("invalid_json", raw_body(raw_event(b'"revenue":NaN')), 400),
    ("invalid_batch", b"[" * 100_000, 400),
    ("invalid_json", raw_body(raw_event(b'"parameters":' + DEEP)), 400),
    ("invalid_encoding", a_body(an_event(title="é")).replace("é".encode(), b"\xe9"), 400),
    ("invalid_encoding", raw_body(raw_event(b'"unknown":"\xed\xa0\x80"')), 400),
    ("invalid_batch", b"[]", 400),
    ("invalid_batch", b"null", 400),
    ("invalid_batch", b"{}", 400),
    ("invalid_batch", a_body(events={}), 400),
    ("unknown_version", a_body(version=2), 400),
    ("unknown_version", a_body(version="1"), 400),
    ("invalid_site", a_body(site=""), 400),
    ("invalid_site", a_body(site=5), 400),
    ("invalid_site", a_body(site="a b"), 400),
    ("invalid_site", a_body(site="shop\0"), 400),
    ("invalid_time", a_body(sent_at="yesterday"), 400),
    ("invalid_time", a_body(sent_at=None), 400),
    ("invalid_time", a_body(sent_at=-1), 400),
    ("invalid_time", a_body(sent_at=10**18), 400),
    ("no_events", a_body(events=[]), 400),
    ("too_many_events", a_body(*[an_event(number) for number in range(51)]), 413),
    ("too_many_events", a_body(*[{}] * 10_000), 413),
    ("body_too_large", b" " * 1_000_000 + a_body(), 413),
]

EVENTS: list[tuple[str, Any]] = [
    ("invalid_event", 5),
    ("invalid_event", []),
    ("invalid_event", None),
    ("invalid_event_id", an_event(id=None)),
    ("invalid_event_id", an_event(id=5)),
    ("invalid_event_id", an_event(id="0" * 31)),
    ("invalid_event_id", an_event(id="0" * 33)),
    ("invalid_event_id", an_event(id="A" * 32)),
    ("invalid_event_id", an_event(id="0" * 32 + "\n")),
    ("invalid_event_type", an_event(type=None)),
    ("invalid_event_type", an_event(type={})),
    ("invalid_event_type", an_event(type="")),
    ("invalid_event_type", an_event(type="1a")),
    ("invalid_event_type", an_event(type="a b")),
    ("invalid_event_type", an_event(type="a" * 65)),
    ("invalid_event_type", an_event(type="<script>")),
    ("invalid_time", an_event(created_at=None)),
    ("invalid_time", an_event(created_at="2026-01-01T00:00:00Z")),
    ("invalid_time", an_event(created_at=-1)),
    ("invalid_time", an_event(created_at=10**30)),
    ("invalid_time", an_event(created_at=True)),
    ("invalid_identifier", an_event(page_view_id="x")),
    ("invalid_identifier", an_event(party_id="' OR 1=1 --")),
    ("invalid_identifier", an_event(session_id=7)),
    ("invalid_field", an_event(url=7)),
    ("invalid_field", an_event(viewport_width="1280")),
    ("invalid_field", an_event(is_private="yes")),
    ("invalid_field", an_event(revenue="12")),
    ("invalid_parameters", an_event(parameters=[1])),
    ("invalid_parameters", an_event(parameters={"a": "b" * 9000})),
    ("invalid_parameters", an_event(parameters={f"k{number}": 1 for number in range(201)})),
    ("invalid_parameters", an_event(parameters={"a": {f"k{number}": 1 for number in range(200)}})),
    ("invalid_parameters", an_event(parameters={"a": [[[[[[[[1]]]]]]]]})),
    *(("invalid_text", an_event() | {name: "a" * 8193}) for name in TEXTS),
    ("invalid_text", an_event(url="https://shop.example/" + "é" * 8180)),
    ("invalid_text", an_event(title="a\0b")),
    ("invalid_text", an_event(type="a\0")),
    ("invalid_text", an_event(parameters={"a": {"b": ["\0"]}})),
    ("invalid_text", an_event(parameters={"\0": 1})),
]

RAW_EVENTS: list[tuple[str, bytes]] = [
    ("invalid_text", raw_event(rb'"target":"\ud800"')),
    ("invalid_text", raw_event(rb'"target":"a\ud83dz"')),
    ("invalid_text", raw_event(rb'"target":"\uDE00\uD83D"')),
    ("invalid_text", raw_event(rb'"parameters":{"a":"\udfff"}')),
    ("invalid_parameters", raw_event(b'"parameters":' + b'{"a":' * 300 + b"1" + b"}" * 300)),
    ("invalid_parameters", raw_event(b'"target":"\\n","parameters":' + b'{"a":' * 700 + b"1" + b"}" * 700)),
]


@pytest.mark.parametrize(("reason", "body", "status"), BODIES)
def test_a_body_that_cannot_be_read_is_refused_whole_and_counts_as_one(reason: str, body: bytes, status: int) -> None:
    collector = LocalCollector()
    answer = collector.send(body)
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert answer.json["message"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "Retry-After"
    assert collector.rejections == [reason]
    assert collector.records == []
    assert collector.app.metrics.refused == {reason: 1}


@pytest.mark.parametrize("text", ["a" * 8192, "é" * 8192])
def test_a_text_of_8192_characters_is_taken(text: str) -> None:
    assert LocalCollector().send(a_body(an_event() | dict.fromkeys(TEXTS, text))).results == ["ok"]


@pytest.mark.parametrize("name", ["user_agent", "address"])
def test_a_trusted_source_has_no_longer_texts(name: str) -> None:
    answer = LocalCollector().send(a_body(an_event() | {name: "a" * 8193}, an_event(2)), internal=True)
    assert answer.results == ["invalid_text", "ok"]


@pytest.mark.parametrize(("reason", "event"), EVENTS)
def test_a_bad_event_is_named_and_the_good_ones_beside_it_are_stored(reason: str, event: Any) -> None:
    collector = LocalCollector()
    answer = collector.send(a_body(an_event(2), event, an_event(3)))
    assert (answer.status, answer.results) == (200, ["ok", reason, "ok"])
    assert [record["event_id"] for record in collector.records] == [an_id(2), an_id(3)]
    assert collector.rejections == [reason]
    assert collector.app.metrics.results == {("browser", "ok"): 2, ("browser", reason): 1}


@pytest.mark.parametrize(("reason", "event"), RAW_EVENTS)
def test_a_bad_event_of_odd_json_is_named_too(reason: str, event: bytes) -> None:
    collector = LocalCollector()
    answer = collector.send(raw_body(event + b"," + msgspec.json.encode(an_event(2))))
    assert (answer.status, answer.results) == (200, [reason, "ok"])
    assert [record["event_id"] for record in collector.records] == [an_id(2)]


def test_whole_surrogate_pairs_and_escaped_backslashes_beside_half_ones_stay() -> None:
    collector = LocalCollector()
    good = raw_event(rb'"title":"\ud83d\ude00 \\ud800"').replace(an_id(1).encode(), an_id(2).encode())
    assert collector.send(raw_body(raw_event(rb'"target":"\ud800"') + b"," + good)).results == ["invalid_text", "ok"]
    assert collector.records[0]["page_title"] == "\U0001f600 \\ud800"


def test_a_batch_of_bad_events_only_is_unprocessable() -> None:
    collector = LocalCollector()
    answer = collector.send(a_body(an_event(id="x"), an_event(type="?")))
    assert answer.status == 422
    assert answer.json["results"] == ["invalid_event_id", "invalid_event_type"]
    assert answer.json["reason"] == "invalid_event_id"
    assert "32 digits" in answer.json["message"]


def test_a_rejection_keeps_the_id_of_the_event_where_it_is_one() -> None:
    collector = LocalCollector()
    collector.send(a_body(an_event(5, viewport_width="x"), an_event(id="forged\n")))
    assert [message.event_id for message in collector.topic.messages] == [an_id(5), ""]


def test_a_rejection_never_contains_what_a_visitor_sent() -> None:
    collector = LocalCollector()
    collector.send(a_body(an_event(url=["secret"]), an_event(party_id="secret"), an_event(title="secret\0")))
    assert all(b"secret" not in message.value for message in collector.topic.messages)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_get_the_right_one(method: str) -> None:
    collector = LocalCollector()
    answer = collector.send(a_body(), method=method)
    assert (answer.status, answer.headers["allow"], answer.json["reason"]) == (405, "POST, OPTIONS", "method_not_allowed")
    assert collector.app.metrics.refused == {"method_not_allowed": 1}
    assert collector.topic.messages == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from([*an_event(), "party_id", "session_id", "x", "revenue", "quantity", "parameters", "engagement_ms", "new"])
CHANGED_EVENTS = st.dictionaries(FIELDS, JSON, max_size=3).map(lambda changes: an_event() | changes)
HALF_TEXTS = st.text(st.characters(exclude_categories=[]), max_size=10)


def check_bounds(collector: LocalCollector, answer: Answer) -> None:
    assert 200 <= answer.status < 500
    assert len(collector.topic.messages) == 1 or answer.status in (200, 422)
    reasons = set(RejectReason)
    assert set(collector.rejections) <= reasons | {"duplicate"}
    results = answer.json.get("results", [])
    assert set(results) <= reasons | {"ok", "duplicate"}
    assert len(collector.records) == results.count("ok")
    assert len(collector.topic.messages) == (len(results) or 1)


@given(st.binary(max_size=400))
def test_any_bytes_are_answered_and_counted(body: bytes) -> None:
    collector = LocalCollector()
    check_bounds(collector, collector.send(body))


@given(JSON)
def test_any_json_is_answered_and_counted(value: Any) -> None:
    collector = LocalCollector()
    check_bounds(collector, collector.send(msgspec.json.encode(value)))


@settings(max_examples=300)
@given(st.lists(CHANGED_EVENTS | JSON, max_size=5))
def test_any_events_are_answered_and_counted(events: list[Any]) -> None:
    collector = LocalCollector()
    check_bounds(collector, collector.send(a_body(events=events)))


@given(st.data())
def test_a_body_cut_or_changed_anywhere_is_answered_and_counted(data: st.DataObject) -> None:
    body = bytearray(a_body(an_event(parameters={"a": ["\u00e9", 1.5, {"b": None}]}), an_event(2)))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    collector = LocalCollector()
    check_bounds(collector, collector.send(bytes(body[: data.draw(st.integers(0, len(body)))])))


@given(st.lists(HALF_TEXTS, min_size=1, max_size=4))
def test_texts_of_any_code_units_are_taken_clean_or_refused(texts: list[str]) -> None:
    events = ",".join(
        msgspec.json.encode(an_event(number, title=None)).decode()[:-1] + f',"title":{_escaped(text)}}}'
        for number, text in enumerate(texts)
    )
    collector = LocalCollector()
    answer = collector.send(raw_body(events.encode()))
    expected = ["ok" if _is_whole(text) else "invalid_text" for text in texts]
    assert answer.json["results"] == expected


def _is_whole(text: str) -> bool:
    try:
        return "\0" not in text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return False


def _escaped(text: str) -> str:
    escaped = "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else one for one in text)
    return f'"{escaped}"'


@given(JSON)
def test_every_message_that_is_stored_can_be_decoded(value: Any) -> None:
    collector = LocalCollector()
    collector.send(a_body(an_event(parameters={"revenue": value, "quantity": value, "currency": value, "product_id": value})))
    for record in collector.records:
        assert isinstance(msgspec.json.decode(record["parameters"]), dict)

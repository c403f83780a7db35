"""The source of servers in Divolte's JSON format: each rule for accepting, flagging, dropping and responding."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collector.collectors import NOW
from support.collector.divolte import PARTY, SESSION, DivolteCollector, a_json_event

from collector.divolte.json_event import milliseconds

NO_OFFSET = "2023-11-14T22:13:20"
OTHER = "0:1:other"


@pytest.fixture
def collector() -> DivolteCollector:
    return DivolteCollector("divolte_json")


def strict(**keys: Any) -> DivolteCollector:
    return DivolteCollector("divolte_json", compatibility="strict", **keys)


def test_an_event_is_taken_silently(collector: DivolteCollector) -> None:
    answer = collector.post(a_json_event())
    assert (answer.status, answer.body) == (204, b"")
    assert "x-event-rejected" not in answer.headers


def test_an_event_is_known_by_all_that_it_says(collector: DivolteCollector) -> None:
    collector.post(a_json_event(session_id=SESSION.replace("loyw", "LOYW")), headers=[("User-Agent", "curl")])
    (inputs,) = collector.inputs
    assert inputs["event"]["session_id"] == SESSION
    assert (inputs["event"]["is_new_party"], inputs["event"]["is_new_session"]) == (True, False)
    assert (inputs["party_id"], inputs["session_id"], inputs["party_kind"]) == (PARTY, SESSION, "consented")
    assert (inputs["received_at"], inputs["occurred_at"], inputs["created_at"]) == (NOW, NOW, NOW - 750)
    assert (inputs["parameters"], inputs["parameters_text"]) == ({"screen": "home", "n": 3}, '{"screen":"home","n":3}')
    assert (inputs["is_corrupt"], inputs["is_duplicate"], inputs["user_agent"]) == (False, False, "curl")
    assert (collector.topic.messages[0].key, collector.topic.messages[0].event_id) == (PARTY.encode(), inputs["event_key"])


def test_a_source_has_its_own_party_parameter() -> None:
    collector = DivolteCollector("divolte_json", party_parameter="who")
    assert (
        collector.send(
            msgspec.json.encode(a_json_event()), path="/csc-event", query="who=0:1:x", headers=[("Content-Type", "application/json")]
        ).status
        == 204
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"session_id": None}, "missing_session"),
        ({"session_id": "nope"}, "invalid_session"),
        ({"session_id": 7}, "invalid_session"),
        ({"event_id": None}, "missing_event_id"),
        ({"is_new_party": None}, "missing_flag"),
        ({"is_new_session": "maybe"}, "missing_flag"),
        ({"is_new_session": []}, "missing_flag"),
        ({"client_timestamp_iso": None}, "invalid_client_time"),
        ({"client_timestamp_iso": "yesterday"}, "invalid_client_time"),
        ({"client_timestamp_iso": "2023-02-30T00:00:00Z"}, "invalid_client_time"),
        ({"event_type": 7}, "invalid_field"),
        ({"event_type": "a\0b"}, "invalid_text"),
        ({"parameters": {"a": "x" * 3000, "b": ["\0"]}}, "invalid_text"),
        ({"parameters": [[[[[[[[[1]]]]]]]]]}, "invalid_parameters"),
        ({"parameters": dict.fromkeys(map(str, range(201)), 1)}, "invalid_parameters"),
    ],
)
def test_an_event_that_is_not_in_order_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    for collector, status in ((DivolteCollector("divolte_json"), 422), (strict(), 204)):
        answer = collector.post(a_json_event(**changes))
        assert (answer.status, answer.headers["x-event-rejected"]) == (status, reason)
        assert (collector.rejections, collector.inputs) == ([reason], [])
        if status == 422:
            assert answer.json["reason"] == reason
        assert collector.app.metrics.results["divolte", reason] == 1


@pytest.mark.parametrize(
    ("body", "reason", "strict_reason"),
    [
        (b"this is no json", "invalid_json", "invalid_json"),
        (b"7", "invalid_event", "invalid_event"),
        (b'{"event_id": "\xff"}', "invalid_encoding", "invalid_encoding"),
        (b"[]", "no_events", "invalid_event"),
        (b"[1,", "invalid_json", "invalid_event"),
        (b'{"parameters":' + b"[" * 3000, "invalid_parameters", "invalid_parameters"),
    ],
)
def test_a_body_that_is_not_an_event_is_refused(body: bytes, reason: str, strict_reason: str) -> None:
    answer = DivolteCollector("divolte_json").post(body)
    assert (answer.status in {400, 422}, answer.headers["x-event-rejected"], answer.json["reason"]) == (True, reason, reason)
    answer = strict().post(body)
    assert (answer.status, answer.headers["x-event-rejected"]) == (204, strict_reason)


@pytest.mark.parametrize("compatibility", ["corrected", "strict"])
@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ({"kind": None}, 415, "invalid_content_type"),
        ({"kind": "text/plain"}, 415, "invalid_content_type"),
        ({"headers": [("Content-Type", "application/json")]}, 415, "invalid_content_type"),
        ({"body": b""}, 400, "invalid_json"),
        ({"party": None}, 400, "missing_party"),
        ({"party": "nope"}, 400, "invalid_party"),
        ({"body": msgspec.json.encode(a_json_event()) + b" " * 4096}, 413, "body_too_large"),
    ],
)
def test_a_request_that_is_not_in_order_is_refused_before_its_event(
    request_: dict[str, Any], status: int, reason: str, compatibility: str
) -> None:
    collector = DivolteCollector("divolte_json", compatibility=compatibility)
    answer = collector.post(**{"body": a_json_event()} | request_)
    assert (answer.status, answer.headers["x-event-rejected"]) == (status, reason)
    assert (collector.rejections, collector.inputs) == ([reason], [])


def test_strictly_a_wrong_content_type_is_reported_in_the_words_of_the_original() -> None:
    answer = strict().post(a_json_event(), kind="application/json; charset=utf-8")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (
        415,
        b"Content type must be application/json.",
        "text/plain; charset=utf-8",
    )


def test_a_charset_is_not_a_hindrance(collector: DivolteCollector) -> None:
    assert collector.post(a_json_event(), kind="Application/JSON; charset=utf-8").status == 204


def test_properties_that_are_not_known_are_counted(collector: DivolteCollector) -> None:
    assert collector.post(a_json_event(one=1, two=2)).status == 204
    assert collector.app.metrics.unknown_keys == 2


def test_strictly_a_property_that_is_not_known_is_the_end_of_an_event() -> None:
    collector = strict()
    assert collector.post(a_json_event(one=1)).headers["x-event-rejected"] == "invalid_field"
    assert collector.inputs == []


@pytest.mark.parametrize(("is_strict", "is_taken"), [(False, True), (True, False)])
def test_a_time_without_an_offset_is_utc_but_not_to_the_original(is_strict: bool, is_taken: bool) -> None:
    collector = strict() if is_strict else DivolteCollector("divolte_json")
    collector.post(a_json_event(client_timestamp_iso=NO_OFFSET))
    assert [inputs["created_at"] for inputs in collector.inputs] == [1_700_000_000_000] * is_taken


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14t22:13:20.1239z", 1_700_000_000_123),
        ("2023-11-14T23:13:20.250+01:00", 1_700_000_000_250),
        ("2023-11-14T22:13Z", 1_699_999_980_000),
        ("2023-11-14T22:13:20.999999999Z", 1_700_000_000_999),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2023-11-14 22:13:20Z", None),
        ("2023-11-14", None),
        ("20231114T221320Z", None),
        ("2023-11-14T25:13:20Z", None),
        ("2023-11-14T22:13:20+25:00", None),
        ("", None),
    ],
)
def test_times_are_cut_to_milliseconds(text: str, number: int | None) -> None:
    assert milliseconds(text, needs_offset=True) == number


@pytest.mark.parametrize(("flag", "meant"), [("true", True), (" False", False), (1, True), (0, False), (-2, True), (True, True)])
def test_flags_may_be_words_or_digits(collector: DivolteCollector, flag: object, meant: bool) -> None:
    collector.post(a_json_event(is_new_party=flag))
    assert collector.inputs[0]["event"]["is_new_party"] is meant


def test_a_body_may_be_a_list_of_events_of_several_parties(collector: DivolteCollector) -> None:
    events = [a_json_event(), a_json_event(party_id=OTHER), a_json_event(party_id="nope"), a_json_event(event_id=None), a_json_event(), 7]
    answer = collector.post(events)
    assert (answer.status, answer.results) == (200, ["ok", "ok", "invalid_party", "missing_event_id", "ok", "invalid_event"])
    assert [inputs["party_id"] for inputs in collector.inputs] == [PARTY, OTHER, PARTY]
    assert [inputs["is_duplicate"] for inputs in collector.inputs] == [False, False, True]
    assert collector.rejections == ["invalid_party", "missing_event_id", "invalid_event"]


def test_a_list_without_a_valid_event_is_reported(collector: DivolteCollector) -> None:
    answer = collector.post([a_json_event()] * 2, party=None)
    assert (answer.status, answer.results) == (422, ["missing_party", "missing_party"])


def test_a_single_event_may_say_whose_it_is(collector: DivolteCollector) -> None:
    assert collector.post(a_json_event(party_id=OTHER), party=None).status == 204
    assert collector.inputs[0]["party_id"] == OTHER


@pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 413), (3000, 413)])
def test_a_list_has_at_most_100_events(collector: DivolteCollector, count: int, status: int) -> None:
    answer = collector.post([a_json_event(event_id=str(number), parameters=None, event_type=None) for number in range(count)])
    assert answer.status == status
    assert len(collector.inputs) == count * (status == 200)


def test_one_event_of_a_list_that_is_not_known_whole_spoils_no_other(collector: DivolteCollector) -> None:
    assert collector.post([a_json_event(), a_json_event(more=1)]).results == ["ok", "ok"]
    assert collector.app.metrics.unknown_keys == 1


def test_half_a_surrogate_pair_is_refused_and_spoils_no_other(collector: DivolteCollector) -> None:
    body = msgspec.json.encode([a_json_event(event_type="HALF"), a_json_event()]).replace(b"HALF", b"\\ud800")
    assert collector.post(body).results == ["invalid_text", "ok"]


def test_control_characters_are_removed_but_not_by_the_original(collector: DivolteCollector) -> None:
    event = a_json_event(event_type="a\x01b", parameters={"text": "two\nlines"})
    collector.post(event)
    (inputs,) = collector.inputs
    assert (inputs["event"]["event_type"], inputs["parameters"], inputs["is_cleaned"]) == ("ab", {"text": "twolines"}, True)
    original = strict()
    original.post(event)
    (inputs,) = original.inputs
    assert (inputs["event"]["event_type"], inputs["parameters"], inputs["is_cleaned"]) == ("a\x01b", {"text": "two\nlines"}, False)


def test_a_visitor_who_opts_out_is_nobody_except_in_the_original(collector: DivolteCollector) -> None:
    collector.post(a_json_event(), headers=[("DNT", "1")])
    (inputs,) = collector.inputs
    assert (inputs["party_kind"], inputs["party_id"], inputs["session_id"], inputs["event"]["is_new_party"]) == ("none", None, None, None)
    original = strict()
    original.post(a_json_event(), headers=[("DNT", "1")])
    assert original.inputs[0]["party_id"] == PARTY


def test_duplicates_are_dropped_where_the_source_says_so() -> None:
    collector = DivolteCollector("divolte_json", drop_duplicates=True)
    assert collector.post([a_json_event(), a_json_event()]).results == ["ok", "duplicate"]
    assert collector.post(a_json_event()).headers["x-event-rejected"] == "duplicate"


@pytest.mark.parametrize("name", ["event_id", "event_type"])
def test_a_text_has_at_most_8192_characters(name: str) -> None:
    events = [a_json_event(**{name: "a" * size}) for size in (8192, 8193)]
    assert DivolteCollector("divolte_json").post(events).results == ["ok", "invalid_text"]


def test_a_list_that_could_not_be_stored_has_no_duplicates_when_it_comes_again() -> None:
    collector = DivolteCollector("divolte_json", drop_duplicates=True)
    collector.topic.is_full = True
    assert collector.post([a_json_event()]).status == 503
    collector.topic.is_full = False
    assert collector.post([a_json_event()]).results == ["ok"]


def test_the_prefix_of_the_source_precedes_each_event_type() -> None:
    collector = DivolteCollector("divolte_json", event_prefix="app.")
    collector.post([a_json_event(), a_json_event(event_type=None)])
    assert [inputs["event"]["event_type"] for inputs in collector.inputs] == ["app.screenView", None]


def test_a_copy_of_each_event_goes_to_the_topic_of_the_copy() -> None:
    collector = DivolteCollector("divolte_json", copy={"topic": "old", "mapping_file": "m.py", "schema_file": "s.avsc"})
    collector.post([a_json_event(), a_json_event(event_id=None)])
    collector.post(a_json_event(event_id="e-2"))
    assert collector.topics["old"].messages == [collector.topic.messages[0], collector.topic.messages[2]]


@pytest.mark.parametrize(("compatibility", "status"), [("corrected", 204), ("strict", 405)])
def test_a_preflight_is_answered_but_not_by_the_original(compatibility: str, status: int) -> None:
    assert DivolteCollector("divolte_json", compatibility=compatibility).send(method="OPTIONS", path="/csc-event").status == status


def test_other_methods_get_the_allowed_ones(collector: DivolteCollector) -> None:
    answer = collector.send(method="PUT", path="/csc-event")
    assert (answer.status, answer.headers["allow"], answer.body) == (405, "POST", b"HTTP method PUT not allowed.")


def test_a_source_may_take_a_single_event_that_is_larger_than_lists_may_be() -> None:
    collector = DivolteCollector("divolte_json", max_body_bytes=1 << 20)
    assert collector.post(msgspec.json.encode(a_json_event()) + b" " * 500_000).status == 204


def test_the_limit_of_a_body_is_rounded_up_to_4096_bytes_as_the_original_does() -> None:
    collector = strict(max_body_bytes=4097)
    for size, status in ((8192, 204), (8193, 413)):
        assert collector.post(b"x" * size).status == status


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.dictionaries(st.sampled_from(list(a_json_event(party_id="x", more=1))), VALUES).map(lambda changes: a_json_event(**changes))


@given(st.binary(max_size=100) | st.one_of(EVENTS, st.lists(EVENTS | VALUES, max_size=3)).map(msgspec.json.encode))
def test_every_request_gets_a_response(body: bytes) -> None:
    for compatibility in ("corrected", "strict"):
        assert DivolteCollector("divolte_json", compatibility=compatibility).post(body).status in {200, 204, 400, 413, 415, 422}

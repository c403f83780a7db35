"""The source of Divolte's tag: each rule for accepting, flagging, dropping and responding."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collector.collectors import NOW
from support.collector.divolte import PARTY, SESSION, DivolteCollector, a_query

from collector.endpoints.divolte_tag import GIF, HEADERS, TAG
from collector.requests.http_types import CORS
from mapping.operations.base36 import text36
from topics.topic import Kind


@pytest.fixture
def collector() -> DivolteCollector:
    return DivolteCollector()


def test_an_event_is_answered_with_the_pixel_and_its_headers(collector: DivolteCollector) -> None:
    answer = collector.get()
    assert (answer.status, answer.body, len(GIF)) == (200, GIF, 37)
    assert answer.headers == {name.decode(): value.decode() for name, value in (*HEADERS, *CORS)}


def test_an_event_is_known_by_all_that_it_says(collector: DivolteCollector) -> None:
    collector.get(headers=[("User-Agent", "Firefox"), ("Cookie", "a=b")], client=("2001:db8::1", 5000))
    (inputs,) = collector.inputs
    event = inputs.pop("event")
    assert (event["t"], event["n"], event["l"]) == ("pageView", "t", "https://shop.example/shoes?size=9")
    assert inputs.pop("headers") == [["user-agent", "Firefox"], ["cookie", "a=b"]]
    assert len(inputs.pop("event_key")) == 32
    assert inputs == {
        "site": "shop",
        "source": "divolte",
        "received_at": NOW,
        "occurred_at": NOW,
        "created_at": NOW - 1000,
        "party_kind": "consented",
        "party_id": PARTY,
        "session_id": SESSION,
        "address": "2001:db8::",
        "remote_host": "2001:db8:0:0:0:0:0:1",
        "user_agent": "Firefox",
        "is_skewed": False,
        "is_cleaned": False,
        "is_corrupt": False,
        "is_duplicate": False,
        "parameters": None,
        "parameters_text": None,
    }


def test_the_canonical_party_is_the_partition_key(collector: DivolteCollector) -> None:
    collector.get(a_query(p="0:LOYW3V28:AbC"))
    (message,) = collector.topic.messages
    assert message.key == b"0:loyw3v28:AbC"
    assert collector.inputs[0]["party_id"] == "0:loyw3v28:AbC"
    assert message.event_id == collector.inputs[0]["event_key"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"p": None}, "missing_party"),
        ({"p": None, "s": "nope"}, "missing_party"),
        ({"p": ""}, "invalid_party"),
        ({"p": "nope", "s": None}, "invalid_party"),
        ({"p": "0:1:" + "x" * 300}, "invalid_party"),
        ({"p": "0:1:a\0b"}, "invalid_party"),
        ({"s": None}, "missing_session"),
        ({"s": "0:?:x"}, "invalid_session"),
        ({"v": None}, "missing_page_view"),
        ({"e": None}, "missing_event_id"),
        ({"c": None}, "invalid_client_time"),
        ({"c": "12:30"}, "invalid_client_time"),
        ({"c": "-1"}, "invalid_client_time"),
        ({"c": "zzzzzzzzzz"}, "invalid_client_time"),
        ({"n": None}, "missing_flag"),
        ({"f": None}, "missing_flag"),
        ({"l": "https://shop.example/\0"}, "invalid_text"),
        ({"u": "a" * 9 + "." * 9}, "invalid_parameters"),
    ],
)
@pytest.mark.parametrize("compatibility", ["corrected", "strict"])
def test_a_rejected_event_gets_the_pixel_with_the_reason(changes: dict[str, Any], reason: str, compatibility: str) -> None:
    collector = DivolteCollector(compatibility=compatibility)
    answer = collector.get(a_query(**changes))
    assert (answer.status, answer.body, answer.headers["x-event-rejected"]) == (200, GIF, reason)
    assert (collector.rejections, collector.inputs) == ([reason], [])
    assert collector.app.metrics.results["divolte", reason] == 1


def test_a_query_that_was_changed_is_flagged(collector: DivolteCollector) -> None:
    assert "x-event-rejected" not in collector.get(a_query() + "&fbclid=1").headers
    assert collector.inputs[0]["is_corrupt"]


def test_a_query_that_was_changed_is_dropped_where_the_source_says_so() -> None:
    collector = DivolteCollector(drop_corrupted=True)
    assert collector.get(a_query() + "&fbclid=1").headers["x-event-rejected"] == "corrupt"
    assert "x-event-rejected" not in collector.get().headers
    assert (collector.rejections, len(collector.inputs)) == (["corrupt"], 1)


@pytest.mark.parametrize(("compatibility", "is_corrupt"), [("corrected", False), ("strict", True)])
def test_an_emoji_is_corrupt_only_to_the_original(compatibility: str, is_corrupt: bool) -> None:
    collector = DivolteCollector(compatibility=compatibility)
    collector.get(a_query(t="👍"))
    assert collector.inputs[0]["is_corrupt"] is is_corrupt


def test_a_duplicate_is_flagged_and_has_the_key_of_the_first(collector: DivolteCollector) -> None:
    for _ in range(2):
        collector.get()
    first, second = collector.inputs
    assert (first["is_duplicate"], second["is_duplicate"]) == (False, True)
    assert first["event_key"] == second["event_key"]


def test_a_duplicate_is_dropped_where_the_source_says_so() -> None:
    collector = DivolteCollector(drop_duplicates=True)
    answers = [collector.get().headers.get("x-event-rejected") for _ in range(2)]
    assert answers == [None, "duplicate"]
    assert [message.kind for message in collector.topic.messages] == [Kind.EVENT, Kind.REJECTION]
    assert collector.topic.messages[1].event_id == collector.topic.messages[0].event_id


def test_an_event_that_could_not_be_stored_is_not_a_duplicate_when_it_comes_again() -> None:
    collector = DivolteCollector(drop_duplicates=True)
    collector.topic.is_full = True
    assert collector.get().status == 503
    collector.topic.is_full = False
    assert "x-event-rejected" not in collector.get().headers
    assert [inputs["is_duplicate"] for inputs in collector.inputs] == [False]


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_a_visitor_who_opts_out_is_nobody(collector: DivolteCollector, header: str) -> None:
    collector.get(headers=[(header, "1"), ("Cookie", f"_dvp={PARTY}")])
    (inputs,) = collector.inputs
    assert (inputs["party_kind"], inputs["party_id"], inputs["session_id"]) == ("none", None, None)
    assert not {"p", "s", "n", "f"} & inputs["event"].keys()
    assert inputs["headers"] == [[header.lower(), "1"]]
    assert PARTY.encode() not in collector.topic.messages[0].key + collector.topic.messages[0].value


def test_the_original_ignores_opt_outs() -> None:
    collector = DivolteCollector(compatibility="strict")
    collector.get(headers=[("DNT", "1"), ("Cookie", "a=b")])
    assert collector.inputs[0]["party_id"] == PARTY
    assert ["cookie", "a=b"] in collector.inputs[0]["headers"]


def test_control_characters_are_removed_and_flagged(collector: DivolteCollector) -> None:
    collector.get(a_query(t="page\x01View\x85", l="https://shop.example/ é"))
    (inputs,) = collector.inputs
    assert (inputs["event"]["t"], inputs["is_cleaned"], inputs["is_corrupt"]) == ("pageView", True, False)


def test_the_original_keeps_control_characters() -> None:
    collector = DivolteCollector(compatibility="strict")
    collector.get(a_query(t="page\x01View"))
    assert (collector.inputs[0]["event"]["t"], collector.inputs[0]["is_cleaned"]) == ("page\x01View", False)


def test_a_clock_that_is_a_day_off_is_flagged(collector: DivolteCollector) -> None:
    for created_at in (NOW - 86_400_000, NOW - 86_400_001, NOW + 86_400_001):
        collector.get(a_query(c=text36(created_at)))
    assert [inputs["is_skewed"] for inputs in collector.inputs] == [False, True, True]


def test_the_prefix_of_the_source_precedes_each_event_type() -> None:
    collector = DivolteCollector(event_prefix="web.")
    collector.get()
    collector.get(a_query(t=None, e="other"))
    assert [inputs["event"].get("t") for inputs in collector.inputs] == ["web.pageView", None]


def test_a_cache_that_asks_again_is_not_an_event(collector: DivolteCollector) -> None:
    answer = collector.get(headers=[("If-None-Match", f'W/"other", {TAG.decode()}')])
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", TAG.decode())
    assert collector.topic.messages == []


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE"])
def test_other_methods_get_the_allowed_ones(collector: DivolteCollector, method: str) -> None:
    answer = collector.send(method=method, path="/csc-event", query=a_query())
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert answer.body == (b"" if method == "HEAD" else f"HTTP method {method} not allowed.".encode())
    assert collector.topic.messages == []


@pytest.mark.parametrize(("compatibility", "status"), [("corrected", 204), ("strict", 405)])
def test_a_preflight_is_answered_but_not_by_the_original(compatibility: str, status: int) -> None:
    assert DivolteCollector(compatibility=compatibility).send(method="OPTIONS", path="/csc-event").status == status


def test_a_copy_of_each_event_goes_to_the_topic_of_the_copy() -> None:
    collector = DivolteCollector(copy={"topic": "old", "mapping_file": "m.py", "schema_file": "s.avsc"})
    collector.get()
    collector.get("p=nope")
    assert collector.topics["old"].messages == [collector.topic.messages[0]]


def test_an_identifier_that_came_in_another_form_is_the_same_event(collector: DivolteCollector) -> None:
    collector.get()
    collector.get(a_query(p=PARTY.replace("loyw3v28", "0LOYW3V28")))
    assert [inputs["is_duplicate"] for inputs in collector.inputs] == [False, True]
    assert collector.inputs[0]["event_key"] == collector.inputs[1]["event_key"]


def test_empty_identifiers_of_page_view_and_event_are_taken(collector: DivolteCollector) -> None:
    assert "x-event-rejected" not in collector.get(a_query(v="", e="")).headers


@given(
    st.binary(max_size=300).map(lambda one: one.decode("latin-1"))
    | st.text(max_size=50).map(lambda one: a_query(l=one, u=one, t=one, v=one))
)
def test_every_request_gets_the_pixel(query: str) -> None:
    assert DivolteCollector().get(query).body == GIF

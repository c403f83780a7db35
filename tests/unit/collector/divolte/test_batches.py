"""Batches on the path of Divolte's tag, as the tracker's version of the tag sends them."""

from typing import Any

import pytest
from support.collector.collectors import Answer, LocalCollector, a_body, an_event, an_id
from support.collector.divolte import PAGE_VIEW, PARTY, SESSION, DivolteCollector, a_query

IDS: dict[str, Any] = {"id": PAGE_VIEW + "0", "page_view_id": PAGE_VIEW, "party_id": PARTY, "session_id": SESSION}


@pytest.fixture
def collector() -> DivolteCollector:
    return DivolteCollector()


def post(collector: LocalCollector, *events: dict[str, Any], **more: Any) -> Answer:
    return collector.send(a_body(*events), path="/csc-event", **more)


def test_a_batch_may_have_identifiers_in_the_form_of_divolte(collector: DivolteCollector) -> None:
    assert post(collector, an_event(**IDS)).results == ["ok"]
    (inputs,) = collector.inputs
    assert (inputs["party_id"], inputs["session_id"], inputs["event"]["id"]) == (PARTY, SESSION, PAGE_VIEW + "0")
    assert collector.topic.messages[0].key == PARTY.encode()


def test_the_same_event_has_one_key_whether_it_comes_as_a_pixel_or_in_a_batch(collector: DivolteCollector) -> None:
    collector.get(a_query())
    post(collector, an_event(**IDS | {"party_id": PARTY.replace("loyw", "LOYW")}))
    first, second = collector.inputs
    assert first["event_key"] == second["event_key"] == collector.topic.messages[1].event_id
    assert first["site"] == second["site"] == "shop"
    assert second["party_id"] == PARTY


def test_identifiers_in_plain_form_are_taken_as_well(collector: DivolteCollector) -> None:
    assert post(collector, an_event(7, party_id=an_id(1), session_id=an_id(2))).results == ["ok"]
    assert collector.inputs[0]["event_key"] == an_id(7)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"party_id": "nope"}, "invalid_identifier"),
        ({"session_id": "0:?:x"}, "invalid_identifier"),
        ({"id": ""}, "invalid_event_id"),
        ({"id": "é" * 130}, "invalid_event_id"),
        ({"page_view_id": "a\x01"}, "invalid_identifier"),
        ({"type": ""}, "invalid_event_type"),
    ],
)
def test_identifiers_that_are_none_are_refused(collector: DivolteCollector, changes: dict[str, Any], reason: str) -> None:
    assert post(collector, an_event(**IDS | changes)).results == [reason]


def test_an_event_twice_in_a_batch_is_reported_with_its_key(collector: DivolteCollector) -> None:
    for event in (an_event(**IDS), an_event(7)):
        assert post(collector, event, event).results == ["ok", "duplicate"]
    keys = [message.event_id for message in collector.topic.messages]
    assert keys[0] == keys[1]
    assert keys[2] == keys[3] == an_id(7)


def test_an_event_that_was_seen_a_moment_ago_is_flagged_whichever_way_it_comes(collector: DivolteCollector) -> None:
    copy, plain = an_event(**IDS | {"party_id": PARTY.replace("loyw", "LOYW")}), an_event(7)
    collector.get(a_query())
    assert [post(collector, *events).results for events in ([copy], [plain], [plain, an_event(8)], [copy])] == [
        ["ok"],
        ["ok"],
        ["ok", "ok"],
        ["ok"],
    ]
    collector.get(a_query())
    assert [inputs["is_duplicate"] for inputs in collector.inputs] == [False, True, False, True, False, True, True]


def test_duplicates_in_batches_are_dropped_where_the_source_says_so() -> None:
    collector = DivolteCollector(drop_duplicates=True)
    collector.get(a_query())
    assert post(collector, an_event(**IDS), an_event(7)).results == ["duplicate", "ok"]
    answer = post(collector, an_event(7))
    assert (answer.status, answer.results) == (422, ["duplicate"])
    assert collector.get(a_query()).headers["x-event-rejected"] == "duplicate"
    assert [inputs["is_duplicate"] for inputs in collector.inputs] == [False, False]
    assert collector.rejections == ["duplicate"] * 3
    assert {message.event_id for message in collector.topic.messages if message.key == b"duplicate"} == {
        collector.inputs[0]["event_key"],
        an_id(7),
    }


def test_events_that_were_refused_or_not_stored_are_not_duplicates_when_they_come_again() -> None:
    collector = DivolteCollector(drop_duplicates=True)
    assert post(collector, an_event(**IDS | {"type": ""}), an_event(7)).results == ["invalid_event_type", "ok"]
    collector.topic.is_full = True
    assert post(collector, an_event(**IDS), an_event(8)).status == 503
    collector.topic.is_full = False
    assert post(collector, an_event(**IDS), an_event(8)).results == ["ok", "ok"]


@pytest.mark.parametrize("event_id", ["0" * 32, "1" * 16 + "0" * 16])
def test_no_identifier_is_known_before_it_came(collector: DivolteCollector, event_id: str) -> None:
    post(collector, an_event(id=event_id))
    assert not collector.inputs[0]["is_duplicate"]


def test_a_private_visitor_shows_no_cookies(collector: DivolteCollector) -> None:
    post(collector, an_event(**IDS, is_private=True), headers=[("Cookie", f"_dvp={PARTY}"), ("Accept", "*/*")])
    assert collector.inputs[0]["headers"] == [["accept", "*/*"]]


def test_event_types_are_free_as_in_a_pixel(collector: DivolteCollector) -> None:
    assert post(collector, an_event(**IDS, type="in den Korb gelegt")).results == ["ok"]


@pytest.mark.parametrize("parameters", [[1, "two"], "text", 3, {"a": {}}, False])
def test_parameters_are_free_as_in_a_pixel(collector: DivolteCollector, parameters: object) -> None:
    assert post(collector, an_event(**IDS, parameters=parameters)).results == ["ok"]
    assert collector.inputs[0]["parameters"] == parameters


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"url": "https://shop.example/" + "a" * 8171}, "ok"),
        ({"parameters": {"a": "b" * 8000}}, "ok"),
        ({"url": "https://shop.example/" + "a" * 8172}, "invalid_text"),
        ({"parameters": {"a": "b" * 8192}}, "invalid_parameters"),
    ],
)
def test_a_text_may_be_as_long_as_in_the_url_of_a_pixel(collector: DivolteCollector, changes: dict[str, Any], result: str) -> None:
    assert post(collector, an_event(**IDS | changes)).results == [result]


def test_the_prefix_of_the_source_precedes_each_event_type() -> None:
    collector = DivolteCollector(event_prefix="web.")
    post(collector, an_event(**IDS))
    assert collector.inputs[0]["event"]["type"] == "web.pageView"


def test_a_copy_of_each_event_goes_to_the_topic_of_the_copy() -> None:
    collector = DivolteCollector(copy={"topic": "old", "mapping_file": "m.py", "schema_file": "s.avsc"})
    post(collector, an_event(**IDS))
    post(collector, an_event(**IDS), an_event(id=""), an_event(3))
    assert [inputs["is_duplicate"] for inputs in collector.inputs] == [False, True, False]
    assert collector.topics["old"].messages == [message for message in collector.topic.messages if message.kind == 0]


def test_a_body_that_cannot_be_read_is_refused_as_on_other_paths(collector: DivolteCollector) -> None:
    answer = collector.send(b"", path="/csc-event")
    assert (answer.status, answer.json["reason"], collector.rejections) == (400, "invalid_json", ["invalid_json"])


def test_strictly_a_batch_is_taken_but_a_request_without_one_is_not_allowed() -> None:
    collector = DivolteCollector(compatibility="strict")
    assert post(collector, an_event(**IDS), headers=[("DNT", "1")]).results == ["ok"]
    assert collector.inputs[0]["party_id"] == PARTY
    assert collector.send(b"", path="/csc-event").status == 405


def test_a_body_that_is_too_large_is_refused(collector: DivolteCollector) -> None:
    assert collector.send(b"x" * 300_000, path="/csc-event").status == 413
    assert collector.rejections == ["body_too_large"]

"""Deduplication of events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streams.in_memory import NOON, SCHEMA, Converting, a_message, a_record
from support.streams.reference import DAY

from streams.deduplication import NOT_COMPARED, event_key, stored_event

FIELDS = {field["name"] for field in SCHEMA["fields"]}


def outcomes(converting: Converting, *records: dict[str, Any]) -> dict[str, int]:
    converting.take(*(a_message(record) for record in records))
    return {name: count for name, count in converting.accounts().items() if count}


def test_an_event_sent_again_is_one_row(converting: Converting) -> None:
    record = a_record()
    assert outcomes(converting, record, record) == {"stored": 1, "duplicates": 1}
    assert outcomes(converting, record) == {"stored": 1, "duplicates": 2}


def test_an_event_sent_again_after_a_restart_is_one_row(converting: Converting) -> None:
    record = a_record()
    outcomes(converting, record)
    converting.restart()
    assert outcomes(converting, record | {"received_at": NOON + 400 * DAY}) == {"stored": 1, "duplicates": 1}


def test_fields_of_the_collector_may_differ_between_a_message_and_its_retry(converting: Converting) -> None:
    later = {"received_at": NOON + 9000, "occurred_at": NOON + 3, "address": "203.0.113.0", "is_duplicate": True, "is_skewed": True}
    other = {
        "source": "replay",
        "user_agent": "Firefox 131",
        "party_kind": "none",
        "party_id": None,
        "session_id": None,
        "is_new_party": None,
    }
    record = a_record(party_kind="consented", party_id="p", session_id="s", is_new_party=True)
    assert outcomes(converting, record, record | later | other) == {"stored": 1, "duplicates": 1}


@pytest.mark.parametrize(
    "change", [{"page_path": "/other"}, {"created_at": NOON + 1}, {"event_type": "download"}, {"parameters": '{"a": 1}'}]
)
def test_another_event_under_a_taken_id_is_a_conflict(converting: Converting, change: dict[str, Any]) -> None:
    record = a_record()
    assert outcomes(converting, record, record | change) == {"stored": 1, "dead_letters": 1}
    [letter] = converting.sink.dead_letters
    assert (letter.reason, letter.stage, letter.event_id) == ("id_conflict", "identify", record["event_id"])


def test_the_same_id_on_another_site_is_another_event(converting: Converting) -> None:
    record = a_record()
    assert outcomes(converting, record, record | {"site": "blog"}) == {"stored": 2}


def test_the_names_that_are_left_out_are_those_of_the_schema() -> None:
    assert FIELDS >= NOT_COMPARED


def test_a_field_that_says_nothing_changes_nothing() -> None:
    record = a_record()
    more = dict(reversed(record.items())) | {"a_new_field": None, "is_new": False}
    assert stored_event("shop", "1", record) == stored_event("shop", "1", more)


@given(st.tuples(st.text(max_size=5), st.text(max_size=5)), st.tuples(st.text(max_size=5), st.text(max_size=5)))
def test_two_events_have_one_key_only_if_site_and_id_are_the_same(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (event_key(*one) == event_key(*other)) == (one == other)


def test_a_payload_fits_a_bigint() -> None:
    payloads = [stored_event("shop", "1", a_record()).payload for _ in range(50)]
    assert all(-(1 << 63) <= payload < 1 << 63 for payload in payloads)
    assert min(payloads) < 0 < max(payloads)

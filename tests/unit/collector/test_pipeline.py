"""From a beacon to a record: time, party, privacy, checks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collector.collectors import NOW, LocalCollector, a_body, an_event, an_id

from collector.settings import Settings
from schemas.codec import Record

DAY = 86_400_000
YEAR = 365 * DAY


def record_of(event: dict[str, Any], *, headers: list[tuple[str, str]] | None = None, internal: bool = False, **batch: Any) -> Record:
    collector = LocalCollector()
    assert collector.send(a_body(event, **batch), headers=headers or [], internal=internal).results == ["ok"]
    (record,) = collector.records
    return record


def test_an_event_becomes_a_record_with_every_part_in_its_field() -> None:
    event = an_event(
        viewport_height=720,
        screen_width=1920,
        screen_height=1080,
        device_pixel_ratio=1.5,
        time_zone="Europe/London",
        engagement_ms=12_000,
        scroll_percent=80,
        target="https://other.example/x?token=1#y",
        x=10,
        y=20.75,
        revenue=12.5,
        currency="EUR",
        product_id="p-1",
        quantity=2,
        is_new_party=True,
        is_first_in_session=False,
        parameters={"colour": "red"},
    )
    assert record_of(event, headers=[("user-agent", "Firefox")]) == {
        "event_id": an_id(1),
        "event_type": "pageView",
        "source": "browser",
        "site": "shop",
        "occurred_at": NOW - 1000,
        "received_at": NOW,
        "created_at": NOW - 1000,
        "party_id": None,
        "session_id": None,
        "page_view_id": an_id(1 << 64),
        "party_kind": "private",
        "is_new_party": True,
        "is_first_in_session": False,
        "is_duplicate": False,
        "is_corrupt": False,
        "is_skewed": False,
        "is_cleaned": False,
        "is_implausible": False,
        "page_url": "https://shop.example/shoes?utm_source=news",
        "page_host": "shop.example",
        "page_path": "/shoes",
        "page_title": "Shoes",
        "referrer": "https://www.google.com/search",
        "referrer_host": "www.google.com",
        "utm_source": "news",
        "utm_medium": None,
        "utm_campaign": None,
        "utm_term": None,
        "utm_content": None,
        "click_id": None,
        "viewport_width": 1280,
        "viewport_height": 720,
        "screen_width": 1920,
        "screen_height": 1080,
        "device_pixel_ratio": 1.5,
        "language": "en-GB",
        "time_zone": "Europe/London",
        "engagement_ms": 12_000,
        "scroll_percent": 80,
        "target": "https://other.example/x",
        "x": 10,
        "y": 20,
        "revenue": 12.5,
        "currency": "EUR",
        "product_id": "p-1",
        "quantity": 2,
        "address": "192.0.2.0",
        "user_agent": "Firefox",
        "parameters": '{"colour":"red"}',
    }


def test_an_event_with_nothing_but_what_is_mandatory_is_taken() -> None:
    record = record_of({"id": an_id(1), "type": "a", "created_at": NOW})
    assert {name for name, value in record.items() if value is None} >= {"page_url", "page_host", "referrer", "parameters", "user_agent"}


@given(off=st.integers(-20 * YEAR, 20 * YEAR), age=st.integers(0, 14 * DAY))
def test_the_time_is_right_however_wrong_the_pages_clock_is(off: int, age: int) -> None:
    record = record_of(an_event(created_at=NOW + off - age), sent_at=NOW + off)
    assert record["occurred_at"] == NOW - age
    assert record["created_at"] == NOW + off - age
    assert record["is_skewed"] is (abs(off) > DAY)


def test_an_event_created_after_it_was_sent_did_not_happen_in_the_future() -> None:
    assert record_of(an_event(created_at=NOW + 5000))["occurred_at"] == NOW


@given(off=st.integers(-20 * YEAR, 20 * YEAR), age=st.integers(14 * DAY + 1, 30 * YEAR))
def test_an_event_of_a_page_is_refused_when_it_is_too_old_however_wrong_the_pages_clock_is(off: int, age: int) -> None:
    collector = LocalCollector()
    answer = collector.send(a_body(an_event(1, created_at=NOW + off - age), an_event(2, created_at=NOW + off), sent_at=NOW + off))
    assert (answer.status, answer.results) == (200, ["event_too_old", "ok"])
    assert collector.rejections == ["event_too_old"]
    assert [record["event_id"] for record in collector.records] == [an_id(2)]


def test_a_batch_of_which_all_is_too_old_is_answered_422_so_that_the_tracker_lets_go_of_it() -> None:
    answer = LocalCollector().send(a_body(an_event(created_at=0)))
    assert (answer.status, answer.json["reason"]) == (422, "event_too_old")
    assert answer.json["message"] == "an event of a page must have happened within the last 14 days"


def test_how_old_an_event_may_be_is_a_setting() -> None:
    collector = LocalCollector(Settings(max_event_age_days=0.5))
    ages = (DAY // 2, DAY // 2 + 1)
    assert collector.send(a_body(*(an_event(age, created_at=NOW - age) for age in ages))).results == ["ok", "event_too_old"]


def test_a_trusted_source_may_send_what_is_as_old_as_can_be() -> None:
    assert record_of(an_event(created_at=None, occurred_at=0), internal=True)["occurred_at"] == 0
    assert record_of(an_event(created_at=0), internal=True)["occurred_at"] == 0


def test_a_time_with_a_fraction_is_taken() -> None:
    assert record_of(an_event(created_at=NOW - 0.5), sent_at=NOW + 0.25)["occurred_at"] == NOW - 1


@pytest.mark.parametrize(
    ("event", "headers", "expected"),
    [
        ({}, [], ("private", None, None)),
        ({"party_id": an_id(7), "session_id": an_id(8)}, [], ("consented", an_id(7), an_id(8))),
        ({"session_id": an_id(8)}, [], ("private", None, None)),
        ({"party_id": an_id(7), "session_id": an_id(8), "is_private": True}, [], ("none", None, None)),
        ({"party_id": an_id(7), "session_id": an_id(8), "is_private": False}, [], ("consented", an_id(7), an_id(8))),
        ({"party_id": an_id(7)}, [("sec-gpc", "1")], ("none", None, None)),
        ({"party_id": an_id(7)}, [("dnt", "1")], ("none", None, None)),
        ({"party_id": an_id(7)}, [("dnt", "0")], ("consented", an_id(7), None)),
    ],
)
def test_ids_are_kept_only_with_consent_and_without_a_signal_against_it(
    event: dict[str, Any], headers: list[tuple[str, str]], expected: tuple[str, str | None, str | None]
) -> None:
    record = record_of(an_event(**event), headers=headers)
    assert (record["party_kind"], record["party_id"], record["session_id"]) == expected


def test_a_visitor_who_opted_out_is_not_marked_as_returning() -> None:
    event = an_event(party_id=an_id(8), session_id=an_id(9), is_new_party=False, is_first_in_session=False)
    record = record_of(event, headers=[("sec-gpc", "1")])
    assert (record["is_new_party"], record["is_first_in_session"]) == (None, None)


def test_a_consented_partys_id_is_the_partition_key() -> None:
    collector = LocalCollector()
    collector.send(a_body(an_event(party_id=an_id(7))))
    assert collector.topic.messages[0].key == an_id(7).encode()


def test_the_key_of_others_is_one_of_4096_and_the_same_for_the_same_network_and_agent() -> None:
    collector = LocalCollector()
    for client in ("192.0.2.1", "192.0.2.200", "198.51.100.1"):
        collector.send(a_body(an_event()), client=(client, 1), headers=[("user-agent", "a")])
    first, same, other = [message.key for message in collector.topic.messages]
    assert first == same != other
    assert len(first) == 3
    assert 0 <= int(first, 16) < 4096


def test_numbers_in_the_parameters_fill_fields_that_the_event_itself_does_not() -> None:
    record = record_of(an_event(parameters={"revenue": 9.5, "currency": "GBP", "product_id": 17, "quantity": "3"}))
    assert (record["revenue"], record["currency"], record["product_id"], record["quantity"]) == (9.5, "GBP", "17", 3)
    assert record_of(an_event(revenue=1, parameters={"revenue": 2}))["revenue"] == 1.0


def test_a_fraction_of_a_pixel_costs_no_event() -> None:
    record = record_of(an_event(viewport_width=1280.5, viewport_height=0.25, screen_width=1920.0, screen_height=1079.99))
    assert [record[name] for name in ("viewport_width", "viewport_height", "screen_width", "screen_height")] == [1280, 0, 1920, 1079]


def test_an_event_twice_in_a_batch_is_stored_once_and_counted_in_the_ledger() -> None:
    collector = LocalCollector()
    answer = collector.send(a_body(an_event(1), an_event(2), an_event(1)))
    assert (answer.status, answer.results) == (200, ["ok", "ok", "duplicate"])
    assert [record["event_id"] for record in collector.records] == [an_id(1), an_id(2)]
    assert collector.rejections == ["duplicate"]


def test_a_good_event_is_taken_after_a_bad_one_of_the_same_id() -> None:
    assert LocalCollector().send(a_body(an_event(1, type="?"), an_event(1))).results == ["invalid_event_type", "ok"]


def test_control_characters_are_removed_and_flagged() -> None:
    record = record_of(an_event(title="Sh\x07oes\x9f", parameters={"a\x01": ["b\x7f", 1]}))
    assert (record["page_title"], record["parameters"], record["is_cleaned"]) == ("Shoes", '{"a":["b",1]}', True)


def test_a_text_with_escapes_and_no_control_characters_is_not_flagged() -> None:
    record = record_of(an_event(title='"Shoes" © \\ £', parameters={"a": 'say "b"'}))
    assert (record["page_title"], record["is_cleaned"]) == ('"Shoes" © \\ £', False)


def test_long_texts_are_cut() -> None:
    record = record_of(an_event(title="t" * 8000, url="https://a.example/" + "p" * 8000), headers=[("user-agent", "u" * 9000)])
    assert (len(record["page_title"]), len(record["page_url"]), len(record["user_agent"])) == (512, 2048, 512)


def test_an_agent_that_is_not_utf8_is_read_as_latin_1_without_control_characters() -> None:
    assert record_of(an_event(), headers=[("user-agent", "caf\xe9\t\x9f")])["user_agent"] == "café"


def test_a_trusted_source_sends_time_client_ip_and_agent() -> None:
    event = an_event(created_at=None, occurred_at=NOW - YEAR, address="198.51.100.99", user_agent="curl/8")
    record = record_of(event, internal=True)
    assert record["source"] == "replay"
    assert (record["occurred_at"], record["created_at"], record["is_skewed"]) == (NOW - YEAR, None, False)
    assert (record["address"], record["user_agent"]) == ("198.51.100.0", "curl/8")


def test_a_trusted_source_that_sends_neither_client_ip_nor_agent_does_not_lend_its_own() -> None:
    record = record_of(an_event(), internal=True, headers=[("user-agent", "the replay")])
    assert (record["address"], record["user_agent"]) == (None, None)


def test_a_trusted_source_may_leave_out_when_it_sent() -> None:
    assert record_of(an_event(), internal=True, sent_at=None)["occurred_at"] == NOW - 1000


def test_an_invalid_client_ip_of_a_trusted_source_is_left_out() -> None:
    assert record_of(an_event(address="proxy.example"), internal=True)["address"] is None


def test_what_only_a_trusted_source_may_say_is_ignored_from_others() -> None:
    collector = LocalCollector()
    assert collector.send(a_body(an_event(occurred_at=1, address="203.0.113.9", user_agent="x"))).results == ["ok"]
    (record,) = collector.records
    assert (record["occurred_at"], record["address"], record["user_agent"]) == (NOW - 1000, "192.0.2.0", None)
    assert collector.app.metrics.unknown_keys == 3


def test_unknown_keys_are_ignored_and_counted() -> None:
    collector = LocalCollector()
    assert collector.send(a_body(an_event(1, future=1), an_event(2), extra={})).results == ["ok", "ok"]
    assert collector.app.metrics.unknown_keys == 2

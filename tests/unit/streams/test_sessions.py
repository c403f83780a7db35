"""Sessions, as their rows show them."""

from pathlib import Path
from typing import Any

import pytest
from support.streams.in_memory import NOON, Converting, a_message, a_record
from support.streams.reference import DAY, MINUTE

from streams.sessions.assignment import MAX_ENGAGEMENT_MS, find_session
from streams.sessions.session_cache import MAX_SESSIONS_PER_PARTY
from streams.sink import Session

MIDNIGHT = NOON + DAY // 2
HALF_AN_HOUR = 30 * MINUTE


def a_session(first_at: int, last_at: int, session_id: str = "s") -> Session:
    return Session("shop", "p", session_id, first_at, last_at, 1, 0, "/", None, "/", "Direct", None)


@pytest.mark.parametrize(
    ("at", "found"), [(-HALF_AN_HOUR - 1, None), (-HALF_AN_HOUR, "s"), (5, "s"), (10 + HALF_AN_HOUR, "s"), (11 + HALF_AN_HOUR, None)]
)
def test_a_session_reaches_half_an_hour_to_both_sides(at: int, found: str | None) -> None:
    session = find_session([a_session(NOON, NOON + 10)], NOON + at, HALF_AN_HOUR)
    assert (session and session.session_id) == found


def test_the_nearer_of_two_sessions_takes_the_event() -> None:
    sessions = [a_session(0, 0, "far"), a_session(50 * MINUTE, 60 * MINUTE, "near")]
    found = find_session(sessions, 26 * MINUTE, HALF_AN_HOUR)
    assert found is sessions[1]


def test_the_earlier_of_two_equally_near_sessions_takes_the_event() -> None:
    sessions = [a_session(50 * MINUTE, 60 * MINUTE, "later"), a_session(0, 0, "earlier")]
    assert find_session(sessions, 25 * MINUTE, HALF_AN_HOUR) is sessions[1]


def test_the_first_event_opens_a_session_and_names_it(converting: Converting) -> None:
    row = converting.row()
    assert row["is_session_start"] == 1
    assert len(bytes.fromhex(str(row["session_id"]))) == 8
    assert converting.row(at=NOON + 1)["is_session_start"] == 0


@pytest.mark.parametrize(("silence", "sessions"), [(HALF_AN_HOUR, 1), (HALF_AN_HOUR + 1, 2)])
def test_more_than_half_an_hour_of_silence_ends_a_session(converting: Converting, silence: int, sessions: int) -> None:
    rows = [converting.row(), converting.row(at=NOON + silence)]
    assert len({row["session_id"] for row in rows}) == sessions


@pytest.mark.parametrize("times", [(MIDNIGHT - 1, MIDNIGHT + 1), (MIDNIGHT + 1, MIDNIGHT - 1)])
def test_midnight_ends_no_session_in_either_order(converting: Converting, times: tuple[int, int]) -> None:
    first, second = (converting.row(at=at) for at in times)
    assert (second["session_id"], second["party_id"]) == (first["session_id"], first["party_id"])


def test_a_session_continues_after_a_restart(converting: Converting) -> None:
    first = converting.row(page_path="/a")
    converting.restart()
    second = converting.row(at=NOON + MINUTE, page_path="/b")
    assert second["session_id"] == first["session_id"]
    assert (second["session_page_number"], second["previous_page_path"]) == (2, "/a")


def test_page_views_are_numbered_and_know_the_page_before(converting: Converting) -> None:
    rows = [converting.row(at=NOON + number, page_path=path) for number, path in enumerate(("/a", "/b", "/c"))]
    assert [(row["session_page_number"], row["previous_page_path"], row["landing_page_path"]) for row in rows] == [
        (1, None, "/a"),
        (2, "/a", "/a"),
        (3, "/b", "/a"),
    ]


def test_other_events_carry_the_current_page(converting: Converting) -> None:
    converting.row(page_path="/a")
    converting.row(at=NOON + 1, page_path="/b")
    row = converting.row(at=NOON + 2, event_type="download", page_path="/b")
    assert (row["session_page_number"], row["previous_page_path"], row["landing_page_path"]) == (2, "/a", "/a")


def test_a_session_opened_by_another_event_has_seen_no_page_but_landed_on_one(converting: Converting) -> None:
    row = converting.row(event_type="download", page_path="/a")
    assert (row["session_page_number"], row["landing_page_path"], row["is_session_start"]) == (0, "/a", 1)
    row = converting.row(at=NOON + 1, page_path="/b")
    assert (row["session_page_number"], row["previous_page_path"], row["landing_page_path"]) == (1, "/a", "/a")


def test_the_landing_page_is_the_first_that_is_known(converting: Converting) -> None:
    assert converting.row(page_path=None)["landing_page_path"] is None
    assert converting.row(at=NOON + 1, page_path="/b")["landing_page_path"] == "/b"


def test_engagement_adds_up_over_the_session(converting: Converting) -> None:
    rows = [converting.row(at=NOON + at, event_type="pageLeave", engagement_ms=ms) for at, ms in enumerate((1000, None, -7, 500))]
    assert [row["session_engagement_ms"] for row in rows] == [1000, 1000, 1000, 1500]


def test_engagement_never_grows_beyond_what_a_number_holds(converting: Converting) -> None:
    rows = [converting.row(at=NOON + at, event_type="pageLeave", engagement_ms=(1 << 63) - 1) for at in range(3)]
    assert {row["session_engagement_ms"] for row in rows} == {MAX_ENGAGEMENT_MS}


def test_a_session_keeps_the_channel_of_the_event_that_opened_it(converting: Converting) -> None:
    converting.row(utm_source="letter")
    row = converting.row(at=NOON + 1, referrer="https://news.example/", referrer_host="news.example")
    assert (row["channel"], row["referrer_source"]) == ("Referral", "news.example")
    assert (row["session_channel"], row["session_source"]) == ("Email", "letter")


def test_a_session_opened_from_within_the_site_is_direct(converting: Converting) -> None:
    row = converting.row(referrer="https://shop.example/", referrer_host="shop.example")
    assert (row["channel"], row["referrer_source"]) == (None, None)
    assert (row["session_channel"], row["session_source"]) == ("Direct", None)


def test_with_consent_the_session_is_the_page_s_whenever_it_was(converting: Converting) -> None:
    consent = {"party_kind": "consented", "party_id": "p", "session_id": "s"}
    first = converting.row(**consent)
    second = converting.row(at=NOON + 5 * DAY, **consent)
    assert (first["party_id"], first["session_id"], first["is_session_start"]) == ("p", "s", 1)
    assert (second["session_id"], second["is_session_start"], second["session_page_number"]) == ("s", 0, 2)


def test_with_consent_but_no_session_id_time_decides(converting: Converting) -> None:
    consent = {"party_kind": "consented", "party_id": "p"}
    rows = [converting.row(at=NOON + at, **consent) for at in (0, MINUTE, DAY)]
    assert [row["is_session_start"] for row in rows] == [1, 0, 1]
    assert rows[0]["session_id"] == rows[1]["session_id"]


def test_without_party_there_is_no_session(converting: Converting) -> None:
    row = converting.row(party_kind="none", party_id="p", session_id="s")
    names = ("party_id", "session_id", "session_page_number", "session_engagement_ms", "session_channel", "landing_page_path")
    assert [row[name] for name in names] == [None] * 6
    assert row["is_session_start"] == 0
    assert converting.sink.session_counts([("shop", "p")]) == {}


def test_a_party_that_invents_sessions_keeps_its_ids_but_gets_no_more_session_columns(converting: Converting) -> None:
    consent: dict[str, Any] = {"party_kind": "consented", "party_id": "p"}
    converting.take(*(a_message(session_id=str(number), **consent) for number in range(MAX_SESSIONS_PER_PARTY - 1)))
    last, beyond, known = (converting.row(session_id=name, **consent) for name in ("last", "beyond", "0"))
    assert [row["session_page_number"] for row in (last, beyond, known)] == [1, None, 2]
    assert (beyond["party_id"], beyond["session_id"], beyond["is_session_start"]) == ("p", "beyond", 0)
    assert converting.worker.metrics.registry.get_sample_value("clickstream_streams_rows_without_session_total") == 1


def test_the_memory_of_sessions_is_bounded_and_the_sink_has_the_rest(tmp_path: Path) -> None:
    converting = Converting(tmp_path, settings={"remembered_sessions": 4})
    messages = [a_message(a_record(address=f"192.0.{number}.0")) for number in range(50)]
    assert len({row["session_id"] for row in converting.take(*messages)}) == 50
    assert len(converting.worker._maker._session_cache._parties) <= 4
    again = converting.take(*(a_message(a_record(address=f"192.0.{number}.0", at=NOON + 1)) for number in range(50)))
    assert sum(int(str(row["is_session_start"])) for row in again) == 0

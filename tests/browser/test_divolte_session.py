"""The start of a new session for a party with Divolte's cookies.

A session is over when its cookie is, and a cookie ends by the browser's own clock, which a page's cannot move. So time passes here in
both: the page's clock jumps, and each cookie's end is brought nearer by as much.
"""

from typing import Any

import pytest
from support.browser.tagged import Tagged

MINUTE = 60_000


@pytest.fixture
def later(tagged: Tagged) -> Tagged:
    """Pages whose clock can jump."""
    tagged.context.clock.install()
    return tagged


def let_pass(tagged: Tagged, minutes: int) -> None:
    """Advance the time for pages and cookies."""
    tagged.context.clock.fast_forward(minutes * MINUTE)
    cookies: list[Any] = [cookie | {"expires": cookie["expires"] - minutes * 60} for cookie in tagged.context.cookies()]
    tagged.context.add_cookies(cookies)


def test_half_an_hour_of_silence_ends_a_session_and_less_does_not(later: Tagged) -> None:
    later.open("/a")
    later.events(1)
    for count in (2, 3):  # each event gives the session another half an hour
        let_pass(later, 29)
        later.open("/b")
        later.events(count)
    assert later.cookies().keys() == {"_dvp", "_dvs"}
    let_pass(later, 31)
    assert later.cookies().keys() == {"_dvp"}
    page = later.open("/c")
    first, second, third, late = later.events(4)
    assert first["session_id"] == second["session_id"] == third["session_id"] != late["session_id"]
    assert {event["party_id"] for event in (first, second, third, late)} == {first["party_id"]}
    assert [event["is_first_in_session"] for event in (first, second, third, late)] == [True, False, False, True]
    assert [event["is_new_party"] for event in (first, second, third, late)] == [True, False, False, False]
    assert late["created_at"] - third["created_at"] >= 31 * MINUTE
    assert page.evaluate("[divolte.isFirstInSession, divolte.isNewPartyId]") == [True, False]
    assert later.cookies()["_dvs"]["value"] == late["session_id"]


def test_only_the_first_event_of_a_session_says_that_it_begins(later: Tagged) -> None:
    later.open("/a")
    let_pass(later, 31)
    later.open("/b")
    later.signal("custom")
    later.open("/c")
    assert [event["is_first_in_session"] for event in later.events(4)] == [True, True, False, False]

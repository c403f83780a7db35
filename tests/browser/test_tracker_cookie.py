"""The server's cookie: it is set with the visitor's consent, and sent a last time so that the server can delete it."""

import pytest
from support.browser.chromium import SIGNALS, Visitor, full_tag
from support.browser.recorder import Answer, Recorder


@pytest.fixture
def cookied(visitor: Visitor, recorder: Recorder) -> Visitor:
    """A visitor who has the cookie."""
    visitor.context.add_cookies([{"name": "headrace", "value": "1", "url": recorder.collector, "httpOnly": True, "sameSite": "Lax"}])
    return visitor


def open_page(visitor: Visitor, attributes: str = "data-cookie") -> None:
    visitor.open("/a", tag=full_tag(visitor.recorder, attributes))


def send_event(visitor: Visitor, name: str) -> None:
    visitor.fire(name)
    visitor.wait_for(name)
    visitor.settle()


def carried(recorder: Recorder) -> list[bool]:
    """Whether each request had the cookie."""
    return ["cookie" in batch.headers for batch in recorder.batches]


def test_no_cookie_is_sent_before_consent_and_it_is_after_it(cookied: Visitor, recorder: Recorder) -> None:
    open_page(cookied)
    send_event(cookied, "before")
    cookied.consent("granted")
    send_event(cookied, "after")
    assert carried(recorder) == [False, True]
    assert recorder.methods == ["POST", "POST"]


def test_a_server_can_set_a_cookie_when_the_visitor_agreed(visitor: Visitor, recorder: Recorder) -> None:
    recorder.answer = Answer(headers={"Set-Cookie": "headrace=1; HttpOnly; SameSite=Lax"})
    open_page(visitor)
    send_event(visitor, "before")
    assert visitor.context.cookies() == []
    visitor.consent("granted")
    send_event(visitor, "after")
    assert [(cookie.get("name"), cookie.get("httpOnly")) for cookie in visitor.context.cookies()] == [("headrace", True)]


def test_after_a_denial_one_answered_request_has_the_cookie(cookied: Visitor, recorder: Recorder) -> None:
    cookied.have_longest_jitter()  # events without a response are sent again with the next ones, not alone before them
    open_page(cookied)
    cookied.consent("granted")
    send_event(cookied, "granted")
    cookied.consent("denied")
    recorder.plan = [Answer(503)]
    send_event(cookied, "unheard")
    for name in ("heard", "later", "last"):
        send_event(cookied, name)
    assert carried(recorder) == [True, True, True, False, False]
    assert {event.get("is_private") for batch in recorder.batches[1:] for event in batch.events} == {True}


def test_the_browsers_own_no_deletes_it_too(cookied: Visitor, recorder: Recorder) -> None:
    cookied.page.add_init_script(SIGNALS["gpc"])
    open_page(cookied)
    cookied.consent("granted")
    for name in ("first", "second"):
        send_event(cookied, name)
    assert carried(recorder) == [True, False]


def test_without_the_attribute_no_request_has_it(cookied: Visitor, recorder: Recorder) -> None:
    open_page(cookied, "")
    cookied.consent("granted")
    send_event(cookied, "granted")
    cookied.consent("denied")
    send_event(cookied, "denied")
    assert carried(recorder) == [False, False]

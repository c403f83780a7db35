"""The server's own cookie: it goes with what the visitor agreed to, and once more so that the server can delete it."""

import pytest
from support.browser.chromium import Visitor, full_tag
from support.browser.recorder import Answer, Recorder

GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"


@pytest.fixture
def cookied(visitor: Visitor, recorder: Recorder) -> Visitor:
    """A visitor who has the cookie."""
    visitor.context.add_cookies([{"name": "headrace", "value": "1", "url": recorder.collector, "httpOnly": True, "sameSite": "Lax"}])
    return visitor


def open_page(visitor: Visitor, attributes: str = "data-cookie") -> None:
    visitor.open("/a", tag=full_tag(visitor.recorder, attributes))


def tell(visitor: Visitor, name: str) -> None:
    visitor.tell(name)
    visitor.wait_for(name)
    visitor.settle()


def carried(recorder: Recorder) -> list[bool]:
    """Whether each request had the cookie."""
    return ["cookie" in batch.headers for batch in recorder.batches]


def test_nothing_goes_before_consent_and_the_cookie_after_it(cookied: Visitor, recorder: Recorder) -> None:
    open_page(cookied)
    tell(cookied, "before")
    cookied.consent("granted")
    tell(cookied, "after")
    assert carried(recorder) == [False, True]
    assert recorder.methods == ["POST", "POST"]


def test_a_server_can_set_a_cookie_when_the_visitor_agreed(visitor: Visitor, recorder: Recorder) -> None:
    recorder.answer = Answer(headers={"Set-Cookie": "headrace=1; HttpOnly; SameSite=Lax"})
    open_page(visitor)
    tell(visitor, "before")
    assert visitor.context.cookies() == []
    visitor.consent("granted")
    tell(visitor, "after")
    assert [(cookie.get("name"), cookie.get("httpOnly")) for cookie in visitor.context.cookies()] == [("headrace", True)]


def test_after_a_denial_one_answered_request_has_the_cookie(cookied: Visitor, recorder: Recorder) -> None:
    cookied.have_longest_jitter()  # what was not heard goes again with what is told next, not by itself before it
    open_page(cookied)
    cookied.consent("granted")
    tell(cookied, "granted")
    cookied.consent("denied")
    recorder.plan = [Answer(503)]
    tell(cookied, "unheard")
    for name in ("heard", "later", "last"):
        tell(cookied, name)
    assert carried(recorder) == [True, True, True, False, False]
    assert {event.get("is_private") for batch in recorder.batches[1:] for event in batch.events} == {True}


def test_the_browsers_own_no_deletes_it_too(cookied: Visitor, recorder: Recorder) -> None:
    cookied.page.add_init_script(GPC)
    open_page(cookied)
    cookied.consent("granted")
    for name in ("first", "second"):
        tell(cookied, name)
    assert carried(recorder) == [True, False]


def test_without_the_attribute_no_request_has_it(cookied: Visitor, recorder: Recorder) -> None:
    open_page(cookied, "")
    cookied.consent("granted")
    tell(cookied, "granted")
    cookied.consent("denied")
    tell(cookied, "denied")
    assert carried(recorder) == [False, False]

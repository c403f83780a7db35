"""`/divolte.js`: the API of pages with Divolte's tag, and the requests that it sends."""

import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route
from support.browser.chromium import SIGNALS, set_hidden
from support.browser.recorder import Answer, Recorder
from support.browser.tagged import Tagged
from support.waiting import wait_until

TIMED_ID = re.compile(r"0:[0-9a-z]{8}:[A-Za-z0-9~_]{32}")
VIEW_ID = re.compile(r"0:[A-Za-z0-9~_]{32}")
HIDDEN = "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})"


# Events


def test_the_first_view_has_all_that_divoltes_has(tagged: Tagged, recorder: Recorder) -> None:
    page = tagged.open("/a?x=1#y")
    (view,) = tagged.events(1)
    known = page.evaluate("JSON.parse(JSON.stringify(divolte))")
    assert TIMED_ID.fullmatch(view["party_id"])
    assert TIMED_ID.fullmatch(view["session_id"])
    assert view["party_id"].split(":")[1] == view["session_id"].split(":")[1]
    assert VIEW_ID.fullmatch(view["page_view_id"])
    assert view["id"] == view["page_view_id"] + "0"
    assert known == {
        "partyId": view["party_id"],
        "sessionId": view["session_id"],
        "pageViewId": view["page_view_id"],
        "isNewPartyId": True,
        "isFirstInSession": True,
        "isServerPageView": False,
    }
    assert (view["type"], view["is_new_party"], view["is_first_in_session"]) == ("pageView", True, True)
    assert (view["url"], view["referrer"]) == (recorder.site + "/a?x=1#y", "")
    assert (view["viewport_width"], view["viewport_height"]) == (1280, 720)
    assert (view["screen_width"], view["screen_height"], view["device_pixel_ratio"]) == (1280, 720, 1)
    assert abs(view["created_at"] - time.time() * 1000) < 60_000
    assert not {"parameters", "language", "time_zone"} & view.keys()
    assert recorder.batches[0].path == "/csc-event"
    assert recorder.methods == ["POST"]


def test_a_signal_is_one_event_with_the_identifier_that_the_page_got(tagged: Tagged) -> None:
    tagged.open()
    parameters = """{
        text: '$& "\\\\ \\n é 🎈', nested: {list: [1, null, true, [2.5]]}, date: new Date(0), nothing: undefined,
        own: {toJSON: () => 'told'}, large: 1e7,
    }"""
    got = tagged.page.evaluate(f"divolte.signal('custom', {parameters})")
    view, custom = tagged.events(2)
    assert got == custom["id"] == view["page_view_id"] + "1"
    assert (custom["type"], custom["page_view_id"]) == ("custom", view["page_view_id"])
    assert (custom["is_new_party"], custom["is_first_in_session"]) == (False, False)
    assert list(custom["parameters"].items()) == [
        ("text", '$& "\\ \n é 🎈'),
        ("nested", {"list": [1, None, True, [2.5]]}),
        ("date", "1970-01-01T00:00:00.000Z"),
        ("own", "told"),
        ("large", 10_000_000),
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("[1, 2]", {"value": [1, 2]}),
        ("'text'", {"value": "text"}),
        ("0", {"value": 0}),
        ("new Date(0)", {"value": "1970-01-01T00:00:00.000Z"}),
    ],
)
def test_parameters_without_names_get_one(tagged: Tagged, given: str, sent: dict[str, Any]) -> None:
    tagged.open().evaluate(f"divolte.signal('custom', {given})")
    assert tagged.events(2)[1]["parameters"] == sent


@pytest.mark.parametrize("given", ["null", "undefined", "() => 1"])
def test_parameters_that_are_nothing_are_none(tagged: Tagged, given: str) -> None:
    tagged.open().evaluate(f"divolte.signal('custom', {given})")
    assert tagged.events(2)[1].get("parameters") is None


def test_identifiers_count_in_hexadecimal(tagged: Tagged) -> None:
    tagged.open().evaluate("for (let n = 0; n < 19; n++) divolte.signal('tick', {n})")
    events = tagged.events(20)
    assert [event["id"].removeprefix(event["page_view_id"]) for event in events] == [f"{n:x}" for n in range(20)]
    assert [event["parameters"]["n"] for event in events[1:]] == list(range(19))


@pytest.mark.parametrize("value", ["''", "null", "0", ""])
def test_a_signal_without_a_type_is_none(tagged: Tagged, value: str) -> None:
    assert tagged.open().evaluate(f"divolte.signal({value})") is None
    tagged.signal("end")
    assert [event["type"] for event in tagged.events(2)] == ["pageView", "end"]


def test_a_hidden_page_has_no_view_until_it_is_seen(tagged: Tagged, recorder: Recorder) -> None:
    tagged.page.add_init_script(HIDDEN)
    page = tagged.open()
    assert page.evaluate("divolte.pageViewId") is None
    assert (recorder.events, tagged.cookies()) == ([], {})
    for is_hidden in (False, True, False):
        set_hidden(page, is_hidden)
    tagged.signal("end")
    assert [event["type"] for event in tagged.events(2)] == ["pageView", "end"]


def test_a_signal_of_a_hidden_page_comes_after_its_view(tagged: Tagged) -> None:
    tagged.page.add_init_script(HIDDEN)
    page = tagged.open()
    assert page.evaluate("divolte.signal('early')").endswith("1")
    set_hidden(page, False)
    assert [event["type"] for event in tagged.events(2)] == ["pageView", "early"]


def test_a_page_from_the_back_forward_cache_is_another_view(tagged: Tagged) -> None:
    page = tagged.open("/a")
    page.evaluate("window.kept = true")
    tagged.open("/b")
    page.go_back(wait_until="commit")
    assert page.evaluate("window.kept"), "the page came from the cache"
    views = tagged.events(3)
    assert [urlsplit(view["url"]).path for view in views] == ["/a", "/b", "/a"]
    assert len({view["page_view_id"] for view in views}) == 3
    assert views[2]["id"] == views[2]["page_view_id"] + "0"
    assert [view["is_new_party"] for view in views] == [True, False, False]
    assert page.evaluate("divolte.pageViewId") == views[2]["page_view_id"]


# Who it is


def test_a_second_tab_is_the_same_party_in_the_same_session(tagged: Tagged) -> None:
    tagged.open("/a")
    tagged.events(1)
    other = tagged.context.new_page()
    tagged.open("/a", page=other)
    first, second = tagged.events(2)
    assert (first["party_id"], first["session_id"]) == (second["party_id"], second["session_id"])
    assert first["page_view_id"] != second["page_view_id"]
    assert (second["is_new_party"], second["is_first_in_session"]) == (False, False)


def test_a_party_returns_in_another_session_after_a_silence(tagged: Tagged) -> None:
    tagged.bake(session_timeout_seconds=2)
    tagged.open("/a")
    tagged.pause(1200)
    tagged.signal("rolled")
    tagged.pause(1200)
    tagged.open("/still")
    tagged.pause(2200)
    tagged.open("/late")
    first, _, still, late = tagged.events(4)
    assert still["session_id"] == first["session_id"] != late["session_id"]
    assert still["party_id"] == first["party_id"] == late["party_id"]
    assert (late["is_new_party"], late["is_first_in_session"]) == (False, True)


def test_the_session_of_a_page_is_that_of_its_load_and_an_event_revives_it(tagged: Tagged) -> None:
    page = tagged.open()
    tagged.context.clear_cookies(name="_dvs")
    tagged.signal("late")
    view, late = tagged.events(2)
    assert late["session_id"] == view["session_id"] == tagged.cookies()["_dvs"]["value"] == page.evaluate("divolte.sessionId")


def test_cookies_last_as_long_as_configured(tagged: Tagged) -> None:
    tagged.open()
    cookies = tagged.cookies()
    known = tagged.page.evaluate("divolte")
    assert (cookies["_dvp"]["value"], cookies["_dvs"]["value"]) == (known["partyId"], known["sessionId"])
    assert cookies["_dvs"]["expires"] == pytest.approx(time.time() + 1800, abs=30)
    assert cookies["_dvp"]["expires"] > time.time() + 395 * 86_400  # a browser may cut two years to 400 days
    for cookie in cookies.values():
        assert (cookie["path"], cookie["sameSite"], cookie["httpOnly"], cookie["secure"]) == ("/", "Lax", False, False)


def test_on_https_cookies_are_for_https_and_for_the_configured_domain(tagged: Tagged, recorder: Recorder) -> None:
    tagged.bake(cookie_domain="shop.example")
    page = tagged.page

    def answer(route: Route) -> None:
        is_script = route.request.url.endswith(".js")
        route.fulfill(body=recorder.scripts["/divolte.js"] if is_script else '<!doctype html><script src="/divolte.js"></script>')

    page.route("https://www.shop.example/**", answer)
    page.goto("https://www.shop.example/")
    assert page.evaluate("divolte.isNewPartyId")
    assert [(cookie["domain"], cookie["secure"]) for cookie in tagged.cookies().values()] == [(".shop.example", True)] * 2


@pytest.mark.parametrize(
    ("value", "is_taken"), [("0:abc:x", True), ("0:ABC:", True), ("garbage", False), ("1:abc:x", False), ("0:a:b:c", False)]
)
def test_a_cookie_that_is_not_an_identifier_is_replaced(tagged: Tagged, recorder: Recorder, value: str, is_taken: bool) -> None:
    tagged.context.add_cookies([{"name": "_dvp", "value": value, "url": recorder.site}])
    tagged.open()
    (view,) = tagged.events(1)
    assert (view["party_id"] == value, view["is_new_party"]) == (is_taken, not is_taken)


@pytest.mark.parametrize("signal", SIGNALS)
def test_under_the_browsers_own_no_nothing_is_read_or_kept(tagged: Tagged, recorder: Recorder, signal: str) -> None:
    tagged.context.add_cookies([{"name": "_dvp", "value": "0:abc:x", "url": recorder.site}])
    tagged.page.add_init_script(SIGNALS[signal])
    page = tagged.open()
    tagged.signal("custom")
    view, custom = tagged.events(2)
    assert view["is_private"] is custom["is_private"] is True
    assert view["party_id"] == custom["party_id"] != "0:abc:x"
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["_dvp=0:abc:x", 0, 0]


# Names


def test_a_page_view_of_the_server_is_the_fragment_of_the_script_url(tagged: Tagged) -> None:
    page = tagged.open(tag=tagged.tag("/divolte.js?v=1/2&w=3#server:view"))
    page.evaluate("divolte.signal('custom')")
    view, custom = tagged.events(2)
    assert (view["page_view_id"], view["id"], custom["id"]) == ("server:view", "server:view0", "server:view1")
    assert page.evaluate("[divolte.pageViewId, divolte.isServerPageView]") == ["server:view", True]
    tagged.open("/b")
    page.go_back(wait_until="commit")
    assert tagged.events(4)[3]["id"] == "server:view2"


def test_names_are_those_of_the_source(tagged: Tagged, recorder: Recorder) -> None:
    tagged.bake("/js/tag.js", event_path="/e/v", party_cookie="pp", session_cookie="ss")
    tagged.open(tag=tagged.tag("/js/tag.js"))
    tagged.events(1)
    assert recorder.batches[0].path == "/e/v"
    assert tagged.cookies().keys() == {"pp", "ss"}


def test_without_automatic_views_nothing_happens_before_a_signal(tagged: Tagged, recorder: Recorder) -> None:
    tagged.bake(auto_page_view=False)
    page = tagged.open()
    assert VIEW_ID.fullmatch(page.evaluate("divolte.pageViewId"))
    assert tagged.cookies() == {}
    tagged.signal("custom", {"foo": "moo", "bar": "baz"})
    (custom,) = tagged.events(1)
    assert list(custom["parameters"]) == ["foo", "bar"]
    assert (custom["is_new_party"], custom["id"]) == (True, custom["page_view_id"] + "0")
    assert tagged.cookies().keys() == {"_dvp", "_dvs"}


def test_the_sites_own_script_runs_after_it(tagged: Tagged, tmp_path: Any) -> None:
    custom = tmp_path / "own.js"
    custom.write_text("divolte.signal('own', {ready: true})")
    tagged.bake(custom_script=custom)
    tagged.open()
    assert [event["type"] for event in tagged.events(2)] == ["pageView", "own"]


# Loading


def test_a_page_that_has_a_divolte_is_left_alone(tagged: Tagged, recorder: Recorder) -> None:
    page = tagged.open(head="<script>window.divolte = {own: true}</script>")
    assert page.evaluate("divolte") == {"own": True}
    tagged.open("/b", tag=tagged.tag() * 2)
    tagged.events(1)


def test_a_loader_of_modules_gets_it_instead_of_the_window(tagged: Tagged) -> None:
    page = tagged.open(head="<script>window.define = make => { window.made = make() }; define.amd = {}</script>")
    assert page.evaluate("[typeof divolte, typeof made.signal]") == ["undefined", "function"]
    page = tagged.open(head="<script>window.module = {exports: {}}</script>")
    assert page.evaluate("[typeof divolte, typeof module.exports.signal]") == ["undefined", "function"]


@pytest.mark.parametrize("how", ["async", "defer", "late"])
def test_however_it_is_loaded_it_signals(tagged: Tagged, recorder: Recorder, how: str) -> None:
    url = recorder.collector + "/divolte.js"
    late = f"<script>document.head.append(Object.assign(document.createElement('script'), {{src: '{url}'}}))</script>"
    tagged.open(tag=late if how == "late" else tagged.tag(attributes=how))
    tagged.events(1)


@pytest.mark.parametrize(("tags", "is_found"), [(1, True), (2, False)])
def test_where_the_running_script_is_not_known_the_only_one_of_its_name_is_it(tagged: Tagged, tags: int, is_found: bool) -> None:
    faults: list[str] = []
    tagged.page.on("pageerror", lambda error: faults.append(error.message))
    unknown = "<script>Object.defineProperty(document, 'currentScript', {value: null})</script>"
    other = tagged.tag("/other.js?is=not/divolte.js") + tagged.tag("/divolte.js?unused", 'type="text/plain"') * (tags - 1)
    tagged.recorder.scripts["/other.js"] = b""
    tagged.open(head=unknown + other)
    if is_found:
        tagged.events(1)
    assert faults == ([] if is_found else ["Divolte could not initialize itself."])


# Delivery


def test_with_nothing_under_way_a_commit_is_called_at_once(tagged: Tagged) -> None:
    tagged.open()
    tagged.signal("custom")
    assert tagged.page.evaluate("(() => { let called; divolte.whenCommitted(() => { called = true }); return called })()") is True


def test_a_page_continues_when_its_events_are_delivered_in_order(tagged: Tagged, recorder: Recorder) -> None:
    target = recorder.page("/b", tag="")
    tagged.open("/a").evaluate(
        """url => {
            for (let n = 0; n < 10; n++) divolte.signal('tick', {n});
            divolte.whenCommitted(() => { location = url }, 9000);
        }""",
        target,
    )
    tagged.page.wait_for_url(target)
    ticks = [event["parameters"]["n"] for event in recorder.events if event["type"] == "tick"]
    assert ticks == list(range(10))


COMMITTED = "new Promise(done => { divolte.signal('custom'); divolte.whenCommitted(() => done(divolte.pageViewId), %s) })"


def test_a_commit_is_called_in_time_though_the_collector_says_nothing(tagged: Tagged, recorder: Recorder) -> None:
    gate = threading.Event()
    recorder.answer = Answer(waits_for=gate)
    page = tagged.open()
    assert page.evaluate(COMMITTED % 300)
    gate.set()


@pytest.mark.parametrize("timeout", ["undefined", "60000"])
def test_a_commit_is_called_when_a_collector_refuses_and_the_next_page_delivers(tagged: Tagged, recorder: Recorder, timeout: str) -> None:
    recorder.answer = Answer(503)
    assert tagged.open("/a").evaluate(COMMITTED % timeout)
    recorder.answer = Answer()
    tagged.open("/b")
    wait_until(lambda: len({event["id"] for event in recorder.taken}) == 3)
    assert sorted(event["type"] for event in tagged.events(3)) == ["custom", "pageView", "pageView"]


def test_commits_are_called_once_each_and_one_that_throws_holds_up_no_other(tagged: Tagged) -> None:
    tagged.open().evaluate("window.calls = []")
    tagged.page.evaluate("""() => {
        divolte.signal('custom');
        divolte.whenCommitted(() => { calls.push(1); throw Error('mine') }, 100);
        divolte.whenCommitted(() => calls.push(2), 9000);
        divolte.signal('another');
        divolte.whenCommitted(() => calls.push(3));
    }""")
    wait_until(lambda: tagged.page.evaluate("calls.length") == 3)
    tagged.pause(200)
    assert sorted(tagged.page.evaluate("calls")) == [1, 2, 3]


def test_events_that_a_dead_collector_missed_come_from_a_later_page_once(tagged: Tagged, recorder: Recorder) -> None:
    recorder.answer = Answer(503)
    tagged.open("/a").evaluate("divolte.signal('kept')")
    tagged.page.close()
    recorder.answer = Answer()
    tagged.open("/b", page=tagged.context.new_page())
    wait_until(lambda: len({event["id"] for event in recorder.taken}) == 3)
    assert sorted(event["type"] for event in tagged.events(3)) == ["kept", "pageView", "pageView"]


def test_a_page_that_clears_its_storage_continues(tagged: Tagged) -> None:
    tagged.open().evaluate("localStorage.clear()")
    tagged.signal("custom")
    assert all(event["is_private"] is False for event in tagged.events(2))


@pytest.mark.parametrize(("attributes", "has_cookie"), [("", False), ("data-cookie", True)])
def test_cookies_of_the_server_go_with_events_where_the_tag_says_so(
    tagged: Tagged, recorder: Recorder, attributes: str, has_cookie: bool
) -> None:
    tagged.context.add_cookies([{"name": "server", "value": "1", "url": recorder.collector, "httpOnly": True, "sameSite": "Lax"}])
    tagged.open(tag=tagged.tag(attributes=attributes))
    tagged.events(1)
    assert ("server=1" in recorder.batches[0].headers.get("cookie", "")) is has_cookie


@pytest.mark.parametrize("signal", SIGNALS.values())
def test_a_cookie_of_the_server_goes_once_after_the_browsers_no(tagged: Tagged, recorder: Recorder, signal: str) -> None:
    tagged.context.add_cookies([{"name": "server", "value": "1", "url": recorder.collector, "httpOnly": True, "sameSite": "Lax"}])
    tagged.page.add_init_script(signal)
    recorder.plan = [Answer(503)]
    tagged.open(tag=tagged.tag(attributes="data-cookie"))
    wait_until(lambda: len(recorder.batches) == 2)  # nobody heard the first
    for name in ("heard", "later"):
        tagged.signal(name)
    carried = ["server=1" in batch.headers.get("cookie", "") for batch in recorder.batches]
    assert (carried[:2], carried[-1]) == ([True, True], False)

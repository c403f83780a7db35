"""The events of the tracker: views, custom events, clicks, engagement."""

import re
from typing import Any

import pytest
from support.browser.chromium import Visitor, set_hidden
from support.browser.recorder import Recorder
from support.waiting import wait_until

HEX = re.compile(r"[0-9a-f]{32}")


def test_a_page_view_has_the_wire_format(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open("/start?utm_source=letter")
    view = visitor.wait_for("pageView")[0]
    envelope = recorder.batches[0].envelope
    assert envelope["version"] == 1
    assert envelope["site"] == "shop"
    assert 0 <= envelope["sent_at"] - view["created_at"] < 60_000
    assert HEX.fullmatch(view["id"])
    assert HEX.fullmatch(view["page_view_id"])
    assert view["url"] == f"{recorder.site}/start?utm_source=letter"
    assert view["title"] == "/start?utm_source=letter"
    assert view["referrer"] == ""
    assert (view["viewport_width"], view["viewport_height"]) == (1280, 720)
    assert (view["screen_width"], view["screen_height"]) == (1280, 720)
    assert view["device_pixel_ratio"] == 1
    assert view["language"] == "en-US"
    assert isinstance(view["time_zone"], str)
    assert not {"party_id", "session_id", "is_private"} & view.keys()


def test_no_preflight_no_credentials(visitor: Visitor, recorder: Recorder) -> None:
    visitor.context.add_cookies([{"name": "login", "value": "1", "url": recorder.collector}])
    visitor.open()
    visitor.wait_for("pageView")
    assert recorder.methods == ["POST"]
    assert recorder.batches[0].headers["content-type"].startswith("text/plain")
    assert "cookie" not in recorder.batches[0].headers


def test_an_endpoint_of_its_own(visitor: Visitor, recorder: Recorder) -> None:
    tag = f'<script async src="/headrace.js" data-site="shop" data-endpoint="{recorder.collector}/h"></script>'
    visitor.open(tag=tag)
    assert visitor.wait_for("pageView")[0]["url"] == recorder.site + "/"
    assert recorder.batches[0].headers["host"] in recorder.collector


def test_the_endpoint_is_beside_the_script(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open(tag='<script async src="/headrace.js" data-site="shop"></script>')
    visitor.wait_for("pageView")
    assert recorder.batches[0].headers["host"] in recorder.site


def test_it_runs_under_a_strict_content_security_policy(visitor: Visitor, recorder: Recorder) -> None:
    faults: list[str] = []
    visitor.page.on("console", lambda message: faults.append(message.text))
    policy = f"default-src 'none'; script-src {recorder.collector}; connect-src {recorder.collector}"
    page = visitor.page
    page.goto(recorder.page("/", headers={"Content-Security-Policy": policy}))
    visitor.wait_for_tracker()
    visitor.wait_for("pageView")
    assert [fault for fault in faults if "style" not in fault] == []


ROUTES = {
    "pushState": "history.pushState({}, '', '/b')",
    "replaceState": "history.replaceState({}, '', '/b')",
    "hash": "location.hash = 'b'",
    "back": "history.back()",
}


@pytest.mark.parametrize("way", ROUTES)
def test_a_change_of_route_is_one_view(visitor: Visitor, way: str) -> None:
    page = visitor.open("/a")
    if way == "back":
        page.evaluate("history.pushState({}, '', '/b')")
        visitor.wait_for("pageView", 2)
    before = page.url
    page.evaluate(ROUTES[way])
    wait_until(lambda: page.evaluate("location.href") != before)
    visitor.wait_for("pageView", 2)
    visitor.wait(3000)
    visitor.fire("end")
    visitor.wait_for("end")
    views = visitor.recorder.of_type("pageView")
    assert [view["url"] for view in views][-2:] == [before, page.url]
    assert len(views) == len({view["page_view_id"] for view in views}) == (3 if way == "back" else 2)
    assert views[-1]["referrer"] == before


@pytest.mark.parametrize("call", ["pushState", "replaceState"])
def test_a_history_entry_with_the_same_url_is_not_a_view(visitor: Visitor, call: str) -> None:
    visitor.open("/a").evaluate(f"history.{call}({{}}, '', location.href)")
    visitor.fire("end")
    visitor.wait_for("end")
    assert len(visitor.recorder.of_type("pageView")) == 1


def test_history_still_works_for_the_page(visitor: Visitor) -> None:
    page = visitor.open("/a")
    page.evaluate("history.pushState({step: 1}, '', '/b')")
    assert page.evaluate("[history.state.step, location.pathname]") == [1, "/b"]


def test_a_return_from_the_back_forward_cache_is_a_view(visitor: Visitor, recorder: Recorder) -> None:
    page = visitor.open("/a")
    page.evaluate("window.kept = true")
    visitor.open("/b")
    visitor.wait_for("pageView", 2)
    page.go_back(wait_until="commit")
    assert page.evaluate("window.kept"), "the page came from the cache"
    visitor.wait_for("pageView", 3)
    assert [view["url"].removeprefix(recorder.site) for view in recorder.of_type("pageView")] == ["/a", "/b", "/a"]
    assert len({view["page_view_id"] for view in recorder.of_type("pageView")}) == 3


def test_a_prerendered_page_waits_until_it_is_shown(visitor: Visitor, recorder: Recorder) -> None:
    visitor.page.add_init_script("window.isWaiting = true; Object.defineProperty(document, 'prerendering', {get: () => window.isWaiting})")
    page = visitor.page
    page.goto(recorder.page("/", head="<script>window.headrace = (...a) => headrace.q.push(a); headrace.q = [['early']]</script>"))
    visitor.wait(3000)
    assert page.evaluate("headrace.q.length") == 1
    assert recorder.events == []
    page.evaluate("window.isWaiting = false; document.dispatchEvent(new Event('prerenderingchange'))")
    visitor.wait_for("early")
    assert [event["type"] for event in recorder.events] == ["pageView", "early"]


def test_the_script_twice_in_a_page_counts_once(visitor: Visitor, recorder: Recorder) -> None:
    tag = f'<script src="{recorder.collector}/headrace.js" data-site="shop"></script>'
    visitor.open(tag=tag + tag)
    visitor.page.evaluate("history.pushState({}, '', '/b')")
    visitor.wait_for("pageView", 2)
    assert len(recorder.of_type("pageView")) == 2


def test_an_element_named_headrace_is_not_taken_for_the_tracker(visitor: Visitor) -> None:
    visitor.open(tag=f'<script async id="headrace" src="{visitor.recorder.collector}/headrace.js" data-site="shop"></script>')
    visitor.wait_for("pageView")


def test_the_title_of_a_route_is_the_one_set_after_it(visitor: Visitor) -> None:
    page = visitor.open("/a")
    page.evaluate("history.pushState({}, '', '/b'); setTimeout(() => { document.title = 'B' }, 400)")
    views = visitor.wait_for("pageView", 2)
    assert [view["title"] for view in views] == ["/a", "B"]


def test_titles_of_quick_routes_are_not_mixed_up(visitor: Visitor) -> None:
    page = visitor.open("/a")
    page.evaluate("for (const name of ['b', 'c', 'd']) { history.pushState({}, '', '/' + name); document.title = name }")
    views = visitor.wait_for("pageView", 4)
    assert [view["title"] for view in views] == ["/a", "b", "c", "d"]


def test_the_leave_of_a_route_has_its_own_title_even_if_the_next_was_set_first(visitor: Visitor) -> None:
    page = visitor.open("/a")
    visitor.wait_for("pageView")
    page.evaluate("document.title = 'B'; history.pushState({}, '', '/b')")
    leave = visitor.wait_for("pageLeave")[0]
    assert (leave["title"], leave["url"]) == ("/a", visitor.recorder.site + "/a")


def test_a_view_may_be_sent_by_a_call(visitor: Visitor) -> None:
    visitor.open("/a")
    visitor.fire("pageView", {"step": 2})
    first, second = visitor.wait_for("pageView", 2)
    assert second["parameters"] == {"step": 2}
    assert second["page_view_id"] != first["page_view_id"]
    assert second["url"] == second["referrer"] == first["url"]


def test_the_referrer_is_the_page_before(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open("/a")
    target = recorder.page("/b")
    visitor.page.evaluate("address => { location.href = address }", target)
    visitor.page.wait_for_url(target)
    visitor.wait_for_tracker()
    view = visitor.wait_for("pageView", 2)[-1]
    assert view["referrer"] == recorder.site + "/a"


PARAMETERS: list[Any] = [
    {"sku": "x", "revenue": 12.5, "currency": "EUR", "quantity": 2},
    {"text": '$& $1 $` \\ " \n é 🎈'},
    {"deep": {"list": [1, None, True]}},
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_parameters_arrive_as_given(visitor: Visitor, parameters: Any) -> None:
    visitor.open()
    visitor.fire("addToBasket", parameters)
    event = visitor.wait_for("addToBasket")[0]
    assert event["parameters"] == parameters
    assert event["page_view_id"] == visitor.recorder.of_type("pageView")[0]["page_view_id"]


def test_parameters_are_those_of_the_call(visitor: Visitor) -> None:
    visitor.open().evaluate("const basket = {count: 1}; headrace('basket', basket); basket.count = 2")
    assert visitor.wait_for("basket")[0]["parameters"] == {"count": 1}


def test_parameters_without_json_are_counted_and_do_not_stop_the_page(visitor: Visitor) -> None:
    visitor.open().evaluate("const circle = {}; circle.self = circle; headrace('circle', circle); headrace('next')")
    visitor.wait_for("next")
    visitor.fire("later")
    assert visitor.wait_for("queueOverflow")[0]["parameters"] == {"dropped": 1}
    assert visitor.recorder.of_type("circle") == []


def test_calls_before_the_script_came_are_kept(visitor: Visitor) -> None:
    snippet = (
        "window.headrace = (...call) => headrace.q.push(call); headrace.q = []; headrace.consent = answer => headrace('consent', answer)"
    )
    visitor.open(head=f"<script>{snippet}; headrace('early', {{n: 1}}); headrace.consent('granted'); headrace('second')</script>")
    visitor.wait_for("second")
    events = visitor.recorder.events
    assert [event["type"] for event in events] == ["pageView", "early", "second"]
    assert len({event["party_id"] for event in events}) == 1


LINKS = """
<a id=outbound href="http://localhost:9/x?a=1#b"><span id=inner>out</span></a> <a id=internal href="/c">in</a>
<a id=mail href="mailto:a@b.c">mail</a>
<a id=file href="/files/Report.PDF?v=1">file</a> <a id=attribute download href="/files/report">file</a> <a id=far href="http://localhost:9/far.zip">far</a>
<div id=host></div> <a id=anchor>nowhere</a> <script>
host.attachShadow({mode: 'open'}).innerHTML = '<a id=shadow href="http://localhost:9/shadow">shadow</a>';
addEventListener('click', event => event.preventDefault()); addEventListener('auxclick', event => event.preventDefault());
</script>"""


@pytest.mark.parametrize(
    ("selector", "button", "expected"),
    [
        ("#outbound", "left", ("outboundClick", "http://localhost:9/x?a=1#b")),
        ("#outbound", "middle", ("outboundClick", "http://localhost:9/x?a=1#b")),
        ("#inner", "left", ("outboundClick", "http://localhost:9/x?a=1#b")),
        ("#shadow", "left", ("outboundClick", "http://localhost:9/shadow")),
        ("#file", "left", ("download", "{site}/files/Report.PDF?v=1")),
        ("#attribute", "middle", ("download", "{site}/files/report")),
        ("#far", "left", ("download", "http://localhost:9/far.zip")),
        ("#outbound", "right", None),
        ("#internal", "left", None),
        ("#mail", "left", None),
        ("#anchor", "left", None),
    ],
)
def test_clicks(visitor: Visitor, selector: str, button: Any, expected: tuple[str, str] | None) -> None:
    visitor.open(body=LINKS).locator(selector).click(button=button)
    visitor.fire("end")
    visitor.wait_for("end")
    clicks = [(event["type"], event["target"]) for event in visitor.recorder.events if "target" in event]
    assert clicks == ([(expected[0], expected[1].format(site=visitor.recorder.site))] if expected else [])


def test_a_link_by_keyboard_counts(visitor: Visitor) -> None:
    visitor.open(body=LINKS).locator("#outbound").press("Enter")
    assert visitor.wait_for("outboundClick")[0]["target"] == "http://localhost:9/x?a=1#b"


def test_a_click_that_leaves_the_page_arrives(visitor: Visitor, recorder: Recorder) -> None:
    elsewhere = recorder.collector.replace("127.0.0.1", "localhost") + "/elsewhere"
    visitor.open(body=f'<a href="{elsewhere}">out</a>').locator("a").click()
    wait_until(lambda: len(recorder.of_type("outboundClick")) == 1)
    assert {event["type"] for event in recorder.events} >= {"pageView", "outboundClick"}


def test_leaving_reports_engagement_and_depth(visitor: Visitor, recorder: Recorder) -> None:
    visitor.open("/a")
    visitor.wait(5000)
    visitor.page.goto("about:blank")
    wait_until(lambda: recorder.of_type("pageLeave"))
    leave = recorder.of_type("pageLeave")[0]
    assert 5000 <= leave["engagement_ms"] < 15_000
    assert 0 < leave["scroll_percent"] < 30
    assert leave["page_view_id"] == recorder.of_type("pageView")[0]["page_view_id"]


def test_only_the_time_looked_at_counts_and_each_report_is_what_came_since_the_last(visitor: Visitor, recorder: Recorder) -> None:
    page = visitor.open("/a")
    visitor.wait(4000)
    set_hidden(page, True)
    visitor.wait(60_000)
    set_hidden(page, False)
    visitor.wait(2000)
    page.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    visitor.wait(60_000)
    page.evaluate("delete document.hasFocus; dispatchEvent(new Event('focus'))")
    visitor.wait(3000)
    set_hidden(page, True)
    wait_until(lambda: len(recorder.of_type("pageLeave")) == 2)
    first, second = (leave["engagement_ms"] for leave in recorder.of_type("pageLeave"))
    assert 4000 <= first < 14_000
    assert 5000 <= second < 15_000


def test_a_page_that_was_not_looked_at_has_nothing_to_report(visitor: Visitor, recorder: Recorder) -> None:
    page = visitor.open("/a")
    visitor.wait(3000)
    set_hidden(page, True)
    wait_until(lambda: recorder.of_type("pageLeave"))
    visitor.wait(9000)
    page.goto("about:blank")
    visitor.open("/b")
    visitor.wait_for("pageView", 2)
    assert len(recorder.of_type("pageLeave")) == 1


def test_depth_is_the_deepest_and_starts_again_with_a_view(visitor: Visitor) -> None:
    page = visitor.open("/a")
    visitor.wait(500)
    for top in (1e6, 0):
        page.evaluate("top => new Promise(done => { addEventListener('scroll', done, {once: true}); scrollTo(0, top) })", top)
    page.evaluate("history.pushState({}, '', '/b')")
    visitor.wait(2000)
    page.evaluate("history.pushState({}, '', '/c')")
    deep, shallow = visitor.wait_for("pageLeave", 2)
    assert (deep["url"], deep["scroll_percent"]) == (visitor.recorder.site + "/a", 100)
    assert shallow["url"] == visitor.recorder.site + "/b"
    assert shallow["scroll_percent"] < 30

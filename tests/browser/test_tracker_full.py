"""The additional events of the full build: vitals, errors, forms, purchases, clicks; each can be switched off."""

from typing import Any

import pytest
from playwright.sync_api import Page
from support.browser.chromium import Visitor, full_tag, set_hidden
from support.browser.recorder import Recorder
from support.collector.collecting import collected
from support.waiting import wait_until

FEATURES = {
    "vitals": {"webVitals"},
    "errors": {"scriptError"},
    "forms": {"formSubmit", "formAbandon"},
    "clicks": {"click", "rageClick", "deadClick"},
}
CORE = {"pageView", "pageLeave", "purchase", "end"}
BODY = """
    <form id="order" name="checkout">
        <input name="id"><input name="email"><select name="size"><option>S<option>M</select><button>send</button>
    </form>
    <form name="letter" id="letter"><textarea name="text"></textarea></form>
    <button id="dead">nothing</button> <button id="alive">something</button> <p id="text" style="cursor: default">text</p>
    <a id="nowhere" href="#">nowhere</a> <a id="slow" href="/slow">slow</a> <label id="label"><input type="checkbox">agree</label>
    <script>
        addEventListener('submit', event => event.preventDefault());
        addEventListener('go', ({detail}) => { throw detail });
        alive.onclick = () => { alive.firstChild.data += '.' };
    </script>
"""


def open_full(visitor: Visitor, path: str = "/a", attributes: str = "", **parts: Any) -> Any:
    return visitor.open(path, tag=full_tag(visitor.recorder, attributes), **({"body": BODY} | parts))


def end(visitor: Visitor) -> list[dict[str, Any]]:
    """Wait until all events have arrived."""
    visitor.fire("end")
    visitor.wait_for("end")
    return visitor.recorder.events


def do_all(visitor: Visitor) -> None:
    page = visitor.page
    page.evaluate("dispatchEvent(new CustomEvent('go', {detail: 'broken'}))")
    page.fill("[name=email]", "jo@mail.example")
    page.press("[name=email]", "Enter")
    page.fill("textarea", "something")
    for _ in range(3):
        page.click("#dead")
    visitor.wait(1000)
    page.evaluate("headrace('purchase', {items: [{price: 2.5}]})")
    page.goto("about:blank")


@pytest.mark.parametrize("off", FEATURES)
def test_each_feature_can_be_switched_off(visitor: Visitor, recorder: Recorder, off: str) -> None:
    open_full(visitor, attributes=f'data-features="{" ".join(FEATURES.keys() - {off})}"')
    do_all(visitor)
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert {event["type"] for event in recorder.events} - CORE == set.union(*FEATURES.values()) - FEATURES[off]


def test_with_all_switched_off_it_is_the_core(visitor: Visitor, recorder: Recorder) -> None:
    open_full(visitor, attributes='data-features=""')
    do_all(visitor)
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert {event["type"] for event in recorder.events} <= CORE
    assert recorder.of_type("purchase")[0]["parameters"] == {"items": [{"price": 2.5}]}


def test_all_is_on_by_default_and_sent_before_the_page_is_gone(visitor: Visitor, recorder: Recorder) -> None:
    open_full(visitor)
    do_all(visitor)
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert {event["type"] for event in recorder.events} - CORE == set.union(*FEATURES.values())


def test_none_of_it_is_rejected_and_each_field_has_its_value(visitor: Visitor, recorder: Recorder) -> None:
    open_full(visitor)
    do_all(visitor)
    wait_until(lambda: recorder.of_type("pageLeave"))
    collector, answers = collected(recorder.batches)
    assert {result for answer in answers for result in answer.results} == {"ok"}
    records = {record["event_type"]: record for record in collector.records}
    assert records["purchase"]["revenue"] == 2.5
    assert records["click"]["x"] > 0


def test_the_script_twice_in_a_page_watches_once(visitor: Visitor, recorder: Recorder) -> None:
    tag = full_tag(recorder)
    visitor.open(tag=tag + tag, body=BODY).click("#text")
    assert [event["type"] for event in end(visitor)] == ["pageView", "click", "end"]


# Script errors


ERRORS: list[tuple[str, list[tuple[str, bool]]]] = [
    ("throw new TypeError('a')", [("Uncaught TypeError: a", True)]),
    ("Promise.reject(new Error('b'))", [("b", False)]),
    ("Promise.reject('c')", [("c", False)]),
    ("Promise.reject({secret: 1})", []),
    ("Promise.reject()", []),
    ("document.body.append(Object.assign(new Image(), {src: 'nothing:'}))", []),
    ("if ((window.count = (window.count ?? 0) + 1) < 3) dispatchEvent(new Event('go')); throw 'same'", [("Uncaught same", True)]),
    ("throw 'x'.repeat(300)", [("Uncaught " + 191 * "x", True)]),
]


@pytest.mark.parametrize(("code", "expected"), ERRORS, ids=[code for code, _ in ERRORS])
def test_an_error_is_reported_once(visitor: Visitor, recorder: Recorder, code: str, expected: list[tuple[str, bool]]) -> None:
    open_full(visitor, body=f"<script>addEventListener('go', () => {{ {code} }})</script>").evaluate("dispatchEvent(new Event('go'))")
    visitor.wait(100)
    end(visitor)
    errors = [event["parameters"] for event in recorder.of_type("scriptError")]
    assert [(error["message"], "source" in error) for error in errors] == expected
    for error in errors:
        assert error.keys() <= {"message", "source", "line"}
        assert error.get("source", recorder.site + "/a") == recorder.site + "/a"


def test_the_source_of_an_error_is_without_its_query(visitor: Visitor, recorder: Recorder) -> None:
    recorder.scripts["/broken.js"] = b"\n\nthrow new Error('broken')"
    open_full(visitor).evaluate("document.head.append(Object.assign(document.createElement('script'), {src: '/broken.js?key=1'}))")
    error = visitor.wait_for("scriptError")[0]["parameters"]
    assert error == {"message": "Uncaught Error: broken", "source": recorder.site + "/broken.js", "line": 3}


def test_a_page_reports_five_errors_at_most(visitor: Visitor, recorder: Recorder) -> None:
    open_full(visitor).evaluate("for (let n = 0; n < 20; n++) dispatchEvent(new CustomEvent('go', {detail: n}))")
    end(visitor)
    assert len(recorder.of_type("scriptError")) == 5


# Forms


def test_a_sent_form_is_reported_without_what_is_in_it(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.fill("[name=email]", "jo@mail.example")
    page.press("[name=email]", "Enter")
    events = end(visitor)
    assert [event["parameters"] for event in recorder.of_type("formSubmit")] == [
        {"form_id": "order", "form_name": "checkout", "field_count": 3}
    ]
    assert not any("mail.example" in str(event) for event in events)
    page.goto("about:blank")
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert recorder.of_type("formAbandon") == []


def test_a_form_sent_by_a_script_counts_as_sent(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.fill("textarea", "text")
    visitor.wait(1000)
    page.evaluate("document.forms.letter.submit()")
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert len(recorder.of_type("formSubmit")) == 1
    assert recorder.of_type("formAbandon") == []


def test_a_form_is_abandoned_when_the_page_is_left_not_when_the_tab_is_switched(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.fill("[name=email]", "jo@mail.example")
    set_hidden(page, True)
    set_hidden(page, False)
    end(visitor)
    assert recorder.of_type("formAbandon") == []
    page.goto("about:blank")
    wait_until(lambda: recorder.of_type("formAbandon"))
    assert recorder.of_type("formAbandon")[0]["parameters"] == {"form_id": "order", "form_name": "checkout", "field_count": 3}


def test_a_change_of_route_abandons_a_form_on_the_route_it_was_on(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.fill("textarea", "text")
    page.evaluate("history.pushState({}, '', '/b')")
    assert visitor.wait_for("formAbandon")[0]["url"] == recorder.site + "/a"
    page.goto("about:blank")
    wait_until(lambda: recorder.site + "/b" in [event["url"] for event in recorder.of_type("pageLeave")])
    assert len(recorder.of_type("formAbandon")) == 1


def test_a_form_that_was_only_looked_at_is_not_abandoned(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.focus("textarea")
    visitor.wait(1000)
    page.goto("about:blank")
    wait_until(lambda: recorder.of_type("pageLeave"))
    assert recorder.of_type("formAbandon") == []


# Purchases


ITEMS = [{"product_id": "a", "price": 0.1, "quantity": 3}, {"product_id": "b", "price": 20}]


@pytest.mark.parametrize(
    ("event_type", "parameters", "expected"),
    [
        ("purchase", {"currency": "EUR", "items": ITEMS}, {"revenue": 20.3}),
        ("purchase", {"items": ITEMS, "revenue": 25}, {}),
        ("purchase", {"revenue": 5}, {}),
        ("purchase", {"items": "none"}, {}),
        ("purchase", {"items": []}, {}),
        ("viewProduct", {"product_id": "a", "price": 3}, {}),
        ("addToCart", {"items": ITEMS}, {}),
    ],
)
def test_an_order_is_worth_its_items(visitor: Visitor, event_type: str, parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    open_full(visitor)
    visitor.fire(event_type, parameters)
    assert [event["parameters"] for event in visitor.wait_for(event_type)] == [parameters | expected]


def test_a_purchase_without_parameters_is_one(visitor: Visitor) -> None:
    open_full(visitor)
    visitor.fire("purchase")
    assert "parameters" not in visitor.wait_for("purchase")[0]


# Clicks


def test_a_click_has_its_place_in_the_page_and_in_the_element(visitor: Visitor, recorder: Recorder) -> None:
    body = "<div style='position: absolute; left: 100px; top: 2000px; width: 50px; height: 40px'></div>"
    open_full(visitor, body=body).locator("div").click(position={"x": 10, "y": 20})
    click = visitor.wait_for("click")[0]
    assert (click["x"], click["y"]) == (110, 2020)
    assert click["parameters"] == {"element": "html>body:nth-child(2)>div:nth-child(1)", "element_x": 10, "element_y": 20}
    end(visitor)
    assert len(recorder.of_type("click")) == 1
    assert recorder.of_type("deadClick") == recorder.of_type("rageClick") == []


@pytest.mark.parametrize(
    ("selector", "element"), [("#dead", "#dead"), ("#nowhere", "#nowhere"), ("#label input", "#label>input:nth-child(1)")]
)
def test_an_element_is_named_by_the_nearest_id(visitor: Visitor, selector: str, element: str) -> None:
    open_full(visitor).click(selector)
    assert visitor.wait_for("click")[0]["parameters"]["element"] == element


def test_a_click_of_a_script_or_of_the_keyboard_has_no_place_and_is_none(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.evaluate("dead.click(); document.dispatchEvent(new Event('click'))")
    page.press("[name=email]", "Enter")
    end(visitor)
    assert recorder.of_type("click") == recorder.of_type("scriptError") == []


@pytest.mark.parametrize(("clicks", "pause", "expected"), [(2, 0, 0), (3, 0, 1), (5, 0, 1), (6, 0, 2), (3, 600, 0)])
def test_three_quick_clicks_in_one_place_are_rage(visitor: Visitor, recorder: Recorder, clicks: int, pause: int, expected: int) -> None:
    page = open_full(visitor)
    for _ in range(clicks):
        page.click("#text")
        if pause:
            visitor.wait(pause)
    end(visitor)
    assert len(recorder.of_type("rageClick")) == expected
    assert len(recorder.of_type("click")) == clicks


def test_clicks_far_from_each_other_are_not_rage(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    for n in range(4):
        page.mouse.click(100 + 31 * n, 300)
    end(visitor)
    assert recorder.of_type("rageClick") == []


@pytest.mark.parametrize(
    ("selector", "is_dead"),
    [
        ("#dead", True),
        ("#alive", False),
        ("#text", False),
        ("#nowhere", False),
        ("#label", False),
        ("textarea", False),
        ("form button", False),
    ],
)
def test_a_click_on_what_looks_alive_is_dead_if_nothing_comes_of_it(
    visitor: Visitor, recorder: Recorder, selector: str, is_dead: bool
) -> None:
    open_full(visitor).click(selector)
    visitor.wait(1000)
    end(visitor)
    assert [event["parameters"]["element"] for event in recorder.of_type("deadClick")] == (["#dead"] if is_dead else [])


def test_a_link_to_a_slow_page_is_not_dead_but_one_that_a_script_stops_is(visitor: Visitor, recorder: Recorder) -> None:
    page = open_full(visitor)
    page.evaluate("slow.href = 'mailto:jo@mail.example'")
    page.click("#slow")
    visitor.wait(1000)
    page.evaluate("slow.href = '/slow'; slow.addEventListener('click', event => event.preventDefault())")
    visitor.wait(100)
    page.click("#slow")
    visitor.wait(1000)
    end(visitor)
    assert len(recorder.of_type("click")) == 2
    assert [event["parameters"]["element"] for event in recorder.of_type("deadClick")] == ["#slow"]


def test_a_label_and_its_field_are_one_click(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/a", tag=full_tag(recorder), body=BODY))
    page.locator("#label").click(position={"x": 40, "y": 8})
    page.goto("about:blank")
    wait_until(lambda: recorder.of_type("webVitals"))
    assert len(recorder.of_type("click")) == 1

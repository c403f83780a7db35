"""The npm package: loads the tracker into a page of modules and passes calls on."""

from pathlib import Path

from support.browser.chromium import Visitor
from support.browser.recorder import Recorder

PACKAGE = Path(__file__).parents[2] / "tracker" / "index.js"


def test_calls_of_a_module_arrive_in_order_also_those_before_the_script(visitor: Visitor, recorder: Recorder) -> None:
    recorder.scripts["/index.js"] = PACKAGE.read_bytes()
    module = f"""<script type="module">
        import {{ addToCart, consent, load, pageView, purchase, track, viewProduct }} from "/index.js";
        track("early", {{n: 1}});
        load({{ src: "{recorder.collector}/headrace-full.js", site: "shop", features: ["commerce"] }});
        consent("granted");
        viewProduct({{ product_id: "a", price: 2 }});
        addToCart({{ product_id: "a", quantity: 2 }});
        purchase({{ order_id: "1", items: [{{ price: 2, quantity: 2 }}] }});
        pageView({{ step: 2 }});
    </script>"""
    visitor.open(tag=module)
    visitor.wait_for("pageView", 2)
    sent = [(event["type"], event.get("parameters")) for event in recorder.events if event["type"] != "pageLeave"]
    assert sent == [
        ("pageView", None),
        ("early", {"n": 1}),
        ("viewProduct", {"product_id": "a", "price": 2}),
        ("addToCart", {"product_id": "a", "quantity": 2}),
        ("purchase", {"order_id": "1", "items": [{"price": 2, "quantity": 2}], "revenue": 4}),
        ("pageView", {"step": 2}),
    ]
    assert len({event["party_id"] for event in recorder.events}) == 1


def test_a_page_with_the_stub_of_its_own_keeps_it(visitor: Visitor, recorder: Recorder) -> None:
    recorder.scripts["/index.js"] = PACKAGE.read_bytes()
    snippet = (
        "window.headrace = (...call) => headrace.q.push(call); headrace.q = []; headrace.consent = answer => headrace('consent', answer)"
    )
    tag = f"""<script type="module">
        import {{ load, track }} from "/index.js";
        load({{ src: "/headrace.js", site: "shop", endpoint: "{recorder.collector}/h" }});
        track("second");
    </script>"""
    visitor.open(head=f"<script>{snippet}; headrace('first')</script>", tag=tag)
    visitor.wait_for("second")
    assert [event["type"] for event in recorder.events] == ["pageView", "first", "second"]
    assert recorder.batches[0].headers["host"] in recorder.collector

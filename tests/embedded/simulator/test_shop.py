import re
import socket
from collections.abc import Iterator

import httpx
import pytest
from support.simulator import Received, RunningShop, StandIn, end, shop_running, stand_in_running, start

from simulator.shop.collector_proxy import MAX_BODY_BYTES
from simulator.shop.products import load_catalogue

BATCH = b'{"version":1,"site":"shop","sent_at":1,"events":[{"id":"a"}]}'


@pytest.fixture(scope="module")
def collector() -> Iterator[StandIn]:
    with stand_in_running() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def shop(collector: StandIn) -> Iterator[RunningShop]:
    with shop_running(collector.url) as running:
        yield running


@pytest.fixture
def browser(shop: RunningShop, collector: StandIn) -> Iterator[httpx.Client]:
    collector.requests.clear()
    collector.answers.clear()
    with httpx.Client(base_url=shop.url, trust_env=False) as client:
        yield client


def the_request(collector: StandIn) -> Received:
    (request,) = collector.requests
    return request


def test_every_link_of_the_shop_leads_to_a_page_of_it(browser: httpx.Client) -> None:
    seen: set[str] = set()
    waiting = {"/"}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        response = browser.get(path)
        assert response.status_code == 200, path
        if response.headers["content-type"].startswith("text/html"):
            waiting |= set(re.findall(r'(?:href|src)="(/[^"#]*)', response.text)) - seen
    catalogue = load_catalogue()
    assert {f"/product/{one}" for one in catalogue.products} | {f"/category/{one}" for one in catalogue.categories} <= seen
    assert {"/headrace.js", "/downloads/catalogue.csv", "/catalogue", "/about", "/basket"} <= seen


@pytest.mark.parametrize("path", ["/", "/catalogue", "/catalogue/books", "/product/VD55181667", "/about", "/nothing"])
def test_every_page_carries_the_tracker_and_nothing_from_elsewhere(browser: httpx.Client, path: str) -> None:
    response = browser.get(path)
    assert '<script async src="/headrace.js" data-site="shop"></script>' in response.text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!example\.org/)', response.text)
    assert "default-src 'self'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/nothing", "/product/x", "/category/x", "/journal/x", "/catalogue/x", "/static/x"])
def test_an_unknown_path_is_a_404(browser: httpx.Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_the_price_list_has_every_product(browser: httpx.Client) -> None:
    response = browser.get("/downloads/catalogue.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(response.text.splitlines()) == 1 + len(load_catalogue().products)


def test_a_batch_goes_to_the_collector_as_it_came(browser: httpx.Client, collector: StandIn) -> None:
    said = {
        "User-Agent": "A browser",
        "Sec-GPC": "1",
        "DNT": "1",
        "Content-Type": "text/plain;charset=UTF-8",
        "Origin": "https://example.org",
    }
    response = browser.post("/h", content=BATCH, headers=said)
    assert (response.status_code, response.json()) == (200, {"results": ["ok"]})
    request = the_request(collector)
    assert (request.method, request.path, request.body) == ("POST", "/h", BATCH)
    assert {name: request.headers[name.lower()] for name in said} == said


@pytest.mark.parametrize(
    ("claimed", "forwarded"), [(None, "127.0.0.1"), ("192.0.2.7", "192.0.2.7, 127.0.0.1"), ("x, 192.0.2.7", "x, 192.0.2.7, 127.0.0.1")]
)
def test_the_client_ip_is_appended(browser: httpx.Client, collector: StandIn, claimed: str | None, forwarded: str) -> None:
    browser.post("/h", content=BATCH, headers={"X-Forwarded-For": claimed} if claimed else {})
    assert the_request(collector).headers["x-forwarded-for"] == forwarded


def test_headers_that_the_browser_does_not_send_are_not_added(browser: httpx.Client, collector: StandIn) -> None:
    request = browser.build_request("POST", "/h", content=BATCH)
    for name in ("user-agent", "accept-encoding"):
        del request.headers[name]
    browser.send(request)
    received = the_request(collector)
    assert (received.headers["user-agent"], received.headers["accept-encoding"]) == ("", "identity")
    assert not received.headers.keys() & {"cookie", "sec-gpc", "dnt", "referer"}


def test_cookies_stay_with_the_shop(browser: httpx.Client, collector: StandIn) -> None:
    browser.post("/h", content=BATCH, headers={"Cookie": "session=secret"})
    assert "cookie" not in the_request(collector).headers


@pytest.mark.parametrize("status", [200, 400, 413, 422, 503])
def test_the_answer_comes_back_as_it_is(browser: httpx.Client, collector: StandIn, status: int) -> None:
    said = {
        "Content-Type": "application/json",
        "Retry-After": "9",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
    }
    collector.answers = [(status, said, b'{"reason":"x"}')]
    response = browser.post("/h", content=BATCH)
    assert (response.status_code, response.content) == (status, b'{"reason":"x"}')
    assert {name: response.headers[name] for name in said} == said


def test_a_preflight_is_the_collectors_to_answer(browser: httpx.Client, collector: StandIn) -> None:
    collector.answers = [(204, {"Access-Control-Allow-Methods": "POST"}, b"")]
    response = browser.options("/h", headers={"Origin": "https://example.org", "Access-Control-Request-Method": "POST"})
    assert (response.status_code, response.headers["access-control-allow-methods"]) == (204, "POST")
    assert the_request(collector).headers["access-control-request-method"] == "POST"


def test_a_script_that_has_not_changed_is_not_sent_again(browser: httpx.Client, collector: StandIn) -> None:
    collector.answers = [(304, {"ETag": '"a"'}, b"")]
    response = browser.get("/headrace.js", headers={"If-None-Match": '"a"'})
    assert (response.status_code, response.headers["etag"]) == (304, '"a"')
    assert the_request(collector).headers["if-none-match"] == '"a"'


def test_a_body_beyond_the_limit_is_refused_before_the_collector_sees_it(browser: httpx.Client, collector: StandIn) -> None:
    response = browser.post("/h", content=b"x" * (MAX_BODY_BYTES + 1))
    assert (response.status_code, response.json()["reason"]) == (413, "body_too_large")
    assert response.headers["access-control-allow-origin"] == "*"
    assert collector.requests == []


def test_a_body_at_the_limit_is_forwarded(browser: httpx.Client, collector: StandIn) -> None:
    collector.answers = [(200, {}, b"")]
    assert browser.post("/h", content=b"x" * MAX_BODY_BYTES).status_code == 200
    assert len(the_request(collector).body) == MAX_BODY_BYTES


def test_other_methods_are_not_allowed(browser: httpx.Client) -> None:
    assert browser.get("/h").status_code == 405


def test_the_shop_continues_without_its_collector() -> None:
    with shop_running("http://127.0.0.1:1") as shop, httpx.Client(base_url=shop.url, trust_env=False) as browser:
        assert browser.get("/").status_code == 200
        for response in (browser.post("/h", content=BATCH), browser.get("/headrace.js")):
            assert (response.status_code, response.json()["reason"]) == (503, "collector_away")
            assert int(response.headers["retry-after"]) > 0
            assert response.headers["access-control-expose-headers"] == "Retry-After"


def test_a_browser_that_goes_in_the_middle_of_a_body_does_no_harm(shop: RunningShop, browser: httpx.Client, collector: StandIn) -> None:
    port = int(shop.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as gone:
        gone.sendall(b"POST /h HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n{")
    assert browser.post("/h", content=BATCH).status_code == 200
    assert the_request(collector).body == BATCH


def test_a_wrong_setting_is_reported_and_ends_with_2() -> None:
    process = start("simulator.shop", HEADRACE_SHOP_PORT="far too many")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said.startswith("HEADRACE_SHOP_PORT: ")


def test_a_port_in_use_is_reported_and_ends_with_1(shop: RunningShop) -> None:
    port = shop.url.rpartition(":")[2]
    process = start("simulator.shop", HEADRACE_SHOP_PORT=port)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said == f"HEADRACE_SHOP_PORT: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_host_may_be_ipv6() -> None:
    process = start("simulator.shop", HEADRACE_SHOP_HOST="::1", HEADRACE_SHOP_PORT=0)
    assert process.stdout is not None
    assert "shop started" in process.stdout.readline()
    assert end(process) == (0, "")

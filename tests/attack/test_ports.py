"""Ports without a login, as a web page of another site reaches them: it has nothing done there and reads nothing."""

import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping

import httpx
import pytest
from playwright.sync_api import Browser, Page
from support.browser.chromium import chromium_running
from support.headrace.service_ports import Port, exchange

STATEMENT = json.dumps({"query": "SELECT 1 AS leaked"})
SLOW_SECONDS = 5
SLOW = json.dumps(
    {"query": "SELECT COUNT(*) FROM " + ", ".join(f"INFORMATION_SCHEMA.COLUMNS AS c{number}" for number in range(9))}
    | {"context": {"timeout": SLOW_SECONDS * 1000}}
)
SEND = """async ([url, body, mode, type]) => {
    const begun = performance.now()
    const options = body === null ? {mode} : {method: 'POST', mode, body, headers: type ? {'Content-Type': type} : {}}
    let text = ''
    try { const answer = await fetch(url, options); text = `${answer.type} ${answer.status} ` + await answer.text() }
    catch (error) { text = `failed ${error}` }
    return [text, (performance.now() - begun) / 1000]
}"""


@pytest.fixture(params=["sql", "internal", "probes"])
def port(request: pytest.FixtureRequest, ports: dict[str, Port]) -> Port:
    return ports[request.param]


def reason(body: Mapping[str, str]) -> str:
    return str(body.get("reason") or body["errorCode"])  # on the SQL port Druid's error object


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("Host: evil.example",), (403, "foreign_host")),
        (("Host: localhost.evil.example:80",), (403, "foreign_host")),
        (("Host: 2130706433",), (403, "foreign_host")),
        (("Host: ",), (403, "foreign_host")),
        ((), (400, "malformed_request")),
        (("Host: localhost", "Host: evil.example"), (400, "malformed_request")),
        (("Host: evil.example", "Host: localhost"), (400, "malformed_request")),
        (("Host: localhost@evil.example",), (400, "malformed_request")),
        (("Host: localhost", "Origin: http://evil.example"), (403, "not_for_pages")),
        (("Host: localhost", "Origin: null"), (403, "not_for_pages")),
        (("Host: localhost", "Origin: http://localhost"), None),
        (("Host: localhost", "Sec-Fetch-Site: cross-site"), (403, "not_for_pages")),
        (("Host: [::1]:80",), None),
        (("host:LOCALHOST.",), None),
    ],
)
def test_each_such_port_holds_all_its_paths_to_the_same_rules(port: Port, lines: tuple[str, ...], expected: tuple[int, str] | None) -> None:
    paths = (*port.paths, "/nowhere")
    counted = port.refused(expected[1]) if expected else 0
    for path in paths:
        status, body = exchange(port.number, "\r\n".join((f"GET {path} HTTP/1.1", *lines, "Connection: close", "", "")).encode())
        if expected is None:
            assert status == (404 if path == "/nowhere" else 200)
        else:
            assert (status, reason(json.loads(body))) == expected
    assert expected is None or port.refused(expected[1]) == counted + len(paths)


@pytest.mark.parametrize("name", ["internal", "probes"])
def test_a_whole_url_as_target_is_held_to_the_same_rule(ports: dict[str, Port], name: str) -> None:
    port = ports[name]
    for path in port.paths:
        status, body = exchange(
            port.number, f"GET http://evil.example{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert (status, reason(json.loads(body))) == (403, "foreign_host")


def test_http_1_0_without_a_host_is_answered(port: Port) -> None:
    assert exchange(port.number, f"GET {port.paths[-1]} HTTP/1.0\r\n\r\n".encode())[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_statements_and_replays_are_taken_as_json_only(ports: dict[str, Port], kind: str) -> None:
    for path in ports["sql"].posts:
        answer = httpx.post(ports["sql"].url(path), content=STATEMENT, headers={"Content-Type": kind} if kind else {}, trust_env=False)
        assert (answer.status_code, reason(answer.json())) == (415, "not_json")
    assert httpx.post(ports["sql"].url("/druid/v2/sql"), json=json.loads(STATEMENT), trust_env=False).json() == [{"leaked": 1}]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_running("--host-resolver-rules=MAP *.example 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
def evil_page(browser: Browser) -> Iterator[Page]:
    """An open page at http://evil.example, on its own port."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title>")

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://evil.example:{server.server_port}/")
        yield page
        page.close()
        server.shutdown()


def test_a_statement_takes_its_time_where_it_is_executed(ports: dict[str, Port]) -> None:
    begun = time.monotonic()
    answer = httpx.post(
        ports["sql"].url("/druid/v2/sql"), content=SLOW, headers={"Content-Type": "application/json"}, timeout=30, trust_env=False
    )
    assert (answer.status_code, time.monotonic() - begun >= SLOW_SECONDS) == (504, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "rebind.example"])
def test_a_page_of_another_origin_has_no_statement_executed(evil_page: Page, ports: dict[str, Port], host: str) -> None:
    for mode, kind in (
        ("no-cors", ""),
        ("no-cors", "application/x-www-form-urlencoded"),
        ("cors", "text/plain"),
        ("cors", "application/json"),
    ):
        text, seconds = evil_page.evaluate(SEND, [ports["sql"].url("/druid/v2/sql", host), SLOW, mode, kind])
        assert seconds < SLOW_SECONDS / 2, (mode, kind, text)
        assert text.startswith("opaque 0" if mode == "no-cors" else "failed"), text


def test_a_page_of_another_origin_reaches_no_path_of_any_such_port(evil_page: Page, port: Port) -> None:
    for path in port.posts:
        counted = port.refused("not_for_pages")
        assert evil_page.evaluate(SEND, [port.url(path), "{}", "no-cors", ""])[0] == "opaque 0 "
        assert port.refused("not_for_pages") == counted + 1
    for path in port.paths:
        counted = port.refused("not_for_pages")
        assert evil_page.evaluate(SEND, [port.url(path), None, "cors", ""])[0].startswith("failed")
        assert evil_page.evaluate(SEND, [port.url(path), None, "no-cors", ""])[0] == "opaque 0 "
        assert port.refused("not_for_pages") == counted + 2


def test_a_name_that_was_made_to_point_here_reads_nothing(browser: Browser, port: Port) -> None:
    page = browser.new_page()
    answer = page.goto(port.url(port.paths[0], "rebind.example"))
    assert answer is not None
    assert answer.status == 403
    for path in port.paths:
        text = page.evaluate(SEND, [path, None, "same-origin", ""])[0]
        assert text.startswith("basic 403 {"), text
        assert reason(json.loads(text.removeprefix("basic 403 "))) == "foreign_host"
    for path in port.posts:
        for kind in ("application/json", "text/plain"):
            assert page.evaluate(SEND, [path, STATEMENT, "same-origin", kind])[0].startswith("basic 403 {")
    page.close()


def test_an_operator_reads_the_same_paths_at_localhost(browser: Browser, port: Port) -> None:
    page = browser.new_page()
    for path in port.paths:
        for host in ("localhost", "127.0.0.1"):
            answer = page.goto(port.url(path, host))
            assert answer is not None
            assert answer.status == 200
            assert page.evaluate(SEND, [path, None, "same-origin", ""])[0].startswith("basic 200")
    page.close()

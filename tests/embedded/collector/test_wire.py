"""Requests over raw sockets: valid and invalid shapes, and their order."""

from collections.abc import Iterator

import httpx
import pytest
from support.collector.collectors import DECODER, RunningCollector, a_body, an_event, an_id, collector_running
from support.collector.wire import Wire, a_chunked_request, a_request, ask
from support.topics.in_memory import read_all
from support.waiting import wait_until

BODY = a_body()
OK = b'{"results":["ok"]}'
POST = b"POST /h HTTP/1.1\r\nHost: a\r\n"
HOSTS = (b"", b"\tShop.Example:8290 ", b"192.0.2.1:", b"[2001:db8::1]:443", b"[::ffff:192.0.2.1]", b"my_shop", b"a%20b")
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with collector_running(tmp_path_factory.mktemp("collector")) as running:
        yield running


def metric(collector: RunningCollector, line: str) -> int:
    text = httpx.get(collector.internal_url + "/metrics", trust_env=False).text
    return next(
        (int(float(found.rpartition(" ")[2])) for found in text.splitlines() if found.startswith(f"clickstream_collector_{line}")), 0
    )


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        POST + b"Content-Length: 5, 5\r\n\r\nabcde",
        POST + b"Content-Length: +5\r\n\r\nabcde",
        POST + b"Content-Length: -5\r\n\r\nabcde",
        POST + b"Content-Length: 0x5\r\n\r\nabcde",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nabcde",
        POST + b"Content-Length: \r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        POST + b"X: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        POST + b"X: a\r\n\tfolded\r\nContent-Length: 0\r\n\r\n",
        b"POST /h HTTP/1.1\r\n Host: a\r\n\r\n",
        b"POST /h\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"X: \0\r\n\r\n",
        POST + b"X\0: a\r\n\r\n",
        POST + b"X: a\rb\r\n\r\n",
        POST + b"X: a\nY: b\r\n\r\n",
        b"POST /h HTTP/1.1\nHost: a\n\n",
        POST + b"X\r\n\r\n",
        POST + b": a\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
        CHUNKED + b"2\nab\r\n0\r\n\r\n",
        CHUNKED + b"2 \r\nab\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"2;\nxx\r\nab\r\n0\r\n\r\n",
        b"gEt /h HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/h HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /h /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /h HTTP/3.7\r\nHost: a\r\n\r\n",
        b"GET h HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /h\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes.fromhex("16030100f1010000ed0303"),
        b"GET /h HTTP/1.1\r\n\r\n",
        b"GET /headrace.js HTTP/1.1\r\n\r\n",
        b"GET http://a/h HTTP/1.1\r\n\r\n",
        b"POST /h HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /h HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        POST + b"Host: a\r\n\r\n",
        b"GET /h HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n",
        b"GET /h HTTP/1.0\r\nHost: a/b\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: a, b\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: jo@a\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: a:port\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: a%zz\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: ::1\r\n\r\n",
        b"GET /h HTTP/1.1\r\nHost: \xc3\xa9.example\r\n\r\n",
    ],
)
def test_an_invalid_request_is_rejected_and_the_connection_closed(collector: RunningCollector, request_bytes: bytes) -> None:
    stored, refused = len(read_all(collector.topic_directory)), metric(collector, 'refused_requests_total{reason="malformed_request"')
    with Wire(collector.port) as wire:
        answer = wire.send(request_bytes).answer()
        assert (answer.status, answer.json["reason"], answer.headers["connection"]) == (400, "malformed_request", "close")
        wire.send(a_request(BODY))  # smuggled: nobody listens any more
        assert wire.is_closed()
    assert len(read_all(collector.topic_directory)) == stored
    assert metric(collector, 'refused_requests_total{reason="malformed_request"') == refused + 1


@pytest.mark.parametrize(
    ("pieces", "connection"),
    [
        ([a_request(BODY)], "keep-alive"),
        ([bytes([byte]) for byte in a_request(BODY)], "keep-alive"),
        ([bytes([byte]) for byte in a_chunked_request(BODY[:20], BODY[20:])], "keep-alive"),
        ([a_chunked_request(BODY).replace(b"\r\n{", b";name=value\r\n{", 1)], "keep-alive"),
        ([b"\r\n\r\n" + a_request(BODY)], "keep-alive"),
        ([a_request(BODY, target=b"http://a/h?x=1#y")], "keep-alive"),
        ([a_request(BODY, target=b"/%68")], "keep-alive"),
        ([a_request(BODY, b"Connection: close")], "close"),
        *(([a_request(BODY).replace(b"Host: a", b"Host:" + host)], "keep-alive") for host in HOSTS),
        ([a_request(BODY, version=b"1.0").replace(b"Host: a\r\n", b"")], "close"),
        ([a_request(BODY, version=b"1.0")], "close"),
        ([a_request(BODY, b"Connection: keep-alive", version=b"1.0")], "keep-alive"),
        ([a_request(BODY, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")], "keep-alive"),
        ([a_chunked_request(BODY, headers=[b"Connection: Upgrade", b"Upgrade: websocket"])], "keep-alive"),
    ],
)
def test_an_event_is_taken_in_any_right_shape(collector: RunningCollector, pieces: list[bytes], connection: str) -> None:
    with Wire(collector.port) as wire:
        answer = wire.send(*pieces).answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (200, OK, connection)
        assert answer.headers["access-control-allow-origin"] == "*"
        if connection == "close":
            assert wire.is_closed()
        else:
            assert wire.send(a_request(BODY)).answer().body == OK


def test_a_client_that_closes_its_sending_side_gets_a_response(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        wire.send(a_request(BODY)).socket.shutdown(1)
        assert wire.answer().body == OK
        assert wire.is_closed()


def test_bytes_after_a_body_are_not_a_header(collector: RunningCollector) -> None:
    before = len(read_all(collector.topic_directory))
    ask(collector.port, a_chunked_request(BODY, end=b"0\r\nX-Forwarded-For: 203.0.113.9\r\nDNT: 1\r\n\r\n"))
    (message,) = read_all(collector.topic_directory)[before:]
    assert b"127.0.0.0" in message.value


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([b"X-Forwarded-For: " + b"192.0.2.66, " * 900 + b"203.0.113.9"], "203.0.113.0"),
        ([b"X-Forwarded-For: 192.0.2.66", b"X-Forwarded-For: [2001:db8:1::2]:443"], "2001:db8:1::"),
        ([b"X-Forwarded-For: 203.0.113.9, unknown"], None),
    ],
)
def test_whose_a_request_is_is_what_the_last_proxy_says(collector: RunningCollector, lines: list[bytes], kept: str | None) -> None:
    before = len(read_all(collector.topic_directory))
    assert ask(collector.port, a_request(BODY, *lines)).body == OK
    (message,) = read_all(collector.topic_directory)[before:]
    assert DECODER.decode(message.value)["address"] == kept


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_responses_come_in_the_order_of_the_requests_whichever_handler_sends_them(collector: RunningCollector, size: int) -> None:
    wanted = [
        (a_request(BODY), 200),
        (a_request(b"no JSON"), 400),
        (b"GET /headrace.js HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (a_request(b"x" * 100, target=b"/nowhere"), 404),
        (a_request(method=b"OPTIONS"), 204),
        (a_request(BODY), 200),
        (a_request(method=b"PUT"), 405),
        (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (a_request(a_body(an_event(id="x"))), 422),
        (a_request(BODY, b"Connection: close"), 200),
    ]
    everything = b"".join(request for request, _ in wanted)
    with Wire(collector.port) as wire:
        wire.send(*(everything[start : start + size] for start in range(0, len(everything), size)))
        assert [wire.answer().status for _ in wanted] == [status for _, status in wanted]
        assert wire.is_closed()


def test_a_broken_request_is_refused_behind_the_answers_to_those_before_it(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        wire.send(a_request(BODY) * 2 + b"GET /headrace.js HTTP/1.1\r\nHost: a\r\n\r\n" + b"\0" + a_request(BODY))
        assert [wire.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert wire.is_closed()


def test_many_requests_for_another_protocol_at_once_are_refused(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        wire.send(a_request(BODY, b"Connection: Upgrade", b"Upgrade: h2c") * 500)
        statuses = [wire.answer().status for _ in range(9)]
        assert statuses == [200] * 8 + [400]
        assert wire.is_closed()


@pytest.mark.parametrize(("target", "status", "length"), [(b"/h", 405, "69"), (b"/headrace.js", 200, None), (b"/nowhere", 404, "9")])
def test_the_answer_to_head_has_no_body(collector: RunningCollector, target: bytes, status: int, length: str | None) -> None:
    with Wire(collector.port) as wire:
        answer = wire.send(a_request(method=b"HEAD", target=target)).answer(to_head=True)
        assert (answer.status, answer.headers["content-length"]) == (status, length or answer.headers["content-length"])
        assert wire.send(a_request(BODY)).answer().body == OK


@pytest.mark.parametrize(("accepted", "encoding"), [(b"gzip;q=0", None), (b"br, gzip;q=0.5", "gzip")])
def test_the_script_is_compressed_for_clients_that_accept_it(collector: RunningCollector, accepted: bytes, encoding: str | None) -> None:
    answer = ask(collector.port, a_request(b"", b"Accept-Encoding: " + accepted, method=b"GET", target=b"/headrace.js"))
    assert (answer.status, answer.headers.get("content-encoding"), answer.headers["vary"]) == (200, encoding, "Accept-Encoding")


def test_a_client_that_expects_100_continue_gets_it(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        assert wire.send(a_request(b"", b"Expect: 100-continue", length=len(BODY))).answer().status == 100
        assert wire.send(BODY).answer().body == OK
        assert wire.send(a_request(BODY, b"Expect: 100-continue")).answer().body == OK  # it did not wait
        assert wire.send(a_request(b"", b"Expect: 100-continue", length=10**10)).answer().status == 413


def test_divoltes_path_may_end_with_a_slash_and_the_trackers_may_not(collector: RunningCollector) -> None:
    paths = (b"/csc-event", b"/csc-event/", b"/h/", b"/csc-event/x")
    assert [ask(collector.port, a_request(BODY, target=path)).status for path in paths] == [200, 200, 404, 404]


@pytest.mark.parametrize(
    "request_bytes",
    [
        a_request(BODY, b"Origin: null").replace(b"Host: a", b"Host: localhost"),
        b"GET /ledger HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n",
    ],
)
def test_a_page_is_not_a_trusted_source_even_on_the_same_machine(collector: RunningCollector, request_bytes: bytes) -> None:
    before = len(read_all(collector.topic_directory))
    answer = ask(collector.internal_port, request_bytes)
    assert (answer.status, answer.json["reason"]) == (403, "not_for_pages")
    assert len(read_all(collector.topic_directory)) == before


def test_clients_that_disconnect_midway_store_nothing_and_are_counted(collector: RunningCollector) -> None:
    stored, aborted = len(read_all(collector.topic_directory)), metric(collector, "aborted_requests_total")
    for number in range(500):
        with Wire(collector.port) as wire:
            wire.send(a_request(BODY)[: -1 - number % 300])
    wait_until(lambda: metric(collector, "aborted_requests_total") == aborted + 500)
    assert len(read_all(collector.topic_directory)) == stored


def test_an_event_whose_sender_does_not_wait_for_the_answer_is_stored(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        wire.send(a_request(a_body(an_event(77))))
    wait_until(lambda: an_id(77) in [message.event_id for message in read_all(collector.topic_directory)])
    assert ask(collector.port, a_request(BODY)).status == 200


def send_until_stuck(wire: Wire, request: bytes) -> int:
    """Send a request repeatedly until none is accepted any more; return the number of complete ones."""
    wire.socket.settimeout(1)
    stream, sent = request * 2000, 0
    try:
        while True:
            sent += wire.socket.send(stream[sent % len(request) :])
    except TimeoutError:
        return sent // len(request)
    finally:
        wire.socket.settimeout(10)


def test_answers_that_are_not_read_hold_back_the_requests_behind_them(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        count = send_until_stuck(wire, a_request(method=b"OPTIONS"))
        assert 1000 < count < 500_000
        assert {wire.answer().status for _ in range(count)} == {204}
        assert ask(collector.port, a_request(BODY)).status == 200

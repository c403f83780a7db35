"""Clients that are slow, endless or too many get an error and are disconnected, without an effect on the others."""

import contextlib
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import psutil
import pytest
from support.collector.collectors import Answer, RunningCollector, a_body, an_event, collector_running
from support.collector.load import Load
from support.collector.wire import Wire, a_chunked_request, a_request, ask
from support.topics.in_memory import read_all
from support.waiting import wait_until

from topics.topic import Kind

BODY = a_body()
OK = b'{"results":["ok"]}'
SLOW = 500


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with collector_running(
        tmp_path_factory.mktemp("collector"),
        header_timeout_seconds=0.6,
        body_timeout_seconds=0.6,
        idle_timeout_seconds=0.6,
        max_connections=20,
        max_connections_per_client=10,
        trusted_proxies="127.0.0.9",
    ) as running:
        yield running


def refused(collector: RunningCollector, reason: str) -> int:
    text = httpx.get(collector.internal_url + "/metrics", trust_env=False).text
    start = f'clickstream_collector_refused_requests_total{{reason="{reason}"}} '
    return next((int(float(line.removeprefix(start))) for line in text.splitlines() if line.startswith(start)), 0)


def drip(wire: Wire, text: bytes) -> float:
    """Send a byte every twentieth of a second until the other side responds; return the seconds."""
    began = time.monotonic()
    wire.socket.settimeout(0.05)
    for byte in text:
        with contextlib.suppress(OSError):
            wire.socket.send(bytes([byte]))
        try:
            wire.socket.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue
    wire.socket.settimeout(10)
    return time.monotonic() - began


@pytest.mark.parametrize("target", [b"/h", b"/headrace.js"])
def test_a_header_that_comes_byte_by_byte_is_given_up_in_time(collector: RunningCollector, target: bytes) -> None:
    with Wire(collector.port) as wire:
        seconds = drip(wire, b"GET " + target + b" HTTP/1.1\r\nX: " + b"a" * 200)
        answer = wire.answer()
        assert (answer.status, answer.json["reason"], answer.headers["connection"]) == (408, "header_too_slow", "close")
        assert seconds > 0.5
        assert wire.is_closed()


def test_a_body_that_comes_byte_by_byte_is_given_up_in_time_and_stored_as_refused(collector: RunningCollector) -> None:
    before = len(read_all(collector.topic_directory))
    with Wire(collector.port) as wire:
        wire.send(a_request(BODY)[: -len(BODY)])
        assert drip(wire, BODY) > 0.5
        answer = wire.answer()
        assert (answer.status, answer.json["reason"], answer.headers["connection"]) == (408, "body_too_slow", "close")
        assert wire.is_closed()
    (message,) = read_all(collector.topic_directory)[before:]
    assert (message.kind, message.key) == (Kind.REJECTION, b"body_too_slow")


def test_an_abandoned_body_times_out_too(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire:
        assert wire.send(a_request(b"", target=b"/nowhere", length=100)).answer().status == 404
        assert wire.is_closed()


@pytest.mark.parametrize("first", [b"", a_request(BODY), b"GET /headrace.js HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n"])
def test_a_connection_that_asks_nothing_is_closed_silently(collector: RunningCollector, first: bytes) -> None:
    with Wire(collector.port) as wire:
        wire.send(first)
        if first.strip():
            assert wire.answer().status == 200
        assert wire.is_closed()


def test_answers_that_are_never_read_are_given_up(collector: RunningCollector) -> None:
    with Wire(collector.port) as wire, pytest.raises(ConnectionError):
        wire.send(*[b"GET /headrace.js HTTP/1.1\r\nHost: a\r\n\r\n" * 1000] * 10_000)


@pytest.mark.parametrize(
    ("status", "reason", "request_bytes"),
    [
        (414, "url_too_long", a_request(BODY, target=b"/h?" + b"a" * 32766)),
        (414, "url_too_long", b"GET /" + b"a" * 300_000),
        (431, "header_too_large", a_request(BODY, *[b"X: a"] * 63)),
        (431, "header_too_large", a_request(BODY, *[b"X: " + b"a" * 1000] * 17)),
        (431, "header_too_large", b"POST /h HTTP/1.1\r\nX: " + b"a" * 1_000_000),
        (431, "header_too_large", b"GET /headrace.js HTTP/1.1\r\n" + b"X: a\r\n" * 65 + b"\r\n"),
        (413, "body_too_large", a_request(b"", length=10**10)),
        (413, "body_too_large", a_request(b"", length=10**10, target=b"/nowhere")),
        (413, "body_too_large", a_request(b" " * 300_000)),
        (413, "body_too_large", a_chunked_request(b" " * 300_000)),
    ],
)
def test_a_request_that_is_too_long_is_rejected_and_the_connection_closed(
    collector: RunningCollector, status: int, reason: str, request_bytes: bytes
) -> None:
    before = refused(collector, reason)
    with Wire(collector.port) as wire:
        answer = wire.send(request_bytes).answer()
        assert (answer.status, answer.json["reason"], answer.headers["connection"]) == (status, reason, "close")
        assert wire.is_closed()
    assert refused(collector, reason) == before + 1


def test_input_at_the_bound_is_accepted(collector: RunningCollector) -> None:
    assert ask(collector.port, a_request(BODY, target=b"/h?" + b"a" * 8189)).body == OK
    assert ask(collector.port, a_request(BODY, *[b"X: a"] * 62)).body == OK
    assert ask(collector.port, a_request(BODY, *[b"X: " + b"a" * 1000] * 15)).body == OK
    assert ask(collector.port, a_request(BODY + b" " * (256 * 1024 - len(BODY)))).body == OK


def test_a_text_that_is_too_long_is_refused_and_the_events_beside_it_are_taken(collector: RunningCollector) -> None:
    events = (an_event(title="a" * 8192), an_event(2, title="a" * 8193), an_event(3, parameters={"a": "b" * 8192}))
    assert ask(collector.port, a_request(a_body(*events))).json["results"] == ["ok", "invalid_text", "invalid_parameters"]


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (a_request(b"", length=10**10), b" " * 65536),
        (a_chunked_request(end=b""), b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (a_chunked_request(end=b""), b"1\r\na\r\n" * 10_000),
        (a_chunked_request(end=b"1;"), b"a" * 65536),
        (a_chunked_request(end=b"0\r\n"), b"X: a\r\n" * 10_000),
        (a_chunked_request(end=b"0\r\nX: "), b"a" * 65536),
        (a_request(b"", length=10**10, target=b"/nowhere"), b" " * 65536),
        (a_chunked_request(end=b"").replace(b"POST /h", b"GET /headrace.js"), b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (b"GET /h HTTP/1.1\r\nX: ", b"a" * 65536),
        (b"GET /h HTTP/1.1\r\n", b"X: a\r\n" * 10_000),
    ],
)
def test_an_endless_request_is_cut_and_takes_no_memory(collector: RunningCollector, head: bytes, piece: bytes) -> None:
    process = psutil.Process(collector.process.pid)
    before, sent = process.memory_info().rss, 0
    with Wire(collector.port) as wire, contextlib.suppress(ConnectionError):
        wire.send(head)
        while sent < 1 << 30:
            sent += wire.socket.send(piece)
    assert sent < 32 << 20  # most of it lay in the buffers of both sockets
    assert process.memory_info().rss - before < 16 << 20
    assert ask(collector.port, a_request(BODY)).body == OK


def test_when_bodies_under_way_take_much_memory_the_slow_are_sent_away_early(tmp_path: Path) -> None:
    settings = {"max_body_bytes": 4 << 20, "max_connections_per_client": 64, "trusted_proxies": "127.0.0.9"}
    with collector_running(tmp_path, **settings) as running, contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(running.port, client=f"127.0.3.{number % 8 + 1}")) for number in range(40)]
        for wire in wires:
            wire.send(a_request(b"", length=4 << 20) + bytes(4_000_000))  # 160 MB, and none of it whole
        answers = [wire.answer() for wire in wires[:20]]
        assert {(answer.status, answer.json["message"]) for answer in answers} == {(408, "the body must arrive within 1 seconds")}
        with Wire(running.port, client="127.0.0.9") as visitor:
            assert visitor.send(a_request(BODY)).answer().body == OK


def held(collector: RunningCollector, stack: contextlib.ExitStack, client: str, count: int) -> list[Wire]:
    """Open connections, each of which has had an answer."""
    wires = [stack.enter_context(Wire(collector.port, client=client)) for _ in range(count)]
    for wire in wires:
        assert wire.send(a_request(BODY)).answer().body == OK
    return wires


def test_one_client_ip_has_a_limit_of_connections_and_a_trusted_proxy_has_more(collector: RunningCollector) -> None:
    before = refused(collector, "too_many_connections_of_client")
    with contextlib.ExitStack() as stack:
        held(collector, stack, "127.0.0.2", 10)
        one_more = stack.enter_context(Wire(collector.port, client="127.0.0.2"))
        answer = one_more.answer()
        assert (answer.status, int(answer.headers["retry-after"]) >= 5, answer.headers["connection"]) == (429, True, "close")
        assert one_more.is_closed()
        held(collector, stack, "127.0.0.3", 1)
    with contextlib.ExitStack() as stack:
        held(collector, stack, "127.0.0.9", 12)
    assert refused(collector, "too_many_connections_of_client") == before + 1


def test_all_clients_together_have_a_limit_of_connections(collector: RunningCollector) -> None:
    with contextlib.ExitStack() as stack:
        first, *_ = held(collector, stack, "127.0.0.2", 10)
        held(collector, stack, "127.0.0.3", 10)
        assert ask(collector.port, b"").status == 503
        assert readiness(collector) == (503, "there are too many connections")
        first.close()
        wait_until(lambda: ask(collector.port, a_request(BODY)).status == 200)
        wait_until(lambda: readiness(collector) == (200, ""))


def readiness(collector: RunningCollector) -> tuple[int, str]:
    answer = httpx.get(f"{collector.internal_url}/health/ready", trust_env=False)
    return answer.status_code, answer.json().get("message", "")


def flood(collector: RunningCollector, client: str, *headers: bytes) -> list[Answer]:
    """Send 300 requests at once."""
    with Wire(collector.port, client=client) as wire:
        wire.send(a_request(BODY, *headers) * 300)
        return [wire.answer() for _ in range(300)]


def rate_limited(answers: list[Answer]) -> int:
    return sum(answer.status == 429 for answer in answers)


def test_a_network_that_sends_too_much_gets_a_retry_after_and_the_others_do_not(collector: RunningCollector) -> None:
    before = refused(collector, "too_many_requests")
    first, neighbour, other = (flood(collector, client) for client in ("127.0.7.1", "127.0.7.2", "127.0.8.1"))
    assert rate_limited(first[:200]) == rate_limited(other[:200]) == 0
    assert rate_limited(first) > 50  # the bucket fills while they come
    assert rate_limited(neighbour) > 200
    assert {(answer.json["reason"], answer.headers["retry-after"]) for answer in first if answer.status == 429} == {
        ("too_many_requests", "1")
    }
    assert refused(collector, "too_many_requests") == before + sum(map(rate_limited, (first, neighbour, other)))


def test_a_proxy_that_names_no_client_is_not_limited_but_a_client_that_it_names_is(collector: RunningCollector) -> None:
    assert rate_limited(flood(collector, "127.0.0.9")) == 0
    assert rate_limited(flood(collector, "127.0.0.9", b"X-Forwarded-For: 203.0.113.9")) > 50


class SlowOnes:
    """Many connections from two addresses that send half a request, a byte a second, and come back when they are cut."""

    def __init__(self, port: int) -> None:
        self._port, self.cut = port, 0
        self._texts = (b"GET /h HTTP/1.1\r\nX-Slow: " + b"a" * 1000, a_request(BODY), b"GET /headrace.js HTTP/1.1\r\nX: " + b"a" * 1000)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "SlowOnes":
        self._connections = {self._open(number): number for number in range(SLOW)}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for one in self._connections:
            one.close()

    def _open(self, number: int) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self._port), 5, (f"127.0.1.{number % 2}", 0))
        one.send(self._texts[number % 3][: 20 + number % 30])
        return one

    def _run(self) -> None:
        at = 50
        while not self._stop.wait(1):
            at += 1
            with selectors.DefaultSelector() as selector:
                for one in self._connections:
                    selector.register(one, selectors.EVENT_READ)
                answered = [cast("socket.socket", key.fileobj) for key, _ in selector.select(0)]
            for one in answered:
                number = self._connections.pop(one)
                one.close()
                self.cut += 1
                self._connections[self._open(number)] = number
            for one, number in self._connections.items():
                with contextlib.suppress(OSError):
                    one.send(self._texts[number % 3][at : at + 1] or b" ")


def test_500_slow_connections_do_not_slow_the_others(tmp_path: Path) -> None:
    with collector_running(tmp_path) as running:
        with Load(running.port) as before:
            wait_until(lambda: len(before.acknowledged) >= 300, within_seconds=20)
        with SlowOnes(running.port) as slow_ones, Load(running.port) as beside:
            wait_until(lambda: slow_ones.cut >= SLOW, within_seconds=60)
    assert before.failures == beside.failures == []
    assert statistics.median(beside.seconds) < 3 * statistics.median(before.seconds)

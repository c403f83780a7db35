"""Behaviour of a connection that no client can trigger, over a transport in memory."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog.testing
from support.collector.collectors import LocalCollector, a_body
from support.collector.transports import MemoryTransport, an_application
from support.collector.wire import a_request
from uvicorn import Config

from collector.http.limits import Limits
from collector.http.port_state import PortState
from collector.http.protocol import Connection
from collector.requests.http_types import Request
from collector.settings import Settings


class FullTransport(MemoryTransport):
    """A transport that has room for one answer at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection | None = None

    def write(self, data: Any) -> None:
        super().write(data)
        assert self.connection is not None
        self.connection.pause_writing()


def connect(state: PortState, transport: MemoryTransport | None = None) -> tuple[Connection, MemoryTransport]:
    transport = transport or MemoryTransport()
    connection = Connection(Config(an_application, interface="asgi3", log_config=None), state, {})
    connection.connection_made(transport)
    return connection, transport


async def an_exchange(act: Callable[[LocalCollector, PortState], None]) -> None:
    collector = LocalCollector()
    act(collector, PortState(collector.app.public, Limits.of(Settings()), collector.app.metrics, ()))
    for _ in range(5):
        await asyncio.sleep(0)  # the turns of the loop, and of the topic in memory


def test_an_internal_error_closes_the_connection_and_no_other() -> None:
    transports: list[MemoryTransport] = []

    def fail(_: Request, __: object) -> None:
        raise ZeroDivisionError

    def act(collector: LocalCollector, state: PortState) -> None:
        collector.app.public.events["/csc-event"].receive = fail  # type: ignore[method-assign, assignment]
        for target in (b"/csc-event", b"/h"):
            connection, transport = connect(state)
            transports.append(transport)
            connection.data_received(a_request(a_body(), target=target))

    with structlog.testing.capture_logs() as lines:
        asyncio.run(an_exchange(act))
    assert [line["event"] for line in lines if line["event"] != "server"] == ["request failed"]  # other tests may log too
    broken, sound = transports
    assert (broken.is_cut, broken.written) == (True, [])
    assert sound.written[0].startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_connection_that_is_cut_gets_no_answer() -> None:
    transports: list[MemoryTransport] = []

    def act(_: LocalCollector, state: PortState) -> None:
        connection, transport = connect(state)
        transports.append(transport)
        connection.data_received(a_request(a_body()))
        connection.process_queue()
        transport.abort()

    asyncio.run(an_exchange(act))
    assert transports[0].written == []


def test_connections_beyond_those_that_get_a_response_are_cut() -> None:
    transports: list[MemoryTransport] = []

    def act(collector: LocalCollector, state: PortState) -> None:
        state.limits = Limits.of(Settings(max_connections=1))
        transports.extend(connect(state)[1] for _ in range(516))

    asyncio.run(an_exchange(act))
    assert [transport.is_cut for transport in transports].count(True) == 516 - 1 - 512


def test_a_slow_reader_of_responses_gets_time_and_one_that_reads_none_does_not() -> None:
    transport = FullTransport()

    def act(_: LocalCollector, state: PortState) -> None:
        transport.connection = connect(state, transport)[0]
        transport.connection.data_received(a_request(method=b"OPTIONS") * 5 + b"POST /h HTTP/1.1\r\n")
        transport.connection.process_queue()
        for state.now in (10.0, 20.0, 30.0):
            transport.connection.resume_writing()
            transport.connection.check_timeouts(state.now + 10)
            assert not transport.is_cut
        transport.connection.check_timeouts(46.0)

    asyncio.run(an_exchange(act))
    assert (len(transport.written), transport.is_cut) == (4, True)

"""The internals of uvicorn that the collector uses: an upgrade that changes one of them fails here first."""

import ast
import asyncio
import inspect
from pathlib import Path

import pytest
from support.collector.transports import MemoryTransport, an_application
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from collector.http import connection, draining, port_state, protocol

CONNECTION = {
    *("client", "cycle", "flow", "headers", "parser", "server_state", "transport", "url"),
    *("connection_made", "data_received", "eof_received", "resume_writing", "connection_lost", "shutdown"),
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"),
    *("_start_asgi_task", "on_response_complete"),
}
FLOW = {"pause_reading", "resume_reading", "read_paused", "write_paused"}
CYCLE = {"keep_alive", "response_complete"}
STATE = {"connections", "tasks", "total_requests"}
SERVER = {"capture_signals", "config", "server_state", "servers", "shutdown", "startup"}


class Found(ast.NodeVisitor):
    """The attributes that some modules use, by the name of their object, and the methods that they define under `self`."""

    def __init__(self, *files: str | None) -> None:
        self.names: dict[str, set[str]] = {}
        for file in filter(None, files):
            self.visit(ast.parse(Path(file).read_text()))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = ast.unparse(node.value).replace("super()", "self").rpartition(".")[2]
        self.names.setdefault(owner, set()).add(node.attr)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.names.setdefault("self", set()).add(node.name)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def in_uvicorn(self, owner: str, uvicorns: object) -> set[str]:
        return {name for name in self.names[owner] if hasattr(uvicorns, name) and not name.startswith("__")}


def a_connection() -> HttpToolsProtocol:
    async def receive() -> HttpToolsProtocol:
        received = HttpToolsProtocol(Config(an_application, interface="asgi3", log_config=None), ServerState(), {})
        received.connection_made(MemoryTransport())
        received.data_received(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        return received

    return asyncio.run(receive())


def test_a_connection_uses_these_internals_and_uvicorn_has_them() -> None:
    found, uvicorns = Found(connection.__file__, protocol.__file__), a_connection()
    assert found.in_uvicorn("self", uvicorns) == CONNECTION
    assert found.in_uvicorn("flow", uvicorns.flow) == FLOW
    assert found.in_uvicorn("cycle", uvicorns.cycle) == CYCLE


def test_a_server_uses_these_internals_and_uvicorn_has_them() -> None:
    server = Server(Config(an_application, log_config=None))
    vars(server).update(dict.fromkeys(Server.startup.__code__.co_names))  # it makes `servers`
    assert Found(draining.__file__).in_uvicorn("self", server) == SERVER
    states = Found(connection.__file__, draining.__file__, port_state.__file__)
    uses = set[str]().union(*(states.in_uvicorn(owner, ServerState()) for owner in ("self", "server_state", "_state")))
    assert uses == STATE


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (HttpToolsProtocol.__init__, ["self", "config", "server_state", "app_state", "_loop"]),
        (HttpToolsProtocol._start_asgi_task, ["self", "cycle", "app"]),
        (HttpToolsProtocol.on_response_complete, ["self"]),
        (HttpToolsProtocol.shutdown, ["self"]),
        (Server.startup, ["self", "sockets"]),
        (Server.shutdown, ["self", "sockets"]),
    ],
)
def test_overridden_methods_have_these_parameters(function: object, parameters: list[str]) -> None:
    assert callable(function)
    assert list(inspect.signature(function).parameters) == parameters

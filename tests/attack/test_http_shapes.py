"""Requests in other shapes than a browser's, on every port: none gets the response of a valid one, and none redirects elsewhere."""

import re
import socket
import time
from email.utils import parsedate_to_datetime

import pytest
from support.headrace.service_ports import Port
from support.waiting import wait_until

PORTS = ("public", "internal", "sql", "probes", "shop")


@pytest.fixture(params=PORTS)
def port(request: pytest.FixtureRequest, ports: dict[str, Port]) -> Port:
    return ports[request.param]


def answer_to(port: Port, request: bytes) -> list[bytes]:
    """Send a request after which the connection is closed; the lines of the answer's head."""
    with socket.create_connection(("127.0.0.1", port.number), 5) as connection:
        connection.sendall(request)
        return connection.makefile("rb").read().partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize(
    "line",
    [
        "GET {path}",
        "GET {path} ",
        "GET {path} HTTP/0.9",
        "POST {path}",
        "GET {path} HTTP/1.2",
        "GET {path} HTTP/2.0",
        "GET {path} HTTP/9.9",
        "GET {path} HTTP/1",
        "GET {path} HTTP/11",
        "GET {path} HTTP/1.1.1",
        "GET {path} http/1.1",
        "GET {path} ICAP/1.0",
        "GET {path} x HTTP/1.1",
        "GET",
        "{path} HTTP/1.1",
    ],
)
@pytest.mark.parametrize("host", ["", "Host: localhost\r\n", "Host: localhost\r\nConnection: keep-alive\r\n"])
def test_a_request_that_is_not_http_1_is_rejected(port: Port, line: str, host: str) -> None:
    status = answer_to(port, f"{line.format(path=port.paths[0])}\r\n{host}\r\n".encode())[0]
    assert re.match(rb"HTTP/1\.[01] [45]\d\d ", status), status


def test_a_request_without_a_version_is_rejected_as_not_valid(port: Port) -> None:
    for path in (*port.paths, "/nowhere"):
        assert answer_to(port, f"GET {path}\r\n\r\n".encode())[0].split()[1] == b"400"


@pytest.mark.parametrize(
    "path", ["{path}/", "//evil.example/", "//evil.example/%2f..", "/h/", "/\\evil.example/", "/nowhere/", "/%2f%2fevil.example/"]
)
def test_no_answer_leads_to_the_host_that_a_caller_named(port: Port, path: str) -> None:
    for host in ("localhost:1", "evil.localhost"):
        for target in (path.format(path=known) for known in (*port.paths, *port.posts)):
            for method in ("GET", "POST"):
                head = answer_to(
                    port, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
                )
                assert not [line for line in head if line.lower().startswith(b"location:")], (method, target)


def dates(port: Port) -> set[bytes]:
    """Return the Date headers of each kind of response to a request: found, not found, malformed."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" for path in (*port.paths, "/nowhere")]
    requests += [f"GET {port.paths[0]}\r\n\r\n", f"GET {port.paths[0]} HTTP/1.1\r\nHost: a/b\r\n\r\n"]
    requests += [f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" for path in port.posts]
    found = set()
    for request in requests:
        lines = [line for line in answer_to(port, request.encode()) if line.lower().startswith(b"date:")]
        assert len(lines) == 1, request
        found.add(lines[0])
    return found


def test_every_answer_has_the_date_of_its_second(ports: dict[str, Port]) -> None:
    first = {name: dates(ports[name]) for name in PORTS}
    for line in set[bytes]().union(*first.values()):
        assert abs(parsedate_to_datetime(line.partition(b":")[2].decode()).timestamp() - time.time()) < 10
    wait_until(lambda: all(not dates(ports[name]) & first[name] for name in PORTS), within_seconds=10)

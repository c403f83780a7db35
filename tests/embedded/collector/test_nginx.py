"""The nginx of docker-compose.yml in front of a collector, on ports of this machine."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collector.collectors import RunningCollector, a_body, collector_running
from support.collector.wire import a_request, ask
from support.ports import free_ports
from support.waiting import wait_until

NGINX = Path(__file__).resolve().parents[3] / "nginx"
BODY = a_body()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    with collector_running(tmp_path) as running:
        yield running


@pytest.fixture
def ports(collector: RunningCollector, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The ports of the collector and of the dashboards."""
    port, *others = free_ports(3)
    places = {
        "/tmp": str(tmp_path),
        "/etc/nginx": str(tmp_path),
        "collector:8290": f"127.0.0.1:{collector.port}",
        "listen 8290": f"listen 127.0.0.1:{port}",
        "listen 8088": f"listen 127.0.0.1:{others[0]}",
        "127.0.0.1:8080": f"127.0.0.1:{others[1]}",
    }
    files = {path.name: path.read_text("utf-8") for path in NGINX.glob("*.conf")}
    assert [place for place in places if not any(place in text for text in files.values())] == []
    for name, text in files.items():
        changed = text
        for place, value in places.items():
            changed = changed.replace(place, value)
        (tmp_path / name).write_text(changed)
    process = subprocess.Popen(["nginx", "-e", "stderr", "-g", "daemon off;", "-c", str(tmp_path / "nginx.conf")])
    wait_until(lambda: is_listening(port))
    yield port, others[0]
    process.terminate()
    process.wait(10)


@pytest.fixture
def port(ports: tuple[int, int]) -> int:
    return ports[0]


def test_a_request_that_needs_no_host_reaches_the_collector(port: int) -> None:
    assert ask(port, b"GET /headrace.js HTTP/1.0\r\n\r\n").status == 200


def test_the_client_ip_that_a_client_claims_is_not_forwarded(port: int, collector: RunningCollector) -> None:
    assert ask(port, a_request(BODY, b"X-Forwarded-For: 203.0.113.9")).json["results"] == ["ok"]
    (record,) = collector.records()
    assert record["address"] == "127.0.0.0"


def test_a_request_without_a_version_is_not_forwarded(ports: tuple[int, int]) -> None:
    for number in ports:
        with socket.create_connection(("127.0.0.1", number), 5) as connection:
            connection.sendall(b"GET /headrace.js\r\n\r\n")
            assert b"400 Bad Request" in connection.makefile("rb").read()

"""The simulator's programs as child processes, and a stand-in for the collector that records requests."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
from support.waiting import wait_until

from schemas.codec import Decoder
from schemas.contract import load_schema
from topics.local.reader import LocalReader
from topics.topic import Entry, Kind

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        return dict(msgspec.json.decode(self.body))


@dataclass
class StandIn:
    """Accepts everything; its responses are those left in `answers`, then ok for every event."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for request in list(self.requests) if request.method == "POST" for event in request.envelope["events"]]

    def answer_to(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        if request.method == "POST":
            return 200, {"Content-Type": "application/json"}, msgspec.json.encode({"results": ["ok"] * len(request.envelope["events"])})
        return 200, {"Content-Type": "text/html"}, b""


@contextmanager
def stand_in_running() -> Iterator[StandIn]:
    """Serve a stand-in until the end of the block."""
    stand_in = StandIn()

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said, content = stand_in.answer_to(Received(self.command, self.path, headers, body))
            self.send_response(status)
            for name, value in said.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_OPTIONS = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Log nothing: the stand-in keeps all requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class RunningShop:
    """A shop in a process of its own."""

    url: str
    process: subprocess.Popen[str]


def start(module: str, **settings: object) -> subprocess.Popen[str]:
    """Start a program of the simulator with its settings as environment variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    given = {name: str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, env=environment | given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Stop a program; return its exit status and stderr."""
    process.terminate()
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@contextmanager
def shop_running(collector_url: str) -> Iterator[RunningShop]:
    """Run a shop in front of a collector until the end of the block; it must end cleanly."""
    process = start("simulator.shop", HEADRACE_SHOP_PORT=0, HEADRACE_SHOP_COLLECTOR_URL=collector_url)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r'"port": (\d+)', line)
        assert match, f"the shop did not start: {line}{process.communicate()[1] if process.poll() is not None else ''}"
        url = f"http://127.0.0.1:{match[1]}"
        wait_until(lambda: httpx.get(f"{url}/health/live", trust_env=False).is_success)
        yield RunningShop(url, process)
    finally:
        status, said = end(process)
    assert (status, said) == (0, "")


def records(topic: Path, site: str) -> list[dict[str, Any]]:
    """Read all records of a site from a local topic, and see to it that nothing was refused or damaged."""
    reader = LocalReader.open(topic, f"test-{site}")
    decoder = Decoder([load_schema()])
    found: list[dict[str, Any]] = []
    position = 0
    while entries := reader.read(position, 1000):
        for entry in entries:
            assert isinstance(entry, Entry)
            assert entry.message.kind is Kind.EVENT, entry.message
            found.append(dict(decoder.decode(entry.message.value)))
        position = entries[-1].next_position
    reader.close()
    return [record for record in found if record["site"] == site]

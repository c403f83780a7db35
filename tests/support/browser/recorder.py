"""A site and a collector in one: it serves test pages from two origins, records requests, and responds as prepared."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parents[3] / "collector" / "static"


@dataclass(frozen=True)
class Answer:
    """The response of the collector to one batch."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False  # the batch is read, the connection closed
    waits_for: threading.Event | None = None


@dataclass(frozen=True)
class Batch:
    """One request with events."""

    headers: dict[str, str]
    body: bytes
    status: int
    path: str = "/h"

    @cached_property
    def envelope(self) -> dict[str, Any]:
        envelope = json.loads(self.body)
        assert isinstance(envelope, dict)
        return envelope

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(self.envelope["events"])


@dataclass
class Recorder:
    """The recorded requests, and the prepared responses."""

    site: str = ""  # origins
    collector: str = ""
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    scripts: dict[str, bytes] = field(
        default_factory=lambda: {f"/{name}": (STATIC / name).read_bytes() for name in ("headrace.js", "headrace-full.js")}
    )
    delays: dict[str, float] = field(default_factory=dict)  # seconds before a page's first byte
    plan: list[Answer] = field(default_factory=list)  # for the next batches; then `answer`
    answer: Answer = field(default_factory=Answer)
    batches: list[Batch] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)  # of all requests with events
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self) -> Answer:
        with self.lock:
            return self.plan.pop(0) if self.plan else self.answer

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that came, copies too."""
        return [event for batch in list(self.batches) for event in batch.events]

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The events of the batches that were answered with 200."""
        return [event for batch in list(self.batches) if batch.status == 200 for event in batch.events]

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == event_type]

    def page(self, path: str, *, head: str = "", body: str = "", tag: str | None = None, headers: dict[str, str] | None = None) -> str:
        """Add a page with the tracker; return its URL."""
        script = tag if tag is not None else f'<script async src="{self.collector}/headrace.js" data-site="shop"></script>'
        html = (
            f"<!doctype html><html><head><title>{path}</title>{head}{script}</head><body>{body}<p style='height:3000px'></p></body></html>"
        )
        self.pages[path.partition("?")[0]] = (html, headers or {})
        return self.site + path


class _Endpoint(BaseHTTPRequestHandler):
    """Both origins; the host of the pages has no /h unless a page requests it."""

    recorder: Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in self.recorder.scripts:
            self._answer(200, self.recorder.scripts[path], {"Content-Type": "text/javascript"})
        elif path == "/favicon.ico":
            self._answer(204, b"", {})
        else:
            threading.Event().wait(self.recorder.delays.get(path, 0))
            html, headers = self.recorder.pages.get(path, (f"<!doctype html><title>{path}</title>", {}))
            self._answer(200, html.encode(), {"Content-Type": "text/html; charset=utf-8"} | headers)

    def do_OPTIONS(self) -> None:
        self.recorder.methods.append("OPTIONS")
        self._answer(204, b"", {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"})

    def do_POST(self) -> None:
        recorder = self.recorder
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = recorder.next_answer()
        recorder.methods.append("POST")
        recorder.batches.append(
            Batch({name.lower(): value for name, value in self.headers.items()}, body, 0 if answer.is_lost else answer.status, self.path)
        )
        if answer.waits_for:
            answer.waits_for.wait(30)
        if answer.is_lost:
            self.close_connection = True
            return
        cors = {
            "Access-Control-Allow-Origin": self.headers.get("Origin", "*"),
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Retry-After",
            "Content-Type": "application/json",
        }
        self._answer(answer.status, b'{"results":[]}', cors | answer.headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Cache-Control": "no-cache"} | headers).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Log nothing: the recorder keeps all requests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, peer: object) -> None:
        """Ignore the error: some tests leave a page before its response."""


@contextmanager
def recorder_running() -> Iterator[Recorder]:
    """Serve two origins until the end of the block."""
    recorder = Recorder()
    endpoint = type("Endpoint", (_Endpoint,), {"recorder": recorder})
    servers = [_Server(("127.0.0.1", 0), endpoint) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    recorder.site, recorder.collector = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield recorder
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

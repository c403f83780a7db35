"""A reverse proxy in front of a site, as in production: it sets X-Forwarded-For, and records the requests of the tracker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length", "host"}


@dataclass
class Front:
    """The server's address, and every event that went through it to /h, by id."""

    url: str
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def page_views(self) -> int:
        """Return the number of page views among the events."""
        return sum(event["type"] == "pageView" for event in self.sent.values())


@contextmanager
def front_running(site: str, client_ip: str) -> Iterator[Front]:
    """Run a front for a site until the end of the block; all its clients have one address."""
    client = httpx.Client(base_url=site, trust_env=False, timeout=30)

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._forward(b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/h":
                front.sent |= {event["id"]: event for event in json.loads(body)["events"]}
            self._forward(body)

        def _forward(self, body: bytes) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            answer = client.request(self.command, self.path, content=body, headers=headers | {"X-Forwarded-For": client_ip})
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None: ...

    with client, ThreadingHTTPServer(("127.0.0.1", 0), Forward) as server:
        front = Front(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield front
        server.shutdown()

"""An HTTP server for health and metrics, for processes without another one."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from startup.port_guard import PortGuard, RequestHead
from startup.refused_requests import RefusedRequests

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class ProbesError(Exception):
    """The port is not available."""


class Probes:
    """A server for GET /health/live, /health/ready and /metrics, which runs in a thread until it is closed."""

    def __init__(
        self, host: str, port: int, guard: PortGuard, *, not_ready_reason: Callable[[], str], metrics: Callable[[], bytes]
    ) -> None:
        """Start the server; raises ProbesError. `not_ready_reason` returns an empty text when the process is ready."""
        refused = RefusedRequests()
        routes: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/health/live": lambda: (200, "application/json", b'{"status":"live"}'),
            "/health/ready": lambda: readiness(not_ready_reason()),
            "/metrics": lambda: (200, PROMETHEUS_TEXT, metrics() + refused.text()),
        }

        class Handler(BaseHTTPRequestHandler):
            """Handler of one connection."""

            timeout = 10
            default_request_version = "HTTP/1.0"  # for the responses of the parser to malformed requests

            def do_GET(self) -> None:
                """Respond to a path."""
                self._respond(*self._content())

            def _content(self) -> tuple[int, str, bytes]:
                if denial := guard.check(self._head()):
                    refused.count(denial)
                    return denial.status, "application/json", denial.to_json()
                route = routes.get(self.path)
                return route() if route else (404, "text/plain", b"there is nothing here\n")

            def _head(self) -> RequestHead:
                names_version = len(self.requestline.split()) == 3
                headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
                return RequestHead(self.command, self.path, self.request_version.removeprefix("HTTP/") if names_version else "0.9", headers)

            def _respond(self, status: int, media_type: str, body: bytes) -> None:
                self.request_version = "HTTP/1.0"  # in any case: without a version there would be no headers
                self.send_response_only(status)
                self.send_header("date", self.date_time_string())
                self.send_header("content-type", media_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing: probes come every few seconds, and bad requests must not fill the log."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ProbesError(f"cannot listen on port {port} of {host}: {error.strerror}; is another one running?") from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="probes", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def readiness(reason: str) -> tuple[int, str, bytes]:
    """Return the status, media type and body of the response of /health/ready."""
    content = {"status": "not ready", "message": reason} if reason else {"status": "ready"}
    return 503 if reason else 200, "application/json", json.dumps(content).encode()

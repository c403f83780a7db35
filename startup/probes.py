"""Health and metrics over HTTP, for processes that serve nothing else."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class ProbesError(Exception):
    """The port cannot be had."""


class Probes:
    """Answers GET /health/live, /health/ready and /metrics in a thread of its own, until it is closed."""

    def __init__(self, host: str, port: int, *, trouble: Callable[[], str], metrics: Callable[[], bytes]) -> None:
        """Take the port; raises ProbesError. `trouble` says why the process is not ready, or nothing."""
        routes: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/health/live": lambda: (200, "application/json", b'{"status":"live"}'),
            "/health/ready": lambda: _readiness(trouble()),
            "/metrics": lambda: (200, PROMETHEUS_TEXT, metrics()),
        }

        class Answerer(BaseHTTPRequestHandler):
            """Answers one connection."""

            timeout = 10

            def do_GET(self) -> None:
                """Answer a path."""
                answer = routes.get(self.path)
                status, kind, body = answer() if answer else (404, "text/plain", b"there is nothing here\n")
                self.send_response_only(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Log nothing: probes come every few seconds."""

        try:
            self._server = ThreadingHTTPServer((host, port), Answerer)
        except OSError as error:
            raise ProbesError(f"cannot listen on port {port} of {host}: {error.strerror}; is another one running?") from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="probes", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that was taken; another than asked for when that was 0."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Let go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _readiness(trouble: str) -> tuple[int, str, bytes]:
    content = {"status": "not ready", "message": trouble} if trouble else {"status": "ready"}
    return 503 if trouble else 200, "application/json", json.dumps(content).encode()

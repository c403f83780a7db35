"""A registry of schemas in this process, over real HTTP: subjects, versions and ids as Confluent's keeps them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class SchemaRegistry:
    """The registered schemas, the requests, and the behaviour of the registry."""

    url: str = ""
    subjects: dict[str, list[int]] = field(default_factory=dict)
    schemas: dict[int, str] = field(default_factory=dict)  # equal schemas have one id, whatever their subjects
    asked: list[str] = field(default_factory=list)
    authorization: str | None = None  # wanted
    is_read_only: bool = False
    is_broken: bool = False

    def answer(self, method: str, path: str, authorization: str | None, body: bytes) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if self.is_broken:
            return 500, "<h1>no registry</h1>"
        if authorization != self.authorization:
            return 401, {"error_code": 401, "message": "Unauthorized"}
        match [unquote(part) for part in path.partition("?")[0].split("/")[1:]], method:
            case ["subjects", subject, "versions"], "GET":
                versions = range(1, 1 + len(self.subjects.get(subject, ())))
                return (200, [*versions]) if versions else (404, {"error_code": 40401, "message": f"Subject '{subject}' not found."})
            case ["subjects", subject], "POST":
                return self._lookup(subject, json.loads(body)["schema"])
            case ["subjects", subject, "versions"], "POST":
                return self.register(subject, json.loads(body)["schema"])
            case ["schemas", "ids", number], "GET":
                found = self.schemas.get(int(number))
                return (200, {"schema": found}) if found else (404, {"error_code": 40403, "message": f"Schema {number} not found"})
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def register(self, subject: str, text: str) -> tuple[int, Any]:
        """Return the id of a schema under a subject; register it if it is new."""
        if self.is_read_only:
            return 403, {"error_code": 40301, "message": "registering is not allowed"}
        number = next((number for number, known in self.schemas.items() if known == text), 100 + len(self.schemas))
        self.schemas[number] = text
        if number not in (versions := self.subjects.setdefault(subject, [])):
            versions.append(number)
        return 200, {"id": number}

    def _lookup(self, subject: str, text: str) -> tuple[int, Any]:
        if subject not in self.subjects:
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        for version, number in enumerate(self.subjects[subject], 1):
            if self.schemas[number] == text:
                return 200, {"subject": subject, "version": version, "id": number, "schema": text}
        return 404, {"error_code": 40403, "message": "Schema not found"}


@contextmanager
def a_registry() -> Iterator[SchemaRegistry]:
    """Run a registry."""
    registry = SchemaRegistry()

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = registry.answer(self.command, self.path, self.headers.get("Authorization"), body)
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

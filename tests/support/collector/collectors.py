"""A collector without ports over a topic in memory, one as a child process, and the beacons to send to them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from starlette.types import ASGIApp
from support.topics.in_memory import MemoryTopic, read_all
from support.waiting import wait_until

from collector.app import Application, Paths, create_app, load_encoders
from collector.requests import http_types
from collector.settings import Settings
from collector.source_kind import Encoders
from collector.sources import Source
from collector.sources_file import load_sources
from headrace.processes.supervisor import responds
from schemas.codec import Decoder, Record
from schemas.contract import load_schema
from topics.ledger import Minute, Received, ReceivedCounts, count
from topics.topic import Kind, Message, TopicFull

NOW = 1_767_225_600_000
ROOT = Path(__file__).resolve().parents[3]
DEFAULTS = Settings()
SOURCES = load_sources()
ENCODERS = load_encoders(DEFAULTS, SOURCES)
DECODER = Decoder([load_schema()])


def an_id(number: int) -> str:
    """An identifier, the same for the same number."""
    return f"{number:032x}"


def an_event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An event as the tracker sends it; a change to None leaves the key out."""
    event = {
        "id": an_id(number),
        "type": "pageView",
        "created_at": NOW - 1000,
        "page_view_id": an_id(1 << 64),
        "url": "https://shop.example/shoes?utm_source=news&size=9#top",
        "title": "Shoes",
        "referrer": "https://www.google.com/search?q=shoes",
        "viewport_width": 1280,
        "language": "en-GB",
    }
    return {key: value for key, value in (event | changes).items() if value is not None}


def a_body(*events: Any, **changes: Any) -> bytes:
    """The body of a beacon sent at NOW."""
    return msgspec.json.encode({"version": 1, "site": "shop", "sent_at": NOW, "events": list(events or [an_event()])} | changes)


def decoded(messages: Sequence[Message]) -> list[Record]:
    """The records of those messages that are events."""
    return [DECODER.decode(message.value) for message in messages if message.kind is Kind.EVENT]


class CountingTopic(MemoryTopic):
    """A topic in memory that keeps a ledger, and can be full."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self._damaged: ReceivedCounts = {}

    def damage(self, minute: int) -> None:
        """Set up one frame of an unnamed source that the start found damaged."""
        self._damaged[minute, ""] = Received(1)

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        if self.is_full:
            full = TopicFull("full")
            full.retry_after_seconds = 7
            raise full
        return super().append(messages)

    def ledger(self) -> Mapping[Minute, Received]:
        counts = {key: received.copy() for key, received in self._damaged.items()}
        for message in self.messages:
            count(counts, message)
        return counts

    def unread_bytes(self) -> int:
        return sum(len(message.value) for message in self.messages)

    def not_ready_reason(self) -> str:
        return "the topic is full" if self.is_full else ""


@dataclass(slots=True)
class Answer:
    """A response."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def results(self) -> list[str]:
        return list(self.json["results"])


class LocalCollector:
    """The collector without ports: its sources get requests as they come off the wire, its other paths as from a server."""

    def __init__(
        self,
        settings: Settings = DEFAULTS,
        accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]] | None = None,
        sources: Sequence[Source] = SOURCES,
        encoders: Encoders | None = None,
    ) -> None:
        self.topic = CountingTopic()
        names = {name for source in sources for name in (source.topic, source.copy_to and source.copy_to.topic) if name}
        self.topics: dict[str | None, CountingTopic] = {None: self.topic, **{name: CountingTopic() for name in names}}
        if encoders is None:
            encoders = ENCODERS if sources is SOURCES and settings is DEFAULTS else load_encoders(settings, sources)
        self.app: Application = create_app(
            settings, sources, self.topics, encoders, b"secret", accounts=lambda: accounts or {}, now=lambda: NOW / 1000
        )

    @property
    def records(self) -> list[Record]:
        return decoded(self.topic.messages)

    @property
    def rejections(self) -> list[str]:
        return [message.key.decode() for message in self.topic.messages if message.kind is Kind.REJECTION]

    def send(self, body: bytes = b"", *, method: str = "POST", path: str = "/h", internal: bool = False, **more: Any) -> Answer:
        """Send a request; `query`, `headers` and `client` can be given."""
        return asyncio.run(self._send(body, method, path, self.app.internal if internal else self.app.public, **more))

    async def _send(
        self,
        body: bytes,
        method: str,
        path: str,
        paths: Paths,
        query: str = "",
        headers: Sequence[tuple[str, str]] = (),
        client: tuple[str, int] | None = ("192.0.2.77", 5000),
    ) -> Answer:
        fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if (intake := paths.events.get(path)) is None:
            return await _ask(paths.fallback, method, path, query, fields)
        answered: asyncio.Future[http_types.Response] = asyncio.get_running_loop().create_future()
        request = http_types.Request.of(method, path, query.encode(), fields, client and client[0], body)
        intake.receive(request, answered.set_result)
        status, lines, content = await answered
        return Answer(status, {name.decode(): value.decode() for name, value in lines}, content)


async def _ask(app: ASGIApp, method: str, path: str, query: str, headers: Sequence[tuple[bytes, bytes]]) -> Answer:
    """Call an application as a server would."""
    answer = Answer()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": None,
    }
    await app(scope, receive, send)
    return answer


@dataclass(slots=True)
class RunningCollector:
    """A collector as a child process."""

    directory: Path
    process: subprocess.Popen[str]
    port: int
    internal_port: int
    before_ready: list[dict[str, Any]] = field(default_factory=list)  # what it logged

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def internal_url(self) -> str:
        return f"http://127.0.0.1:{self.internal_port}"

    @property
    def topic_directory(self) -> Path:
        return self.directory / "topic"

    def records(self) -> list[Record]:
        """Return the records in the topic."""
        return decoded(read_all(self.topic_directory))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.communicate(timeout=20)
        finally:
            self.process.kill()
        return self.process.returncode


def environment(directory: Path, *, kafka_at: object = "127.0.0.1:1", **settings: object) -> dict[str, str]:
    """The environment of a collector in a directory of its own, on free ports."""
    names = {
        "port": 0,
        "internal_port": 0,
        "topic_directory": directory / "topic",
        "key_file": directory / "secrets" / "key",
        "disk_reserve_bytes": 0,  # as much as the machine has is enough
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")},
        "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": str(kafka_at),
        **{f"HEADRACE_COLLECTOR_{name.upper()}": str(value) for name, value in (names | settings).items()},
    }


def start_process(directory: Path, **settings: object) -> subprocess.Popen[str]:
    """Start `python -m collector`; its stdout and stderr can be read."""
    command = [sys.executable, "-m", "collector"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(directory, **settings), cwd=ROOT, text=True, **pipes)


def start_collector(directory: Path, **settings: object) -> RunningCollector:
    """Start a collector and wait until it is ready."""
    process = start_process(directory, **settings)
    assert process.stdout is not None
    assert process.stderr is not None
    before_ready: list[dict[str, Any]] = []
    for line in process.stdout:
        entry = msgspec.json.decode(line)
        if entry["event"] == "collector started":
            return _ready(RunningCollector(directory, process, entry["port"], entry["internal_port"], before_ready))
        before_ready.append(entry)
    raise AssertionError(process.stderr.read())


def _ready(running: RunningCollector) -> RunningCollector:
    wait_until(lambda: responds(f"{running.internal_url}/health/ready"))
    return running


@contextmanager
def collector_running(directory: Path, **settings: object) -> Iterator[RunningCollector]:
    """Run a collector until the end of the block; it must end cleanly."""
    running = start_collector(directory, **settings)
    try:
        yield running
    finally:
        status = running.stop()
    assert status == 0


def milliseconds() -> int:
    """The time of a page with a correct clock."""
    return time.time_ns() // 1_000_000

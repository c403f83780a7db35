"""Puts the collector together: two applications, one for the public port and one for the internal one."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.addresses import AddressReader, cut_text
from collector.endpoints.internal import Internal
from collector.endpoints.script import Script
from collector.endpoints.tracker import EventEndpoint
from collector.gate import Gate
from collector.identifiers import partition_key_function
from collector.ledger import Minute, ledger
from collector.mapping.compile import Encoder
from collector.mapping.loader import load
from collector.metrics import Metrics
from collector.pipeline import Pipeline
from collector.settings import Settings
from collector.urls import AddressRules
from topics.local import Received
from topics.topic import TopicWriter


class CountingTopicProtocol(TopicWriter, Protocol):
    """A topic that also tells what came in and what is unread."""

    def ledger(self) -> Mapping[Minute, Received]:
        """What is durable, by minute and source."""

    def unread_bytes(self) -> int:
        """How much the slowest reader has before it."""

    def trouble(self) -> str:
        """Why nothing is taken, or nothing."""


@dataclass(frozen=True, slots=True)
class Application:
    """The collector without its ports."""

    public: ASGIApp
    internal: ASGIApp
    gate: Gate
    metrics: Metrics


class _Fast:
    """Leads one path past everything that the others go through."""

    def __init__(self, path: str, endpoint: EventEndpoint, others: ASGIApp) -> None:
        self._path, self._endpoint, self._others = path, endpoint, others

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["path"] == self._path:
            return self._endpoint(scope, receive, send)
        return self._others(scope, receive, send)


class _NotForPages:
    """Refuses what a page in a browser sends: any page may send to the machine that shows it, and its browser says so (Fetch, Origin)."""

    def __init__(self, others: ASGIApp) -> None:
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == b"origin" for name, _ in scope["headers"]):
            await Response("this port is not for pages; they send their events to the public one\n", 403)(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def load_encoder(settings: Settings) -> Encoder:
    """Check and compile the mapping; raises MappingError with all its faults."""
    return load(settings.mapping_file, settings.schema_file, AddressRules(settings.query_parameters))


def create_app(
    settings: Settings,
    topic: CountingTopicProtocol,
    encode: Encoder,
    secret: bytes,
    *,
    accounts: Callable[[], Mapping[str, Mapping[Minute, Mapping[str, int]]]],
    now: Callable[[], float] = time.time,
) -> Application:
    """Build both applications on one topic."""
    gate, metrics = Gate(), Metrics(topic.unread_bytes)
    addresses = AddressReader(settings.trusted_proxies)

    def events(source: str, *, is_trusted: bool) -> EventEndpoint:
        pipeline = Pipeline(encode, partition_key_function(secret), source=source, is_trusted=is_trusted, cut_address=cut_text)
        return EventEndpoint(
            source,
            pipeline,
            topic,
            addresses,
            metrics,
            gate,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_seconds=settings.body_timeout_seconds,
            now=now,
        )

    internal = Internal(
        gate,
        metrics,
        trouble=topic.trouble,
        ledger=lambda: ledger(topic.ledger(), accounts(), int(now() * 1000)),
    )
    public_routes = Starlette(routes=[Route(settings.script_path, Script().answer)])
    return Application(
        public=_Fast(settings.event_path, events("browser", is_trusted=False), public_routes),
        internal=_NotForPages(_Fast(settings.event_path, events("replay", is_trusted=True), Starlette(routes=internal.routes()))),
        gate=gate,
        metrics=metrics,
    )

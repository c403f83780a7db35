"""Builds the collector from its parts: one application for the public port and one for the internal port."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from cleaning.urls import UrlRules
from collector.encoders.loader import load
from collector.endpoints.internal import Internal
from collector.endpoints.script import Script
from collector.endpoints.tracker import make_trusted
from collector.errors import MappingError
from collector.events.duplicates import DuplicateMemory
from collector.events.identifiers import partition_key_function
from collector.ledger import LedgerParts
from collector.metrics import Metrics
from collector.peers import NoPeers, Peers
from collector.pipeline import DAY_MS
from collector.requests.client_ip import ClientIpResolver
from collector.requests.cors import AllowedOrigins
from collector.requests.http_types import EventSource
from collector.requests.intake import Intake
from collector.requests.rates import RateLimiter, make_rate_limiter
from collector.requests.readiness import Readiness
from collector.settings import PREFIX, Settings
from collector.source_kind import EncoderKey, Encoders, SourceContext
from collector.source_registry import SOURCE_KINDS
from collector.sources import TRUSTED, Source
from collector.sources_file import warnings
from mapping.operations.registry import FindPlace
from startup.port_guard import PortGuard
from topics.ledger import Minute, Received
from topics.topic import TopicWriter


class CountingTopic(TopicWriter, Protocol):
    """A topic that also counts its received and its unread messages."""

    def ledger(self) -> Mapping[Minute, Received]:
        """Return the counts of durable messages by minute and source."""

    def unread_bytes(self) -> int:
        """Return the number of bytes that the slowest consumer has not read."""

    def not_ready_reason(self) -> str:
        """Return the reason why the topic accepts no messages; empty when it does."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The handlers of one port: intakes by path, an ASGI application for all other paths, and the guard."""

    events: Mapping[str, Intake]
    fallback: ASGIApp
    guard: PortGuard | None = None  # None for the public port


@dataclass(frozen=True, slots=True)
class Application:
    """The collector without its ports."""

    public: Paths
    internal: Paths
    readiness: Readiness
    metrics: Metrics


NO_PEERS = NoPeers()
TRUSTED_PATH = "/h"


def place_finder(path: Path) -> FindPlace:
    """Open the place database at a path."""
    from enrichment.place import Places  # noqa: PLC0415 - uses 10 MB that most collectors do not need

    return Places(path).find


def load_encoders(settings: Settings, sources: Sequence[Source]) -> Encoders:
    """Check and compile all mappings; raises MappingError with the faults of all of them."""
    wanted: dict[EncoderKey, tuple[Path, Path, bool]] = {
        EncoderKey(TRUSTED, "tracker"): (settings.mapping_file, settings.schema_file, False)
    }
    for source in sources:
        own = (source.mapping_file or settings.mapping_file, source.schema_file or settings.schema_file, source.is_strict)
        for kind in SOURCE_KINDS[source.kind].event_kinds:
            key = EncoderKey(source.name, kind)
            wanted[key] = own
            if source.copy_to:
                wanted[key._replace(is_copy=True)] = (source.copy_to.mapping_file, source.copy_to.schema_file, source.is_strict)
    rules = UrlRules(settings.query_parameters, mask_titles=settings.mask_titles, mask_parameters=settings.mask_parameters)
    find_place = place_finder(settings.places) if settings.places else None
    encoders = Encoders()
    faults: dict[str, None] = {}
    for key, (mapping, schema, is_strict) in wanted.items():
        try:
            report = encoders.reporter(key)
            encoders[key] = load(mapping, schema, rules, kind=key.event_kind, is_strict=is_strict, find_place=find_place, report=report)
        except MappingError as error:
            faults |= dict.fromkeys(error.faults)  # one report for a mapping that several sources share
    if faults:
        raise MappingError(list(faults))
    encoders.implausible.clear()  # counted while the samples were encoded
    return encoders


def create_app(
    settings: Settings,
    sources: Sequence[Source],
    topics: Mapping[str | None, CountingTopic],
    encoders: Encoders,
    secret: bytes,
    *,
    accounts: Callable[[], Mapping[str, Mapping[Minute, Mapping[str, int]]]],
    peers: Peers = NO_PEERS,
    now: Callable[[], float] = time.time,
) -> Application:
    """Build both applications. `topics` has the default topic under None, and the topics that sources name under their names."""
    default, limit = topics[None], settings.max_body_bytes
    readiness = Readiness([topic.not_ready_reason for topic in topics.values()])
    metrics = Metrics(default.unread_bytes, encoders.implausible)
    client_ips = ClientIpResolver(settings.trusted_proxies)
    shared = make_rate_limiter(settings.rate_per_second, settings.rate_burst, settings.bytes_per_minute)

    def rates_of(source: Source) -> RateLimiter | None:
        requests, size = source.rate_per_second, source.bytes_per_minute
        if requests is None and size is None:
            return shared
        return make_rate_limiter(
            settings.rate_per_second if requests is None else requests,
            settings.rate_burst,
            settings.bytes_per_minute if size is None else size,
        )

    def intake(events: EventSource, source: Source | None = None) -> Intake:
        copy = source and source.copy_to
        return Intake(
            events,
            topics[source.topic if source else None],
            metrics,
            readiness,
            now,
            client_ips,
            origins=AllowedOrigins(source.allowed_origins, with_cookies=bool(source.server_cookie)) if source else AllowedOrigins(),
            rates=rates_of(source) if source else None,
            max_body_bytes=SOURCE_KINDS[source.kind].max_body_bytes(source, limit) if source else limit,
            copy_topic=topics[copy.topic] if copy else None,
        )

    internal = Internal(
        metrics,
        peers,
        reason=readiness.not_ready_reason,
        ledger_parts=lambda: LedgerParts(default.ledger(), accounts()),
        now=now,
        warnings=warnings(sources, settings.sites),
    )
    context = SourceContext(
        encoders,
        partition_key_function(secret),
        DuplicateMemory(settings.duplicate_memory),
        settings.sites,
        int(settings.max_event_age_days * DAY_MS),
        settings.mask_parameters,
    )
    scripts: list[Route] = []
    events: dict[str, Intake] = {}
    for source in sources:
        kind = SOURCE_KINDS[source.kind]
        events |= dict.fromkeys(kind.event_paths(source), intake(kind.make(source, context), source))
        if source.script_path and kind.script is not None:
            scripts.append(Route(source.script_path, Script(source, kind.script(source)).answer))
    replay = Source(name=TRUSTED, kind="tracker", event_path=TRUSTED_PATH)
    trusted = {TRUSTED_PATH: intake(make_trusted(replay, context))}
    return Application(
        public=Paths(events, _application(scripts)),
        internal=Paths(trusted, _application(internal.routes()), PortGuard(f"{PREFIX}ALLOWED_HOSTS", settings.allowed_hosts)),
        readiness=readiness,
        metrics=metrics,
    )


def _application(routes: Sequence[Route]) -> Starlette:
    application = Starlette(routes=routes)
    application.router.redirect_slashes = False  # a redirect would go to any host that a request names
    return application

"""Serves the collector's two ports in one event loop, until a signal or the failure of a topic."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import uvicorn

from collector.app import Application, Paths, create_app, load_encoders
from collector.errors import StartError
from collector.http.draining import Server
from collector.http.limits import Limits
from collector.http.port_state import PortState
from collector.http.protocol import Connection
from collector.peers import NoPeers
from collector.processes.ports import Ports, open_ports
from collector.processes.spools import TopicOpener, keep_spools_clean
from collector.settings import PREFIX, Settings
from collector.sources_file import load_sources, warnings
from startup.gc_tuning import freeze_gc
from startup.secret_file import KEY, SecretError, read_or_make_secret
from topics.kafka.settings import KafkaSettings

IDLE_SECONDS = 1.0  # that a single process waits for idle connections: no other process takes over
log = structlog.get_logger("collector")


@dataclass(slots=True)
class Shutdown:
    """The shutdown of a process, and the errors that caused it."""

    requested: asyncio.Event = field(default_factory=asyncio.Event)
    errors: list[BaseException] = field(default_factory=list)

    def fail(self, error: BaseException) -> None:
        """Shut down because a topic accepts no more messages."""
        self.errors.append(error)
        self.requested.set()

    def log_errors(self) -> bool:
        """Log the error that caused the shutdown; return whether there was none."""
        if self.errors:
            log.error("topic failed", error=repr(self.errors[0]))
        return not self.errors


async def run(settings: Settings, kafka: KafkaSettings) -> bool:
    """Serve until SIGTERM or SIGINT; return whether there was no error. Raises SettingsError and CollectorError before a port is open."""
    sources = load_sources(settings.sources_file)
    encoders = load_encoders(settings, sources)
    for warning in warnings(sources, settings.sites):
        log.warning(warning)
    shutdown, opener = Shutdown(), TopicOpener(settings, kafka, sources)
    with contextlib.ExitStack() as stack:
        ports = open_ports(settings, stack)
        secret = read_secret(settings)
        topics, accounts = opener.open(shutdown.fail, stack)
        app = create_app(settings, sources, topics, encoders, secret, accounts=accounts, peers=NoPeers(opener.directory))
        cleaning = asyncio.create_task(keep_spools_clean(opener.directories()))
        await serve(settings, app, ports, shutdown, IDLE_SECONDS, lambda: log.info("collector started", **ports.numbers()))
        cleaning.cancel()
    log.info("collector stopped")
    return shutdown.log_errors()


async def serve(
    settings: Settings, app: Application, ports: Ports, shutdown: Shutdown, idle_seconds: float, on_start: Callable[[], object]
) -> None:
    """Serve both ports until the shutdown, then drain the open connections."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown.requested.set)
    idle_seconds = min(idle_seconds, settings.drain_timeout_seconds)
    servers = [_server(settings, app, paths, idle_seconds) for paths in (app.public, app.internal)]
    tasks = [asyncio.create_task(server.serve([port])) for server, port in zip(servers, (ports.public, ports.internal), strict=True)]
    freeze_gc(10_000, 50, 50)  # a full collection would pause requests for tens of milliseconds
    await asyncio.gather(*(server.listening.wait() for server in servers))
    on_start()
    await shutdown.requested.wait()
    if shutdown.errors:
        app.readiness.close("the topic has failed")
    app.readiness.begin_stop()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def read_secret(settings: Settings) -> bytes:
    """Read the secret for partition keys, which is generated at the first start; raises StartError."""
    try:
        return bytes.fromhex(read_or_make_secret(settings.key_file, KEY))
    except SecretError as error:
        raise StartError([f"{PREFIX}KEY_FILE: {error}"]) from error


def _server(settings: Settings, app: Application, paths: Paths, idle_seconds: float) -> Server:
    config = uvicorn.Config(
        paths.fallback,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.drain_timeout_seconds,
    )
    state = PortState(paths, Limits.of(settings), app.metrics, settings.trusted_proxies)
    if paths is app.public:
        app.readiness.conditions.append(state.not_ready_reason)
    return Server(config, state, idle_seconds)

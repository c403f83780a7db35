"""Serves the collector's two ports in one event loop until it is told to stop or its topic fails."""

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
from collector.processes.ports import Ports, take_ports
from collector.processes.spools import TopicOpener, keep_tidy
from collector.settings import PREFIX, Settings
from collector.sources_file import load_sources, warnings
from startup.gc_tuning import freeze_gc
from startup.secret_file import KEY, SecretError, read_or_make_secret
from topics.kafka.settings import KafkaSettings

# NoPeers takes over from the only process: who has sent nothing for so long is not worth the wait.
IDLE_SECONDS = 1.0
log = structlog.get_logger("collector")


@dataclass(slots=True)
class Shutdown:
    """When a process has to end, and what made it."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    failures: list[BaseException] = field(default_factory=list)

    def failed(self, error: BaseException) -> None:
        """End because of a topic that takes nothing more."""
        self.failures.append(error)
        self.stopping.set()


async def run(settings: Settings, kafka: KafkaSettings) -> bool:
    """Serve until SIGTERM or SIGINT; tell whether all went well. Raises SettingsError and CollectorError before a port is open."""
    sources = load_sources(settings.sources_file)
    encoders = load_encoders(settings, sources)
    for warning in warnings(sources, settings.sites):
        log.warning(warning)
    ending, opening = Shutdown(), TopicOpener(settings, kafka, sources)
    with contextlib.ExitStack() as stack:
        ports = take_ports(settings, stack)
        secret = read_secret(settings)
        topics, accounts = opening.open(ending.failed, stack)
        app = create_app(settings, sources, topics, encoders, secret, accounts=accounts, peers=NoPeers(opening.directory))
        tidying = asyncio.create_task(keep_tidy(opening.directories()))
        await serve(settings, app, ports, ending, IDLE_SECONDS, lambda: log.info("collector started", **ports.numbers()))
        tidying.cancel()
    log.info("collector stopped")
    return tell(ending)


async def serve(
    settings: Settings, app: Application, ports: Ports, ending: Shutdown, idle_seconds: float, started: Callable[[], object]
) -> None:
    """Serve both ports until it is time to end, then answer what still comes on the connections there are."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.stopping.set)
    idle_seconds = min(idle_seconds, settings.drain_timeout_seconds)
    servers = [_server(settings, app, paths, idle_seconds) for paths in (app.public, app.internal)]
    tasks = [asyncio.create_task(server.serve([port])) for server, port in zip(servers, (ports.public, ports.internal), strict=True)]
    freeze_gc(10_000, 50, 50)  # looking through it all took tens of milliseconds, at any time
    await asyncio.gather(*(server.listening.wait() for server in servers))
    started()
    await ending.stopping.wait()
    if ending.failures:
        app.readiness.close("the topic has failed")
    app.readiness.begin_stop()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def tell(ending: Shutdown) -> bool:
    """Log what went wrong; give whether nothing did."""
    if ending.failures:
        log.error("topic failed", error=repr(ending.failures[0]))
    return not ending.failures


def read_secret(settings: Settings) -> bytes:
    """Read the secret behind partition keys, made at the first start; raises StartError."""
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

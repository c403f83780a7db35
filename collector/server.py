"""Runs the collector's two ports in one event loop until it is told to stop or its topic fails."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import structlog
import uvicorn
from starlette.types import ASGIApp

from collector.app import CountingTopicProtocol, create_app, load_encoders
from collector.errors import StartError
from collector.identifiers import read_or_make_secret
from collector.ledger import Minute
from collector.settings import PREFIX, Settings
from collector.sources import Source, load_sources
from schemas.codec import fingerprint
from schemas.contract import load_schema
from startup.garbage import spare_the_collector_of_garbage
from topics.forwarded import ForwardedTopic
from topics.kafka.settings import KafkaSettings
from topics.kafka.writer import KafkaTopic
from topics.local import LocalTopic, Recovered, reader_accounts
from topics.topic import TopicError

Accounts: TypeAlias = Callable[[], Mapping[str, Mapping[Minute, Mapping[str, int]]]]

BACKLOG = 2048
log = structlog.get_logger("collector")


class _Server(uvicorn.Server):
    """A server that leaves the signals to us: there are two of it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Take a port; raises StartError that names the variable when it is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError([f"{PREFIX}HOST: {host!r} is no address of this machine: {error.strerror}"]) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(BACKLOG)
    except OSError as error:
        taken.close()
        raise StartError(
            [f"{variable}: cannot listen on port {port} of {host}: {error.strerror}; is another collector running?"]
        ) from error
    return taken


async def run(settings: Settings, kafka: KafkaSettings) -> bool:
    """Serve until SIGTERM or SIGINT; tell whether all went well. Raises SettingsError and CollectorError before a port is open."""
    sources = load_sources(settings.sources_file)
    encoders = load_encoders(settings, sources)
    stopping = asyncio.Event()
    failures: list[BaseException] = []
    with contextlib.ExitStack() as stack:
        public = stack.enter_context(listen(settings.host, settings.port, PREFIX + "PORT"))
        internal = stack.enter_context(listen(settings.internal_host, settings.internal_port, PREFIX + "INTERNAL_PORT"))
        secret = _secret(settings)

        def failed(error: BaseException) -> None:
            failures.append(error)
            stopping.set()

        topic, accounts = _open_topic(settings, kafka, sources, failed, stack)
        topics = _open_topics_of_sources(settings, sources, failed, stack) | {None: topic}
        app = create_app(settings, sources, topics, encoders, secret, accounts=accounts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        servers = [_server(settings, app.public), _server(settings, app.internal)]
        tasks = [asyncio.create_task(server.serve([port])) for server, port in zip(servers, (public, internal), strict=True)]
        spare_the_collector_of_garbage(10_000, 50, 50)  # looking through it all took tens of milliseconds, at any time
        log.info("collector started", port=public.getsockname()[1], internal_port=internal.getsockname()[1])
        await stopping.wait()
        app.gate.close("the topic has failed" if failures else "the collector is stopping")
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)
    if failures:
        log.error("topic failed", error=repr(failures[0]))
    log.info("collector stopped")
    return not failures


def _server(settings: Settings, app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            interface="asgi3",  # cannot be told from the application: its call is a plain function that gives a coroutine
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=settings.idle_timeout_seconds,
            timeout_graceful_shutdown=settings.drain_timeout_seconds,
        )
    )


def _secret(settings: Settings) -> bytes:
    try:
        return read_or_make_secret(settings.key_file)
    except (OSError, ValueError) as error:
        raise StartError(
            [f"{PREFIX}KEY_FILE: {settings.key_file} cannot be used: {error}; it must be a file of 64 hexadecimal digits"]
        ) from error


def _open_topic(
    settings: Settings,
    kafka: KafkaSettings,
    sources: Sequence[Source],
    failed: Callable[[BaseException], None],
    stack: contextlib.ExitStack,
) -> tuple[CountingTopicProtocol, Accounts]:
    if settings.ack == "broker":
        schemas = {source.schema_file or settings.schema_file for source in sources if source.topic is None}
        fingerprints = [fingerprint(load_schema(path)) for path in schemas]
        straight = KafkaTopic(kafka, max_unread_bytes=settings.max_unread_bytes, fingerprints=fingerprints)
        stack.callback(straight.close)
        return straight, straight.accounts
    directory = settings.topic_directory
    local = _open_local(settings, directory, failed, f"{PREFIX}TOPIC_DIRECTORY")
    topic = ForwardedTopic(local, directory) if settings.ack == "both" else local
    stack.callback(topic.close)
    return topic, lambda: reader_accounts(directory)


def _open_topics_of_sources(
    settings: Settings, sources: Sequence[Source], failed: Callable[[BaseException], None], stack: contextlib.ExitStack
) -> dict[str | None, CountingTopicProtocol]:
    """Open the topics that sources name: directories beside the collector's own, always on this disk."""
    names = {name for source in sources for name in (source.topic, source.copy_to and source.copy_to.topic) if name}
    opened: dict[str | None, CountingTopicProtocol] = {}
    for name in sorted(names):
        topic = _open_local(settings, settings.topic_directory.parent / name, failed, f"{settings.sources_file}: topic {name!r}")
        stack.callback(topic.close)
        opened[name] = topic
    return opened


def _open_local(settings: Settings, directory: Path, failed: Callable[[BaseException], None], told_as: str) -> LocalTopic:
    try:
        local = LocalTopic.open(directory, max_unread_bytes=settings.max_unread_bytes, on_failure=failed)
    except TopicError as error:
        raise StartError([f"{told_as}: {error}"]) from error
    tell_recovered(local.recovered, directory)
    return local


def tell_recovered(recovered: Recovered, directory: Path) -> None:
    """Log what the topic's files had suffered before this start."""
    if recovered.torn_bytes:
        log.warning("torn end of the topic cut, nothing of it was acknowledged", bytes=recovered.torn_bytes)
    if recovered.damaged:
        folder = str(directory / "damaged")
        log.error("damaged frames of the topic set aside", count=recovered.damaged, bytes=recovered.damaged_bytes, folder=folder)
    if recovered.is_ledger_lost:
        log.warning("the topic's ledger could not be read and was counted anew from the messages that are kept")

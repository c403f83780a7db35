"""`python -m collector.processes.worker`: one of several workers on the same ports, started by `collector.processes.workers`."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import structlog
import uvloop

from collector.app import create_app, load_encoders
from collector.errors import StartError, exit_status
from collector.ledger import LedgerParts, encode
from collector.peers import LEDGER, METRICS, NOT_READY_REASON, WorkerPeers
from collector.processes.ports import Ports
from collector.processes.server import Shutdown, read_secret, serve
from collector.processes.spools import Accounts, OnFailure, TopicOpener, Topics
from collector.settings import Settings
from collector.sources_file import load_sources
from topics.kafka.settings import KafkaSettings
from topics.local.lock import lock, unlock
from topics.topic import TopicInUse

READY = b"ready"
CONNECT_TIMEOUT_SECONDS = 5.0
CHECK_INTERVAL_SECONDS = 0.02
log = structlog.get_logger("collector")


async def run(settings: Settings, kafka: KafkaSettings, ports: Ports, control: socket.socket, folder: Path) -> bool:
    """Serve until a signal, or until the parent has ended, which closes its end of `control`."""
    sources = load_sources(settings.sources_file)
    encoders = load_encoders(settings, sources)
    secret = read_secret(settings)
    shutdown, opener = Shutdown(), TopicOpener(settings, kafka, sources)
    asyncio.get_running_loop().add_reader(control, shutdown.requested.set)
    with contextlib.ExitStack() as stack:
        number, topics, accounts = _take_spools(opener, folder, shutdown.fail, stack)
        peers = WorkerPeers(folder, number, opener.directory)
        app = create_app(settings, sources, topics, encoders, secret, accounts=accounts, peers=peers)
        answers: dict[str, Callable[[], bytes]] = {
            NOT_READY_REASON: lambda: msgspec.json.encode(app.readiness.not_ready_reason()),
            METRICS: lambda: msgspec.json.encode(app.metrics.text().decode()),
            # The asking worker reads the accounts on this disk itself, for all spools.
            LEDGER: lambda: encode(LedgerParts(topics[None].ledger(), {} if opener.directory else accounts())),
        }
        await _wait_until_ready(app.readiness.not_ready_reason)
        async with peers.answering(answers):
            await serve(settings, app, ports, shutdown, settings.drain_timeout_seconds, lambda: _report_start(number, control))
    log.info("worker stopped", worker=number)
    return shutdown.log_errors()


def _take_spools(opener: TopicOpener, folder: Path, on_failure: OnFailure, stack: contextlib.ExitStack) -> tuple[str, Topics, Accounts]:
    """Take the lowest number that no other worker has, and open the spools with that number; raises StartError."""
    for number in map(str, count()):
        with contextlib.ExitStack() as attempt:
            try:
                attempt.callback(unlock, lock(folder / f"{number}.lock"))
                topics, accounts = opener.open(on_failure, attempt, number)
            except TopicInUse:
                continue
            except StartError as error:
                if isinstance(error.__cause__, TopicInUse):  # by a worker whose parent was killed
                    continue
                raise
            stack.push(attempt.pop_all())
            return number, topics, accounts
    raise AssertionError("numbers do not end")


async def _wait_until_ready(not_ready_reason: Callable[[], str]) -> None:
    """Wait some seconds for the connection to Kafka, if events go there directly; meanwhile the other workers accept events."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            while not_ready_reason():  # noqa: ASYNC110  (a thread of the Kafka client changes it)
                await asyncio.sleep(CHECK_INTERVAL_SECONDS)


def _report_start(number: str, control: socket.socket) -> None:
    log.info("worker started", worker=number)
    control.send(READY)


def main(public: str, internal: str, control: str, folder: str) -> int:
    """Run a worker, given the descriptors of both ports and of the socket to its parent, and the folder of the workers' sockets."""
    ports = Ports(socket.socket(fileno=int(public)), socket.socket(fileno=int(internal)))
    parent = socket.socket(fileno=int(control))

    def work() -> int:
        settings, kafka = Settings.read(os.environ), KafkaSettings.read(os.environ)
        return 0 if uvloop.run(run(settings, kafka, ports, parent, Path(folder))) else 1

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""`python -m collector.processes.worker`: one of several that serve the same ports; `collector.processes.workers` starts it."""

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
from collector.processes.server import Shutdown, read_secret, serve, tell
from collector.processes.spools import Accounts, TopicOpener, Topics
from collector.settings import Settings
from collector.sources_file import load_sources
from topics.kafka.settings import KafkaSettings
from topics.local.lock import lock, unlock
from topics.topic import TopicInUse

READY = b"ready"
REACH_SECONDS = 5.0
LOOK_SECONDS = 0.02
log = structlog.get_logger("collector")


async def run(settings: Settings, kafka: KafkaSettings, ports: Ports, control: socket.socket, folder: Path) -> bool:
    """Serve until told to stop, or until the parent is gone: then its end of `control` is closed."""
    sources = load_sources(settings.sources_file)
    encoders = load_encoders(settings, sources)
    secret = read_secret(settings)
    ending, opening = Shutdown(), TopicOpener(settings, kafka, sources)
    asyncio.get_running_loop().add_reader(control, ending.stopping.set)
    with contextlib.ExitStack() as stack:
        number, topics, accounts = _take_spools(opening, folder, ending.failed, stack)
        peers = WorkerPeers(folder, number, opening.directory)
        app = create_app(settings, sources, topics, encoders, secret, accounts=accounts, peers=peers)
        answers: dict[str, Callable[[], bytes]] = {
            NOT_READY_REASON: lambda: msgspec.json.encode(app.readiness.not_ready_reason()),
            METRICS: lambda: msgspec.json.encode(app.metrics.text().decode()),
            # Whoever is asked reads the accounts on this disk by itself, for all.
            LEDGER: lambda: encode(LedgerParts(topics[None].ledger(), {} if opening.directory else accounts())),
        }
        await _until_able(app.readiness.not_ready_reason)
        async with peers.answering(answers):
            await serve(settings, app, ports, ending, settings.drain_timeout_seconds, lambda: _started(number, control))
    log.info("worker stopped", worker=number)
    return tell(ending)


def _take_spools(
    opening: TopicOpener, folder: Path, failed: Callable[[BaseException], None], stack: contextlib.ExitStack
) -> tuple[str, Topics, Accounts]:
    """Take the lowest number that no other worker has, and open the spools of that number; raises StartError."""
    for number in map(str, count()):
        with contextlib.ExitStack() as attempt:
            try:
                attempt.callback(unlock, lock(folder / f"{number}.lock"))
                topics, accounts = opening.open(failed, attempt, number)
            except TopicInUse:
                continue
            except StartError as error:
                if isinstance(error.__cause__, TopicInUse):  # by a worker whose parent was killed
                    continue
                raise
            stack.push(attempt.pop_all())
            return number, topics, accounts
    raise AssertionError("numbers do not end")


async def _until_able(reason: Callable[[], str]) -> None:
    """Wait a while for Kafka to be reached, where events go straight to it: others take them meanwhile."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REACH_SECONDS):
            while reason():  # noqa: ASYNC110  (a thread of the Kafka client's changes it)
                await asyncio.sleep(LOOK_SECONDS)


def _started(number: str, control: socket.socket) -> None:
    log.info("worker started", worker=number)
    control.send(READY)


def main(public: str, internal: str, control: str, folder: str) -> int:
    """Run a worker on the descriptors of both ports and of the line to its parent, with the folder in which workers meet."""
    ports = Ports(socket.socket(fileno=int(public)), socket.socket(fileno=int(internal)))
    line = socket.socket(fileno=int(control))

    def work() -> int:
        settings, kafka = Settings.read(os.environ), KafkaSettings.read(os.environ)
        return 0 if uvloop.run(run(settings, kafka, ports, line, Path(folder))) else 1

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""The peers of this process: the other workers, and the spools that no process writes to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from collector.ledger import LedgerParts, decode
from topics.local.spools import received, spool_paths

RESPONSE_TIMEOUT_SECONDS: Final = 2.0
NOT_READY_REASON, METRICS, LEDGER = "trouble", "metrics", "ledger"  # the questions that workers ask each other
UNRESPONSIVE: Final = "it does not respond"


class Peers(Protocol):
    """The processes that write to the same topic; `name` is the name of this one among them, empty if it is the only one."""

    name: str

    async def not_ready_reasons(self) -> Mapping[str, str]:
        """Return the reason of each peer that is not ready by name; empty texts for those that are."""

    async def metrics(self) -> Mapping[str, str]:
        """Return the metrics of each peer by name; an empty text for one that does not respond."""

    async def ledger_parts(self) -> Iterable[LedgerParts]:
        """Return the parts of the ledger that this process does not know."""


class NoPeers:
    """The peers of a collector that is a single process: only spools that former workers have left."""

    name = ""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    async def not_ready_reasons(self) -> Mapping[str, str]:
        return {}

    async def metrics(self) -> Mapping[str, str]:
        return {}

    async def ledger_parts(self) -> Iterable[LedgerParts]:
        return await _read_spools(self._directory, except_for={""})


class WorkerPeers:
    """The other workers of the same parent. Each listens on a socket in their common folder that is named for its number.

    A number without a listener is not a worker (any more). The ledger part of a worker that does not respond is read from its spool.
    """

    def __init__(self, folder: Path, number: str, directory: Path | None, *, timeout_seconds: float = RESPONSE_TIMEOUT_SECONDS) -> None:
        self.name = number
        self._folder, self._directory, self._timeout_seconds = folder, directory, timeout_seconds

    @asynccontextmanager
    async def answering(self, answers: Mapping[str, Callable[[], bytes]]) -> AsyncIterator[None]:
        """Answer the questions of peers within this context."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                writer.write(answers[(await reader.readline()).decode().strip()]())
                writer.close()
                await writer.wait_closed()

        path = self._folder / self.name
        path.unlink(missing_ok=True)  # left by a worker that was killed
        server = await asyncio.start_unix_server(answer, path)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def not_ready_reasons(self) -> Mapping[str, str]:
        return {
            name: UNRESPONSIVE if answer is None else msgspec.json.decode(answer, type=str)
            for name, answer in (await self._ask_all(NOT_READY_REASON)).items()
        }

    async def metrics(self) -> Mapping[str, str]:
        answers = await self._ask_all(METRICS)
        return {name: "" if answer is None else msgspec.json.decode(answer, type=str) for name, answer in answers.items()}

    async def ledger_parts(self) -> Iterable[LedgerParts]:
        parts = {name: decode(answer) for name, answer in (await self._ask_all(LEDGER)).items() if answer is not None}
        return (*parts.values(), *await _read_spools(self._directory, except_for={self.name, *parts}))

    async def _ask_all(self, question: str) -> dict[str, bytes | None]:
        names = sorted(path.name for path in self._folder.iterdir() if path.is_socket() and path.name != self.name)
        answers = await asyncio.gather(*(self._ask(name, question) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer != b""}

    async def _ask(self, name: str, question: str) -> bytes | None:
        """Return the answer of a peer; empty if the peer has ended, None if it does not respond."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await _exchange(self._folder / name, question.encode() + b"\n")
        except TimeoutError:
            return None
        except OSError:
            return b""
        try:
            msgspec.json.decode(answer)
        except msgspec.DecodeError:
            return b""  # the peer ended in the middle of its answer
        return answer


async def _exchange(path: Path, question: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(question)
        return await reader.read()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _read_spools(directory: Path | None, *, except_for: set[str]) -> list[LedgerParts]:
    """Read the counts of received messages from the files of a topic directory and its spools."""
    paths = spool_paths(directory) if directory else {}
    return [LedgerParts(await asyncio.to_thread(received, path), {}) for name, path in paths.items() if name not in except_for]

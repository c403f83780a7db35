"""What else there is beside this process: the other workers, and the spools that nobody writes to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from collector.ledger import Halves, decode
from topics.local.spools import received, spool_paths

ANSWER_SECONDS: Final = 2.0
NOT_READY_REASON, METRICS, LEDGER = "trouble", "metrics", "ledger"  # what workers ask each other
SILENT: Final = "it does not answer"


class Others(Protocol):
    """Those who take events for the same topic; `name` is this one's among them, empty if it is the only one."""

    name: str

    async def not_ready_reasons(self) -> Mapping[str, str]:
        """Say by name why each takes no events, or nothing."""

    async def metrics(self) -> Mapping[str, str]:
        """Give the metrics of each by name, nothing where one does not answer."""

    async def halves(self) -> Iterable[Halves]:
        """Give both halves of the ledger of each, as far as this one does not know them."""


class Nobody:
    """The others of a collector that is one process: spools that workers have left behind."""

    name = ""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    async def not_ready_reasons(self) -> Mapping[str, str]:
        return {}

    async def metrics(self) -> Mapping[str, str]:
        return {}

    async def halves(self) -> Iterable[Halves]:
        return await _spools_besides(self._directory, {""})


class Peers:
    """The other workers of the same parent; each answers on a socket in their folder that is named for its number.

    Who does not listen is no worker any more, or none yet. What a spool holds is read from its files where its writer does not tell.
    """

    def __init__(self, folder: Path, number: str, directory: Path | None, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.name = number
        self._folder, self._directory, self._answer_seconds = folder, directory, answer_seconds

    @asynccontextmanager
    async def answering(self, answers: Mapping[str, Callable[[], bytes]]) -> AsyncIterator[None]:
        """Answer the others for a while."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                writer.write(answers[(await reader.readline()).decode().strip()]())
                writer.close()
                await writer.wait_closed()

        path = self._folder / self.name
        path.unlink(missing_ok=True)  # of one that was killed
        server = await asyncio.start_unix_server(answer, path)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def not_ready_reasons(self) -> Mapping[str, str]:
        return {
            name: SILENT if told is None else msgspec.json.decode(told, type=str)
            for name, told in (await self._ask(NOT_READY_REASON)).items()
        }

    async def metrics(self) -> Mapping[str, str]:
        return {name: "" if told is None else msgspec.json.decode(told, type=str) for name, told in (await self._ask(METRICS)).items()}

    async def halves(self) -> Iterable[Halves]:
        told = {name: decode(content) for name, content in (await self._ask(LEDGER)).items() if content is not None}
        return (*told.values(), *await _spools_besides(self._directory, {self.name, *told}))

    async def _ask(self, question: str) -> dict[str, bytes | None]:
        names = sorted(path.name for path in self._folder.iterdir() if path.is_socket() and path.name != self.name)
        answers = await asyncio.gather(*(self._ask_one(name, question) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer != b""}

    async def _ask_one(self, name: str, question: str) -> bytes | None:
        """Give the answer; nothing from who has gone, None from who does not answer."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                answer = await _exchange(self._folder / name, question.encode() + b"\n")
        except TimeoutError:
            return None
        except OSError:
            return b""
        try:
            msgspec.json.decode(answer)
        except msgspec.DecodeError:
            return b""  # it ended amid its answer
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


async def _spools_besides(directory: Path | None, names: set[str]) -> list[Halves]:
    """Read what came in from the files of the topic's own directory and its spools, but for those of these names."""
    paths = spool_paths(directory) if directory else {}
    unknown = [path for name, path in paths.items() if name not in names]
    return [Halves(await asyncio.to_thread(received, path), {}) for path in unknown]

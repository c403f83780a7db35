"""The topics of a collector process: for a single process the topic directories, for a worker a spool of its own in each of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import structlog

from collector.app import CountingTopic
from collector.errors import StartError
from collector.settings import PREFIX, Settings
from collector.sources import Source
from schemas.codec import fingerprint
from schemas.contract import load_schema
from topics.kafka.settings import KafkaSettings
from topics.kafka.writer import KafkaTopic
from topics.ledger import Minute
from topics.local.forwarded import ForwardedTopic
from topics.local.log import NoSpace
from topics.local.recovery import Recovered
from topics.local.spools import clean_up, has_writer, recover_spool, spool_accounts, spool_path, spool_paths
from topics.local.writer import LocalTopic
from topics.topic import TopicError

OnFailure: TypeAlias = Callable[[BaseException], None]
Accounts: TypeAlias = Callable[[], Mapping[str, Mapping[Minute, Mapping[str, int]]]]
Topics: TypeAlias = dict[str | None, CountingTopic]  # by name; the default topic is under None

CLEANING_INTERVAL_SECONDS = 60 * 60
log = structlog.get_logger("collector")


class TopicOpener:
    """Opens the topics of all sources. `on_failure` is called when a topic accepts no more messages; `stack` closes the topics."""

    def __init__(self, settings: Settings, kafka: KafkaSettings, sources: Sequence[Source]) -> None:
        self._settings, self._kafka = settings, kafka
        schemas = {source.schema_file or settings.schema_file for source in sources if source.topic is None}
        self._fingerprints = [fingerprint(load_schema(path)) for path in schemas]
        self._names = sorted({name for source in sources for name in (source.topic, source.copy_to and source.copy_to.topic) if name})

    @property
    def directory(self) -> Path | None:
        """The directory of the default topic; None if it is on Kafka."""
        return None if self._settings.ack == "broker" else self._settings.topic_directory

    def directories(self) -> list[Path]:
        """Return the directories of all local topics."""
        return [*([self.directory] if self.directory else []), *map(self._beside, self._names)]

    def open(self, on_failure: OnFailure, stack: ExitStack, spool: str = "") -> tuple[Topics, Accounts]:
        """Open all topics, or the spool with this number in each; raises StartError."""
        default, accounts = self._open_default(on_failure, stack, spool)
        topics: Topics = {None: default}
        for name in self._names:
            topics[name] = topic = self._open_local(self._beside(name), f"{self._settings.sources_file}: topic {name!r}", on_failure, spool)
            stack.callback(topic.close)
        return topics, accounts

    def _open_default(self, on_failure: OnFailure, stack: ExitStack, spool: str) -> tuple[CountingTopic, Accounts]:
        directory = self.directory
        if directory is None:
            remote = KafkaTopic(self._kafka, max_unread_bytes=self._settings.max_unread_bytes, fingerprints=self._fingerprints)
            stack.callback(remote.close)
            return remote, remote.accounts
        local = self._open_local(directory, f"{PREFIX}TOPIC_DIRECTORY", on_failure, spool)
        topic = ForwardedTopic(local, _path(directory, spool)) if self._settings.ack == "both" else local
        stack.callback(topic.close)
        return topic, lambda: spool_accounts(directory)

    def _open_local(self, directory: Path, setting: str, on_failure: OnFailure, spool: str) -> LocalTopic:
        path = _path(directory, spool)
        try:
            local = LocalTopic.open(
                path,
                max_unread_bytes=self._settings.max_unread_bytes,
                reserve_bytes=self._settings.disk_reserve_bytes,
                on_failure=on_failure,
            )
        except TopicError as error:
            raise StartError([f"{setting}: {error}"]) from error
        log_recovery(local.recovered, path)
        return local

    def _beside(self, name: str) -> Path:
        return self._settings.topic_directory.parent / name


def _path(directory: Path, spool: str) -> Path:
    return spool_path(directory, int(spool)) if spool else directory


def clean_spools(directories: Sequence[Path], *, holds_locks: bool = False) -> None:
    """Recover the spools that no process writes to, and delete what their consumers have released.

    That includes the directories themselves, if this process holds their locks without writing to them.
    """
    for directory in directories:
        for number, path in spool_paths(directory).items():
            try:
                recovered = recover_spool(path) if holds_locks and not number and has_writer(path) else clean_up(path)
            except (OSError, NoSpace, TopicError) as error:
                log.warning("spool not cleaned up, will retry", directory=str(path), error=str(error))
                continue
            if recovered:
                log_recovery(recovered, path)


async def keep_spools_clean(directories: Sequence[Path], *, holds_locks: bool = False) -> None:
    """Clean the spools every hour, because consumers release more and more of them."""
    while True:
        clean_spools(directories, holds_locks=holds_locks)
        await asyncio.sleep(CLEANING_INTERVAL_SECONDS)


def log_recovery(recovered: Recovered, directory: Path) -> None:
    """Log the damage of a topic's files that was found at this start."""
    if recovered.torn_bytes:
        log.warning("torn end of the topic removed; none of it had been acknowledged", bytes=recovered.torn_bytes)
    if recovered.damaged:
        folder = str(directory / "damaged")
        log.error("damaged frames of the topic set aside", count=recovered.damaged, bytes=recovered.damaged_bytes, folder=folder)
    if recovered.is_ledger_lost:
        log.warning("the topic's ledger was unreadable and was recounted from the stored messages")

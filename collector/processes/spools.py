"""The topics that a process of the collector writes to: the directories themselves, or a spool of its own in each of them."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
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

Accounts: TypeAlias = Callable[[], Mapping[str, Mapping[Minute, Mapping[str, int]]]]
Topics: TypeAlias = dict[str | None, CountingTopic]  # the collector's own under None, those that sources name under their names

SECONDS_BETWEEN_TIDYINGS = 60 * 60
log = structlog.get_logger("collector")


class TopicOpener:
    """Opens topics; `failed` is called once a topic can take nothing more, `stack` closes them."""

    def __init__(self, settings: Settings, kafka: KafkaSettings, sources: Sequence[Source]) -> None:
        self._settings, self._kafka = settings, kafka
        schemas = {source.schema_file or settings.schema_file for source in sources if source.topic is None}
        self._fingerprints = [fingerprint(load_schema(path)) for path in schemas]
        self._names = sorted({name for source in sources for name in (source.topic, source.copy_to and source.copy_to.topic) if name})

    @property
    def directory(self) -> Path | None:
        """The directory of the collector's own topic; None where Kafka has it."""
        return None if self._settings.ack == "broker" else self._settings.topic_directory

    def directories(self) -> list[Path]:
        """Give the directories of all topics on this disk."""
        return [*([self.directory] if self.directory else []), *map(self._beside, self._names)]

    def open(self, failed: Callable[[BaseException], None], stack: contextlib.ExitStack, spool: str = "") -> tuple[Topics, Accounts]:
        """Open all topics, or the spool of this number in each; raises StartError."""
        own, accounts = self._open_own(failed, stack, spool)
        topics: Topics = {None: own}
        for name in self._names:
            topics[name] = topic = self._open_local(self._beside(name), f"{self._settings.sources_file}: topic {name!r}", failed, spool)
            stack.callback(topic.close)
        return topics, accounts

    def _open_own(self, failed: Callable[[BaseException], None], stack: contextlib.ExitStack, spool: str) -> tuple[CountingTopic, Accounts]:
        directory = self.directory
        if directory is None:
            straight = KafkaTopic(self._kafka, max_unread_bytes=self._settings.max_unread_bytes, fingerprints=self._fingerprints)
            stack.callback(straight.close)
            return straight, straight.accounts
        local = self._open_local(directory, f"{PREFIX}TOPIC_DIRECTORY", failed, spool)
        topic = ForwardedTopic(local, _path(directory, spool)) if self._settings.ack == "both" else local
        stack.callback(topic.close)
        return topic, lambda: spool_accounts(directory)

    def _open_local(self, directory: Path, told_as: str, failed: Callable[[BaseException], None], spool: str) -> LocalTopic:
        path = _path(directory, spool)
        try:
            local = LocalTopic.open(
                path,
                max_unread_bytes=self._settings.max_unread_bytes,
                reserve_bytes=self._settings.disk_reserve_bytes,
                on_failure=failed,
            )
        except TopicError as error:
            raise StartError([f"{told_as}: {error}"]) from error
        tell_recovered(local.recovered, path)
        return local

    def _beside(self, name: str) -> Path:
        return self._settings.topic_directory.parent / name


def _path(directory: Path, spool: str) -> Path:
    return spool_path(directory, int(spool)) if spool else directory


def tidy_spools(directories: Sequence[Path], *, are_ours: bool = False) -> None:
    """Put the spools in order that nobody writes to: left behind by workers, or waiting for their next one.

    The directories themselves too, if we hold their locks and nobody writes to them.
    """
    for directory in directories:
        for number, path in spool_paths(directory).items():
            try:
                recovered = recover_spool(path) if are_ours and not number and has_writer(path) else clean_up(path)
            except (OSError, NoSpace, TopicError) as error:
                log.warning("spool not tidied, tried again", directory=str(path), error=str(error))
                continue
            if recovered:
                tell_recovered(recovered, path)


async def keep_tidy(directories: Sequence[Path], *, are_ours: bool = False) -> None:
    """Tidy the spools again and again: their readers pass what they hold."""
    while True:
        tidy_spools(directories, are_ours=are_ours)
        await asyncio.sleep(SECONDS_BETWEEN_TIDYINGS)


def tell_recovered(recovered: Recovered, directory: Path) -> None:
    """Log what the topic's files had suffered before this start."""
    if recovered.torn_bytes:
        log.warning("torn end of the topic cut, nothing of it was acknowledged", bytes=recovered.torn_bytes)
    if recovered.damaged:
        folder = str(directory / "damaged")
        log.error("damaged frames of the topic set aside", count=recovered.damaged, bytes=recovered.damaged_bytes, folder=folder)
    if recovered.is_ledger_lost:
        log.warning("the topic's ledger could not be read and was counted anew from the messages that are kept")

"""Forwarders in threads, and the files that they leave."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.topics.in_memory import MINUTE
from support.waiting import wait_until

from topics.accounts import OUTCOMES
from topics.forwarder.forwarder import READER, Forwarder
from topics.forwarder.settings import ForwarderSettings
from topics.kafka.ledger_feed import LedgerFeed
from topics.kafka.message_formatter import MessageFormatter
from topics.kafka.producer import ProducerSession
from topics.kafka.settings import KafkaSettings
from topics.local.consumers import consumer_accounts, released_positions
from topics.local.reader import LocalReader, tail
from topics.local.spool_id import spool_id


@contextmanager
def a_forwarder(path: Path, kafka: KafkaSettings, window: int = 100) -> Iterator[Forwarder]:
    """A forwarder at work in a thread, stopped at the end."""
    stop, spool = threading.Event(), spool_id(path)
    reader, feed = LocalReader.open(path, READER, now=lambda: MINUTE / 1000), LedgerFeed(kafka, spool)
    settings = ForwarderSettings(topic_directory=path, window=window)
    forwarder = Forwarder(settings, reader, feed, lambda: ProducerSession(kafka, spool, MessageFormatter(kafka)), now=lambda: MINUTE / 1000)
    thread = threading.Thread(target=forwarder.run, args=(stop,))
    thread.start()
    try:
        yield forwarder
    finally:
        stop.set()
        thread.join(10)
        feed.close()
        reader.close()
        assert not thread.is_alive()


def released(path: Path) -> int:
    return released_positions(path).get(READER, 0)


def end(path: Path) -> int:
    reader = tail(path)
    reader.close()
    return reader.position


def is_forwarded(path: Path) -> bool:
    return released(path) == end(path)


def wait_until_released(path: Path) -> None:
    wait_until(lambda: is_forwarded(path))


def outcome(path: Path) -> dict[str, int]:
    accounts = consumer_accounts(path)[READER][MINUTE, "browser"]
    return {name: accounts[name] for name in OUTCOMES}

"""A broker in this process, and a spool."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.topics.kafka import MockKafka, a_kafka

from topics.local.reader import LocalReader


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with a_kafka() as kafka:
        yield kafka


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A topic that keeps everything, because a consumer releases nothing."""
    path = tmp_path / "spool"
    LocalReader.open(path, "keeper").close()
    return path

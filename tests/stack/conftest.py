"""The engines that the stack tests share: started once, each when the first test asks for it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.headrace.druid_table import DruidTable, druid_table
from support.headrace.engines import RunningEngines
from support.headrace.stack import Stack


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--events", type=int, default=100_000, help="how many events the kill test sends")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngines]:
    """Kafka alone, ready in seconds."""
    running = RunningEngines.in_folder(tmp_path_factory.mktemp("engines"))
    try:
        running.start("kafka")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def engines(kafka: RunningEngines) -> RunningEngines:
    """Kafka and all of Druid."""
    kafka.start()
    return kafka


@pytest.fixture(scope="session")
def stack(engines: RunningEngines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole production path, which tests share; each sends the events of a site of its own."""
    running = Stack.start(engines, tmp_path_factory.mktemp("stack"))
    yield running
    running.stop()


@pytest.fixture
def table(engines: RunningEngines, tmp_path: Path) -> Iterator[DruidTable]:
    """A table of its own on Druid."""
    with druid_table(engines, f"t{uuid.uuid4().hex[:8]}", tmp_path) as made:
        yield made

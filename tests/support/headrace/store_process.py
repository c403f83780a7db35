"""`python -m headrace.store` as a child process over a topic."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from support.ports import free_ports
from support.streams.in_memory import a_message, minute_of
from support.topics.in_memory import no_failure

from topics.local.consumers import consumer_accounts
from topics.local.writer import LocalTopic
from topics.topic import Message

ROOT = Path(__file__).parents[3]
AT = minute_of(time.time_ns() // 1_000_000)  # of all events of a run, which may last longer than a minute


def messages(numbers: range) -> list[Message]:
    """Events of 200 visitors, the same for the same number: sent again, they are duplicates."""
    return [a_message(event_id=f"{number:032x}", at=AT, address=f"192.0.{number % 200}.0") for number in numbers]


def write_topic(folder: Path, numbers: range) -> None:
    """Append events to the topic, durable in groups."""
    taken = messages(numbers)

    async def write() -> None:
        topic = LocalTopic.open(folder / "topics" / "clickstream-avro", on_failure=no_failure)
        for first in range(0, len(taken), 1000):
            await topic.append(taken[first : first + 1000])
        topic.close()

    asyncio.run(write())


@contextmanager
def a_store(folder: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run it with state in a folder; yields the process and the URL of its SQL port."""
    (port,) = free_ports(1)
    environment = os.environ | {
        "HEADRACE_STORE_TOPICS": str(folder / "topics"),
        "HEADRACE_STREAMS_SALTS": str(folder / "salts.json"),
        "HEADRACE_STREAMS_PLACES": str(folder / "places.mmdb"),
        "HEADRACE_MINIDRUID_STORE": str(folder / "store.duckdb"),
        "HEADRACE_MINIDRUID_PORT": str(port),
    }
    environment |= variables
    command = [sys.executable, "-m", "headrace.store"]
    with (folder / "store.log").open("ab") as log, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process:
        try:
            yield process, f"http://127.0.0.1:{port}/druid/v2/sql"
        finally:
            process.kill()


def count(url: str) -> int:
    """Return the number of rows; 0 while the port does not respond."""
    try:
        answer = httpx.post(url, json={"query": "SELECT COUNT(*) AS n FROM clickstream"}, timeout=10, trust_env=False)
    except httpx.TransportError:
        return 0
    return int(answer.json()[0]["n"])


def accounted(folder: Path, word: str = "stored") -> int:
    """Return the number of messages that the converter has counted in the ledger under a column."""
    accounts = consumer_accounts(folder / "topics" / "clickstream-avro").get("converter", {})
    return sum(account[word] for account in accounts.values())

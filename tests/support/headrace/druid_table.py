"""A table of its own on a real Druid, with its topic: applied, written to, asked."""

import json
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from support.headrace.engines import RunningEngines
from support.waiting import wait_until

from headrace.druid.apply import apply_table
from headrace.druid.client import COMPACTION, RULES, SUPERVISORS
from headrace.druid.difference import Difference
from headrace.druid.spec import FOLDER, Options
from headrace.druid.status import status
from headrace.druid.supervisor import resume, suspend
from schemas.contract import SCHEMA_PATH, load_schema
from topics.kafka.settings import KafkaSettings

EVERY_SECONDS = 0.01


@dataclass
class DruidTable:
    """One table: `files` and `schema` are its own and may be edited."""

    engines: RunningEngines
    name: str
    files: Path
    schema: Path
    client: httpx.Client

    @property
    def kafka(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.engines.kafka, prefix=self.name)

    def apply(self, *, task_duration: str = "PT5M", tasks: int | None = None, dry_run: bool = False) -> list[Difference]:
        options = Options(self.name, tasks=tasks, task_duration=task_duration)
        console, url = Console(file=StringIO()), self.engines.overlord_url
        return apply_table(url, self.kafka, console, options=options, folder=self.files, schema=self.schema, dry_run=dry_run)

    def suspend(self) -> None:
        suspend(self.engines.overlord_url, self.name, Console(file=StringIO()))

    def resume(self) -> None:
        resume(self.engines.overlord_url, self.name, Console(file=StringIO()))

    def status(self) -> dict[str, Any]:
        return status(self.engines.overlord_url, self.name)

    def order(self, word: str) -> None:
        """Send a command to the supervisor without waiting."""
        self.client.post(f"{self.engines.overlord_url}{SUPERVISORS}/{self.name}/{word}").raise_for_status()

    def let_pass(self, count: int) -> None:
        """Allow rows that do not fit, manually, as in the README."""
        spec = self.client.get(f"{self.engines.overlord_url}{SUPERVISORS}/{self.name}").json()
        spec["spec"]["tuningConfig"]["maxParseExceptions"] = count
        content = {key: spec[key] for key in ("type", "context", "spec")}
        self.client.post(f"{self.engines.overlord_url}{SUPERVISORS}", json=content).raise_for_status()

    def compact(self) -> None:
        """Trigger the coordinator's search for intervals to compact; it starts as many tasks as there are slots."""
        self.client.post(f"{self.engines.overlord_url}/druid/coordinator/v1/compaction/compact").raise_for_status()

    def delete_from_topic(self) -> dict[str, int]:
        """Delete everything on the topic; return the new first offset of each partition."""
        topic = self.kafka.topic("json")
        admin = AdminClient({"bootstrap.servers": self.engines.kafka})
        everything = [TopicPartition(topic, number, OFFSET_END) for number in admin.list_topics(topic).topics[topic].partitions]
        return {str(part.partition): deleted.result(30).low_watermark for part, deleted in admin.delete_records(everything).items()}

    def resume_at(self, offsets: dict[str, int]) -> None:
        """Reset the offsets of partitions manually, as in the README."""
        partitions = {"type": "end", "stream": self.kafka.topic("json"), "partitionOffsetMap": offsets}
        url = f"{self.engines.overlord_url}{SUPERVISORS}/{self.name}/resetOffsets"
        self.client.post(url, json={"type": "kafka", "partitions": partitions}).raise_for_status()

    def add_field(self, name: str) -> None:
        content = load_schema(self.schema)
        content["fields"].append({"name": name, "type": ["null", "string"], "default": None})
        self.schema.write_text(json.dumps(content))

    def configuration(self) -> dict[str, Any]:
        """The history of the table's configuration in Druid: every version of the supervisor, rules, compaction."""
        rules, compaction = f"{RULES}/{self.name}", f"{COMPACTION}/{self.name}"
        paths = (f"{SUPERVISORS}/{self.name}/history", rules, f"{rules}/history", compaction, f"{compaction}/history")
        answers = {path: self.client.get(self.engines.overlord_url + path) for path in paths}
        return {path: answer.json() if answer.is_success else None for path, answer in answers.items()}

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        producer = Producer({"bootstrap.servers": self.engines.kafka, "enable.idempotence": True})
        for row in rows:
            producer.produce(self.kafka.topic("json"), json.dumps(row).encode())
        assert producer.flush(30) == 0

    @contextmanager
    def writing(self, rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """Write a row every few milliseconds until the block ends; yields the ids written so far."""
        written: list[dict[str, Any]] = []
        ending = threading.Event()
        producer = Producer({"bootstrap.servers": self.engines.kafka, "enable.idempotence": True, "linger.ms": 0})

        def write() -> None:
            while not ending.wait(EVERY_SECONDS):
                written.append(next(rows))
                producer.produce(self.kafka.topic("json"), json.dumps(written[-1]).encode())

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield written
        finally:
            ending.set()
            thread.join()
            assert producer.flush(30) == 0

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a result; none while Druid does not know the table yet."""
        context = {"useApproximateCountDistinct": False}
        answer = self.client.post(f"{self.engines.broker_url}/druid/v2/sql", json={"query": sql, "context": context})
        return list(answer.json()) if answer.is_success else []

    def counts(self) -> tuple[int, int]:
        """Rows, and different event ids."""
        found = self.ask(f'SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids FROM "{self.name}"')
        return (found[0]["n"], found[0]["ids"]) if found else (0, 0)

    def wait_for_rows(self, count: int) -> None:
        """Wait until there are exactly `count` rows with as many ids."""
        wait_until(lambda: self.counts()[0] >= count, within_seconds=90, every_seconds=0.25)
        assert self.counts() == (count, count)


@contextmanager
def druid_table(engines: RunningEngines, name: str, folder: Path, *, partitions: int = 2) -> Iterator[DruidTable]:
    """Make the topic of a table and a copy of the files; nothing is applied yet, and at the end nothing works on it."""
    table = DruidTable(engines, name, folder / "druid", folder / "schema.avsc", httpx.Client(trust_env=False, timeout=180))
    shutil.copytree(FOLDER, table.files)
    shutil.copy(SCHEMA_PATH, table.schema)
    admin = AdminClient({"bootstrap.servers": engines.kafka})
    admin.create_topics([NewTopic(table.kafka.topic("json"), partitions, 1)])[table.kafka.topic("json")].result(30)
    try:
        yield table
    finally:
        table.client.post(f"{engines.overlord_url}{SUPERVISORS}/{name}/terminate")
        # There is one place for a compaction at a time: what is left of one test would keep that of another waiting.
        table.client.delete(f"{engines.overlord_url}{COMPACTION}/{name}")
        table.client.close()


def rows_of(count: int, *, at_ms: int, first: int = 0, **more: Any) -> Sequence[dict[str, Any]]:
    """Rows with ids in order, a second apart."""
    return [a_row(number, at_ms=at_ms + number * 1000, **more) for number in range(first, first + count)]


def a_row(number: int, *, at_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "__time": at_ms,
        "event_id": f"{number:032x}",
        "event_type": "pageView",
        "site": "shop",
        "is_bot": 0,
        "latitude": 52.37,
        "parameters": {"sku": f"A-{number}", "colours": ["red", "blue"]},
    } | more

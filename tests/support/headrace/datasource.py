"""Rows in a datasource of a real Druid, brought there through Kafka."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support.headrace.engines import RunningEngines
from support.waiting import wait_until


class RefusedError(Exception):
    """Druid does not answer a statement; its own words."""


@dataclass(frozen=True, slots=True)
class Datasource:
    """A datasource of its own name, and the broker to ask for it."""

    name: str
    broker_url: str
    context: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, sql: str, **context: Any) -> list[dict[str, Any]]:
        """Run a statement on Druid and return its rows; raises RefusedError."""
        body = {"query": sql, "context": {**self.context, **context}}
        answer = httpx.post(f"{self.broker_url}/druid/v2/sql", json=body, timeout=120, trust_env=False)
        content = answer.json()
        if answer.status_code != 200:
            raise RefusedError(content["errorMessage"])
        rows: list[dict[str, Any]] = content
        return rows

    def count(self) -> int:
        """Count the rows that can be seen by now."""
        try:
            return int(self.ask(f'SELECT COUNT(*) AS n FROM "{self.name}"')[0]["n"])
        except RefusedError:  # there is no such datasource before its first row
            return 0


@contextmanager
def datasource(
    engines: RunningEngines, table: str, dimensions: Sequence[Mapping[str, str]], rows: Iterable[Mapping[str, Any]], **context: Any
) -> Iterator[Datasource]:
    """Load rows into a new datasource named after a table, yield it once Druid shows them all, and delete it in the end."""
    made = Datasource(f"{table}_{uuid.uuid4().hex[:8]}", engines.broker_url, context)
    supervisors = f"{engines.overlord_url}/druid/indexer/v1/supervisor"
    written = _produce(engines.kafka, made.name, rows)
    httpx.post(supervisors, json=_spec(made.name, engines.kafka, dimensions), timeout=30, trust_env=False).raise_for_status()
    try:
        wait_until(lambda: made.count() == written, within_seconds=180, every_seconds=0.5)
        yield made
    finally:
        httpx.post(f"{supervisors}/{made.name}/terminate", timeout=30, trust_env=False)
        httpx.delete(f"{engines.overlord_url}/druid/coordinator/v1/datasources/{made.name}", timeout=30, trust_env=False)


def _produce(kafka: str, topic: str, rows: Iterable[Mapping[str, Any]]) -> int:
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        made.result(30)
    producer, failed, written = Producer({"bootstrap.servers": kafka, "linger.ms": 50}), list[str](), 0
    for row in rows:
        producer.produce(topic, json.dumps(row).encode(), on_delivery=lambda error, _message: failed.append(str(error)) if error else None)
        written += 1
        producer.poll(0)
    assert producer.flush(60) == 0
    assert failed == []
    return written


def _spec(name: str, kafka: str, dimensions: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "type": "kafka",
        "spec": {
            "dataSchema": {
                "dataSource": name,
                "timestampSpec": {"column": "__time", "format": "millis"},
                "dimensionsSpec": {"dimensions": list(dimensions)},
                "granularitySpec": {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False},
            },
            "ioConfig": {
                "topic": name,
                "inputFormat": {"type": "json"},
                "consumerProperties": {"bootstrap.servers": kafka},
                "useEarliestOffset": True,
                "taskDuration": "PT1H",
                "startDelay": "PT0.5S",
                "period": "PT2S",
                "pollTimeout": 50,
            },
        },
    }

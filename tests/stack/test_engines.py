"""The engines behave as the other stack tests require."""

import httpx
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support.headrace.engines import RunningEngines
from support.waiting import wait_until


def create_topic(engines: RunningEngines, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": engines.kafka})
    admin.create_topics([NewTopic(name, num_partitions=1)])[name].result(10)


def send(engines: RunningEngines, topic: str, value: str) -> None:
    producer = Producer({"bootstrap.servers": engines.kafka, "acks": "all"})
    producer.produce(topic, value)
    assert producer.flush(10) == 0


def read(engines: RunningEngines, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": engines.kafka, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[Message] = []

    def all_found() -> bool:
        found.extend(consumer.consume(count, 0.5))
        return len(found) >= count

    try:
        wait_until(all_found, within_seconds=20)
    finally:
        consumer.close()
    return [message.value() for message in found]


def test_a_message_outlives_a_kill_of_kafka(kafka: RunningEngines) -> None:
    create_topic(kafka, "outlives")
    send(kafka, "outlives", "before")
    kafka.kill("kafka")
    kafka.restart("kafka")
    send(kafka, "outlives", "after")
    assert read(kafka, "outlives", 2) == [b"before", b"after"]


def test_an_engine_that_hangs_continues_where_it_was(kafka: RunningEngines) -> None:
    create_topic(kafka, "hangs")
    kafka.pause("kafka")
    assert not kafka.engines.ports.is_ready("kafka")
    kafka.resume("kafka")
    send(kafka, "hangs", "after")
    assert read(kafka, "hangs", 1) == [b"after"]


def test_druid_answers_sql_and_knows_all_its_processes(engines: RunningEngines) -> None:
    statement = "SELECT server_type, COUNT(*) AS n FROM sys.servers GROUP BY 1 ORDER BY 1"
    answer = httpx.post(engines.sql_url, json={"query": statement}, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert {row["server_type"]: row["n"] for row in answer.json()} == dict.fromkeys(
        ("broker", "coordinator", "historical", "indexer", "overlord"), 1
    )
    status = httpx.get(f"{engines.overlord_url}/druid/indexer/v1/supervisor", timeout=30, trust_env=False)
    assert status.status_code == 200, status.text


def test_a_druid_process_can_be_killed_and_started_again(engines: RunningEngines) -> None:
    engines.restart("historical")
    assert httpx.get(f"{engines.overlord_url}/druid/coordinator/v1/isLeader", timeout=30, trust_env=False).status_code == 200

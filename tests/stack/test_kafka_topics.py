"""`headrace kafka` and a real Kafka: the topics become what topics.toml defines, and faults are reported."""

import io
import itertools

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType
from rich.console import Console
from support.headrace.engines import RunningEngines

from headrace.errors import CommandError
from headrace.kafka import apply_topics, show_topics
from topics.kafka.settings import KafkaSettings

_prefixes = itertools.count()


@pytest.fixture
def settings(kafka: RunningEngines) -> KafkaSettings:
    kafka.start("kafka")
    return KafkaSettings(bootstrap_servers=kafka.kafka, prefix=f"topics{next(_prefixes)}")


def applied(settings: KafkaSettings, *, dry_run: bool = False) -> str:
    """The output of the command."""
    output = io.StringIO()
    apply_topics(settings, Console(file=output, width=1000), dry_run=dry_run)
    return output.getvalue()


def shown(settings: KafkaSettings) -> tuple[bool, str]:
    output = io.StringIO()
    is_complete = show_topics(settings, Console(file=output, width=1000))
    return is_complete, output.getvalue()


def test_a_dry_run_says_what_would_change_and_changes_nothing(settings: KafkaSettings) -> None:
    output = applied(settings, dry_run=True)
    assert output.count("would be created") == 5
    assert applied(settings, dry_run=True) == output
    is_complete, output = shown(settings)
    assert not is_complete
    assert f"{settings.topic('avro')} is missing" in output


def test_topics_are_made_once(settings: KafkaSettings) -> None:
    assert f"{settings.topic('avro')}: created with 4 partitions" in applied(settings)
    assert applied(settings) == "nothing to change\n"
    assert shown(settings)[0]


def test_a_setting_that_someone_changed_is_set_again(settings: KafkaSettings) -> None:
    applied(settings)
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, settings.topic("json"), incremental_configs=[entry])
    admin = AdminClient({**settings.client()})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)
    output = f"{settings.topic('json')}: retention.ms set to 604800000, from 1000\n"
    assert applied(settings) == output
    assert applied(settings) == "nothing to change\n"


def test_other_numbers_of_partitions_are_refused_all_at_once(settings: KafkaSettings) -> None:
    admin = AdminClient({**settings.client()})
    for future in admin.create_topics([NewTopic(settings.topic(name), 2) for name in ("avro", "json")]).values():
        future.result(10)
    with pytest.raises(CommandError) as refused:
        applied(settings)
    assert [line.split(" partitions")[0] for line in str(refused.value).splitlines()] == [
        f"{settings.topic('avro')} has 2",
        f"{settings.topic('json')} has 2",
    ]
    assert "is missing" in shown(settings)[1]


def test_unread_bytes_are_shown(settings: KafkaSettings) -> None:
    applied(settings)
    producer = Producer(settings.client())
    for _ in range(7):
        producer.produce(settings.topic("avro"), b"value", partition=2)
    assert producer.flush(10) == 0
    (line,) = [line.split() for line in shown(settings)[1].splitlines() if line.split()[:2] == [settings.topic("avro"), "2"]]
    assert line[2:] == ["7", "7"]


def test_a_transaction_that_hangs_is_reported(settings: KafkaSettings) -> None:
    applied(settings)
    producer = Producer({**settings.client(), "transactional.id": settings.prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(settings.topic("json"), b"value", partition=1)
    producer.flush(10)
    assert f"{settings.topic('json')}, partition 1: a hanging transaction at offset 0" in shown(settings)[1]
    producer.abort_transaction(10)
    assert "hanging" not in shown(settings)[1]

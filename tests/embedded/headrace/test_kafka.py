"""`headrace kafka` against librdkafka's in-process broker, which can be asked but makes no topics; tests/stack has the real one."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console
from support.collector.collectors import ROOT
from support.topics.kafka import MockKafka, a_kafka, write_topic

from headrace.errors import CommandError
from headrace.kafka import apply_topics, read_settings, show_topics
from topics.kafka import cluster
from topics.kafka.settings import KafkaSettings


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with a_kafka() as kafka:
        yield kafka


def dry_run(settings: KafkaSettings, *records: str) -> str:
    output = io.StringIO()
    apply_topics(settings, Console(file=output, width=1000), records=records, dry_run=True)
    return output.getvalue()


def shown(settings: KafkaSettings) -> tuple[bool, str]:
    output = io.StringIO()
    is_complete = show_topics(settings, Console(file=output, width=1000))
    return is_complete, output.getvalue()


def line_of(output: str, topic: str, partition: int) -> list[str]:
    (found,) = [line.split() for line in output.splitlines() if line.split()[:2] == [topic, str(partition)]]
    return found[2:]


def test_a_dry_run_reports_the_topics_to_create() -> None:
    with a_kafka(with_topics=False) as kafka:
        output = dry_run(kafka.settings)
    assert output.count("would be created with") == 5
    assert "clickstream-avro: would be created with 4 partitions, cleanup.policy=delete" in output


def test_a_topic_of_a_source_is_made_as_the_records_are_unless_it_is_there() -> None:
    with a_kafka(with_topics=False) as kafka:
        kafka.make_topic("divolte", 12)
        output = dry_run(kafka.settings, "divolte", "copies")
    assert "copies: would be created with 4 partitions, cleanup.policy=delete, retention.ms=604800000" in output
    assert "divolte" not in output


def test_a_name_that_no_topic_can_have_is_refused(kafka: MockKafka) -> None:
    with pytest.raises(CommandError, match="--records a topic: not a valid topic name"):
        dry_run(kafka.settings, "a topic")


def test_topics_that_are_missing_are_reported() -> None:
    with a_kafka(with_topics=False) as kafka:
        is_complete, output = shown(kafka.settings)
    assert not is_complete
    assert output.count("is missing; `headrace kafka apply` creates it") == 5


def test_other_numbers_of_partitions_are_refused_all_at_once() -> None:
    with a_kafka(with_topics=False) as kafka:
        kafka.make_topics(partitions=2)
        with pytest.raises(CommandError) as refused:
            dry_run(kafka.settings)
    assert str(refused.value).count("has 2 partitions, not") == 5


def test_bytes_unread_by_the_converter_are_shown(kafka: MockKafka) -> None:
    for _ in range(3):
        write_topic(kafka.settings, "avro", b"a party", b"a record", partition=1)
    write_topic(kafka.settings, "json", b"a party", b"a row", partition=1)
    is_complete, output = shown(kafka.settings)
    assert is_complete
    assert line_of(output, "clickstream-avro", 1) == ["3", "3"]
    assert line_of(output, "clickstream-json", 1) == ["1"]


@pytest.mark.parametrize("command", [dry_run, shown])
def test_a_kafka_that_does_not_answer_is_reported(command: Callable[[KafkaSettings], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "METADATA_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(CommandError, match=r"Kafka does not respond at 127\.0\.0\.1:1"):
        command(KafkaSettings(bootstrap_servers="127.0.0.1:1"))


def test_a_wrong_variable_is_reported() -> None:
    with pytest.raises(CommandError, match="HEADRACE_KAFKA_PREFX: there is no such setting; did you mean HEADRACE_KAFKA_PREFIX"):
        read_settings({"HEADRACE_KAFKA_PREFX": "site"})


def test_the_forwarder_reports_a_wrong_variable_with_exit_status_2() -> None:
    environment = {"HEADRACE_FORWARDER_WINDOW": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "topics.forwarder"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("HEADRACE_FORWARDER_WINDOW: Input should be greater than or equal to 1")

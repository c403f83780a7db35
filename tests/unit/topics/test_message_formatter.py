"""The form of an event on Kafka in each format."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.topics.in_memory import MINUTE, a_message
from support.topics.registry import SchemaRegistry

from schemas.codec import encode, fingerprint
from topics.kafka.message_formatter import MessageFormatter, SchemaIdMissing
from topics.kafka.messages import ORIGIN
from topics.kafka.registry import RegistryError
from topics.kafka.settings import KafkaSettings

SCHEMA: dict[str, Any] = {"type": "record", "name": "A", "fields": [{"name": "n", "type": "int"}]}
OTHER = SCHEMA | {"name": "B"}
MESSAGE = a_message("an id", value=encode(SCHEMA, {"n": 7}))
SPOOL = bytes(8)
HEADERS = [("origin", ORIGIN.pack(SPOOL, 3, MINUTE)), ("event-id", "an id"), ("source", "browser"), ("schema", fingerprint(SCHEMA).hex())]


@pytest.fixture
def settings(server: SchemaRegistry, tmp_path: Path) -> KafkaSettings:
    (tmp_path / "divolte").mkdir()
    (tmp_path / "divolte" / "a.avsc").write_text(json.dumps(SCHEMA))
    return KafkaSettings(message_format="confluent", schema_registry=server.url, schema_directory=tmp_path)


def test_a_single_object_is_sent_as_it_is() -> None:
    assert MessageFormatter(KafkaSettings()).format(MESSAGE, SPOOL, 3) == (MESSAGE.value, HEADERS)


def test_a_naked_message_is_the_avro_bytes_alone() -> None:
    made = MessageFormatter(KafkaSettings(message_format="naked")).format(MESSAGE, SPOOL, 3)
    assert made == (b"\x0e", [*HEADERS, ("format", "naked")])


def test_a_confluent_message_has_the_id_that_is_given() -> None:
    made = MessageFormatter(KafkaSettings(message_format="confluent", schema_id=258)).format(MESSAGE, SPOOL, 3)
    assert made == (b"\0\0\0\x01\x02\x0e", [*HEADERS, ("format", "confluent")])


@pytest.mark.parametrize("message_format", ["naked", "confluent"])
def test_a_value_that_is_not_a_single_object_stays_as_it_is(message_format: Any) -> None:
    records = MessageFormatter(KafkaSettings(message_format=message_format, schema_id=1))
    assert records.format(a_message("an id", value=b"\xc3\x01short"), SPOOL, 3) == (b"\xc3\x01short", HEADERS[:3])


def test_an_id_is_asked_for_once_a_schema(server: SchemaRegistry, settings: KafkaSettings) -> None:
    records = MessageFormatter(settings)
    for _ in range(2):
        with pytest.raises(SchemaIdMissing):
            records.format(MESSAGE, SPOOL, 3)
    for _ in range(2):
        records.look_up_ids()
    assert records.format(MESSAGE, SPOOL, 3)[0] == b"\0\0\0\0\x64\x0e"
    assert server.asked == ["POST /subjects/clickstream-avro-value", "POST /subjects/clickstream-avro-value/versions"]


def test_the_subject_is_that_of_the_topic(server: SchemaRegistry, settings: KafkaSettings) -> None:
    records = MessageFormatter(settings, "divolte")
    records.request_id(fingerprint(SCHEMA))
    records.check_registry()
    assert server.subjects == {"divolte-value": [100]}


def test_a_registry_is_reached_before_the_first_id_is_needed_and_not_again(server: SchemaRegistry, settings: KafkaSettings) -> None:
    server.is_broken = True
    records = MessageFormatter(settings)
    with pytest.raises(RegistryError, match="rejects"):
        records.check_registry()
    server.is_broken = False
    records.request_id(fingerprint(SCHEMA))
    records.check_registry()
    server.is_broken = True
    records.check_registry()


def test_a_schema_without_a_file_is_waited_for(settings: KafkaSettings) -> None:
    records = MessageFormatter(settings)
    records.request_id(fingerprint(OTHER))
    with pytest.raises(RegistryError, match=f"has the fingerprint {fingerprint(OTHER).hex()} of a waiting message; put its schema there"):
        records.look_up_ids()
    (settings.schema_directory / "b.avsc").write_text(json.dumps(OTHER))
    records.look_up_ids()
    assert records.format(a_message("an id", value=encode(OTHER, {"n": 7})), SPOOL, 3)[0][5:] == b"\x0e"


@pytest.mark.parametrize("content", ["{", '{"type": "nothing"}', "[]"])
def test_a_file_that_is_not_a_schema_is_named(settings: KafkaSettings, content: str) -> None:
    (settings.schema_directory / "0.avsc").write_text(content)
    records = MessageFormatter(settings)
    records.request_id(fingerprint(SCHEMA))
    with pytest.raises(RegistryError, match=r"0\.avsc is not a valid Avro schema"):
        records.look_up_ids()

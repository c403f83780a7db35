"""Messages of every format, and of other producers, become the message of the local topic."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.streams.in_memory import SCHEMA, a_message, a_record
from support.streams.on_kafka import SPOOL
from support.topics.registry import SchemaRegistry, a_registry

from schemas.codec import encode, fingerprint
from streams.kafka.confluent_messages import UNKNOWN_ID_RETRY_SECONDS, ConfluentMessages
from streams.kafka.messages import to_entry
from topics.kafka.message_formatter import MessageFormatter
from topics.kafka.messages import headers
from topics.kafka.registry import RegistryError
from topics.kafka.settings import KafkaSettings
from topics.kafka.transactions import Fetched
from topics.topic import Message

EVENT = a_message(a_record())
CONFLUENT = b"\0" + (258).to_bytes(4, "big") + EVENT.value[10:]


@pytest.fixture
def server() -> Iterator[SchemaRegistry]:
    with a_registry() as server:
        yield server


def fetched(value: bytes, found: dict[str, bytes]) -> Fetched:
    return Fetched(0, 0, 0, b"a-party", value, found)


def on_kafka(message: Message, message_format: Any) -> Fetched:
    value, found = MessageFormatter(KafkaSettings(message_format=message_format, schema_id=258)).format(message, SPOOL, 3)
    return fetched(value, {name: text.encode() if isinstance(text, str) else text or b"" for name, text in found})


def converted(found: Fetched) -> bytes:
    """The schema that the converter assumes for a message without a known id."""
    entry, _ = to_entry(found, ConfluentMessages(KafkaSettings(), SCHEMA).restore)
    return entry.message.value


@pytest.mark.parametrize("message_format", ["single-object", "confluent", "naked"])
def test_the_headers_bring_back_the_message_of_every_format(message_format: str) -> None:
    assert converted(on_kafka(EVENT, message_format)) == EVENT.value


@pytest.mark.parametrize("schema", [b"", b"0102", b"no digits", b"\xff"])
def test_a_message_without_a_whole_fingerprint_stays_as_it_is(schema: bytes) -> None:
    assert converted(fetched(b"naked", {"format": b"naked", "schema": schema})) == b"naked"


def test_a_message_of_an_earlier_headrace_stays_as_it_is() -> None:
    found = {name: text.encode() if isinstance(text, str) else text or b"" for name, text in headers(EVENT, SPOOL, 3)}
    assert converted(fetched(EVENT.value, found)) == EVENT.value


@pytest.mark.parametrize("value", [b"", b"\0", CONFLUENT, b"plain"])
def test_without_a_setting_messages_of_others_stay_as_they_are(value: bytes) -> None:
    assert converted(fetched(value, {})) == value


def test_the_id_of_the_settings_is_that_of_the_converters_schema() -> None:
    restore = ConfluentMessages(KafkaSettings(schema_id=258), SCHEMA).restore
    assert restore(CONFLUENT) == EVENT.value
    assert restore(b"\0\0\0\0\x01x") == b"\0\0\0\0\x01x"


def test_a_registry_is_asked_for_an_id_once(server: SchemaRegistry) -> None:
    server.schemas[258] = json.dumps(SCHEMA)
    confluent = ConfluentMessages(KafkaSettings(schema_registry=server.url), {})
    for _ in range(3):
        assert confluent.restore(CONFLUENT) == EVENT.value
    assert server.asked == ["GET /schemas/ids/258"]


@pytest.mark.parametrize("text", [None, '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "Elsewhere"}]}'])
def test_an_id_without_a_schema_of_its_own_is_asked_for_again_a_minute_later(server: SchemaRegistry, text: str | None) -> None:
    if text:
        server.schemas[258] = text
    seconds = [1000.0]
    confluent = ConfluentMessages(KafkaSettings(schema_registry=server.url), {}, now=lambda: seconds[0])
    for _ in range(3):
        assert confluent.restore(CONFLUENT) == CONFLUENT
    assert len(server.asked) == 1
    server.schemas[258] = json.dumps(SCHEMA)
    seconds[0] += UNKNOWN_ID_RETRY_SECONDS
    assert confluent.restore(CONFLUENT) == EVENT.value


def test_unknown_ids_take_bounded_memory(server: SchemaRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.confluent_messages.MAX_UNKNOWN", 2)
    confluent = ConfluentMessages(KafkaSettings(schema_registry=server.url), {})
    for number in (1, 2, 3, 1):
        confluent.restore(b"\0" + number.to_bytes(4, "big"))
    assert len(server.asked) == 4


def test_a_registry_that_is_away_is_waited_for(server: SchemaRegistry) -> None:
    server.is_broken = True
    with pytest.raises(RegistryError):
        ConfluentMessages(KafkaSettings(schema_registry=server.url), {}).restore(CONFLUENT)


def test_a_schema_of_the_registry_is_selected_by_its_fingerprint(server: SchemaRegistry) -> None:
    other: dict[str, Any] = {"type": "record", "name": "Other", "fields": []}
    server.schemas[258] = json.dumps(other)
    restored = ConfluentMessages(KafkaSettings(schema_registry=server.url), {}).restore(CONFLUENT)
    assert restored[2:10] == fingerprint(other)
    assert encode(other, {}) == restored[:10]

"""The topic that events are sent to: its name, and the format of its messages."""

import json
from pathlib import Path
from typing import Any

from fastavro.schema import SchemaParseException

from schemas.codec import PREFIX_BYTES, fingerprint
from schemas.contract import load_schema
from topics.kafka.messages import CONFLUENT_BYTES, CONFLUENT_MARKER, Headers, fingerprint_of, headers
from topics.kafka.registry import RegistryError, registry
from topics.kafka.settings import KafkaSettings
from topics.topic import Message, TopicError


class IdMissing(TopicError):
    """The id of this message's schema is not looked up yet."""


class MessageFormatter:
    """Makes messages in the format of the settings. Ids are asked for once, by `reach` and `look_up`; only they wait for the registry."""

    def __init__(self, settings: KafkaSettings, topic: str | None = None) -> None:
        self.topic = topic or settings.topic("avro")
        self._format, self._directory = settings.message_format, settings.schema_directory
        self._given = None if settings.schema_id is None else _prefix(settings.schema_id)
        self._registry = registry(settings) if self._format == "confluent" else None
        self._prefixes: dict[bytes, bytes] = {}
        self._wanted: dict[bytes, None] = {}

    def make(self, message: Message, spool: bytes, position: int) -> tuple[bytes, Headers]:
        """Give value and headers of an event. Raises IdMissing, and then `look_up` asks for the id."""
        return self._value(message.value), headers(message, spool, position, self._format)

    def want(self, fingerprint: bytes) -> None:
        """Have the id of a schema looked up before a message asks for it."""
        if self._registry:
            self._wanted[fingerprint] = None

    def reach(self) -> None:
        """See that ids can be had, before the first is needed. Raises RegistryError."""
        if self._registry and not self._prefixes:
            self._registry.reach(self._subject)
        self.look_up()

    def look_up(self) -> None:
        """Ask for the ids that are wanted. Raises RegistryError."""
        if self._registry is None:
            return
        for wanted in list(self._wanted):
            self._prefixes[wanted] = _prefix(self._registry.id_of(self._subject, _text(wanted, self._directory)))
            self._wanted.pop(wanted, None)  # the forwarders of several spools share this

    @property
    def _subject(self) -> str:
        return f"{self.topic}-value"

    def _value(self, value: bytes) -> bytes:
        if self._format == "single-object" or (found := fingerprint_of(value)) is None:
            return value
        if self._format == "naked":
            return value[PREFIX_BYTES:]
        prefix = self._given or self._prefixes.get(found)
        if prefix is None:
            self.want(found)
            raise IdMissing(f"the id of the schema {found.hex()} is not looked up yet")
        return prefix + value[PREFIX_BYTES:]


def _prefix(number: int) -> bytes:
    return CONFLUENT_MARKER + number.to_bytes(CONFLUENT_BYTES - 1, "big")


def _text(wanted: bytes, directory: Path) -> str:
    """Give the schema of a fingerprint as its file has it. The files are read anew: one that was missing may be there now."""
    for path in sorted(directory.rglob("*.avsc")):
        schema = _schema(path)
        if fingerprint(schema) == wanted:
            return json.dumps(schema)
    raise RegistryError(f"no *.avsc in {directory} has the fingerprint {wanted.hex()} of a message that waits; put its schema there")


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = load_schema(path)
        fingerprint(schema)
    except (OSError, ValueError, KeyError, TypeError, SchemaParseException) as error:
        raise RegistryError(f"{path} is no Avro schema: {error!r}") from error
    return schema

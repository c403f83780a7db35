"""The topic that events are sent to, and the format of its messages."""

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


class SchemaIdMissing(TopicError):
    """The id of a message's schema is not looked up yet."""


class MessageFormatter:
    """Formats messages as the settings say. Only `check_registry` and `look_up_ids` query the registry, once per schema."""

    def __init__(self, settings: KafkaSettings, topic: str | None = None) -> None:
        self.topic = topic or settings.topic("avro")
        self._format, self._directory = settings.message_format, settings.schema_directory
        self._fixed = None if settings.schema_id is None else _prefix(settings.schema_id)
        self._registry = registry(settings) if self._format == "confluent" else None
        self._prefixes: dict[bytes, bytes] = {}
        self._requested: dict[bytes, None] = {}

    def format(self, message: Message, spool: bytes, position: int) -> tuple[bytes, Headers]:
        """Return value and headers of an event. Raises SchemaIdMissing; then `look_up_ids` must be called."""
        return self._value(message.value), headers(message, spool, position, self._format)

    def request_id(self, fingerprint: bytes) -> None:
        """Request the id of a schema before a message needs it."""
        if self._registry:
            self._requested[fingerprint] = None

    def check_registry(self) -> None:
        """Check that the registry responds, before the first id is needed. Raises RegistryError."""
        if self._registry and not self._prefixes:
            self._registry.check(self._subject)
        self.look_up_ids()

    def look_up_ids(self) -> None:
        """Look up the requested ids. Raises RegistryError."""
        if self._registry is None:
            return
        for requested in list(self._requested):
            self._prefixes[requested] = _prefix(self._registry.id_of(self._subject, _text(requested, self._directory)))
            self._requested.pop(requested, None)  # the forwarders of several spools share this formatter

    @property
    def _subject(self) -> str:
        return f"{self.topic}-value"

    def _value(self, value: bytes) -> bytes:
        if self._format == "single-object" or (found := fingerprint_of(value)) is None:
            return value
        if self._format == "naked":
            return value[PREFIX_BYTES:]
        prefix = self._fixed or self._prefixes.get(found)
        if prefix is None:
            self.request_id(found)
            raise SchemaIdMissing(f"the id of the schema {found.hex()} is not looked up yet")
        return prefix + value[PREFIX_BYTES:]


def _prefix(number: int) -> bytes:
    return CONFLUENT_MARKER + number.to_bytes(CONFLUENT_BYTES - 1, "big")


def _text(requested: bytes, directory: Path) -> str:
    """Return the schema with a fingerprint as JSON. The files are read each time, because a missing one may exist now."""
    for path in sorted(directory.rglob("*.avsc")):
        schema = _schema(path)
        if fingerprint(schema) == requested:
            return json.dumps(schema)
    raise RegistryError(f"no *.avsc in {directory} has the fingerprint {requested.hex()} of a waiting message; put its schema there")


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = load_schema(path)
        fingerprint(schema)
    except (OSError, ValueError, KeyError, TypeError, SchemaParseException) as error:
        raise RegistryError(f"{path} is not a valid Avro schema: {error!r}") from error
    return schema

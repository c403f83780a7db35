"""Messages of other producers in Confluent's format: a setting or a registry maps the id in them to a schema."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastavro.schema import SchemaParseException

from schemas.codec import message_prefix
from topics.kafka.messages import CONFLUENT_BYTES, CONFLUENT_MARKER
from topics.kafka.registry import Registry, registry
from topics.kafka.settings import KafkaSettings

UNKNOWN_ID_RETRY_SECONDS: Final = 60.0
MAX_UNKNOWN: Final = 1000


class ConfluentMessages:
    """Converts messages with a schema id to single-object messages; each id is looked up once. `schema` has the id in the settings."""

    def __init__(self, settings: KafkaSettings, schema: Mapping[str, Any], now: Callable[[], float] = time.monotonic) -> None:
        self._registry: Registry | None = registry(settings)
        self._prefixes = {} if settings.schema_id is None else {settings.schema_id: message_prefix(schema)}
        self._unknown: dict[int, float] = {}
        self._now = now

    def restore(self, value: bytes) -> bytes:
        """Return the single-object message, or the value unchanged if its schema is unknown. Raises RegistryError."""
        if value[:1] != CONFLUENT_MARKER or len(value) < CONFLUENT_BYTES:
            return value
        number = int.from_bytes(value[1:CONFLUENT_BYTES], "big")
        prefix = self._prefixes.get(number) or self._look_up(number)
        return prefix + value[CONFLUENT_BYTES:] if prefix else value

    def _look_up(self, number: int) -> bytes | None:
        if self._registry is None or self._now() < self._unknown.get(number, 0):
            return None
        prefix = _prefix(self._registry.schema_of(number))
        if prefix:
            self._prefixes[number] = prefix
        else:
            if len(self._unknown) >= MAX_UNKNOWN:
                self._unknown.clear()
            self._unknown[number] = self._now() + UNKNOWN_ID_RETRY_SECONDS
        return prefix


def _prefix(schema: Mapping[str, Any] | None) -> bytes | None:
    """Return the prefix of a schema's messages; None if the schema is not self-contained, because it references others."""
    try:
        return None if schema is None else message_prefix(schema)
    except (SchemaParseException, ValueError, KeyError, TypeError):
        return None

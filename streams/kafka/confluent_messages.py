"""Messages that other producers wrote with Confluent's clients: the id in them says which schema, by setting or by a registry."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastavro.schema import SchemaParseException

from schemas.codec import message_prefix
from topics.kafka.messages import CONFLUENT_BYTES, CONFLUENT_MARKER
from topics.kafka.registry import Registry, registry
from topics.kafka.settings import KafkaSettings

SECONDS_BETWEEN_QUESTIONS: Final = 60.0  # for an id that the registry does not know
MOST_UNKNOWN: Final = 1000


class ConfluentMessages:
    """Gives single-object messages for those that carry an id; an id is asked for once. `schema` is that of the id in the settings."""

    def __init__(self, settings: KafkaSettings, schema: Mapping[str, Any], now: Callable[[], float] = time.monotonic) -> None:
        self._registry: Registry | None = registry(settings)
        self._prefixes = {} if settings.schema_id is None else {settings.schema_id: message_prefix(schema)}
        self._unknown: dict[int, float] = {}
        self._now = now

    def restore(self, value: bytes) -> bytes:
        """Give the single-object message, or the value as it is where no schema is known for it. Raises RegistryError."""
        if value[:1] != CONFLUENT_MARKER or len(value) < CONFLUENT_BYTES:
            return value
        number = int.from_bytes(value[1:CONFLUENT_BYTES], "big")
        prefix = self._prefixes.get(number) or self._looked_up(number)
        return prefix + value[CONFLUENT_BYTES:] if prefix else value

    def _looked_up(self, number: int) -> bytes | None:
        if self._registry is None or self._now() < self._unknown.get(number, 0):
            return None
        prefix = _prefix(self._registry.schema_of(number))
        if prefix:
            self._prefixes[number] = prefix
        else:
            if len(self._unknown) >= MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[number] = self._now() + SECONDS_BETWEEN_QUESTIONS
        return prefix


def _prefix(schema: Mapping[str, Any] | None) -> bytes | None:
    """Give what messages of a schema begin with; None for one that does not stand by itself, with references to others."""
    try:
        return None if schema is None else message_prefix(schema)
    except (SchemaParseException, ValueError, KeyError, TypeError):
        return None

"""A session of an idempotent producer: everything is delivered in order, or the session ends and the next one starts further back."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from confluent_kafka import KafkaException, Producer

from topics.kafka.message_formatter import MessageFormatter, SchemaIdMissing
from topics.kafka.messages import dead_letter
from topics.kafka.registry import RegistryError
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.topic import Damage, Message, TopicError

METADATA_TIMEOUT_SECONDS = 2.0  # short, because a stop waits for it

IDEMPOTENT: Final = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # like Java's clients: a party has one partition, whichever process sends
}
# Defaults that the operator's file may change.
TUNED: Final = {"compression.type": "lz4", "linger.ms": 2}
# The spool owns the events: nothing expires in the client, and no failure leaves a gap.
PATIENT: Final = {"message.timeout.ms": 0, "enable.gapless.guarantee": True}

# `poll` raises a fatal error; the client still calls back for reports then, and these callbacks end in a SystemError.
RAISED: Final = (KafkaException, SystemError)

Report = Callable[[object, object], None]  # a callback with the error, or None, and the delivered message


class SessionEnded(TopicError):
    """A message was not delivered: another session must send all unreported messages again."""


class ProducerSession:
    """One producer, from the first connection to Kafka until the first failure."""

    def __init__(self, settings: KafkaSettings, spool: bytes, formatter: MessageFormatter) -> None:
        self._spool, self._formatter, self._dead_letters = spool, formatter, settings.topic("dead-letters")
        self._fault: object = None
        self._producer = Producer({**TUNED, **settings.client(), **IDEMPOTENT, **PATIENT}, logger=CLIENT_LOG)
        try:
            check_kafka(self._producer, settings, formatter, self._dead_letters)
        except SessionEnded:
            self.close()
            raise

    def send(self, position: int, content: Message | Damage, now: int, report: Report) -> bool:
        """Send a message, or damage as a dead letter; return False if there is no room now. Raises SessionEnded."""
        try:
            if isinstance(content, Damage):
                key, value, found = dead_letter(content, self._spool, now)
                self._producer.produce(self._dead_letters, value, key, headers=found, on_delivery=report)
            else:
                value, found = self._formatter.format(content, self._spool, position)
                at = content.received_at  # Divolte's consumers rely on it; a topic with LogAppendTime ignores it
                self._producer.produce(self._formatter.topic, value, content.key, timestamp=at, headers=found, on_delivery=report)
        except (BufferError, SchemaIdMissing):  # `poll` looks the id up
            return False
        except KafkaException as error:
            raise SessionEnded(error.args[0].str()) from error
        return True

    def fail(self, error: object) -> None:
        """End the session at the end of the current `poll`."""
        self._fault = self._fault or error

    def poll(self, seconds: float) -> None:
        """Handle the delivery reports, or wait for some. Raises SessionEnded after a failure."""
        poll(self._producer, seconds)
        query_registry(self._formatter.look_up_ids)
        if self._fault:
            raise SessionEnded(str(self._fault))

    def close(self) -> None:
        """Discard undelivered messages; they are reported as failures."""
        discard(self._producer)


def check_kafka(producer: Producer, settings: KafkaSettings, formatter: MessageFormatter, *others: str) -> None:
    """Check that Kafka responds and has these topics, and that the registry responds if there is one; raises SessionEnded."""
    try:  # list all topics: a request for one by name would create it, with any number of partitions
        existing = producer.list_topics(timeout=METADATA_TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise SessionEnded(f"Kafka does not respond at {settings.bootstrap_servers}: {error.args[0].str()}") from error
    if missing := [topic for topic in (formatter.topic, *others) if topic not in existing]:
        raise SessionEnded(f"Kafka has no topic {' and no '.join(missing)}; `headrace kafka apply` creates it")
    query_registry(formatter.check_registry)


def query_registry(query: Callable[[], None]) -> None:
    """Query the schema registry; raises SessionEnded."""
    try:
        query()
    except RegistryError as error:
        raise SessionEnded(str(error)) from error


def poll(producer: Producer, seconds: float) -> int:
    """Handle the delivery reports, or wait for some; return their number. Raises SessionEnded after a fatal error."""
    try:
        return producer.poll(seconds)
    except RAISED as error:
        raise SessionEnded(str(error.__cause__ or error)) from error


def discard(producer: Producer) -> None:
    """Close a producer and discard its undelivered messages, which are reported as failures at once."""
    for step in (producer.purge, lambda: producer.poll(0), producer.close):
        with suppress(*RAISED):
            step()

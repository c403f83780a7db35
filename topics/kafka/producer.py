"""An idempotent producer for a while: all it takes is delivered in order, or it is over and another begins further back."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from confluent_kafka import KafkaException, Producer

from topics.kafka.message_formatter import IdMissing, MessageFormatter
from topics.kafka.messages import dead_letter
from topics.kafka.registry import RegistryError
from topics.kafka.settings import CLIENT_LOG, KafkaSettings
from topics.topic import Damage, Message, TopicError

REACHED_SECONDS = 2.0  # so long one look for Kafka may take; who stops need not wait longer

IDEMPOTENT: Final = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # as Java's clients: a party has one partition, whoever writes
}
# Unless the operator's file says something else.
TUNED: Final = {"compression.type": "lz4", "linger.ms": 2}
# The spool owns the events: nothing expires in the client, and no failure leaves a gap behind.
PATIENT: Final = {"message.timeout.ms": 0, "enable.gapless.guarantee": True}

# A fatal error is raised by `poll`; the client then still calls for reports, and their callbacks end in a SystemError.
RAISED: Final = (KafkaException, SystemError)

Report = Callable[[object, object], None]  # called with the error, or None, and the message as it was delivered


class SessionEnded(TopicError):
    """Something was not delivered: what is not reported must be sent again, by another session."""


class ProducerSession:
    """One producer, from the moment Kafka is reached until something fails."""

    def __init__(self, settings: KafkaSettings, spool: bytes, records: MessageFormatter) -> None:
        self._spool, self._records, self._dead_letters = spool, records, settings.topic("dead-letters")
        self._fault: object = None
        self._producer = Producer({**TUNED, **settings.client(), **IDEMPOTENT, **PATIENT}, logger=CLIENT_LOG)
        try:
            reach(self._producer, settings, records, self._dead_letters)
        except SessionEnded:
            self.close()
            raise

    def send(self, position: int, one: Message | Damage, now: int, report: Report) -> bool:
        """Hand over a message, or damage as a dead letter; False if there is no room now. Raises SessionEnded."""
        try:
            if isinstance(one, Damage):
                key, value, found = dead_letter(one, self._spool, now)
                self._producer.produce(self._dead_letters, value, key, headers=found, on_delivery=report)
            else:
                value, found = self._records.make(one, self._spool, position)
                at = one.received_at  # Divolte's consumers count on it; where the topic keeps the broker's time it is not looked at
                self._producer.produce(self._records.topic, value, one.key, timestamp=at, headers=found, on_delivery=report)
        except (BufferError, IdMissing):  # an id is looked up by `poll`
            return False
        except KafkaException as error:
            raise SessionEnded(error.args[0].str()) from error
        return True

    def fail(self, error: object) -> None:
        """End the session with the `poll` under way."""
        self._fault = self._fault or error

    def poll(self, seconds: float) -> None:
        """Take the reports that there are, or wait for some. Raises SessionEnded when something failed."""
        poll(self._producer, seconds)
        ask(self._records.look_up)
        if self._fault:
            raise SessionEnded(str(self._fault))

    def close(self) -> None:
        """Drop what is not delivered; its reports come to those who sent it, as failures."""
        drop(self._producer)


def reach(producer: Producer, settings: KafkaSettings, records: MessageFormatter, *others: str) -> None:
    """See that Kafka answers and has these topics, and that the registry answers if there is one; raises SessionEnded."""
    try:  # all topics are asked for: a question for one by its name would make it, with any number of partitions
        there = producer.list_topics(timeout=REACHED_SECONDS).topics
    except KafkaException as error:
        raise SessionEnded(f"Kafka does not answer at {settings.bootstrap_servers}: {error.args[0].str()}") from error
    if missing := [topic for topic in (records.topic, *others) if topic not in there]:
        raise SessionEnded(f"Kafka has no topic {' and no '.join(missing)}; headrace kafka apply makes it")
    ask(records.reach)


def ask(question: Callable[[], None]) -> None:
    """Put a question to the registry of schemas; raises SessionEnded."""
    try:
        question()
    except RegistryError as error:
        raise SessionEnded(str(error)) from error


def poll(producer: Producer, seconds: float) -> int:
    """Take the reports that there are, or wait for some; give how many. Raises SessionEnded after a fatal error."""
    try:
        return producer.poll(seconds)
    except RAISED as error:
        raise SessionEnded(str(error.__cause__ or error)) from error


def drop(producer: Producer) -> None:
    """Let go of a producer and of what it has not delivered; reports of that come at once, as failures."""
    for step in (producer.purge, lambda: producer.poll(0), producer.close):
        with suppress(*RAISED):
            step()

"""The converter between topics of a Kafka, real or in-process, and a producer that writes as the forwarder does."""

import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Message as KafkaMessage
from confluent_kafka import Producer
from support.topics.kafka import read_topic
from support.waiting import wait_until

from streams.build import SYSTEM_CLOCK, Clock, kafka_worker
from streams.kafka.worker import KafkaWorker
from streams.settings import Settings
from topics.kafka.message_formatter import MessageFormatter
from topics.kafka.messages import Headers
from topics.kafka.settings import KafkaSettings, MessageFormat
from topics.topic import Message

SPOOL = bytes.fromhex("00112233445566aa")


@dataclass
class KafkaConverting:
    """Forward messages, look at rows, dead letters and accounts; workers run in threads."""

    settings: KafkaSettings
    folder: Path
    clock: Clock = SYSTEM_CLOCK
    position: int = 0
    message_format: MessageFormat = "single-object"
    workers: dict[str, tuple[threading.Thread, threading.Event]] = field(default_factory=dict)

    def start(self, instance: str = "converter", **settings: Any) -> KafkaWorker:
        given = Settings(places=self.folder / "places.mmdb", instance=instance, **settings)
        resources, stop = ExitStack(), threading.Event()
        worker = resources.enter_context(kafka_worker(given, self.settings, clock=self.clock))

        def run() -> None:
            with resources:
                worker.run(stop)

        thread = threading.Thread(target=run)
        thread.start()
        self.workers[instance] = (thread, stop)
        return worker

    def stop(self, *instances: str) -> None:
        """Stop some workers, all by default."""
        stopping = [self.workers.pop(instance) for instance in instances or tuple(self.workers)]
        for _, stop in stopping:
            stop.set()
        for thread, _ in stopping:
            thread.join()

    def forward(self, *messages: Message, start: int | None = None, partition: int = 0) -> None:
        """Write messages as the forwarder does; `start` is a position of the spool that was forwarded before."""
        at = self.position if start is None else start
        records = MessageFormatter(self.settings.model_copy(update={"message_format": self.message_format, "schema_id": 7}))
        self.write(*((one.key, *records.format(one, SPOOL, at + number)) for number, one in enumerate(messages)), partition=partition)
        self.position = max(self.position, at + len(messages))

    def write(self, *messages: tuple[bytes | None, bytes | None, Headers], partition: int = 0, name: str = "avro") -> None:
        """Write messages as any producer may."""
        producer = Producer(self.settings.client())
        for key, value, found in messages:
            producer.produce(self.settings.topic(name), value, key, partition, headers=found)
        assert producer.flush(10) == 0
        producer.close()

    def read(self, name: str) -> list[KafkaMessage]:
        return read_topic(self.settings, name)

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(message.value() or b"") for message in self.read("json")]

    def wait_for_rows(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are `count` rows, and return all rows."""
        wait_until(lambda: len(self.rows()) >= count, within_seconds=30, every_seconds=0.1)
        return self.rows()

    def ledger(self) -> dict[str, Any]:
        """Return the latest value of each key."""
        return {(message.key() or b"").decode(): json.loads(message.value() or b"") for message in self.read("ledger")}

    def accounts(self) -> dict[str, int]:
        """Return the outcomes of all messages."""
        latest = {
            (one.partition(), one.key()): one.value() or b"" for one in self.read("ledger") if (one.key() or b"")[:10] == b'["account"'
        }
        counts = [json.loads(value) for value in latest.values()]
        return {name: sum(one[name] for one in counts) for name in ("stored", "duplicates", "dead_letters")}

"""A probe for Kafka that works before any topic exists."""

import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

log = logging.getLogger("kafka.probe")
log.setLevel(logging.CRITICAL)  # an unreachable broker is a result, not an error


def is_reachable(bootstrap_servers: str, *, within_seconds: float = 1.0) -> bool:
    """Whether a broker responds."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers}, logger=log)
    try:
        return bool(client.list_topics(timeout=within_seconds).brokers)
    except KafkaException:
        return False

"""Whether Kafka answers: of use before there are topics."""

import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

log = logging.getLogger("kafka.probe")
log.setLevel(logging.CRITICAL)  # that it does not answer is the answer


def is_reachable(bootstrap_servers: str, *, within_seconds: float = 1.0) -> bool:
    """Say whether a broker tells of the cluster."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers}, logger=log)
    try:
        return bool(client.list_topics(timeout=within_seconds).brokers)
    except KafkaException:
        return False

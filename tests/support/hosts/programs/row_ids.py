"""The event ids of all rows on Kafka, one a line; runs in the container of a forwarder."""

import json
import os

from confluent_kafka import Consumer, TopicPartition

TOPIC = "clickstream-json"
servers = os.environ["HEADRACE_KAFKA_BOOTSTRAP_SERVERS"]
consumer = Consumer({"bootstrap.servers": servers, "group.id": "row-ids", "enable.auto.commit": False, "isolation.level": "read_committed"})
partitions = [TopicPartition(TOPIC, number, 0) for number in consumer.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions]
ends = {partition.partition: consumer.get_watermark_offsets(partition, timeout=20)[1] for partition in partitions}
consumer.assign(partitions)
while any(place.offset < ends[place.partition] and ends[place.partition] > 0 for place in consumer.position(partitions)):
    message = consumer.poll(10)
    if message is None:
        break
    if not message.error():
        print(json.loads(message.value() or b"{}")["event_id"].replace("-", ""))
consumer.close()

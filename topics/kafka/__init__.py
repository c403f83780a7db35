"""The topics on Kafka: the only folder that imports a Kafka client."""

"""The forwarder: sends the local topic to Kafka."""

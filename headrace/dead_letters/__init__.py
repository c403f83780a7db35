"""Messages that could not become rows, on Kafka or in the store."""

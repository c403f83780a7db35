"""Messages that became no row, on Kafka or in the store."""

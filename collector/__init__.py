"""The collector: events over HTTP in, Avro records to a durable topic."""

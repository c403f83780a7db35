"""From a checked mapping to the Python function that encodes an event as Avro."""

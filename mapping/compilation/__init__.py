"""The compiler: from a checked mapping to the Python function that encodes an event as Avro."""

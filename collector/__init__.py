"""Browser to topic: events over HTTP in, Avro records out."""

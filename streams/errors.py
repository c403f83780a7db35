"""What can stop the converter.

StreamsError
├── SchemaError     the schema lacks a field that the converter cannot do without
├── SaltsError      the file of salts cannot be read
└── TopicLost       the sink stands behind the end of the topic: they do not belong together

A message that cannot be converted is none of these: it becomes a dead letter (dead_letters.py).
"""


class StreamsError(Exception):
    """Base of what the operator has to put right before the converter can run."""


class SchemaError(StreamsError):
    """The schema lacks a field that the converter cannot do without."""


class SaltsError(StreamsError):
    """The file of salts cannot be read."""


class TopicLost(StreamsError):
    """The sink stands behind the end of the topic: they do not belong together."""

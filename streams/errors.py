"""The errors that stop the converter.

StreamsError
├── SchemaError     the schema lacks a field that the converter needs
├── SaltsError      the file of salts cannot be read
└── TopicLost       the position of the sink is after the end of the topic: they do not belong together

A message that cannot be converted stops nothing: it becomes a dead letter (dead_letters.py).
"""


class StreamsError(Exception):
    """Base class of errors that the operator must fix before the converter can run."""


class SchemaError(StreamsError):
    """The schema lacks a field that the converter needs."""


class SaltsError(StreamsError):
    """The file of salts cannot be read."""


class TopicLost(StreamsError):
    """The position of the sink is after the end of the topic: they do not belong together."""

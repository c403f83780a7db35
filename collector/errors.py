"""What can be the operator's mistake.

CollectorError
├── MappingError    the mapping does not fit the language or the schema
└── StartError      a port, a file or the topic that the collector needs is not to be had
"""

from collections.abc import Sequence


class CollectorError(Exception):
    """Base of the collector's errors; `faults` has one line for each thing that is wrong."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class MappingError(CollectorError):
    """The mapping does not fit the language or the schema."""


class StartError(CollectorError):
    """A port, a file or the topic that the collector needs is not to be had."""

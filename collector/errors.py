"""The errors that an operator can fix.

CollectorError
├── MappingError    the mapping does not match the language or the schema
└── StartError      a port, a file or a topic that the collector needs is not available
"""

import sys
from collections.abc import Callable, Sequence

from startup.atomic_files import keep_private
from startup.logs import configure
from startup.settings import SettingsError


class CollectorError(Exception):
    """Base class of the collector's errors; `faults` has one line for each fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class MappingError(CollectorError):
    """The mapping does not match the language or the schema."""


class StartError(CollectorError):
    """A port, a file or a topic that the collector needs is not available."""


def exit_status(run: Callable[[], int]) -> int:
    """Run a process and return its exit status: 2 for invalid settings or mappings, 1 for other errors of the operator."""
    try:
        keep_private()
        configure()
        return run()
    except (CollectorError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, for the operator
        return 2 if isinstance(error, SettingsError | MappingError) else 1

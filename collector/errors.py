"""What can be the operator's mistake.

CollectorError
├── MappingError    the mapping does not fit the language or the schema
└── StartError      a port, a file or the topic that the collector needs is not to be had
"""

import sys
from collections.abc import Callable, Sequence

from startup.atomic_files import keep_private
from startup.logs import configure
from startup.settings import SettingsError


class CollectorError(Exception):
    """Base of the collector's errors; `faults` has one line for each thing that is wrong."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class MappingError(CollectorError):
    """The mapping does not fit the language or the schema."""


class StartError(CollectorError):
    """A port, a file or the topic that the collector needs is not to be had."""


def exit_status(run: Callable[[], int]) -> int:
    """Run a process and give its exit status: 2 when settings or mapping are wrong, 1 for other mistakes of the operator."""
    try:
        keep_private()
        configure()
        return run()
    except (CollectorError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, to whoever starts it
        return 2 if isinstance(error, SettingsError | MappingError) else 1

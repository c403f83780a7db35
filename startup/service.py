"""A service as a process: it runs until SIGTERM or SIGINT, and reports why it could not."""

import signal
import sys
import threading
from collections.abc import Callable
from typing import TypeAlias

from startup.atomic_files import keep_private
from startup.logs import configure
from startup.probes import ProbesError
from startup.settings import SettingsError

Errors: TypeAlias = tuple[type[Exception], ...]


def run_service(serve: Callable[[threading.Event], None], prefix: str, *, faults: Errors = (), errors: Errors = ()) -> int:
    """Serve until SIGTERM or SIGINT sets the event; `prefix` is that of the service's settings.

    Return 0 after a clean stop, 2 for wrong settings or another of the `faults` in what the operator wrote, 1 for one of the `errors`.
    """
    keep_private()
    configure()
    handled: Errors = (SettingsError, ProbesError, *faults, *errors)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(stop)
    except handled as error:
        print(f"{prefix}PORT: {error}" if isinstance(error, ProbesError) else error, file=sys.stderr)  # noqa: T201 - for the operator who starts it
        return 2 if isinstance(error, (SettingsError, *faults)) else 1
    return 0

"""The converter as a process of its own: `python -m support.streams.process FOLDER [POINT CALLS]` runs until SIGTERM.

With one of POINTS it kills itself there, at the call of that number: before the call, for `committed` behind it.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minidruid.storage.store import Store
from schemas.contract import columns, load_schema
from streams.build import build_worker
from streams.settings import Settings
from streams.sink import Session
from topics.accounts import Account
from topics.local.reader import LocalReader

POINTS = ("session_counts", "commit", "committed", "release")
BEHIND = {"committed": "commit"}


class Crash:
    """Kills the process at one call of a method of the wrapped thing."""

    def __init__(self, wrapped: Any, point: str, calls: int) -> None:
        self._wrapped, self._point, self._calls = wrapped, point, calls

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._wrapped, name)
        return self._counting(method) if name == BEHIND.get(self._point, self._point) else method

    def _counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._calls -= 1
            if self._calls == 0 and self._point in BEHIND:
                method(*arguments)
            if self._calls == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments)

        return call


def open_store(folder: Path) -> Store[Session, Account]:
    return Store.open(folder / "store.duckdb", columns(load_schema()), session=Session, account=Account)


def main(folder: Path, point: str = "", calls: str = "0") -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    store = open_store(folder)
    reader = LocalReader.open(folder / "topic", "converter")
    settings = Settings(salts=folder / "secrets" / "salts.json", places=folder / "places.mmdb", batch_messages=200)
    crashing = Crash(reader, point, int(calls))
    worker = build_worker(lambda: {"": crashing}, Crash(store, point, int(calls)), settings)
    worker.run(stop)
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

"""Log lines about batches."""

import time

import structlog

from streams.sink import Batch

log = structlog.get_logger()

REPORT_INTERVAL_SECONDS = 10.0


class Reports:
    """Log lines about batches: at debug one per batch, at info one every ten seconds, because a batch may be a single event."""

    def __init__(self) -> None:
        self._batches = self._messages = self._rows = self._dead_letters = 0
        self._next_at = time.monotonic()

    def committed(self, batch: Batch, messages: int, seconds: float) -> None:
        counts = {"rows": len(batch.rows), "dead_letters": len(batch.dead_letters)}
        log.debug(
            "batch committed", topic=batch.topic, position=batch.position, messages=messages, duration_ms=round(seconds * 1000, 1), **counts
        )
        self._batches += 1
        self._messages += messages
        self._rows += len(batch.rows)
        self._dead_letters += len(batch.dead_letters)

    def flush_if_due(self) -> None:
        if self._batches and time.monotonic() >= self._next_at:
            self.flush()

    def flush(self) -> None:
        if self._batches:
            log.info("batches committed", batches=self._batches, messages=self._messages, rows=self._rows, dead_letters=self._dead_letters)
        self._batches = self._messages = self._rows = self._dead_letters = 0
        self._next_at = time.monotonic() + REPORT_INTERVAL_SECONDS

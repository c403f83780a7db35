"""The keys of all stored events: exact at any number, in bounded memory, with bounded work per batch.

New keys are appended to `state.events`. When that table has RUN_KEYS rows, they move to `state.event_runs` as an immutable run, sorted by
key: to look up a key, DuckDB reads only one segment of it. Each run has a Bloom filter, stored with it and held in memory. The filters
select the few runs in which a key must be looked up.
"""

import struct
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import structlog

from minidruid.errors import first_line
from minidruid.storage.bloom import BITS_PER_KEY, MATCHES_ALL, add, fold, might_contain, select_filter
from minidruid.storage.tables import EVENT_FILTERS
from minidruid.storage.writer import Writer

RUN_KEYS = 1 << 22  # sorted in 0.8 s and 100 MB
FILTER_BYTES = RUN_KEYS * BITS_PER_KEY // 8
PAGE_BYTES = 4096  # of a filter, one row each: DuckDB stores longer values in overflow blocks and reads all of them to find one
MAX_FILTERS = 32  # of full size: 256 MB, reached at 134,217,728 keys; beyond it, the filters of the oldest runs are halved
RETRY_SECONDS = 60
MAX_POINT_LOOKUPS = 50  # in one run, 0.4 ms each; more keys are looked up in one scan, 30 ms

RECENT = 0  # index of the filter of `state.events`; runs are numbered from 1
SCAN_RECENT = "SELECT high, low, payload FROM state.events WHERE high IN (SELECT unnest(?::BIGINT[]))"
SCAN_RUN = "SELECT high, low, payload FROM state.event_runs WHERE run = ? AND high IN (SELECT unnest(?::BIGINT[]))"
LOOK_UP = "SELECT high, low, payload FROM state.event_runs WHERE run = ? AND high = ?"

log = structlog.get_logger()

_halves = struct.Struct(">qq").unpack


def split_key(key: bytes) -> tuple[int, int]:
    """Split a key of 16 bytes into two signed 64-bit numbers, as in the tables."""
    high, low = _halves(key)
    return high, low


class SeenKeys:
    """Looks up keys and maintains their tables; only the writer uses it, under its lock."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._maintain_at = 0.0
        (self._recent_count,) = self._row("SELECT count(*) FROM state.events")
        (runs,) = self._row("SELECT count(DISTINCT run) FROM state.event_filters")
        # At the start, `state.events` has no filter until `_maintain` reads it; until then, every key is looked up there.
        self._recent = None if self._recent_count else bytearray(FILTER_BYTES)
        self._runs: list[bytes] = []
        for number in range(1, runs + 1):
            self._keep(self._stored_filter(number))

    def payloads(self, keys: Iterable[bytes]) -> Mapping[bytes, int]:
        """Return the payload hashes of those keys that are stored."""
        self._maintain()
        candidates: defaultdict[int, dict[int, None]] = defaultdict(dict)
        wanted: dict[tuple[int, int], bytes] = {}
        filters = [MATCHES_ALL if self._recent is None else self._recent, *self._runs]
        for key in keys:
            high, low = _halves(key)
            for number in might_contain(filters, high):
                wanted[high, low] = key
                candidates[number][high] = None
        found = [row for number, highs in candidates.items() for row in self._look_up(number, list(highs))]
        return {wanted[high, low]: payload for high, low, payload in found if (high, low) in wanted}

    def add(self, pairs: Sequence[tuple[int, int, int]]) -> None:
        """Add the keys that a commit has added to `state.events`."""
        self._recent_count += len(pairs)
        if self._recent is not None:
            for high, _, _ in pairs:
                add(self._recent, high)

    def _look_up(self, number: int, highs: Sequence[int]) -> list[tuple[int, int, int]]:
        if number == RECENT:
            return self._writer.execute(SCAN_RECENT, [highs]).fetchall()
        if len(highs) > MAX_POINT_LOOKUPS:
            return self._writer.execute(SCAN_RUN, [number, highs]).fetchall()
        return [row for high in highs for row in self._writer.execute(LOOK_UP, [number, high]).fetchall()]

    def _maintain(self) -> None:
        """Sort one run or read one filter, in bounded time and memory; lookups are exact before and after it.

        If memory is short, this is retried later: a limit below 128 MB never suffices to sort a run.
        """
        if time.monotonic() < self._maintain_at:
            return
        try:
            if self._recent_count >= RUN_KEYS:
                self._sort_run()
            elif self._recent is None:
                self._recent = bytearray(self._read_filter("state.events"))
        except duckdb.OutOfMemoryException as error:
            self._maintain_at = time.monotonic() + RETRY_SECONDS
            log.warning("event ids not sorted, will retry", reason=first_line(error), unsorted=self._recent_count)

    def _sort_run(self) -> None:
        """Move the recent keys to a new run; if there are more than a run holds (files of 0.3.0), the oldest of them."""
        number = len(self._runs) + 1
        first, last = self._row("SELECT min(rowid), max(rowid) FROM state.events")
        if self._recent is None:
            last = min(last, first + RUN_KEYS - 1)
        oldest = f"FROM state.events WHERE rowid <= {last}"
        bits = self._read_filter(f"(SELECT high {oldest})") if self._recent is None else bytes(self._recent)

        def move() -> int:
            self._write_filter(number, bits)
            self._writer.execute(f"INSERT INTO state.event_runs SELECT {number}, high, low, payload {oldest} ORDER BY high")
            self._writer.execute(f"DELETE {oldest}")
            return int(self._row("SELECT count(*) FROM state.events")[0])  # in the transaction: nothing after the commit may fail

        self._recent_count = self._writer.transact(move)
        self._keep(bits)
        if self._recent is not None:
            self._recent = bytearray(FILTER_BYTES)
        log.info("event ids sorted", run=number, unsorted=self._recent_count)

    def _keep(self, bits: bytes) -> None:
        """Add the filter of a new run; if the filters exceed their limit, halve the oldest of the largest."""
        self._runs.append(bits)
        while sum(map(len, self._runs)) > MAX_FILTERS * FILTER_BYTES:
            largest = max(range(len(self._runs)), key=lambda at: len(self._runs[at]))
            self._runs[largest] = fold(self._runs[largest])

    def _read_filter(self, source: str) -> bytes:
        bits: bytes | None = self._row(select_filter(source, FILTER_BYTES))[0]
        return bits or bytes(FILTER_BYTES)

    def _write_filter(self, number: int, bits: bytes) -> None:
        pages = [bits[start : start + PAGE_BYTES] for start in range(0, len(bits), PAGE_BYTES)]
        self._writer.register("batch", EVENT_FILTERS.batch([(number, page, part) for page, part in enumerate(pages)]))
        self._writer.execute("INSERT INTO state.event_filters SELECT * FROM batch")
        self._writer.unregister("batch")

    def _stored_filter(self, number: int) -> bytes:
        pages = self._writer.execute(f"SELECT bits FROM state.event_filters WHERE run = {number} ORDER BY page").fetchall()
        return b"".join(bits for (bits,) in pages)

    def _row(self, sql: str) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._writer.execute(sql).fetchall()[0]
        return found

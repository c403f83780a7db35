"""Replay of access logs: the page views of a log become events with their original times, client IPs and user agents."""

import gzip
import hashlib
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urljoin

from simulator.access_log import Request, parse_line, skip_reason
from simulator.errors import LogDamaged
from simulator.trusted_source import BATCH_EVENTS, Event, TrustedSource

GZIP_MAGIC = b"\x1f\x8b"
MAX_LINE_BYTES = 64 * 1024
CACHED_LINES = 100_000  # equal lines have the same second, so they are close to each other
LISTED_UNREADABLE = 100

Progress = Callable[[int, int], None]  # bytes of the file read so far, bytes of the file


@dataclass
class Summary:
    """The outcome of every line of the log; `is_exact` checks that none is missing."""

    lines: int = 0
    ok: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # page views that the collector rejected, by reason
    no_pages: Counter[str] = field(default_factory=Counter)  # by reason: method, status, extension
    unreadable: int = 0
    unreadable_lines: list[int] = field(default_factory=list)  # line numbers, the first hundred

    @property
    def pages(self) -> int:
        """Lines that were sent as events."""
        return self.ok + self.duplicates + self.refused.total()

    @property
    def is_exact(self) -> bool:
        """Whether every line is counted exactly once."""
        return self.lines == self.pages + self.no_pages.total() + self.unreadable

    def count_results(self, results: list[str]) -> None:
        """Count the collector's response to a batch."""
        for result in results:
            if result == "ok":
                self.ok += 1
            elif result == "duplicate":
                self.duplicates += 1
            else:
                self.refused[result] += 1

    def count_unreadable(self) -> None:
        """Count the current line as unreadable."""
        self.unreadable += 1
        if len(self.unreadable_lines) < LISTED_UNREADABLE:
            self.unreadable_lines.append(self.lines)


class LineIds:
    """Event ids of lines: each occurrence of a line in a log has its own id, which is the same in every replay."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def next_id(self, line: bytes) -> str:
        """Return the id of this occurrence of the line: 32 hexadecimal digits."""
        digest = hashlib.blake2b(line, digest_size=16).digest()
        number = self._seen.pop(digest, 0) + 1
        self._seen[digest] = number
        if len(self._seen) > CACHED_LINES:
            self._seen.popitem(last=False)
        return hashlib.blake2b(digest + number.to_bytes(8, "little"), digest_size=16).hexdigest()


def replay(
    path: Path, collector_internal_url: str, *, site: str, progress: Progress = lambda _read, _size: None, origin: str | None = None
) -> Summary:
    """Send the page views of a log (plain or gzip) to the collector. Safe to run again: no duplicates.

    Raises OSError if the file cannot be opened, LogDamaged if it cannot be read to its end, and CollectorUnavailable.
    """
    summary = Summary()
    origin = origin or f"https://{site}/"
    with TrustedSource(collector_internal_url, site) as collector, _open_log(path) as (lines, read_bytes):
        size = path.stat().st_size
        batch: list[Event] = []
        for event in _events(lines, origin, summary):
            batch.append(event)
            if len(batch) == BATCH_EVENTS:
                summary.count_results(collector.send(batch))
                batch = []
                progress(read_bytes(), size)
        if batch:
            summary.count_results(collector.send(batch))
        progress(size, size)
    return summary


def _events(lines: Iterator[bytes], origin: str, summary: Summary) -> Iterator[Event]:
    ids = LineIds()
    for line in lines:
        summary.lines += 1
        request = parse_line(line.decode("utf-8", "replace"))
        if request is None:
            summary.count_unreadable()
        elif reason := skip_reason(request):
            summary.no_pages[reason] += 1
        else:
            yield _page_view(request, ids.next_id(line), origin)


def _page_view(request: Request, event_id: str, origin: str) -> Event:
    event: Event = {
        "id": event_id,
        "type": "pageView",
        "occurred_at": request.occurred_at,
        "address": request.client,
        "url": _url(request.target, origin),
        "user_agent": request.user_agent,
        "referrer": request.referrer,
    }
    return {key: value for key, value in event.items() if value is not None}


def _url(target: str, origin: str) -> str:
    if target.startswith("/"):  # not urljoin: it takes the first part of a path after two slashes for a host
        return origin.rstrip("/") + target
    try:
        return urljoin(origin, target)  # a request line may contain an absolute URL
    except ValueError:
        return origin


@contextmanager
def _open_log(path: Path) -> Iterator[tuple[Iterator[bytes], Callable[[], int]]]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
        file.seek(0)
        content = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_gzip else file
        yield _lines(content), file.tell


def _lines(content: BinaryIO) -> Iterator[bytes]:
    """Yield the lines without their line ends; a line that is too long is truncated."""
    number = 0
    try:
        while line := content.readline(MAX_LINE_BYTES):
            number += 1
            rest = line
            while not rest.endswith(b"\n") and len(rest) == MAX_LINE_BYTES:
                rest = content.readline(MAX_LINE_BYTES)
            yield line.rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LogDamaged(f"the log cannot be read beyond line {number}: {error}; is the file complete?") from error

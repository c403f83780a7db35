"""Where an address is, by the place database the operator brings."""

import csv
import ipaddress
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import maxminddb
import structlog
from geoip2.models import City

COUNTRIES_PATH = Path(__file__).parent / "data" / "countries.csv"
REMEMBERED_ADDRESSES = 16_384
SECONDS_BETWEEN_LOOKS = 1.0

log = structlog.get_logger()


class State(StrEnum):
    """How a place database stands."""

    MISSING = "missing"  # no file: every place is None
    READY = "ready"
    STALE = "stale"  # the newest file cannot be read: the one before answers
    UNREADABLE = "unreadable"  # the only file cannot be read: every place is None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is; None where the database does not say."""

    country: str | None  # English name
    country_code: str | None  # ISO 3166-1 alpha-2
    country_code3: str | None  # ISO 3166-1 alpha-3
    region: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None


Lookup = Callable[[str], Place | None]


class Places:
    """Answers from the database at a path, and from its successor as soon as another file stands there."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._next_look_at = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._lookup: Lookup = _nowhere
        self.state = State.MISSING
        self.failed_loads = 0
        self.failed_lookups = 0

    def find(self, address: str | None) -> Place | None:
        """Give the place of an address; None for one that is private, malformed or not in the database."""
        if self._monotonic() >= self._next_look_at:
            self._look_for_new_file()
        try:
            return self._lookup(address) if address else None
        except maxminddb.InvalidDatabaseError:
            # A file damaged in the middle opens well: an event is worth more than its place.
            self.failed_lookups += 1
            return None

    def _look_for_new_file(self) -> None:
        self._next_look_at = self._monotonic() + SECONDS_BETWEEN_LOOKS
        seen = _file_identity(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        if seen is None:
            self._lookup, self.state = _nowhere, State.MISSING
        else:
            self._load()

    def _load(self) -> None:
        try:
            self._lookup = _remembering(_open_copy(self._path))
            self.state = State.READY
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            self.failed_loads += 1
            self.state = State.UNREADABLE if self._lookup is _nowhere else State.STALE
            log.warning("place database not readable", path=str(self._path), reason=str(error), state=self.state.value)


def _file_identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _nowhere(_address: str) -> Place | None:
    return None


def _open_copy(path: Path) -> maxminddb.Reader:
    # The reader maps its file: one that is overwritten in place would pull the ground from under it (SIGBUS).
    with tempfile.NamedTemporaryFile(suffix=".mmdb") as copy, path.open("rb") as original:
        shutil.copyfileobj(original, copy)
        copy.flush()
        return maxminddb.open_database(copy.name)


def _remembering(reader: maxminddb.Reader) -> Lookup:
    @lru_cache(maxsize=REMEMBERED_ADDRESSES)
    def lookup(address: str) -> Place | None:
        record = _record(reader, address)
        if record is None:
            return None
        # DB-IP's records are flat, MaxMind's nested; a file has one kind, but its type's name does not say which.
        return _read_flat(record) if "country_code" in record else _read_nested(record)

    return lookup


def _record(reader: maxminddb.Reader, address: str) -> Mapping[str, Any] | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    if not parsed.is_global or (parsed.version == 6 and reader.metadata().ip_version == 4):
        return None
    record = reader.get(parsed)
    return record if isinstance(record, dict) else None


def _read_flat(record: Mapping[str, Any]) -> Place:
    region, city = record.get("state1") or None, record.get("city") or None
    return _place(record["country_code"], None, region, city, record.get("latitude"), record.get("longitude"))


def _read_nested(record: Mapping[str, Any]) -> Place:
    city = City(["en"], **record)
    region = city.subdivisions[0].name if city.subdivisions else None
    return _place(city.country.iso_code, city.country.name, region, city.city.name, city.location.latitude, city.location.longitude)


def _place(
    code: str | None, name: str | None, region: str | None, city: str | None, latitude: float | None, longitude: float | None
) -> Place:
    country, code3 = _countries().get(code or "", (name, None))
    return Place(country, code or None, code3, region, city, latitude, longitude)


@cache
def _countries() -> Mapping[str, tuple[str | None, str | None]]:
    with COUNTRIES_PATH.open(encoding="utf-8", newline="") as lines:
        return {line["country_code"]: (line["country"], line["country_code3"]) for line in csv.DictReader(lines)}

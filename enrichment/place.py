"""The place of an IP address, from the operator's place database."""

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
CACHED_IPS = 16_384
RELOAD_INTERVAL_SECONDS = 1.0

log = structlog.get_logger()


class DatabaseState(StrEnum):
    """The state of a place database."""

    MISSING = "missing"  # no file: every place is None
    READY = "ready"
    STALE = "stale"  # the newest file cannot be read: the previous one is still used
    UNREADABLE = "unreadable"  # the only file cannot be read: every place is None


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an IP address; None for each part that the database lacks."""

    country: str | None  # English name
    country_code: str | None  # ISO 3166-1 alpha-2
    country_code3: str | None  # ISO 3166-1 alpha-3
    region: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None


Lookup = Callable[[str], Place | None]


class Places:
    """Lookups in the database at a path, which is reloaded when the file is replaced."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._next_check_at = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._lookup: Lookup = _nowhere
        self.state = DatabaseState.MISSING
        self.failed_loads = 0
        self.failed_lookups = 0

    def find(self, ip: str | None) -> Place | None:
        """Return the place of an IP address; None if it is private, malformed or not in the database."""
        if self._monotonic() >= self._next_check_at:
            self._reload_if_replaced()
        try:
            return self._lookup(ip) if ip else None
        except maxminddb.InvalidDatabaseError:
            # A file that is damaged in the middle opens without an error; keep the event without a place.
            self.failed_lookups += 1
            return None

    def _reload_if_replaced(self) -> None:
        self._next_check_at = self._monotonic() + RELOAD_INTERVAL_SECONDS
        seen = _file_identity(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        if seen is None:
            self._lookup, self.state = _nowhere, DatabaseState.MISSING
        else:
            self._load()

    def _load(self) -> None:
        try:
            self._lookup = _cached_lookup(_open_copy(self._path))
            self.state = DatabaseState.READY
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            self.failed_loads += 1
            self.state = DatabaseState.UNREADABLE if self._lookup is _nowhere else DatabaseState.STALE
            log.warning("place database not readable", path=str(self._path), reason=str(error), state=self.state.value)


def _file_identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _nowhere(_ip: str) -> Place | None:
    return None


def _open_copy(path: Path) -> maxminddb.Reader:
    # The reader maps its file into memory: if the original were overwritten in place, reads would fail with SIGBUS.
    with tempfile.NamedTemporaryFile(suffix=".mmdb") as copy, path.open("rb") as original:
        shutil.copyfileobj(original, copy)
        copy.flush()
        return maxminddb.open_database(copy.name)


def _cached_lookup(reader: maxminddb.Reader) -> Lookup:
    @lru_cache(maxsize=CACHED_IPS)
    def lookup(ip: str) -> Place | None:
        record = _record(reader, ip)
        if record is None:
            return None
        # DB-IP's records are flat, MaxMind's nested; the type name of the database does not reveal which.
        return _read_flat(record) if "country_code" in record else _read_nested(record)

    return lookup


def _record(reader: maxminddb.Reader, ip: str) -> Mapping[str, Any] | None:
    try:
        parsed = ipaddress.ip_address(ip)
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

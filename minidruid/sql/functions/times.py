"""Time arithmetic in DuckDB SQL: ISO 8601 periods, floors with origin and time zone, shifts, and Joda's patterns."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from minidruid.errors import LIMIT, QueryError
from minidruid.sql.types import Fragment, SqlType, quote_text

_COUNT = r"(\d{1,18})"  # fits into 64 bits
_PERIOD = re.compile(
    rf"P(?:{_COUNT}Y)?(?:{_COUNT}M)?(?:{_COUNT}W)?(?:{_COUNT}D)?(?:T(?:{_COUNT}H)?(?:{_COUNT}M)?(?:{_COUNT}(?:\.(\d{{1,3}}))?S)?)?"
)
OFFSET = re.compile(r"([+-])(\d\d)(?::?(\d\d))?")
_FIXED_SECONDS = (604800, 86400, 3600, 60, 1)

UNITS = {
    "MILLISECOND": "millisecond",
    "SECOND": "second",
    "MINUTE": "minute",
    "HOUR": "hour",
    "DAY": "day",
    "WEEK": "week",
    "MONTH": "month",
    "QUARTER": "quarter",
    "YEAR": "year",
    "DECADE": "decade",
    "CENTURY": "century",
    "MILLENNIUM": "millennium",
}

# Unit of EXTRACT and TIME_EXTRACT -> part in DuckDB. Sunday is day 7 of the week by all names.
PARTS = {
    **{word: part for word, part in UNITS.items() if word != "MILLISECOND"},
    "EPOCH": "epoch",
    "DAYOFWEEK": "isodow",
    "DOW": "isodow",
    "ISODOW": "isodow",
    "DAYOFYEAR": "doy",
    "DOY": "doy",
    "ISOYEAR": "isoyear",
}

# Joda's letters -> strftime, longest first.
_JODA = (
    ("yyyy", "%Y"), ("YYYY", "%Y"), ("xxxx", "%G"), ("yy", "%y"), ("y", "%Y"),
    ("MMMM", "%B"), ("MMM", "%b"), ("MM", "%m"), ("M", "%-m"),
    ("DDD", "%j"), ("D", "%-j"), ("dd", "%d"), ("d", "%-d"), ("ww", "%V"),
    ("EEEE", "%A"), ("EEE", "%a"), ("EE", "%a"), ("E", "%a"), ("e", "%u"), ("a", "%p"),
    ("HH", "%H"), ("H", "%-H"), ("hh", "%I"), ("h", "%-I"), ("mm", "%M"), ("m", "%-M"), ("ss", "%S"), ("s", "%-S"), ("SSS", "%g"),
)  # fmt: skip
MAX_PATTERN_LENGTH = 100
ISO_PATTERN = "yyyy-MM-dd'T'HH:mm:ss.SSS"


@dataclass(frozen=True, slots=True)
class Period:
    """A period in calendar months and in milliseconds."""

    months: int
    milliseconds: int

    @classmethod
    def parse(cls, iso: str) -> "Period":
        """Parse an ISO 8601 period such as PT5M, P1W or P3M."""
        found = _PERIOD.fullmatch(iso)
        if not found or not any(found.groups()) or iso.endswith("T"):
            raise QueryError(f"Invalid period [{iso}]: an ISO 8601 period is expected, such as 'PT1H', 'P1D' or 'P1M'.")
        years, months, *fixed = (int(value or 0) for value in found.groups()[:7])
        fraction = int((found[8] or "0").ljust(3, "0"))
        seconds = sum(count * length for count, length in zip(fixed, _FIXED_SECONDS, strict=True))
        return cls(years * 12 + months, seconds * 1000 + fraction)

    def interval(self) -> str:
        """Return the period as a DuckDB interval."""
        parts = [f"INTERVAL {self.months} MONTH"] if self.months else []
        if self.milliseconds or not parts:
            days, rest = divmod(self.milliseconds, 86_400_000)
            parts += [f"INTERVAL {days} DAY"] if days else []
            parts += [f"INTERVAL {rest} MILLISECOND"] if rest or not days else []
        return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"

    @property
    def is_within_day(self) -> bool:
        """Whether the period is shorter than a day, so that daylight saving does not change its length."""
        return not self.months and self.milliseconds < 86_400_000


def floor(value: str, period: Period, zone: str | None = None, origin: str | None = None) -> str:
    """Return the start of the period that contains the value, in local time of the zone."""
    if period.months and period.milliseconds:
        raise QueryError("A period of months or years cannot be mixed with weeks, days or hours here.")
    if not period.months and not period.milliseconds:
        raise QueryError("A period must be longer than zero.")
    if zone is None:
        return _bucket(value, period, origin)
    local_origin = origin and to_zone(origin, zone)
    local = to_zone(value, zone)
    if period.is_within_day:
        return f"({value} - ({local} - {_bucket(local, period, local_origin)}))"
    return from_zone(_bucket(local, period, local_origin), zone)


def _bucket(value: str, period: Period, origin: str | None) -> str:
    if origin is None:
        if unit := _single_unit(period):
            return f"date_trunc('{unit}', {value})"
        origin = "TIMESTAMP '1970-01-01'"  # a Thursday: only single weeks begin on Mondays
    return f"time_bucket({period.interval()}, {value}, {origin})"


def _single_unit(period: Period) -> str | None:
    single = {1000: "second", 60_000: "minute", 3_600_000: "hour", 86_400_000: "day", 604_800_000: "week"}
    if period.months:
        return {1: "month", 3: "quarter", 12: "year"}.get(period.months)
    return single.get(period.milliseconds)


def ceil(value: str, period: Period, zone: str | None = None, origin: str | None = None) -> str:
    """Return the start of the next period, or the value itself if a period starts at it."""
    start = floor(value, period, zone, origin)
    return f"CASE WHEN {start} = {value} THEN {value} ELSE {shift(start, period, '1', zone)} END"


def shift(value: str, period: Period, steps: str, zone: str | None = None) -> str:
    """Add `steps` periods to a timestamp; days and months in local time of the zone."""
    if zone is None or period.is_within_day:
        return f"({value} + ({steps}) * {period.interval()})"
    return from_zone(f"({to_zone(value, zone)} + ({steps}) * {period.interval()})", zone)


def to_zone(value: str, zone: str) -> str:
    """Convert UTC to local time of a zone."""
    if difference := _difference(zone):
        return f"({value} + {difference})"
    return f"timezone({quote_text(zone)}, timezone('UTC', {value}))"


def from_zone(value: str, zone: str) -> str:
    """Convert local time of a zone to UTC."""
    if difference := _difference(zone):
        return f"({value} - {difference})"
    return f"timezone('UTC', timezone({quote_text(zone)}, {value}))"


def _difference(zone: str) -> str:
    """Return the difference from UTC as an interval if the zone is an offset such as +05:30; else an empty text."""
    found = OFFSET.fullmatch(zone)
    return f"INTERVAL ({found[1]}{int(found[2]) * 60 + int(found[3] or 0)}) MINUTE" if found else ""


def utc_offset(value: str, local: str) -> str:
    """Return the offset of local time from UTC, such as +05:30."""
    minutes = f"date_diff('minute', {value}, {local})"
    return f"printf('%s%02d:%02d', CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END, abs({minutes}) // 60, abs({minutes}) % 60)"


def part(unit: str, value: str) -> Fragment:
    """Extract a part of a timestamp: hour, day of the week, …"""
    name = PARTS.get(unit.upper())
    if name is None:
        raise QueryError(f"Cannot extract [{unit}]: the units are {', '.join(PARTS)}.")
    if name == "epoch":
        return Fragment(f"(epoch_ms({value}) // 1000)", SqlType.BIGINT)
    return Fragment(f"date_part('{name}', {value})", SqlType.BIGINT)


def duckdb_unit(name: str) -> str:
    """Return DuckDB's name of a unit of FLOOR, TIMESTAMPADD and the like."""
    found = UNITS.get(name.upper())
    if found is None:
        raise QueryError(f"'{name}' is not a valid time unit: the units are {', '.join(UNITS)}.")
    return found


def strftime(pattern: str) -> str:
    """Translate a Joda pattern to one of strftime."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise QueryError(f"The time pattern has {len(pattern)} characters, at most {MAX_PATTERN_LENGTH} are allowed.", LIMIT)
    translated, at = "", 0
    while at < len(pattern):
        if pattern[at] == "'":
            end = pattern.find("'", at + 1)
            if end < 0:
                raise QueryError(f"Invalid time pattern [{pattern}]: a quote is not closed.")
            translated += pattern[at + 1 : end].replace("%", "%%") or "'"
            at = end + 1
            continue
        letters, format_ = next(((joda, c) for joda, c in _JODA if pattern.startswith(joda, at)), (pattern[at], None))
        if format_ is None and letters.isalpha():
            raise QueryError(f"Invalid time pattern [{pattern}]: the letter {letters} is not supported at position {at + 1}.")
        translated += format_ or letters.replace("%", "%%")
        at += len(letters)
    return translated


def parse_timestamp(value: str) -> datetime | None:
    """Parse an ISO 8601 or SQL timestamp as UTC; None if it is not valid."""
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found

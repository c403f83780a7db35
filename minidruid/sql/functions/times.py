"""Druid's time functions: ISO 8601 periods, floors with origin and zone, shifts, Joda patterns."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from minidruid.errors import LIMIT, QueryError
from minidruid.sql.types import Fragment, Kind, text

_PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,3}))?S)?)?")
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

# Unit of EXTRACT and TIME_EXTRACT -> part in DuckDB. Sunday is 7 in all spellings of the day of the week.
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

# Joda's letters -> strftime. Longest first.
_JODA = (
    ("yyyy", "%Y"), ("YYYY", "%Y"), ("xxxx", "%G"), ("yy", "%y"), ("y", "%Y"),
    ("MMMM", "%B"), ("MMM", "%b"), ("MM", "%m"), ("M", "%-m"),
    ("DDD", "%j"), ("D", "%-j"), ("dd", "%d"), ("d", "%-d"), ("ww", "%V"),
    ("EEEE", "%A"), ("EEE", "%a"), ("EE", "%a"), ("E", "%a"), ("e", "%u"), ("a", "%p"),
    ("HH", "%H"), ("H", "%-H"), ("hh", "%I"), ("h", "%-I"), ("mm", "%M"), ("m", "%-M"), ("ss", "%S"), ("s", "%-S"), ("SSS", "%g"),
)  # fmt: skip
MAX_PATTERN = 100
ISO_PATTERN = "yyyy-MM-dd'T'HH:mm:ss.SSS"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time of the calendar (months) or of the clock (milliseconds)."""

    months: int
    milliseconds: int

    @classmethod
    def parse(cls, iso: str) -> "Period":
        """Read an ISO 8601 period such as PT5M, P1W or P3M."""
        found = _PERIOD.fullmatch(iso)
        if not found or not any(found.groups()) or iso.endswith("T"):
            raise QueryError(f"Invalid period [{iso}]: an ISO 8601 period is expected, such as 'PT1H', 'P1D' or 'P1M'.")
        years, months, *fixed = (int(value or 0) for value in found.groups()[:7])
        fraction = int((found[8] or "0").ljust(3, "0"))
        seconds = sum(count * length for count, length in zip(fixed, _FIXED_SECONDS, strict=True))
        return cls(years * 12 + months, seconds * 1000 + fraction)

    def interval(self) -> str:
        """Write the period as an interval of DuckDB."""
        parts = [f"INTERVAL {self.months} MONTH"] if self.months else []
        if self.milliseconds or not parts:
            days, rest = divmod(self.milliseconds, 86_400_000)
            parts += [f"INTERVAL {days} DAY"] if days else []
            parts += [f"INTERVAL {rest} MILLISECOND"] if rest or not days else []
        return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"

    @property
    def is_clock(self) -> bool:
        """True for a part of a day, which a change of the clocks does not stretch."""
        return not self.months and self.milliseconds < 86_400_000


def floor(value: str, period: Period, zone: str | None = None, origin: str | None = None) -> str:
    """Write the begin of the period that the value lies in, by the clock of the zone."""
    if period.months and period.milliseconds:
        raise QueryError("A period of months or years cannot be mixed with weeks, days or hours here.")
    if not period.months and not period.milliseconds:
        raise QueryError("A period must be longer than nothing.")
    if zone is None:
        return _bucket(value, period, origin)
    local_origin = origin and to_zone(origin, zone)
    local = to_zone(value, zone)
    if period.is_clock:
        return f"({value} - ({local} - {_bucket(local, period, local_origin)}))"
    return from_zone(_bucket(local, period, local_origin), zone)


def _bucket(value: str, period: Period, origin: str | None) -> str:
    if origin is None:
        if unit := _unit_of(period):
            return f"date_trunc('{unit}', {value})"
        origin = "TIMESTAMP '1970-01-01'"  # a Thursday: only single weeks begin on Mondays
    return f"time_bucket({period.interval()}, {value}, {origin})"


def _unit_of(period: Period) -> str | None:
    single = {1000: "second", 60_000: "minute", 3_600_000: "hour", 86_400_000: "day", 604_800_000: "week"}
    if period.months:
        return {1: "month", 3: "quarter", 12: "year"}.get(period.months)
    return single.get(period.milliseconds)


def ceil(value: str, period: Period, zone: str | None = None, origin: str | None = None) -> str:
    """Write the begin of the next period, or the value itself where one begins there."""
    begin = floor(value, period, zone, origin)
    return f"CASE WHEN {begin} = {value} THEN {value} ELSE {shift(begin, period, '1', zone)} END"


def shift(value: str, period: Period, steps: str, zone: str | None = None) -> str:
    """Write the instant so many periods later; days and months by the clock of the zone."""
    if zone is None or period.is_clock:
        return f"({value} + ({steps}) * {period.interval()})"
    return from_zone(f"({to_zone(value, zone)} + ({steps}) * {period.interval()})", zone)


def to_zone(value: str, zone: str) -> str:
    """Write what the clock of the zone shows at an instant."""
    if ahead := _ahead(zone):
        return f"({value} + {ahead})"
    return f"timezone({text(zone)}, timezone('UTC', {value}))"


def from_zone(value: str, zone: str) -> str:
    """Write the instant at which the clock of the zone shows this."""
    if ahead := _ahead(zone):
        return f"({value} - {ahead})"
    return f"timezone('UTC', timezone({text(zone)}, {value}))"


def _ahead(zone: str) -> str:
    """How far the clock is ahead of UTC, where the zone is an offset."""
    found = OFFSET.fullmatch(zone)
    return f"INTERVAL ({found[1]}{int(found[2]) * 60 + int(found[3] or 0)}) MINUTE" if found else ""


def offset(value: str, local: str) -> str:
    """Write how far the clock of a zone is from UTC, from an instant and what the clock shows then."""
    minutes = f"date_diff('minute', {value}, {local})"
    return f"printf('%s%02d:%02d', CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END, abs({minutes}) // 60, abs({minutes}) % 60)"


def part(unit: str, value: str) -> Fragment:
    """Write a number out of an instant: its hour, its day of the week, ..."""
    name = PARTS.get(unit.upper())
    if name is None:
        raise QueryError(f"Cannot extract [{unit}]: the units are {', '.join(PARTS)}.")
    if name == "epoch":
        return Fragment(f"(epoch_ms({value}) // 1000)", Kind.BIGINT)
    return Fragment(f"date_part('{name}', {value})", Kind.BIGINT)


def unit(name: str) -> str:
    """Name a unit of FLOOR, TIMESTAMPADD and their like in DuckDB."""
    found = UNITS.get(name.upper())
    if found is None:
        raise QueryError(f"'{name}' is not a valid time unit: the units are {', '.join(UNITS)}.")
    return found


def strftime(pattern: str) -> str:
    """Turn a Joda pattern into one of strftime."""
    if len(pattern) > MAX_PATTERN:
        raise QueryError(f"The time pattern has {len(pattern)} characters, at most {MAX_PATTERN} are allowed.", LIMIT)
    written, at = "", 0
    while at < len(pattern):
        if pattern[at] == "'":
            end = pattern.find("'", at + 1)
            if end < 0:
                raise QueryError(f"Invalid time pattern [{pattern}]: a quote is not closed.")
            written += pattern[at + 1 : end].replace("%", "%%") or "'"
            at = end + 1
            continue
        letters, format_ = next(((joda, c) for joda, c in _JODA if pattern.startswith(joda, at)), (pattern[at], None))
        if format_ is None and letters.isalpha():
            raise QueryError(f"Invalid time pattern [{pattern}]: the letter {letters} is not supported at position {at + 1}.")
        written += format_ or letters.replace("%", "%%")
        at += len(letters)
    return written


def parse_instant(value: str) -> datetime | None:
    """Read an ISO 8601 or SQL timestamp as UTC; None if it is none."""
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found

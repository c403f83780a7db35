"""Druid's functions of timestamps: TIME_FLOOR, TIME_SHIFT, TIME_PARSE and the like."""

from collections.abc import Mapping

from minidruid.errors import RUNTIME, QueryError
from minidruid.sql.functions import times
from minidruid.sql.functions.casts import Arguments, as_text, as_timestamp, require_literal
from minidruid.sql.functions.function import Function, template
from minidruid.sql.types import Fragment, SqlType, quote_text, timestamp_fragment


def _is_given(arguments: Arguments, index: int) -> bool:
    return len(arguments) > index and arguments[index].type is not SqlType.NULL


def _zone(arguments: Arguments, index: int) -> str | None:
    """Return the time zone argument; None for UTC, to which the translator maps unknown zones."""
    return require_literal(arguments[index], "time zone") if _is_given(arguments, index) else None


def _origin(arguments: Arguments, index: int) -> str | None:
    return as_timestamp(arguments[index]) if _is_given(arguments, index) else None


def _period(argument: Fragment, function: str) -> times.Period:
    return times.Period.parse(require_literal(argument, function))


def _time_floor(arguments: Arguments) -> Fragment:
    period = _period(arguments[1], "TIME_FLOOR")
    return Fragment(times.floor(as_timestamp(arguments[0]), period, _zone(arguments, 3), _origin(arguments, 2)), SqlType.TIMESTAMP)


def _time_ceil(arguments: Arguments) -> Fragment:
    period = _period(arguments[1], "TIME_CEIL")
    return Fragment(times.ceil(as_timestamp(arguments[0]), period, _zone(arguments, 3), _origin(arguments, 2)), SqlType.TIMESTAMP)


def _time_shift(arguments: Arguments) -> Fragment:
    period = _period(arguments[1], "TIME_SHIFT")
    return Fragment(times.shift(as_timestamp(arguments[0]), period, arguments[2].text, _zone(arguments, 3)), SqlType.TIMESTAMP)


def _time_extract(arguments: Arguments) -> Fragment:
    unit = require_literal(arguments[1], "TIME_EXTRACT") if len(arguments) > 1 else "EPOCH"
    zone = _zone(arguments, 2)
    value = as_timestamp(arguments[0])
    return times.part(unit, times.to_zone(value, zone) if zone and unit.upper() != "EPOCH" else value)


def _time_parse(arguments: Arguments) -> Fragment:
    value, zone = arguments[0], _zone(arguments, 2)
    if _is_given(arguments, 1):
        pattern = times.strftime(require_literal(arguments[1], "TIME_PARSE"))
        parsed = f"try_strptime({as_text(value)}, {quote_text(pattern)})"
    elif value.literal is not None and times.parse_timestamp(value.literal) is None:
        raise QueryError(f"TIME_PARSE: [{value.literal}] is not a valid timestamp, such as '2000-01-02T03:04:05'.", RUNTIME)
    else:
        parsed = as_timestamp(Fragment(as_text(value), SqlType.VARCHAR, value.literal))
    return Fragment(times.from_zone(parsed, zone) if zone else parsed, SqlType.TIMESTAMP)


def _time_format(arguments: Arguments) -> Fragment:
    value, zone = as_timestamp(arguments[0]), _zone(arguments, 2)
    local = times.to_zone(value, zone) if zone else value
    if _is_given(arguments, 1):
        pattern = times.strftime(require_literal(arguments[1], "TIME_FORMAT"))
        return Fragment(f"strftime({local}, {quote_text(pattern)})", SqlType.VARCHAR)
    iso = f"strftime({local}, {quote_text(times.strftime(times.ISO_PATTERN))})"
    return Fragment(f"({iso} || {times.utc_offset(value, local) if zone else quote_text('+00:00')})", SqlType.VARCHAR)


def _time_in_interval(arguments: Arguments) -> Fragment:
    interval = require_literal(arguments[1], "TIME_IN_INTERVAL")
    start, _, end = (times.parse_timestamp(side) if side != "/" else None for side in interval.partition("/"))
    if start is None or end is None:
        raise QueryError(f"TIME_IN_INTERVAL: [{interval}] is not a valid interval, such as '2000-01-01/2000-02-01'.")
    value = as_timestamp(arguments[0])
    return Fragment(f"({value} >= {timestamp_fragment(start).text} AND {value} < {timestamp_fragment(end).text})", SqlType.BOOLEAN)


def _date_trunc(arguments: Arguments) -> Fragment:
    unit = times.duckdb_unit(require_literal(arguments[0], "DATE_TRUNC"))
    return Fragment(f"date_trunc('{unit}', {as_timestamp(arguments[1])})", SqlType.TIMESTAMP)


def _timestamp_add(arguments: Arguments) -> Fragment:
    unit = times.duckdb_unit(arguments[0].text)
    return Fragment(f"({as_timestamp(arguments[2])} + ({arguments[1].text}) * INTERVAL 1 {unit})", SqlType.TIMESTAMP)


def _timestamp_diff(arguments: Arguments) -> Fragment:
    unit = times.duckdb_unit(arguments[0].text)
    return Fragment(f"date_sub('{unit}', {as_timestamp(arguments[1])}, {as_timestamp(arguments[2])})", SqlType.BIGINT)


TIME_FUNCTIONS: Mapping[str, Function] = {
    "TIME_FLOOR": Function(2, 4, _time_floor),
    "TIME_CEIL": Function(2, 4, _time_ceil),
    "TIME_SHIFT": Function(3, 4, _time_shift),
    "TIME_EXTRACT": Function(1, 3, _time_extract),
    "TIME_PARSE": Function(1, 3, _time_parse),
    "TIME_FORMAT": Function(1, 3, _time_format),
    "TIME_IN_INTERVAL": Function(2, 2, _time_in_interval),
    "DATE_TRUNC": Function(2, 2, _date_trunc),
    "TIMESTAMPADD": Function(3, 3, _timestamp_add),
    "TIMESTAMPDIFF": Function(3, 3, _timestamp_diff),
    "MILLIS_TO_TIMESTAMP": template("make_timestamp_ms(CAST({0} AS BIGINT))", SqlType.TIMESTAMP, arguments=1),
    "TIMESTAMP_TO_MILLIS": Function(1, 1, lambda arguments: Fragment(f"epoch_ms({as_timestamp(arguments[0])})", SqlType.BIGINT)),
}

# Function -> index of its time zone.
ZONE_ARGUMENTS = {"TIME_FLOOR": 3, "TIME_CEIL": 3, "TIME_SHIFT": 3, "TIME_EXTRACT": 2, "TIME_PARSE": 2, "TIME_FORMAT": 2}
WITH_UNIT = frozenset({"TIMESTAMPADD", "TIMESTAMPDIFF"})  # their first argument is the name of a unit

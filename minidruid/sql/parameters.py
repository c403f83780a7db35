"""Values of the parameters of a statement."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from minidruid.errors import QueryError
from minidruid.sql.functions.times import parse_timestamp
from minidruid.sql.types import Fragment, SqlType, null_fragment, text_fragment, timestamp_fragment


def parameter_value(parameter: Mapping[str, Any]) -> Fragment:
    """Return the value of a parameter: an object with `type` and `value`, as in Druid."""
    name, value = str(parameter.get("type", "")).upper(), parameter.get("value")
    if name not in _TYPES:
        raise QueryError(f"Parameter type [{name}] is not supported: VARCHAR, BIGINT, DOUBLE, BOOLEAN or TIMESTAMP is expected")
    sql_type = _TYPES[name]
    if value is None:
        return null_fragment(sql_type)
    try:
        return _CONVERSIONS[sql_type](value)
    except (ValueError, TypeError, OverflowError):
        raise QueryError(f"[{value}] is not a valid parameter of type {name}") from None


def _number(value: float, sql_type: SqlType) -> Fragment:
    if not math.isfinite(value):
        raise ValueError(value)
    return Fragment(f"CAST({value!r} AS {sql_type})", sql_type, repr(value))


def _timestamp(value: Any) -> Fragment:
    if isinstance(value, int):
        return Fragment(f"make_timestamp_ms({value})", SqlType.TIMESTAMP)
    found = parse_timestamp(str(value))
    if found is None:
        raise ValueError(value)
    return timestamp_fragment(found)


_TYPES: Mapping[str, SqlType] = {
    **dict.fromkeys(("VARCHAR", "CHAR"), SqlType.VARCHAR),
    **dict.fromkeys(("BIGINT", "INTEGER", "SMALLINT", "TINYINT"), SqlType.BIGINT),
    **dict.fromkeys(("DOUBLE", "FLOAT", "REAL", "DECIMAL"), SqlType.DOUBLE),
    "BOOLEAN": SqlType.BOOLEAN,
    **dict.fromkeys(("TIMESTAMP", "DATE"), SqlType.TIMESTAMP),
}
_CONVERSIONS: Mapping[SqlType, Callable[[Any], Fragment]] = {
    SqlType.VARCHAR: lambda value: text_fragment(str(value)),
    SqlType.BIGINT: lambda value: _number(int(value), SqlType.BIGINT),
    SqlType.DOUBLE: lambda value: _number(float(value), SqlType.DOUBLE),
    SqlType.BOOLEAN: lambda value: Fragment("TRUE" if value else "FALSE", SqlType.BOOLEAN),
    SqlType.TIMESTAMP: _timestamp,
}

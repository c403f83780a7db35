"""Conversions between SQL types, as Druid does them."""

from collections.abc import Sequence

from minidruid.errors import QueryError
from minidruid.sql.functions import times
from minidruid.sql.limits import counted
from minidruid.sql.types import NUMERIC_TYPES, TEMPORAL_TYPES, Fragment, SqlType, null_fragment, timestamp_fragment

Arguments = Sequence[Fragment]


def common_type(arguments: Arguments) -> SqlType:
    """Return the type that can hold all values."""
    types = {argument.type for argument in arguments} - {SqlType.NULL}
    if len(types) == 1:
        return types.pop()
    if types and types <= NUMERIC_TYPES:
        return SqlType.DOUBLE
    if types and types <= TEMPORAL_TYPES:
        return SqlType.TIMESTAMP
    return SqlType.VARCHAR if types else SqlType.NULL


def to_common_type(arguments: Arguments) -> tuple[list[str], SqlType]:
    """Convert values to their common type; return both."""
    sql_type = common_type(arguments)
    to_text = sql_type is SqlType.VARCHAR
    return [as_text(value) if to_text and value.type is not SqlType.NULL else value.text for value in arguments], sql_type


def as_text(value: Fragment) -> str:
    """Convert a value to text in Druid's notation."""
    if value.type is SqlType.TIMESTAMP:
        return f"strftime({value.text}, '%Y-%m-%d %H:%M:%S')"
    if value.type is SqlType.ARRAY:
        return counted(f"CAST({value.text} AS VARCHAR)")
    return value.text if value.type is SqlType.VARCHAR else f"CAST({value.text} AS VARCHAR)"


def as_timestamp(value: Fragment) -> str:
    """Convert a value to a timestamp: text is ISO 8601, a number is milliseconds."""
    if value.type is SqlType.TIMESTAMP:
        return value.text
    if value.type is SqlType.BIGINT:
        return f"make_timestamp_ms({value.text})"
    if value.literal is not None:
        found = times.parse_timestamp(value.literal)
        return timestamp_fragment(found).text if found else null_fragment(SqlType.TIMESTAMP).text
    return f"TRY_CAST({value.text} AS TIMESTAMP)"


def check_timestamp_literal(value: Fragment) -> None:
    """Raise QueryError for a literal that is not a valid timestamp."""
    if value.literal is not None and times.parse_timestamp(value.literal) is None:
        raise QueryError(f"Illegal TIMESTAMP constant [{value.literal}]")


def cast(value: Fragment, sql_type: SqlType) -> Fragment:
    """Convert a value to a type; NULL if it has no valid value of that type."""
    if sql_type is SqlType.VARCHAR:
        return Fragment(as_text(value), sql_type, value.literal if value.type is SqlType.VARCHAR else None)
    if sql_type is SqlType.TIMESTAMP:
        if value.type is SqlType.VARCHAR:
            check_timestamp_literal(value)
        return Fragment(as_timestamp(value), sql_type)
    if sql_type is SqlType.DATE:
        return Fragment(f"CAST({as_timestamp(value)} AS DATE)", sql_type)
    if sql_type is SqlType.BIGINT:
        return Fragment(_as_integer(value), sql_type)
    return Fragment(f"TRY_CAST({value.text} AS {sql_type})", sql_type)


def _as_integer(value: Fragment) -> str:
    if value.type in TEMPORAL_TYPES:
        return f"epoch_ms({value.text})"
    if value.type is SqlType.DOUBLE:
        return f"TRY_CAST(trunc({value.text}) AS BIGINT)"
    if value.type is SqlType.VARCHAR:
        return f"TRY_CAST(trunc(TRY_CAST({value.text} AS DECIMAL(38, 6))) AS BIGINT)"
    return f"TRY_CAST({value.text} AS BIGINT)"


def divide(left: Fragment, right: Fragment) -> Fragment:
    """Divide two numbers; two integers give an integer."""
    if left.type is SqlType.BIGINT and right.type is SqlType.BIGINT:
        return Fragment(f"({left.text} // {right.text})", SqlType.BIGINT)
    return Fragment(f"({left.text} / {right.text})", SqlType.DOUBLE)


def require_literal(argument: Fragment, function: str) -> str:
    """Return the value of a literal; raises QueryError for any other expression."""
    if argument.literal is None:
        raise QueryError(f"{function}: an argument must be a literal.")
    return argument.literal


def require_number(argument: Fragment, function: str) -> float:
    """Return the value of a numeric literal; raises QueryError for any other expression."""
    try:
        return float(require_literal(argument, function))
    except ValueError:
        raise QueryError(f"{function}: [{argument.literal}] is not a valid number.") from None

"""The aggregate and window functions of Druid 33 that minidruid supports, with their translations to DuckDB SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minidruid.errors import UNSUPPORTED, QueryError
from minidruid.sql.functions.casts import Arguments, as_text, cast, require_number
from minidruid.sql.functions.strings import array_bytes, reject_array
from minidruid.sql.limits import limited
from minidruid.sql.types import NUMERIC_TYPES, Fragment, SqlType


@dataclass(frozen=True, slots=True)
class Call:
    """The rest of a call: everything but the name and the arguments of an aggregate."""

    is_distinct: bool = False
    suffix: str = ""  # ` FILTER (WHERE …)` and ` OVER (…)`
    time: Fragment | None = None  # the column __time, if there is one
    is_window: bool = False  # with OVER

    def apply(self, name: str, *texts: str) -> str:
        distinct = "DISTINCT " if self.is_distinct else ""
        return f"{name}({distinct}{', '.join(texts)}){self.suffix}"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate's number of arguments, and its translation."""

    min_arguments: int
    max_arguments: int
    translate: Callable[[Arguments, Call], Fragment]
    needs_window: bool = False  # only valid with OVER


def _numeric(value: Fragment, name: str) -> Fragment:
    if value.type is SqlType.VARCHAR:
        return cast(value, SqlType.DOUBLE)
    if value.type not in NUMERIC_TYPES and value.type is not SqlType.NULL:
        raise QueryError(f"Cannot apply '{name}' to arguments of type '{name}(<{value.type}>)'. Supported form(s): '{name}(<NUMERIC>)'")
    return value


def _count(arguments: Arguments, call: Call) -> Fragment:
    return Fragment(call.apply("count", arguments[0].text), SqlType.BIGINT)


def _sum(arguments: Arguments, call: Call) -> Fragment:
    value = _numeric(arguments[0], "SUM")
    return Fragment(call.apply("sum", value.text), value.type)


def _average(arguments: Arguments, call: Call) -> Fragment:
    return Fragment(call.apply("avg", _numeric(arguments[0], "AVG").text), SqlType.DOUBLE)


def _extreme(name: str) -> Callable[[Arguments, Call], Fragment]:
    """Define MIN or MAX, which Druid does not support for strings."""

    def translate(arguments: Arguments, call: Call) -> Fragment:
        value = arguments[0]
        if value.type is SqlType.VARCHAR:
            raise QueryError(f"Aggregation [{name.upper()}] does not support type [STRING], column [{value.column or 'v0'}]")
        return Fragment(call.apply(name, value.text), value.type)

    return translate


def _like_first_argument(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.apply(name, *(value.text for value in arguments)), arguments[0].type)


def _bigint(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.apply(name, *(value.text for value in arguments)), SqlType.BIGINT)


def _double(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.apply(name, *(value.text for value in arguments)), SqlType.DOUBLE)


def _approx_count_distinct(arguments: Arguments, call: Call) -> Fragment:
    return Fragment(call.apply("approx_count_distinct", arguments[0].text), SqlType.BIGINT)


def _approx_quantile(arguments: Arguments, call: Call) -> Fragment:
    value = _numeric(arguments[0], "APPROX_QUANTILE_DS")
    fraction = require_number(arguments[1], "APPROX_QUANTILE_DS")
    if not 0 <= fraction <= 1:
        raise QueryError(f"APPROX_QUANTILE_DS: [{fraction}] is not a valid fraction: a number from 0 to 1 is expected.")
    return Fragment(call.apply("approx_quantile", f"CAST({value.text} AS DOUBLE)", f"{fraction:.6f}"), SqlType.DOUBLE)


def _at_extreme_time(name: str) -> Callable[[Arguments, Call], Fragment]:
    """Define EARLIEST or LATEST: the value at the first or last __time."""

    def translate(arguments: Arguments, call: Call) -> Fragment:
        if call.time is None:
            raise QueryError(
                "LATEST() and EARLIEST() aggregators depend on __time column, the underlying table doesn't contain __time column"
            )
        return Fragment(call.apply(name, arguments[0].text, call.time.text), arguments[0].type)

    return translate


def _at_extreme_time_by(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.apply(name, arguments[0].text, arguments[1].text), arguments[0].type)


def _string_agg(arguments: Arguments, call: Call) -> Fragment:
    _reject_window("STRING_AGG", call)
    separator = arguments[1].text if len(arguments) > 1 else "','"
    joined = call.apply("string_agg", as_text(arguments[0]), separator)
    return Fragment(limited(f"strlen({joined})", joined), SqlType.VARCHAR)


def _array_agg(arguments: Arguments, call: Call) -> Fragment:
    _reject_window("ARRAY_AGG", call)
    reject_array(arguments[0])
    values = call.apply("array_agg", arguments[0].text)
    return Fragment(limited(array_bytes(values), values), SqlType.ARRAY)


def _reject_window(name: str, call: Call) -> None:
    """Reject OVER for an aggregate that grows from row to row: each row would have its own copy."""
    if call.is_window:
        raise QueryError(f"{name} with OVER is not supported", UNSUPPORTED)


_APPROX_COUNT_DISTINCT = Aggregate(1, 3, _approx_count_distinct)

AGGREGATES: Mapping[str, Aggregate] = {
    "COUNT": Aggregate(1, 1, _count),
    "SUM": Aggregate(1, 1, _sum),
    "AVG": Aggregate(1, 1, _average),
    "MIN": Aggregate(1, 1, _extreme("min")),
    "MAX": Aggregate(1, 1, _extreme("max")),
    "ANY_VALUE": Aggregate(1, 2, lambda arguments, call: _like_first_argument("any_value")(arguments[:1], call)),
    "GROUPING": Aggregate(1, 20, _bigint("grouping")),
    "APPROX_COUNT_DISTINCT": _APPROX_COUNT_DISTINCT,
    "APPROX_COUNT_DISTINCT_BUILTIN": _APPROX_COUNT_DISTINCT,
    "APPROX_COUNT_DISTINCT_DS_HLL": _APPROX_COUNT_DISTINCT,
    "APPROX_COUNT_DISTINCT_DS_THETA": _APPROX_COUNT_DISTINCT,
    "APPROX_QUANTILE_DS": Aggregate(2, 3, _approx_quantile),
    "EARLIEST": Aggregate(1, 2, _at_extreme_time("arg_min_null")),
    "LATEST": Aggregate(1, 2, _at_extreme_time("arg_max_null")),
    "EARLIEST_BY": Aggregate(2, 3, _at_extreme_time_by("arg_min_null")),
    "LATEST_BY": Aggregate(2, 3, _at_extreme_time_by("arg_max_null")),
    "STRING_AGG": Aggregate(1, 3, _string_agg),
    "LISTAGG": Aggregate(1, 3, _string_agg),
    "ARRAY_AGG": Aggregate(1, 2, _array_agg),
    "BIT_AND": Aggregate(1, 1, _bigint("bit_and")),
    "BIT_OR": Aggregate(1, 1, _bigint("bit_or")),
    "BIT_XOR": Aggregate(1, 1, _bigint("bit_xor")),
    "ROW_NUMBER": Aggregate(0, 0, _bigint("row_number"), needs_window=True),
    "RANK": Aggregate(0, 0, _bigint("rank"), needs_window=True),
    "DENSE_RANK": Aggregate(0, 0, _bigint("dense_rank"), needs_window=True),
    "PERCENT_RANK": Aggregate(0, 0, _double("percent_rank"), needs_window=True),
    "CUME_DIST": Aggregate(0, 0, _double("cume_dist"), needs_window=True),
    "NTILE": Aggregate(1, 1, _bigint("ntile"), needs_window=True),
    "LAG": Aggregate(1, 3, _like_first_argument("lag"), needs_window=True),
    "LEAD": Aggregate(1, 3, _like_first_argument("lead"), needs_window=True),
    "FIRST_VALUE": Aggregate(1, 1, _like_first_argument("first_value"), needs_window=True),
    "LAST_VALUE": Aggregate(1, 1, _like_first_argument("last_value"), needs_window=True),
}

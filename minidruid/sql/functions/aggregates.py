"""The aggregate and window functions of Druid 33 that minidruid knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minidruid.errors import UNSUPPORTED, QueryError
from minidruid.sql.functions.scalar import cast
from minidruid.sql.functions.strings import Arguments, array_bytes, as_text, constant_number, no_array
from minidruid.sql.limits import guarded
from minidruid.sql.types import NUMBERS, Fragment, Kind


@dataclass(frozen=True, slots=True)
class Call:
    """How an aggregate is called: what stands around its arguments."""

    is_distinct: bool = False
    suffix: str = ""  # ` FILTER (WHERE …)` and ` OVER (…)`
    time: Fragment | None = None  # the column __time, where there is one
    is_over: bool = False

    def write(self, name: str, *texts: str) -> str:
        distinct = "DISTINCT " if self.is_distinct else ""
        return f"{name}({distinct}{', '.join(texts)}){self.suffix}"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """How many arguments an aggregate takes, and what is written for it."""

    least: int
    most: int
    write: Callable[[Arguments, Call], Fragment]
    is_window: bool = False  # only with OVER


def _numeric(value: Fragment, name: str) -> Fragment:
    if value.kind is Kind.VARCHAR:
        return cast(value, Kind.DOUBLE)
    if value.kind not in NUMBERS and value.kind is not Kind.NULL:
        raise QueryError(f"Cannot apply '{name}' to arguments of type '{name}(<{value.kind}>)'. Supported form(s): '{name}(<NUMERIC>)'")
    return value


def _count(arguments: Arguments, call: Call) -> Fragment:
    return Fragment(call.write("count", arguments[0].text), Kind.BIGINT)


def _sum(arguments: Arguments, call: Call) -> Fragment:
    value = _numeric(arguments[0], "SUM")
    return Fragment(call.write("sum", value.text), value.kind)


def _average(arguments: Arguments, call: Call) -> Fragment:
    return Fragment(call.write("avg", _numeric(arguments[0], "AVG").text), Kind.DOUBLE)


def _extreme(name: str) -> Callable[[Arguments, Call], Fragment]:
    """The least or greatest value; Druid finds none among texts."""

    def write(arguments: Arguments, call: Call) -> Fragment:
        value = arguments[0]
        if value.kind is Kind.VARCHAR:
            raise QueryError(f"Aggregation [{name.upper()}] does not support type [STRING], column [{value.column or 'v0'}]")
        return Fragment(call.write(name, value.text), value.kind)

    return write


def _same(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.write(name, *(value.text for value in arguments)), arguments[0].kind)


def _integer(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.write(name, *(value.text for value in arguments)), Kind.BIGINT)


def _double(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.write(name, *(value.text for value in arguments)), Kind.DOUBLE)


def _approximate_count(arguments: Arguments, call: Call) -> Fragment:
    return Fragment(call.write("approx_count_distinct", arguments[0].text), Kind.BIGINT)


def _approximate_quantile(arguments: Arguments, call: Call) -> Fragment:
    value = _numeric(arguments[0], "APPROX_QUANTILE_DS")
    share = constant_number(arguments[1], "APPROX_QUANTILE_DS")
    if not 0 <= share <= 1:
        raise QueryError(f"APPROX_QUANTILE_DS: the fraction must be from 0 to 1, it is {share}.")
    return Fragment(call.write("approx_quantile", f"CAST({value.text} AS DOUBLE)", f"{share:.6f}"), Kind.DOUBLE)


def _at_end(name: str) -> Callable[[Arguments, Call], Fragment]:
    """The value at the first or last __time."""

    def write(arguments: Arguments, call: Call) -> Fragment:
        if call.time is None:
            raise QueryError(
                "LATEST() and EARLIEST() aggregators depend on __time column, the underlying table doesn't contain __time column"
            )
        return Fragment(call.write(name, arguments[0].text, call.time.text), arguments[0].kind)

    return write


def _at_end_by(name: str) -> Callable[[Arguments, Call], Fragment]:
    return lambda arguments, call: Fragment(call.write(name, arguments[0].text, arguments[1].text), arguments[0].kind)


def _joined_texts(arguments: Arguments, call: Call) -> Fragment:
    _no_window("STRING_AGG", call)
    separator = arguments[1].text if len(arguments) > 1 else "','"
    joined = call.write("string_agg", as_text(arguments[0]), separator)
    return Fragment(guarded(f"strlen({joined})", joined), Kind.VARCHAR)


def _array(arguments: Arguments, call: Call) -> Fragment:
    _no_window("ARRAY_AGG", call)
    no_array(arguments[0])
    values = call.write("array_agg", arguments[0].text)
    return Fragment(guarded(array_bytes(values), values), Kind.ARRAY)


def _no_window(name: str, call: Call) -> None:
    """Refuse an aggregate that grows from row to row: each row would have its own copy."""
    if call.is_over:
        raise QueryError(f"{name} with OVER is not supported", UNSUPPORTED)


_APPROXIMATE_COUNT = Aggregate(1, 3, _approximate_count)

AGGREGATES: Mapping[str, Aggregate] = {
    "COUNT": Aggregate(1, 1, _count),
    "SUM": Aggregate(1, 1, _sum),
    "AVG": Aggregate(1, 1, _average),
    "MIN": Aggregate(1, 1, _extreme("min")),
    "MAX": Aggregate(1, 1, _extreme("max")),
    "ANY_VALUE": Aggregate(1, 2, lambda arguments, call: _same("any_value")(arguments[:1], call)),
    "GROUPING": Aggregate(1, 20, _integer("grouping")),
    "APPROX_COUNT_DISTINCT": _APPROXIMATE_COUNT,
    "APPROX_COUNT_DISTINCT_BUILTIN": _APPROXIMATE_COUNT,
    "APPROX_COUNT_DISTINCT_DS_HLL": _APPROXIMATE_COUNT,
    "APPROX_COUNT_DISTINCT_DS_THETA": _APPROXIMATE_COUNT,
    "APPROX_QUANTILE_DS": Aggregate(2, 3, _approximate_quantile),
    "EARLIEST": Aggregate(1, 2, _at_end("arg_min_null")),
    "LATEST": Aggregate(1, 2, _at_end("arg_max_null")),
    "EARLIEST_BY": Aggregate(2, 3, _at_end_by("arg_min_null")),
    "LATEST_BY": Aggregate(2, 3, _at_end_by("arg_max_null")),
    "STRING_AGG": Aggregate(1, 3, _joined_texts),
    "LISTAGG": Aggregate(1, 3, _joined_texts),
    "ARRAY_AGG": Aggregate(1, 2, _array),
    "BIT_AND": Aggregate(1, 1, _integer("bit_and")),
    "BIT_OR": Aggregate(1, 1, _integer("bit_or")),
    "BIT_XOR": Aggregate(1, 1, _integer("bit_xor")),
    "ROW_NUMBER": Aggregate(0, 0, _integer("row_number"), is_window=True),
    "RANK": Aggregate(0, 0, _integer("rank"), is_window=True),
    "DENSE_RANK": Aggregate(0, 0, _integer("dense_rank"), is_window=True),
    "PERCENT_RANK": Aggregate(0, 0, _double("percent_rank"), is_window=True),
    "CUME_DIST": Aggregate(0, 0, _double("cume_dist"), is_window=True),
    "NTILE": Aggregate(1, 1, _integer("ntile"), is_window=True),
    "LAG": Aggregate(1, 3, _same("lag"), is_window=True),
    "LEAD": Aggregate(1, 3, _same("lead"), is_window=True),
    "FIRST_VALUE": Aggregate(1, 1, _same("first_value"), is_window=True),
    "LAST_VALUE": Aggregate(1, 1, _same("last_value"), is_window=True),
}

"""Converts the columns of a query to the values of a result, because DuckDB is faster than Python at it."""

from minidruid.sql.limits import MAX_ARRAYS, TOO_LONG, check_limit
from minidruid.sql.queries import Query
from minidruid.sql.types import SqlType

# Types that are not JSON values in Python.
_CONVERSIONS = {
    SqlType.TIMESTAMP: "strftime({0}, '%Y-%m-%dT%H:%M:%S.%gZ')",
    SqlType.DATE: "strftime({0}, '%Y-%m-%dT00:00:00.000Z')",
    SqlType.JSON: "CAST({0} AS VARCHAR)",
    SqlType.ARRAY: "CAST(to_json({0}) AS VARCHAR)",
    SqlType.INTERVAL: "CAST({0} AS VARCHAR)",
}
_UNBOUNDED = frozenset({SqlType.VARCHAR, SqlType.JSON, SqlType.ARRAY})  # types whose values have any length


def select_output(query: Query, max_row_bytes: int) -> str:
    """Return SQL for the values of a result: timestamps as ISO 8601, arrays as JSON text; a longer row raises an error in DuckDB."""
    types = [sql_type for _, sql_type in query.columns]
    check_limit(types.count(SqlType.ARRAY), MAX_ARRAYS, "arrays in a result")
    sql, names = query.text, ", ".join(f"c{number}" for number in range(len(types)))
    if any(sql_type in _CONVERSIONS for sql_type in types):
        values = [_CONVERSIONS.get(sql_type, "{0}").format(f"c{number}") for number, sql_type in enumerate(types)]
        sql = f"SELECT {', '.join(values)} FROM ({sql}) AS result({names})"
    sizes = [f"coalesce(strlen(c{number}), 0)" for number, sql_type in enumerate(types) if sql_type in _UNBOUNDED]
    if not sizes:
        return sql
    message = (
        f"{TOO_LONG}a row of the result may have at most {max_row_bytes} bytes. "
        "Select fewer columns, or raise HEADRACE_MINIDRUID_MEMORY_LIMIT."
    )
    limit = f"CASE WHEN {' + '.join(sizes)} > {max_row_bytes} THEN error('{message}') ELSE TRUE END"
    return f"SELECT * FROM ({sql}) AS output_row({names}) WHERE {limit}"

"""Druid's functions of nested columns (JSON), and their paths."""

import re
from collections.abc import Mapping

from minidruid.errors import QueryError
from minidruid.sql.functions.casts import Arguments, cast, require_literal
from minidruid.sql.functions.function import Function, template
from minidruid.sql.limits import counted
from minidruid.sql.types import Fragment, SqlType, null_fragment, quote_text

_STEP = re.compile(r"""\.([A-Za-z_$@][\w$@-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]|\."([^"]*)\"""")


def json_path(path: str) -> str:
    """Translate `$.a['b c'][0]` to `$."a"."b c"[0]`; raises QueryError for wildcards, filters and invalid paths."""
    if not path.startswith("$"):
        raise QueryError(f"Invalid JSON path [{path}]: it must begin with '$'.")
    translated, at = "$", 1
    while at < len(path):
        step = _STEP.match(path, at)
        if not step:
            raise QueryError(f"Invalid JSON path [{path}] at position {at + 1}: a step is '.name', '['name']' or '[0]'.")
        index = step[2]
        name = next((group for group in (step[1], step[3], step[4], step[5]) if group is not None), "")
        if '"' in name:
            raise QueryError(f"Invalid JSON path [{path}]: a name must not contain a double quote.")
        translated += f"[{index}]" if index is not None else f'."{name}"'
        at = step.end()
    return translated


def json_value(value: Fragment, path: str, returning: SqlType) -> Fragment:
    """Extract the scalar at a path; NULL for an object, an array, and a value that is not JSON."""
    if value.type is not SqlType.JSON:
        return null_fragment(returning)
    quoted = quote_text(json_path(path))
    found = counted(f"json_extract_string({value.text}, {quoted})")
    found = f"CASE WHEN json_type({value.text}, {quoted}) NOT IN ('OBJECT', 'ARRAY') THEN {found} END"
    if returning is SqlType.VARCHAR:
        return Fragment(found, returning)
    return cast(Fragment(found, SqlType.VARCHAR), returning)


def _extract(name: str, duckdb_name: str, sql_type: SqlType) -> Function:
    """Define a function of JSON and a path; NULL for a value that is not JSON."""

    def translate(arguments: Arguments) -> Fragment:
        value, path = arguments
        if value.type is not SqlType.JSON:
            return null_fragment(sql_type)
        return Fragment(counted(f"{duckdb_name}({value.text}, {quote_text(json_path(require_literal(path, name)))})"), sql_type)

    return Function(2, 2, translate)


NESTED_FUNCTIONS: Mapping[str, Function] = {
    "JSON_QUERY": _extract("JSON_QUERY", "json_extract", SqlType.JSON),
    "JSON_KEYS": _extract("JSON_KEYS", "json_keys", SqlType.ARRAY),
    "PARSE_JSON": template(counted("CAST({0} AS JSON)"), SqlType.JSON, arguments=1),
    "TRY_PARSE_JSON": template(counted("TRY_CAST({0} AS JSON)"), SqlType.JSON, arguments=1),
}

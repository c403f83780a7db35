"""Reads a JSON path as Druid takes it and writes it as DuckDB takes it."""

import re

from minidruid.errors import QueryError

_STEP = re.compile(r"""\.([A-Za-z_$@][\w$@-]*)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]|\."([^"]*)\"""")


def json_path(path: str) -> str:
    """Turn `$.a['b c'][0]` into `$."a"."b c"[0]`; raises QueryError for wildcards, filters and what is no path."""
    if not path.startswith("$"):
        raise QueryError(f"Invalid JSON path [{path}]: it must begin with '$'.")
    written, at = "$", 1
    while at < len(path):
        step = _STEP.match(path, at)
        if not step:
            raise QueryError(f"Invalid JSON path [{path}] at position {at + 1}: a step is '.name', '['name']' or '[0]'.")
        index = step[2]
        name = next((group for group in (step[1], step[3], step[4], step[5]) if group is not None), "")
        if '"' in name:
            raise QueryError(f"Invalid JSON path [{path}]: a name must not contain a double quote.")
        written += f"[{index}]" if index is not None else f'."{name}"'
        at = step.end()
    return written

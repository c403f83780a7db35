"""From the text of a statement in Druid's SQL to one in DuckDB's, or to the reason why not."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlglot import exp

from minidruid.errors import LIMIT, QueryError
from minidruid.sql.catalog import Catalog
from minidruid.sql.functions import times
from minidruid.sql.limits import MAX_SQL_BYTES, ROW_TEXT_BYTES, settle
from minidruid.sql.parser import EXPLAIN, parse
from minidruid.sql.queries import Query, QueryWriter
from minidruid.sql.types import Fragment, Kind, instant, null, string, text


def translate(
    sql: str,
    catalog: Catalog,
    *,
    now: datetime,
    parameters: Sequence[Mapping[str, Any]] = (),
    row_text_bytes: int = ROW_TEXT_BYTES,
) -> Query:
    """Return the statement in DuckDB's SQL with the names and kinds of its columns; `now` is UTC without a zone.

    Raises QueryError with Druid's text where Druid has one.
    """
    explained = EXPLAIN.match(sql)
    tree = parse(sql[explained.end() :] if explained else sql)
    places = sorted({int(node.this) for node in tree.find_all(exp.Placeholder)})
    writer = QueryWriter(catalog, now, [_parameter(value) for value in parameters], {str(at): number for number, at in enumerate(places)})
    try:
        query = writer.write(tree)
    except RecursionError:
        raise QueryError("The statement is nested too deeply.") from None
    if len(query.text) > MAX_SQL_BYTES:
        raise QueryError("The statement is too large as DuckDB needs it", LIMIT)
    text_, makes_texts = settle(query.text, row_text_bytes)
    settled = Query(text_, query.columns, makes_texts)
    return _plan(settled, writer.tables) if explained else settled


def _number(kind: Kind, value: Any) -> Fragment:
    number = int(value) if kind is Kind.BIGINT else float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return Fragment(f"CAST({number!r} AS {kind})", kind, repr(number))


def _parameter(given: Mapping[str, Any]) -> Fragment:
    kind, value = str(given.get("type", "")).upper(), given.get("value")
    try:
        if kind in ("VARCHAR", "CHAR"):
            return string(str(value)) if value is not None else null(Kind.VARCHAR)
        if kind in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"):
            return _number(Kind.BIGINT, value) if value is not None else null(Kind.BIGINT)
        if kind in ("DOUBLE", "FLOAT", "REAL", "DECIMAL"):
            return _number(Kind.DOUBLE, value) if value is not None else null(Kind.DOUBLE)
        if kind == "BOOLEAN":
            return Fragment("TRUE" if value else "FALSE", Kind.BOOLEAN) if value is not None else null(Kind.BOOLEAN)
        if kind in ("TIMESTAMP", "DATE"):
            return _moment(value)
    except (ValueError, TypeError, OverflowError):
        raise QueryError(f"Parameter of type {kind} has the value [{value}], which is none") from None
    raise QueryError(f"Parameter type [{kind}] is not known: VARCHAR, BIGINT, DOUBLE, BOOLEAN and TIMESTAMP are")


def _moment(value: Any) -> Fragment:
    if value is None:
        return null(Kind.TIMESTAMP)
    if isinstance(value, int):
        return Fragment(f"make_timestamp_ms({value})", Kind.TIMESTAMP)
    found = times.parse_instant(str(value))
    if found is None:
        raise ValueError(value)
    return instant(found)


def _plan(query: Query, tables: Sequence[str]) -> Query:
    """Answer EXPLAIN PLAN FOR: what would be asked of DuckDB."""
    signature = [{"name": name, "type": str(kind)} for name, kind in query.columns]
    plan = json.dumps([{"query": {"queryType": "duckdb", "sql": query.text}, "signature": signature}])
    resources = json.dumps([{"name": name, "type": "DATASOURCE"} for name in dict.fromkeys(tables)])
    values = (plan, resources, json.dumps({"statementType": "SELECT"}))
    return Query(f"SELECT {', '.join(map(text, values))}", [(name, Kind.VARCHAR) for name in ("PLAN", "RESOURCES", "ATTRIBUTES")])

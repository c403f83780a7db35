"""Translates a statement from Druid's SQL to DuckDB's."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlglot import exp

from minidruid.errors import LIMIT, QueryError
from minidruid.sql.catalog import Catalog
from minidruid.sql.limits import DEFAULT_ROW_TEXT_BYTES, MAX_SQL_BYTES, apply_allowance
from minidruid.sql.parameters import parameter_value
from minidruid.sql.parser import EXPLAIN, parse
from minidruid.sql.queries import Query, QueryTranslator
from minidruid.sql.types import SqlType, quote_text


def translate(
    sql: str,
    catalog: Catalog,
    *,
    now: datetime,
    parameters: Sequence[Mapping[str, Any]] = (),
    row_text_bytes: int = DEFAULT_ROW_TEXT_BYTES,
) -> Query:
    """Translate a statement; `now` is UTC without a zone.

    Raises QueryError, with Druid's message if Druid has one.
    """
    explain = EXPLAIN.match(sql)
    tree = parse(sql[explain.end() :] if explain else sql)
    translator = QueryTranslator(catalog, now, list(map(parameter_value, parameters)), _parameter_numbers(tree))
    try:
        query = translator.translate(tree)
    except RecursionError:
        raise QueryError("The statement is nested too deeply.") from None
    if len(query.text) > MAX_SQL_BYTES:
        raise QueryError("The statement is too large in DuckDB's SQL", LIMIT)
    sql, produces_text = apply_allowance(query.text, row_text_bytes)
    query = Query(sql, query.columns, produces_text)
    return _plan(query, translator.tables) if explain else query


def _parameter_numbers(tree: exp.Expr) -> Mapping[str, int]:
    """Return the number of each parameter by its index in the statement; the tree has another order."""
    indexes = sorted({int(node.this) for node in tree.find_all(exp.Placeholder)})
    return {str(index): number for number, index in enumerate(indexes)}


def _plan(query: Query, tables: Sequence[str]) -> Query:
    """Return the result of EXPLAIN PLAN FOR: the statement in DuckDB's SQL."""
    signature = [{"name": name, "type": str(sql_type)} for name, sql_type in query.columns]
    plan = json.dumps([{"query": {"queryType": "duckdb", "sql": query.text}, "signature": signature}])
    resources = json.dumps([{"name": name, "type": "DATASOURCE"} for name in dict.fromkeys(tables)])
    values = (plan, resources, json.dumps({"statementType": "SELECT"}))
    return Query(f"SELECT {', '.join(map(quote_text, values))}", [(name, SqlType.VARCHAR) for name in ("PLAN", "RESOURCES", "ATTRIBUTES")])

"""Translates queries: SELECT, WITH and UNION ALL, clause by clause."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlglot import exp

from minidruid.errors import NOT_PLANNED, UNSUPPORTED, QueryError
from minidruid.sql.catalog import SYSTEM_COLUMNS, Catalog, Columns
from minidruid.sql.expressions import ExpressionTranslator
from minidruid.sql.limits import MAX_GROUPING_SETS, MAX_ITEMS, MAX_SOURCES, check_limit
from minidruid.sql.operators import allow_only
from minidruid.sql.ordering import OrderTranslator, ordinal
from minidruid.sql.parser import location
from minidruid.sql.scope import Scope, Source
from minidruid.sql.types import Fragment, SqlType, quote_name

GROUPING: Mapping[type[exp.Expr], str] = {exp.GroupingSets: "GROUPING SETS", exp.Rollup: "ROLLUP", exp.Cube: "CUBE"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query in DuckDB's SQL, and the names and types of its columns."""

    text: str
    columns: Sequence[tuple[str, SqlType]]
    produces_text: bool = False

    def as_columns(self) -> Columns:
        return dict(self.columns)


@dataclass(slots=True)
class QueryTranslator:
    """Translates the queries of a statement; `tables` lists the tables that they read."""

    catalog: Catalog
    now: datetime
    parameters: Sequence[Fragment]
    parameter_numbers: Mapping[str, int]
    tables: list[str] = field(default_factory=list)
    _with_queries: dict[str, tuple[Columns, int]] = field(default_factory=dict)  # columns and number of sources by name
    _sources: int = 0
    _aliases: int = 0

    def translate(self, node: exp.Expr, outer: Scope | None = None) -> Query:
        """Translate SELECT, UNION ALL, or either in parentheses; all other statements are rejected."""
        if isinstance(node, exp.Subquery):
            allow_only(node, "this")
            return self.translate(node.this, outer)
        if isinstance(node, exp.Union):
            return self._union(node, outer)
        if not isinstance(node, exp.Select):
            name = node.name if isinstance(node, exp.Command) else type(node).__name__
            raise QueryError(f"Unsupported SQL statement [{name.upper()}]: only SELECT, WITH and EXPLAIN PLAN FOR are supported")
        if node.args.get("with_"):
            return self._with(node, outer)
        return _SelectTranslator(self, node, outer).translate()

    def expressions(self) -> ExpressionTranslator:
        return ExpressionTranslator(
            self.catalog, self.now, self.parameters, self.parameter_numbers, lambda node, scope: f"({self.translate(node, scope).text})"
        )

    def count_sources(self, sources: int) -> None:
        """Add to the number of sources of the statement; raises QueryError if it exceeds the limit."""
        self._sources += sources
        check_limit(self._sources, MAX_SOURCES, "SELECTs and entries of FROM")

    def _with(self, node: exp.Expr, outer: Scope | None) -> Query:
        with_ = node.args["with_"]
        allow_only(with_, "expressions")
        before = dict(self._with_queries)
        definitions = []
        for named in with_.expressions:
            allow_only(named, "this", "alias")
            sources_before = self._sources
            query = self._renamed(self.translate(named.this, outer), named.args["alias"])
            self._with_queries[named.alias] = query.as_columns(), self._sources - sources_before
            self._sources = sources_before  # they count each time the name is used
            definitions.append(f"{quote_name(named.alias)} AS ({query.text})")
        rest = node.copy()
        rest.set("with_", None)
        query = self.translate(rest, outer)
        self._with_queries = before
        return replace(query, text=f"WITH {', '.join(definitions)} {query.text}")

    def _renamed(self, query: Query, alias: exp.Expr) -> Query:
        names = [column.name for column in alias.args.get("columns") or []]
        if not names:
            return query
        if len(names) != len(query.columns):
            raise QueryError(f"{len(names)} column names do not match {len(query.columns)} columns{location(alias)}")
        columns = [(name, sql_type) for name, (_, sql_type) in zip(names, query.columns, strict=True)]
        return Query(f"SELECT * FROM ({query.text}) AS renamed({', '.join(map(quote_name, names))})", columns)

    def _union(self, node: exp.Union, outer: Scope | None) -> Query:
        if node.args.get("with_"):
            return self._with(node, outer)
        allow_only(node, "this", "expression", "limit", "offset", "order", "distinct")
        if node.args.get("distinct"):
            raise QueryError(NOT_PLANNED.format("SQL requires 'UNION' but only 'UNION ALL' is supported."))
        left, right = self.translate(node.this, outer), self.translate(node.expression, outer)
        if len(left.columns) != len(right.columns):
            raise QueryError("Column count mismatch in UNION ALL")
        columns = dict(left.columns)
        scope = Scope(aliases={name: Fragment(quote_name(name), sql_type) for name, sql_type in columns.items()})
        order = f" {self.expressions().order(node.args['order'], scope)}" if node.args.get("order") else ""
        return Query(f"({left.text}) UNION ALL ({right.text}){order}{_limit_and_offset(node)}", left.columns)

    def source(self, node: exp.Expr, outer: Scope | None) -> tuple[str, Source]:
        """Translate an entry of FROM."""
        self.count_sources(1)
        if isinstance(node, exp.Table):
            return self._table(node)
        if isinstance(node, exp.Subquery):
            allow_only(node, "this", "alias")
            query = self.translate(node.this, outer)
            alias = node.args.get("alias")
            if alias is None or not alias.name:
                self._aliases += 1
            name = alias.name if alias is not None and alias.name else f"_{self._aliases}"
            if alias is not None:
                query = self._renamed(query, alias)
            return f"({query.text}) AS {quote_name(name)}", Source(name, query.as_columns())
        raise QueryError(f"{type(node).__name__} in FROM is not supported{location(node)}", UNSUPPORTED)

    def _table(self, node: exp.Table) -> tuple[str, Source]:
        allow_only(node, "this", "db", "alias")
        if not isinstance(node.this, exp.Identifier):
            raise QueryError(f"No match found for function signature {node.this.name.upper()}(){location(node)}")
        name, schema = node.name, node.db
        alias = node.alias or name
        if node.args.get("alias") and node.args["alias"].args.get("columns"):
            raise QueryError(f"Column names for a table are not supported{location(node)}", UNSUPPORTED)
        if not schema and name in self._with_queries:
            columns, sources = self._with_queries[name]
            self.count_sources(sources)
            return f"{quote_name(name)} AS {quote_name(alias)}", Source(alias, columns)
        schema = schema or "druid"
        found = self.catalog.columns(schema, name)
        if found is None:
            within = f" within '{schema}'" if node.db else ""
            raise QueryError(f"Object '{name}' not found{within}{location(node)}")
        self.tables.append(name)
        return f"{self.catalog.source(schema, name)} AS {quote_name(alias)}", Source(alias, found, schema)


def _grouping_sets(node: exp.Expr) -> int:
    """Return the number of grouping sets of an entry of GROUP BY."""
    if isinstance(node, exp.GroupingSets):
        return sum(map(_grouping_sets, node.expressions))
    if isinstance(node, exp.Cube):
        return int(2 ** min(len(node.expressions), 64))
    return len(node.expressions) + 1 if isinstance(node, exp.Rollup) else 1


def _limit_and_offset(node: exp.Expr) -> str:
    clauses = ""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if isinstance(limit, exp.Fetch):
        clauses += f" LIMIT {_count(limit.args.get('count'))}"
    elif limit:
        allow_only(limit, "expression")
        clauses += f" LIMIT {_count(limit.expression)}"
    if offset:
        allow_only(offset, "expression")
        clauses += f" OFFSET {_count(offset.expression)}"
    return clauses


def _count(node: exp.Expr | None) -> int:
    if not isinstance(node, exp.Literal) or node.is_string or not re.fullmatch(r"[0-9]{1,19}", node.name):
        raise QueryError("LIMIT and OFFSET take a whole number of at most 19 digits")
    return int(node.name)


class _SelectTranslator:
    """Translates one SELECT, in the order in which the clauses are evaluated."""

    def __init__(self, queries: QueryTranslator, node: exp.Select, outer: Scope | None) -> None:
        allow_only(node, "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct")
        queries.count_sources(1)
        self.queries = queries
        self.node = node
        self.scope = Scope(outer=outer)
        self.expressions = queries.expressions()
        self.items: list[tuple[str, Fragment]] = []

    def translate(self) -> Query:
        source = self._from()
        where = self._where()
        group = self._group()
        self._select()
        having = self._having()
        order = OrderTranslator(self.node, self.scope, self.expressions, self.items, is_aggregate=self._is_aggregate).translate()
        distinct = "DISTINCT " if self._is_distinct() else ""
        items = ", ".join(f"{fragment.text} AS {quote_name(name)}" for name, fragment in self.items)
        text = f"SELECT {distinct}{items}{source}{where}{group}{having}{order}{_limit_and_offset(self.node)}"
        return Query(text, [(name, fragment.type) for name, fragment in self.items])

    def _is_distinct(self) -> bool:
        distinct = self.node.args.get("distinct")
        if distinct:
            allow_only(distinct)
        return bool(distinct)

    def _from(self) -> str:
        from_ = self.node.args.get("from_")
        if not from_:
            return ""
        text, source = self.queries.source(from_.this, self.scope.outer)
        self.scope.sources.append(source)
        return f" FROM {text}{''.join(map(self._join, self.node.args.get('joins') or []))}"

    def _join(self, node: exp.Join) -> str:
        allow_only(node, "this", "on", "side", "kind")
        text, source = self.queries.source(node.this, self.scope.outer)
        self.scope.sources.append(source)
        side, kind, on = node.side.upper(), node.kind.upper(), node.args.get("on")
        if side not in ("", "LEFT", "RIGHT", "FULL") or kind not in ("", "INNER", "OUTER", "CROSS"):
            raise QueryError(f"{side} {kind} JOIN is not supported{location(node)}", UNSUPPORTED)
        if not on:
            return f" CROSS JOIN {text}"
        condition = self.expressions.condition(on, self.scope, "ON")
        return f" {side} JOIN {text} ON {condition.text}" if side else f" JOIN {text} ON {condition.text}"

    def _where(self) -> str:
        where = self.node.args.get("where")
        return f" WHERE {self.expressions.condition(where.this, self.scope, 'WHERE').text}" if where else ""

    def _group(self) -> str:
        group = self.node.args.get("group")
        if not group:
            return ""
        allow_only(group, "expressions")
        check_limit(math.prod(map(_grouping_sets, group.expressions)), MAX_GROUPING_SETS, "grouping sets")
        return f" GROUP BY {', '.join(map(self._group_item, group.expressions))}"

    def _group_item(self, node: exp.Expr) -> str:
        if word := GROUPING.get(type(node)):
            return f"{word} ({', '.join(map(self._group_item, node.expressions))})"
        if isinstance(node, exp.Tuple):
            return f"({', '.join(map(self._group_item, node.expressions))})"
        if isinstance(node, exp.Paren):
            return f"({self._group_item(node.this)})"
        if isinstance(node, exp.Literal):
            return ordinal(node, self.node)
        return self.expressions.translate(node, self.scope).text

    def _select(self) -> None:
        for number, item in enumerate(self.node.expressions):
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                self._star(item)
            elif isinstance(item, exp.Alias):
                self.items.append((item.alias, self.expressions.translate(item.this, self.scope)))
            else:
                fragment = self.expressions.translate(item, self.scope)
                self.items.append((fragment.column or f"EXPR${number}", fragment))
            check_limit(len(self.items), MAX_ITEMS, "select items")

    def _star(self, node: exp.Expr) -> None:
        star = node.this if isinstance(node, exp.Column) else node
        allow_only(star)
        qualifier = [part.name for part in node.parts[:-1]] if isinstance(node, exp.Column) else []
        sources = list(self.scope.matching(qualifier))
        if not sources:
            raise QueryError(f"Unknown identifier '{'.'.join(qualifier) or '*'}'{location(node)}")
        self.items += [(name, source.column(name)) for source in sources for name in source.columns]

    @property
    def _is_aggregate(self) -> bool:
        return bool(self.node.args.get("group")) or self.expressions.aggregates > 0

    def _having(self) -> str:
        having = self.node.args.get("having")
        conditions = [self.expressions.condition(having.this, self.scope, "HAVING").text] if having else []
        if self._is_aggregate and not self.node.args.get("group") and any(source.schema in SYSTEM_COLUMNS for source in self.scope.sources):
            conditions.append("count(*) > 0")  # in Druid, an aggregate over no rows of INFORMATION_SCHEMA has no row
        return f" HAVING {' AND '.join(conditions)}" if conditions else ""

"""Writes a query of Druid's SQL as one of DuckDB's."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlglot import exp

from minidruid.errors import UNSUPPORTED, QueryError
from minidruid.sql import ordering
from minidruid.sql.catalog import SYSTEM_COLUMNS, Catalog, Columns
from minidruid.sql.expressions import ExpressionWriter, direction
from minidruid.sql.limits import MAX_GROUPING_SETS, MAX_ITEMS, MAX_SOURCES, within
from minidruid.sql.operators import only
from minidruid.sql.parser import place
from minidruid.sql.scope import Scope, Source
from minidruid.sql.types import Fragment, Kind, quote

SEVERAL_GROUPS: Mapping[type[exp.Expr], str] = {exp.GroupingSets: "GROUPING SETS", exp.Rollup: "ROLLUP", exp.Cube: "CUBE"}
NOT_PLANNED = "Query could not be planned. A possible reason is [{}]"


@dataclass(frozen=True, slots=True)
class Query:
    """A query in DuckDB's SQL, and the name and kind of each of its columns."""

    text: str
    columns: Sequence[tuple[str, Kind]]
    makes_texts: bool = False

    def as_columns(self) -> Columns:
        return dict(self.columns)


@dataclass(slots=True)
class QueryWriter:
    """Writes queries; remembers which tables they read."""

    catalog: Catalog
    now: datetime
    parameters: Sequence[Fragment]
    parameter_places: Mapping[str, int]
    tables: list[str] = field(default_factory=list)
    _named: dict[str, tuple[Columns, int]] = field(default_factory=dict)  # by WITH, with the number of its sources
    _sources: int = 0
    _aliases: int = 0

    def write(self, node: exp.Expr, outer: Scope | None = None) -> Query:
        """Write SELECT, UNION ALL, or either in brackets; whatever else a statement may be is refused."""
        if isinstance(node, exp.Subquery):
            only(node, "this")
            return self.write(node.this, outer)
        if isinstance(node, exp.Union):
            return self._union(node, outer)
        if not isinstance(node, exp.Select):
            name = node.name if isinstance(node, exp.Command) else type(node).__name__
            raise QueryError(f"Unsupported SQL statement [{name.upper()}]: only SELECT, WITH and EXPLAIN PLAN FOR are answered")
        if node.args.get("with_"):
            return self._with(node, outer)
        return _Select(self, node, outer).write()

    def expressions(self) -> ExpressionWriter:
        return ExpressionWriter(
            self.catalog, self.now, self.parameters, self.parameter_places, lambda node, scope: f"({self.write(node, scope).text})"
        )

    def count(self, sources: int) -> None:
        """Add to the sources of the statement; raises QueryError for too many."""
        self._sources += sources
        within(self._sources, MAX_SOURCES, "SELECTs and entries of FROM")

    def _with(self, node: exp.Expr, outer: Scope | None) -> Query:
        with_ = node.args["with_"]
        only(with_, "expressions")
        before = dict(self._named)
        written = []
        for named in with_.expressions:
            only(named, "this", "alias")
            sources_before = self._sources
            query = self._renamed(self.write(named.this, outer), named.args["alias"])
            self._named[named.alias] = query.as_columns(), self._sources - sources_before
            self._sources = sources_before  # they count where the name is used
            written.append(f"{quote(named.alias)} AS ({query.text})")
        rest = node.copy()
        rest.set("with_", None)
        query = self.write(rest, outer)
        self._named = before
        return replace(query, text=f"WITH {', '.join(written)} {query.text}")

    def _renamed(self, query: Query, alias: exp.Expr) -> Query:
        names = [column.name for column in alias.args.get("columns") or []]
        if not names:
            return query
        if len(names) != len(query.columns):
            raise QueryError(f"{len(names)} column names are given to {len(query.columns)} columns{place(alias)}")
        columns = [(name, kind) for name, (_, kind) in zip(names, query.columns, strict=True)]
        return Query(f"SELECT * FROM ({query.text}) AS renamed({', '.join(map(quote, names))})", columns)

    def _union(self, node: exp.Union, outer: Scope | None) -> Query:
        if node.args.get("with_"):
            return self._with(node, outer)
        only(node, "this", "expression", "limit", "offset", "order", "distinct")
        if node.args.get("distinct"):
            raise QueryError(NOT_PLANNED.format("SQL requires 'UNION' but only 'UNION ALL' is supported."))
        left, right = self.write(node.this, outer), self.write(node.expression, outer)
        if len(left.columns) != len(right.columns):
            raise QueryError("Column count mismatch in UNION ALL")
        columns = dict(left.columns)
        scope = Scope(aliases={name: Fragment(quote(name), kind) for name, kind in columns.items()})
        order = f" {self.expressions().order(node.args['order'], scope)}" if node.args.get("order") else ""
        return Query(f"({left.text}) UNION ALL ({right.text}){order}{limits(node)}", left.columns)

    def source(self, node: exp.Expr, outer: Scope | None) -> tuple[str, Source]:
        """Write one entry of FROM."""
        self.count(1)
        if isinstance(node, exp.Table):
            return self._table(node)
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias")
            query = self.write(node.this, outer)
            alias = node.args.get("alias")
            if alias is None or not alias.name:
                self._aliases += 1
            name = alias.name if alias is not None and alias.name else f"_{self._aliases}"
            if alias is not None:
                query = self._renamed(query, alias)
            return f"({query.text}) AS {quote(name)}", Source(name, query.as_columns())
        raise QueryError(f"{type(node).__name__} in FROM is not supported{place(node)}", UNSUPPORTED)

    def _table(self, node: exp.Table) -> tuple[str, Source]:
        only(node, "this", "db", "alias")
        if not isinstance(node.this, exp.Identifier):
            raise QueryError(f"No match found for function signature {node.this.name.upper()}(){place(node)}")
        name, schema = node.name, node.db
        alias = node.alias or name
        if node.args.get("alias") and node.args["alias"].args.get("columns"):
            raise QueryError(f"Column names for a table are not supported{place(node)}", UNSUPPORTED)
        if not schema and name in self._named:
            columns, sources = self._named[name]
            self.count(sources)
            return f"{quote(name)} AS {quote(alias)}", Source(alias, columns)
        schema = schema or "druid"
        found = self.catalog.columns(schema, name)
        if found is None:
            place_within = f" within '{schema}'" if node.db else ""
            raise QueryError(f"Object '{name}' not found{place_within}{place(node)}")
        self.tables.append(name)
        return f"{self.catalog.source(schema, name)} AS {quote(alias)}", Source(alias, found, schema, name)


def _sets(node: exp.Expr) -> int:
    """How many sets of groups an entry of GROUP BY stands for."""
    if isinstance(node, exp.GroupingSets):
        return sum(map(_sets, node.expressions))
    if isinstance(node, exp.Cube):
        return int(2 ** min(len(node.expressions), 64))
    return len(node.expressions) + 1 if isinstance(node, exp.Rollup) else 1


def limits(node: exp.Expr) -> str:
    """Write LIMIT and OFFSET."""
    written = ""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if isinstance(limit, exp.Fetch):
        written += f" LIMIT {_count(limit.args.get('count'))}"
    elif limit:
        only(limit, "expression")
        written += f" LIMIT {_count(limit.expression)}"
    if offset:
        only(offset, "expression")
        written += f" OFFSET {_count(offset.expression)}"
    return written


def _count(node: exp.Expr | None) -> int:
    if not isinstance(node, exp.Literal) or node.is_string or not re.fullmatch(r"[0-9]{1,19}", node.name):
        raise QueryError("LIMIT and OFFSET take a whole number of at most 19 digits")
    return int(node.name)


class _Select:
    """Writes one SELECT, clause by clause in the order of their meaning."""

    def __init__(self, queries: QueryWriter, node: exp.Select, outer: Scope | None) -> None:
        only(node, "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct")
        queries.count(1)
        self.queries = queries
        self.node = node
        self.scope = Scope(outer=outer)
        self.expressions = queries.expressions()
        self.items: list[tuple[str, Fragment]] = []

    def write(self) -> Query:
        source = self._from()
        where = self._where()
        group = self._group()
        self._select()
        having = self._having()
        order = self._order()
        distinct = "DISTINCT " if self._is_distinct() else ""
        listed = ", ".join(f"{fragment.text} AS {quote(name)}" for name, fragment in self.items)
        text = f"SELECT {distinct}{listed}{source}{where}{group}{having}{order}{limits(self.node)}"
        return Query(text, [(name, fragment.kind) for name, fragment in self.items])

    def _is_distinct(self) -> bool:
        distinct = self.node.args.get("distinct")
        if distinct:
            only(distinct)
        return bool(distinct)

    def _from(self) -> str:
        from_ = self.node.args.get("from_")
        if not from_:
            return ""
        text, source = self.queries.source(from_.this, self.scope.outer)
        self.scope.sources.append(source)
        return f" FROM {text}{''.join(map(self._join, self.node.args.get('joins') or []))}"

    def _join(self, node: exp.Join) -> str:
        only(node, "this", "on", "side", "kind")
        text, source = self.queries.source(node.this, self.scope.outer)
        self.scope.sources.append(source)
        side, kind, on = node.side.upper(), node.kind.upper(), node.args.get("on")
        if side not in ("", "LEFT", "RIGHT", "FULL") or kind not in ("", "INNER", "OUTER", "CROSS"):
            raise QueryError(f"{side} {kind} JOIN is not supported{place(node)}", UNSUPPORTED)
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
        only(group, "expressions")
        within(math.prod(map(_sets, group.expressions)), MAX_GROUPING_SETS, "sets of groups")
        return f" GROUP BY {', '.join(map(self._group_item, group.expressions))}"

    def _group_item(self, node: exp.Expr) -> str:
        if word := SEVERAL_GROUPS.get(type(node)):
            return f"{word} ({', '.join(map(self._group_item, node.expressions))})"
        if isinstance(node, exp.Tuple):
            return f"({', '.join(map(self._group_item, node.expressions))})"
        if isinstance(node, exp.Paren):
            return f"({self._group_item(node.this)})"
        if isinstance(node, exp.Literal):
            return self._ordinal(node)
        return self.expressions.write(node, self.scope).text

    def _ordinal(self, node: exp.Literal) -> str:
        if node.is_string or not node.name.isdigit() or not 1 <= int(node.name) <= len(self.node.expressions):
            raise QueryError(f"Ordinal out of range{place(node)}")
        return node.name

    def _select(self) -> None:
        for number, item in enumerate(self.node.expressions):
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                self._star(item)
            elif isinstance(item, exp.Alias):
                self.items.append((item.alias, self.expressions.write(item.this, self.scope)))
            else:
                fragment = self.expressions.write(item, self.scope)
                self.items.append((fragment.column or f"EXPR${number}", fragment))
            within(len(self.items), MAX_ITEMS, "select items")

    def _star(self, node: exp.Expr) -> None:
        star = node.this if isinstance(node, exp.Column) else node
        only(star)
        qualifier = [part.name for part in node.parts[:-1]] if isinstance(node, exp.Column) else []
        sources = list(self.scope.named(qualifier))
        if not sources:
            raise QueryError(f"Unknown identifier '{'.'.join(qualifier) or '*'}'{place(node)}")
        self.items += [(name, source.column(name)) for source in sources for name in source.columns]

    @property
    def _is_aggregate(self) -> bool:
        return bool(self.node.args.get("group")) or self.expressions.aggregates_written > 0

    def _having(self) -> str:
        having = self.node.args.get("having")
        conditions = [self.expressions.condition(having.this, self.scope, "HAVING").text] if having else []
        if self._is_aggregate and not self.node.args.get("group") and any(source.schema in SYSTEM_COLUMNS for source in self.scope.sources):
            conditions.append("count(*) > 0")  # Druid gives no row for an aggregate over no row of INFORMATION_SCHEMA
        return f" HAVING {' AND '.join(conditions)}" if conditions else ""

    def _order(self) -> str:
        order = self.node.args.get("order")
        keys = self._keys()
        written = []
        if order:
            self.scope.aliases = dict(self.items)
            self._check_scan(order)
            is_top_n = ordering.is_top_n(self.node, keys, self.scope.sources)
            written = [self._ordered(item, keys if is_top_n else ()) for item in order.expressions]
            self.scope.aliases = {}
        elif not keys:
            written = list(self.expressions.order_of_window)
        if self.node.parent is None or self.node.args.get("limit"):
            written += ordering.ordered_by(keys)
        return f" ORDER BY {', '.join(written)}" if written else ""

    def _keys(self) -> Sequence[Fragment]:
        """What the rows are grouped by; nothing where there are several sets of groups."""
        group = self.node.args.get("group")
        if not group:
            items = enumerate((fragment for _, fragment in self.items), 1) if self._is_distinct() else ()
            return [replace(fragment, text=str(number)) for number, fragment in items]
        if any(isinstance(item, (exp.Tuple, *SEVERAL_GROUPS)) for item in group.expressions):
            return ()
        return [self._key(item) for item in group.expressions]

    def _key(self, node: exp.Expr) -> Fragment:
        if isinstance(node, exp.Literal):
            return replace(self.items[int(node.name) - 1][1], text=node.name)
        return self.expressions.write(node, self.scope)

    def _ordered(self, item: exp.Expr, keys_of_top_n: Sequence[Fragment]) -> str:
        text = self._order_item(item.this)
        is_key = any(self._meaning(text) == self._meaning(key.text) for key in keys_of_top_n)
        return text + direction(item, is_turned=bool(keys_of_top_n) and is_key == bool(item.args.get("desc")))

    def _meaning(self, text: str) -> str:
        """What a position in the select list stands for."""
        return self.items[int(text) - 1][1].text if text.isdigit() else text

    def _order_item(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal):
            return self._ordinal(node)
        if isinstance(node, exp.Column) and len(node.parts) == 1:
            for number, (name, _) in enumerate(self.items, 1):
                if name == node.name:
                    return str(number)
        return self.expressions.write(node, self.scope).text

    def _check_scan(self, order: exp.Expr) -> None:
        """Refuse to order rows as they are by anything but time: Druid cannot."""
        is_table = len(self.scope.sources) == 1 and self.scope.sources[0].schema == "druid"
        if not is_table or self._is_aggregate or self._is_distinct() or self.expressions.windows_written:
            return
        names = [self._ordered_by(item.this) for item in order.expressions]
        if names != ["__time"]:
            wrong = ", ".join(name for name in names if name != "__time") or ", ".join(names)
            raise QueryError(
                NOT_PLANNED.format(f"SQL query requires ordering a table by non-time column [[{wrong}]], which is not supported.")
            )

    def _ordered_by(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal) and node.name.isdigit():
            self._ordinal(node)
            return self.items[int(node.name) - 1][1].column or self.items[int(node.name) - 1][0]
        return self.expressions.write(node, self.scope).column or node.sql(dialect="druid")

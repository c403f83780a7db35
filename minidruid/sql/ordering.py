"""Translates ORDER BY: groups without one are in the order of their keys, as in Druid, which decides the rows that LIMIT drops."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from minidruid.errors import NOT_PLANNED, QueryError
from minidruid.sql.expressions import ExpressionTranslator, direction
from minidruid.sql.parser import location
from minidruid.sql.scope import Scope
from minidruid.sql.types import Fragment

NEEDS_TIME = "SQL query requires ordering a table by non-time column [[{}]], which is not supported."


def ordinal(node: exp.Literal, select: exp.Select) -> str:
    """Return the position of a select item; raises QueryError if there is no such item."""
    if node.is_string or not node.name.isdigit() or not 1 <= int(node.name) <= len(select.expressions):
        raise QueryError(f"Ordinal out of range{location(node)}")
    return node.name


@dataclass(slots=True)
class OrderTranslator:
    """Translates the ORDER BY of one SELECT, whose items are translated."""

    select: exp.Select
    scope: Scope
    expressions: ExpressionTranslator
    items: Sequence[tuple[str, Fragment]]
    is_aggregate: bool

    def translate(self) -> str:
        """Return the clause; empty if the rows have no order."""
        order = self.select.args.get("order")
        keys = self._keys()
        entries: list[str] = []
        if order:
            self.scope.aliases = dict(self.items)
            self._check_scan(order)
            top_n_keys = keys if self._is_top_n(order, keys) else ()
            entries = [self._entry(item, top_n_keys) for item in order.expressions]
            self.scope.aliases = {}
        elif not keys:
            entries = list(self.expressions.window_order)
        if self.select.parent is None or self.select.args.get("limit"):
            entries += [f"{key.text} ASC NULLS FIRST" for key in keys]
        return f" ORDER BY {', '.join(entries)}" if entries else ""

    def _keys(self) -> Sequence[Fragment]:
        """Return the keys that the rows are grouped by; none if there are several grouping sets."""
        group = self.select.args.get("group")
        if not group:
            items = enumerate((fragment for _, fragment in self.items), 1) if self.select.args.get("distinct") else ()
            return [replace(fragment, text=str(number)) for number, fragment in items]
        if any(isinstance(item, exp.Tuple | exp.GroupingSets | exp.Rollup | exp.Cube) for item in group.expressions):
            return ()
        return [self._key(item) for item in group.expressions]

    def _key(self, node: exp.Expr) -> Fragment:
        if isinstance(node, exp.Literal):
            return replace(self.items[int(node.name) - 1][1], text=node.name)
        return self.expressions.translate(node, self.scope)

    def _is_top_n(self, order: exp.Expr, keys: Sequence[Fragment]) -> bool:
        """Whether Druid plans a TopN, in which NULL is first for a descending key, and last for an ascending metric."""
        select, sources = self.select, self.scope.sources
        return bool(
            select.args.get("limit")
            and not select.args.get("offset")
            and not select.args.get("having")
            and len(keys) == len(order.expressions) == len(sources) == 1
            and sources[0].schema == "druid"
            and not any(item.find(exp.Distinct) for item in (*select.expressions, *order.expressions))
        )

    def _entry(self, item: exp.Expr, top_n_keys: Sequence[Fragment]) -> str:
        text = self._expression(item.this)
        is_key = any(self._resolve(text) == self._resolve(key.text) for key in top_n_keys)
        return text + direction(item, reverse_nulls=bool(top_n_keys) and is_key == bool(item.args.get("desc")))

    def _resolve(self, text: str) -> str:
        """Return the expression at an ordinal; any other text unchanged."""
        return self.items[int(text) - 1][1].text if text.isdigit() else text

    def _expression(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal):
            return ordinal(node, self.select)
        if isinstance(node, exp.Column) and len(node.parts) == 1:
            for number, (name, _) in enumerate(self.items, 1):
                if name == node.name:
                    return str(number)
        return self.expressions.translate(node, self.scope).text

    def _check_scan(self, order: exp.Expr) -> None:
        """Raise QueryError for raw rows in an order other than by time, which Druid does not support."""
        is_table = len(self.scope.sources) == 1 and self.scope.sources[0].schema == "druid"
        if not is_table or self.is_aggregate or self.select.args.get("distinct") or self.expressions.windows:
            return
        names = [self._column_name(item.this) for item in order.expressions]
        if names != ["__time"]:
            wrong = ", ".join(name for name in names if name != "__time") or ", ".join(names)
            raise QueryError(NOT_PLANNED.format(NEEDS_TIME.format(wrong)))

    def _column_name(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal) and node.name.isdigit():
            name, fragment = self.items[int(ordinal(node, self.select)) - 1]
            return fragment.column or name
        return self.expressions.translate(node, self.scope).column or node.sql(dialect="druid")

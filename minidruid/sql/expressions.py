"""Translates expressions: the operators of operators.py, and casts, functions, aggregates and windows."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlglot import exp

from minidruid.errors import NOT_PLANNED, QueryError
from minidruid.sql.functions import times
from minidruid.sql.functions.aggregates import AGGREGATES, Call
from minidruid.sql.functions.casts import as_text, as_timestamp, cast
from minidruid.sql.functions.nested import json_value
from minidruid.sql.functions.scalar import FUNCTIONS
from minidruid.sql.functions.time_functions import WITH_UNIT, ZONE_ARGUMENTS
from minidruid.sql.limits import counted
from minidruid.sql.operators import OperatorTranslator, Translations, allow_only
from minidruid.sql.parser import location
from minidruid.sql.scope import Scope
from minidruid.sql.types import TYPE_FAMILIES, Fragment, SqlType, null_fragment, text_fragment

CAST_TYPES = {
    **dict.fromkeys(("VARCHAR", "CHAR", "TEXT", "NCHAR", "NVARCHAR"), SqlType.VARCHAR),
    **dict.fromkeys(("BIGINT", "INT", "SMALLINT", "TINYINT"), SqlType.BIGINT),
    **dict.fromkeys(("DOUBLE", "FLOAT", "DECIMAL"), SqlType.DOUBLE),
    "TIMESTAMP": SqlType.TIMESTAMP,
    "DATE": SqlType.DATE,
    "BOOLEAN": SqlType.BOOLEAN,
}


class ExpressionTranslator(OperatorTranslator):
    """Translates all supported expressions."""

    def _cast(self, node: exp.Cast, scope: Scope) -> Fragment:
        allow_only(node, "this", "to")
        return cast(self.translate(node.this, scope), self._type(node.args["to"]))

    def _type(self, node: exp.Expr) -> SqlType:
        sql_type = CAST_TYPES.get(getattr(node.this, "value", ""))
        if sql_type is None or node.args.get("nested"):
            raise QueryError(f"Unknown identifier '{node.sql()}': {', '.join(sorted(set(CAST_TYPES.values())))} are supported")
        return sql_type

    def _extract(self, node: exp.Extract, scope: Scope) -> Fragment:
        return times.part(node.this.name, as_timestamp(self.translate(node.expression, scope)))

    def _floor(self, node: exp.Floor | exp.Ceil, scope: Scope) -> Fragment:
        allow_only(node, "this", "to")
        name = "floor" if isinstance(node, exp.Floor) else "ceil"
        value, to = self.translate(node.this, scope), node.args.get("to")
        if not to:
            return Fragment(f"{name}({value.text})", value.type)
        start = f"date_trunc('{times.duckdb_unit(to.name)}', {as_timestamp(value)})"
        if name == "floor":
            return Fragment(start, SqlType.TIMESTAMP)
        after = f"{start} + INTERVAL 1 {times.duckdb_unit(to.name)}"
        return Fragment(f"CASE WHEN {start} = {value.text} THEN {value.text} ELSE {after} END", SqlType.TIMESTAMP)

    def _trim(self, node: exp.Trim, scope: Scope) -> Fragment:
        allow_only(node, "this", "position", "expression")
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
        arguments = [self.translate(part, scope) for part in (node.this, node.args.get("expression")) if part]
        return Fragment(counted(f"{name}({', '.join(map(as_text, arguments))})"), SqlType.VARCHAR)

    def _substring(self, node: exp.Substring, scope: Scope) -> Fragment:
        value, *numbers = (self.translate(part, scope) for name in ("this", "start", "length") if (part := node.args.get(name)))
        return Fragment(counted(f"substring({', '.join([as_text(value), *(number.text for number in numbers)])})"), SqlType.VARCHAR)

    def _position(self, node: exp.StrPosition, scope: Scope) -> Fragment:
        allow_only(node, "this", "substr")
        text, searched = (as_text(self.translate(node.args[name], scope)) for name in ("this", "substr"))
        return Fragment(f"strpos({text}, {searched})", SqlType.BIGINT)

    def _json_value(self, node: exp.JSONValue, scope: Scope) -> Fragment:
        allow_only(node, "this", "path", "returning")
        returning = node.args.get("returning")
        path = node.args["path"]
        if not isinstance(path, exp.JSONPath):
            raise QueryError(f"JSON_VALUE: the path must be a literal{location(node)}")
        sql_type = self._type(returning) if returning else SqlType.VARCHAR
        return json_value(self.translate(node.this, scope), path.sql(dialect="druid").strip("'"), sql_type)

    def _call(self, node: exp.Anonymous, scope: Scope) -> Fragment:
        name = node.name.upper()
        if name in AGGREGATES:
            return self._aggregate(node, scope)
        if any(isinstance(argument, exp.Star | exp.Distinct | exp.Order) for argument in node.expressions):
            raise QueryError(f"No match found for function signature {name}(*){location(node)}")
        arguments = self._arguments(name, node, scope)
        function = FUNCTIONS.get(name)
        if function is None or not function.min_arguments <= len(arguments) <= function.max_arguments:
            raise self._no_match(name, arguments, node)
        return function.translate(arguments)

    def _no_match(self, name: str, arguments: Sequence[Fragment], node: exp.Expr) -> QueryError:
        signature = ", ".join(TYPE_FAMILIES[argument.type] for argument in arguments)
        return QueryError(f"No match found for function signature {name}({signature}){location(node)}")

    def _arguments(self, name: str, node: exp.Anonymous, scope: Scope) -> list[Fragment]:
        nodes = list(node.expressions)
        unit = [Fragment(nodes.pop(0).name, SqlType.NULL)] if name in WITH_UNIT and nodes else []
        arguments = unit + [self.translate(argument, scope) for argument in nodes]
        at = ZONE_ARGUMENTS.get(name)
        if at is not None and len(arguments) > at:
            arguments[at] = self._zone(arguments[at])
        return arguments

    def _zone(self, zone: Fragment) -> Fragment:
        """Return a known zone or an offset; NULL for UTC, which Druid uses for an unknown zone too."""
        name = zone.literal or ""
        is_known = name in self.catalog.zones or times.OFFSET.fullmatch(name)
        return text_fragment(name) if is_known and name not in ("UTC", "Etc/UTC") else null_fragment()

    def _aggregate(self, node: exp.Anonymous, scope: Scope, suffix: str = "", *, is_window: bool = False) -> Fragment:
        name = node.name.upper()
        aggregate = AGGREGATES.get(name)
        nodes = list(node.expressions)
        if any(isinstance(argument, exp.Order) for argument in nodes):
            raise QueryError(NOT_PLANNED.format(f"Aggregation [{name} WITHIN GROUP] is not supported"))
        is_distinct = bool(nodes) and isinstance(nodes[0], exp.Distinct)
        if is_distinct:
            nodes[:1] = nodes[0].expressions
        if name == "COUNT" and len(nodes) == 1 and isinstance(nodes[0], exp.Star):
            arguments = [Fragment("*", SqlType.NULL)]
        else:
            arguments = [self.translate(argument, scope) for argument in nodes]
        if aggregate is None or not aggregate.min_arguments <= len(arguments) <= aggregate.max_arguments:
            raise self._no_match(name, arguments, node)
        if aggregate.needs_window and not is_window:
            raise QueryError(f"OVER clause is necessary for window functions{location(node)}")
        if not is_window:
            self.aggregates += 1
        return aggregate.translate(arguments, Call(is_distinct, suffix, self._time(scope), is_window=is_window))

    def _time(self, scope: Scope) -> Fragment | None:
        return next((source.column("__time") for source in scope.sources if "__time" in source.columns), None)

    def _filter(self, node: exp.Filter, scope: Scope) -> Fragment:
        condition = self.condition(node.expression.this, scope, "FILTER")
        return self._apply_aggregate(node.this, scope, f" FILTER (WHERE {condition.text})")

    def _window(self, node: exp.Window, scope: Scope) -> Fragment:
        allow_only(node, "this", "partition_by", "order", "spec", "over")
        partition = [self.translate(value, scope).text for value in node.args.get("partition_by") or ()]
        order = self._order_items(node.args["order"], scope) if node.args.get("order") else []
        parts = [f"PARTITION BY {', '.join(partition)}"] if partition else []
        parts += [f"ORDER BY {', '.join(order)}"] if order else []
        if spec := node.args.get("spec"):
            parts.append(self._frame(spec))
        self.windows += 1
        self.window_order = [*(f"{key} ASC NULLS FIRST" for key in partition), *order]
        over = f" OVER ({' '.join(parts)})"
        if isinstance(node.this, exp.Filter):
            raise QueryError(f"OVER must be applied to aggregate function{location(node)}")
        return self._apply_aggregate(node.this, scope, over, is_window=True)

    def _apply_aggregate(self, node: exp.Expr, scope: Scope, suffix: str, *, is_window: bool = False) -> Fragment:
        if not isinstance(node, exp.Anonymous):
            raise QueryError(f"FILTER and OVER are only valid after an aggregate{location(node)}")
        return self._aggregate(node, scope, suffix, is_window=is_window)

    def _frame(self, node: exp.Expr) -> str:
        allow_only(node, "kind", "start", "start_side", "end", "end_side")
        sides = [self._frame_side(node.args.get(side), node.args.get(f"{side}_side")) for side in ("start", "end")]
        unit = "ROWS" if str(node.args["kind"]).upper() == "ROWS" else "RANGE"
        return f"{unit} BETWEEN {sides[0]} AND {sides[1] or 'CURRENT ROW'}"

    def _frame_side(self, value: Any, side: Any) -> str:
        if value is None:
            return ""
        word = value.name if isinstance(value, exp.Literal) else str(value).upper()
        if not (word.isdigit() or word in ("CURRENT ROW", "UNBOUNDED")):
            raise QueryError(f"[{word}] is not a valid window frame: a number of rows, UNBOUNDED or CURRENT ROW is expected")
        direction = str(side or "").upper()
        return f"{word} {direction}" if direction in ("PRECEDING", "FOLLOWING") else word

    def order(self, node: exp.Expr, scope: Scope) -> str:
        """Translate ORDER BY: NULL is first in ascending and last in descending order, as in Druid, which supports no other."""
        return f"ORDER BY {', '.join(self._order_items(node, scope))}"

    def _order_items(self, node: exp.Expr, scope: Scope) -> list[str]:
        return [self.translate(item.this, scope).text + direction(item) for item in node.expressions]

    TRANSLATIONS: ClassVar[Translations] = {
        **OperatorTranslator.TRANSLATIONS,
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.Extract: _extract,
        exp.Floor: _floor,
        exp.Ceil: _floor,
        exp.Trim: _trim,
        exp.Substring: _substring,
        exp.StrPosition: _position,
        exp.JSONValue: _json_value,
        exp.Anonymous: _call,
        exp.Filter: _filter,
        exp.Window: _window,
    }


def direction(item: exp.Expr, *, reverse_nulls: bool = False) -> str:
    """Translate the direction of an entry of ORDER BY; `reverse_nulls` moves NULL to the other end."""
    descending, nulls_first = bool(item.args.get("desc")), bool(item.args.get("nulls_first"))
    if descending == nulls_first:
        wanted = "DESC NULLS FIRST" if descending else "ASC NULLS LAST"
        raise QueryError(f"Query could not be planned: {wanted} is not supported, NULL comes first in ASC and last in DESC")
    return f" {'DESC' if descending else 'ASC'} NULLS {'FIRST' if descending == reverse_nulls else 'LAST'}"

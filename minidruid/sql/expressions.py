"""Writes expressions of Druid's SQL in DuckDB's: what operators.py does, and casts, functions, aggregates and windows."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlglot import exp

from minidruid.errors import QueryError
from minidruid.sql.functions import scalar, times
from minidruid.sql.functions.aggregates import AGGREGATES, Call
from minidruid.sql.functions.scalar import FUNCTIONS, cast, json_value
from minidruid.sql.functions.strings import as_text
from minidruid.sql.limits import copied
from minidruid.sql.operators import OperatorWriter, Writers, only
from minidruid.sql.parser import place
from minidruid.sql.scope import Scope
from minidruid.sql.types import FAMILIES, Fragment, Kind, null, string

TYPES = {
    **dict.fromkeys(("VARCHAR", "CHAR", "TEXT", "NCHAR", "NVARCHAR"), Kind.VARCHAR),
    **dict.fromkeys(("BIGINT", "INT", "SMALLINT", "TINYINT"), Kind.BIGINT),
    **dict.fromkeys(("DOUBLE", "FLOAT", "DECIMAL"), Kind.DOUBLE),
    "TIMESTAMP": Kind.TIMESTAMP,
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
}

# Which argument of a function is a time zone.
ZONE_AT = {"TIME_FLOOR": 3, "TIME_CEIL": 3, "TIME_SHIFT": 3, "TIME_EXTRACT": 2, "TIME_PARSE": 2, "TIME_FORMAT": 2}
WITH_UNIT = frozenset({"TIMESTAMPADD", "TIMESTAMPDIFF"})


class ExpressionWriter(OperatorWriter):
    """Writes every expression that there is."""

    def _cast(self, node: exp.Cast, scope: Scope) -> Fragment:
        only(node, "this", "to")
        return cast(self.write(node.this, scope), self._type(node.args["to"]))

    def _type(self, node: exp.Expr) -> Kind:
        kind = TYPES.get(getattr(node.this, "value", ""))
        if kind is None or node.args.get("nested"):
            raise QueryError(f"Unknown identifier '{node.sql()}': the types are {', '.join(sorted(set(TYPES.values())))}")
        return kind

    def _extract(self, node: exp.Extract, scope: Scope) -> Fragment:
        return times.part(node.this.name, scalar.as_instant(self.write(node.expression, scope)))

    def _floor(self, node: exp.Floor | exp.Ceil, scope: Scope) -> Fragment:
        only(node, "this", "to")
        name = "floor" if isinstance(node, exp.Floor) else "ceil"
        value, to = self.write(node.this, scope), node.args.get("to")
        if not to:
            return Fragment(f"{name}({value.text})", value.kind)
        begin = f"date_trunc('{times.unit(to.name)}', {scalar.as_instant(value)})"
        if name == "floor":
            return Fragment(begin, Kind.TIMESTAMP)
        after = f"{begin} + INTERVAL 1 {times.unit(to.name)}"
        return Fragment(f"CASE WHEN {begin} = {value.text} THEN {value.text} ELSE {after} END", Kind.TIMESTAMP)

    def _trim(self, node: exp.Trim, scope: Scope) -> Fragment:
        only(node, "this", "position", "expression")
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
        arguments = [self.write(part, scope) for part in (node.this, node.args.get("expression")) if part]
        return Fragment(copied(f"{name}({', '.join(map(as_text, arguments))})"), Kind.VARCHAR)

    def _substring(self, node: exp.Substring, scope: Scope) -> Fragment:
        value, *numbers = (self.write(part, scope) for name in ("this", "start", "length") if (part := node.args.get(name)))
        return Fragment(copied(f"substring({', '.join([as_text(value), *(number.text for number in numbers)])})"), Kind.VARCHAR)

    def _position(self, node: exp.StrPosition, scope: Scope) -> Fragment:
        only(node, "this", "substr")
        return Fragment(f"strpos({as_text(self.write(node.this, scope))}, {as_text(self.write(node.args['substr'], scope))})", Kind.BIGINT)

    def _json_value(self, node: exp.JSONValue, scope: Scope) -> Fragment:
        only(node, "this", "path", "returning")
        returning = node.args.get("returning")
        path = node.args["path"]
        if not isinstance(path, exp.JSONPath):
            raise QueryError(f"JSON_VALUE: the path must be a literal{place(node)}")
        kind = self._type(returning) if returning else Kind.VARCHAR
        return json_value(self.write(node.this, scope), path.sql(dialect="druid").strip("'"), kind)

    def _call(self, node: exp.Anonymous, scope: Scope) -> Fragment:
        name = node.name.upper()
        if name in AGGREGATES:
            return self._aggregate(node, scope)
        if any(isinstance(argument, exp.Star | exp.Distinct | exp.Order) for argument in node.expressions):
            raise QueryError(f"No match found for function signature {name}(*){place(node)}")
        arguments = self._arguments(name, node, scope)
        function = FUNCTIONS.get(name)
        if function is None or not function.least <= len(arguments) <= function.most:
            raise self._no_match(name, arguments, node)
        return function.write(arguments)

    def _no_match(self, name: str, arguments: Sequence[Fragment], node: exp.Expr) -> QueryError:
        signature = ", ".join(FAMILIES[argument.kind] for argument in arguments)
        return QueryError(f"No match found for function signature {name}({signature}){place(node)}")

    def _arguments(self, name: str, node: exp.Anonymous, scope: Scope) -> list[Fragment]:
        nodes = list(node.expressions)
        unit = [Fragment(nodes.pop(0).name, Kind.NULL)] if name in WITH_UNIT and nodes else []
        arguments = unit + [self.write(argument, scope) for argument in nodes]
        at = ZONE_AT.get(name)
        if at is not None and len(arguments) > at:
            arguments[at] = self._zone(arguments[at])
        return arguments

    def _zone(self, zone: Fragment) -> Fragment:
        """A zone that the engine knows or an offset, or NULL for UTC, which is what Druid takes an unknown one for."""
        name = zone.literal or ""
        is_known = name in self.catalog.zones or times.OFFSET.fullmatch(name)
        return string(name) if is_known and name not in ("UTC", "Etc/UTC") else null()

    def _aggregate(self, node: exp.Anonymous, scope: Scope, suffix: str = "", *, over: bool = False) -> Fragment:
        name = node.name.upper()
        aggregate = AGGREGATES.get(name)
        nodes = list(node.expressions)
        if any(isinstance(argument, exp.Order) for argument in nodes):
            raise QueryError(f"Query could not be planned. A possible reason is [Aggregation [{name} WITHIN GROUP] is not supported]")
        is_distinct = bool(nodes) and isinstance(nodes[0], exp.Distinct)
        if is_distinct:
            nodes[:1] = nodes[0].expressions
        if name == "COUNT" and len(nodes) == 1 and isinstance(nodes[0], exp.Star):
            arguments = [Fragment("*", Kind.NULL)]
        else:
            arguments = [self.write(argument, scope) for argument in nodes]
        if aggregate is None or not aggregate.least <= len(arguments) <= aggregate.most:
            raise self._no_match(name, arguments, node)
        if aggregate.is_window and not over:
            raise QueryError(f"OVER clause is necessary for window functions{place(node)}")
        if not over:
            self.aggregates_written += 1
        return aggregate.write(arguments, Call(is_distinct, suffix, self._time(scope), is_over=over))

    def _time(self, scope: Scope) -> Fragment | None:
        return next((source.column("__time") for source in scope.sources if "__time" in source.columns), None)

    def _filter(self, node: exp.Filter, scope: Scope) -> Fragment:
        condition = self.condition(node.expression.this, scope, "FILTER")
        return self._applied(node.this, scope, f" FILTER (WHERE {condition.text})")

    def _window(self, node: exp.Window, scope: Scope) -> Fragment:
        only(node, "this", "partition_by", "order", "spec", "over")
        partition = [self.write(value, scope).text for value in node.args.get("partition_by") or ()]
        order = self._order_items(node.args["order"], scope) if node.args.get("order") else []
        parts = [f"PARTITION BY {', '.join(partition)}"] if partition else []
        parts += [f"ORDER BY {', '.join(order)}"] if order else []
        if spec := node.args.get("spec"):
            parts.append(self._frame(spec))
        self.windows_written += 1
        self.order_of_window = [*(f"{key} ASC NULLS FIRST" for key in partition), *order]
        over = f" OVER ({' '.join(parts)})"
        if isinstance(node.this, exp.Filter):
            raise QueryError(f"OVER must be applied to aggregate function{place(node)}")
        return self._applied(node.this, scope, over, over=True)

    def _applied(self, node: exp.Expr, scope: Scope, suffix: str, *, over: bool = False) -> Fragment:
        if not isinstance(node, exp.Anonymous):
            raise QueryError(f"FILTER and OVER belong to an aggregate{place(node)}")
        return self._aggregate(node, scope, suffix, over=over)

    def _frame(self, node: exp.Expr) -> str:
        only(node, "kind", "start", "start_side", "end", "end_side")
        sides = [self._frame_side(node.args.get(side), node.args.get(f"{side}_side")) for side in ("start", "end")]
        kind = "ROWS" if str(node.args["kind"]).upper() == "ROWS" else "RANGE"
        return f"{kind} BETWEEN {sides[0]} AND {sides[1] or 'CURRENT ROW'}"

    def _frame_side(self, value: Any, side: Any) -> str:
        if value is None:
            return ""
        word = value.name if isinstance(value, exp.Literal) else str(value).upper()
        if not (word.isdigit() or word in ("CURRENT ROW", "UNBOUNDED")):
            raise QueryError(f"A window frame reaches so many rows, UNBOUNDED or CURRENT ROW, not [{word}]")
        direction = str(side or "").upper()
        return f"{word} {direction}" if direction in ("PRECEDING", "FOLLOWING") else word

    def order(self, node: exp.Expr, scope: Scope) -> str:
        """Write ORDER BY: NULL comes first going up and last going down, as in Druid, and cannot be told otherwise."""
        return f"ORDER BY {', '.join(self._order_items(node, scope))}"

    def _order_items(self, node: exp.Expr, scope: Scope) -> list[str]:
        return [self.write(item.this, scope).text + direction(item) for item in node.expressions]

    WRITERS: ClassVar[Writers] = {
        **OperatorWriter.WRITERS,
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


def direction(item: exp.Expr, *, is_turned: bool = False) -> str:
    """Write the direction of one entry of ORDER BY; turned, NULL comes at the other end."""
    descending, nulls_first = bool(item.args.get("desc")), bool(item.args.get("nulls_first"))
    if descending == nulls_first:
        wanted = "DESC NULLS FIRST" if descending else "ASC NULLS LAST"
        raise QueryError(f"Query could not be planned: {wanted} is not supported, NULL comes first in ASC and last in DESC")
    return f" {'DESC' if descending else 'ASC'} NULLS {'FIRST' if descending == is_turned else 'LAST'}"

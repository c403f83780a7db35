"""Writes names, literals, logic, comparisons and arithmetic of Druid's SQL in DuckDB's. A construct without a writer is refused."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from sqlglot import exp

from minidruid.errors import LIMIT, UNSUPPORTED, QueryError
from minidruid.sql.catalog import Catalog
from minidruid.sql.functions import scalar, times
from minidruid.sql.functions.scalar import cast, divide, unify
from minidruid.sql.functions.strings import concatenate, like, make_array
from minidruid.sql.limits import MAX_CONDITIONS, MAX_SQL_BYTES, within
from minidruid.sql.parser import place
from minidruid.sql.scope import Scope
from minidruid.sql.types import INSTANTS, NUMBERS, Fragment, Kind, instant, null, string

Writers = Mapping[type[exp.Expr], Callable[..., Fragment]]

COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}

_INTEGER = re.compile(r"\d+")
_DECIMAL = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def only(node: exp.Expr, *allowed: str) -> None:
    """Refuse a node that has more to it than its writer heeds."""
    for name, value in node.args.items():
        if value and name not in allowed:
            raise QueryError(f"{type(node).__name__} with {name.strip('_').upper()} is not supported{place(node)}", UNSUPPORTED)


@dataclass
class OperatorWriter:
    """Writes expressions; `subquery` writes a query inside of one."""

    catalog: Catalog
    now: datetime
    parameters: Sequence[Fragment]
    parameter_places: Mapping[str, int]
    subquery: Callable[[exp.Expr, Scope], str]
    aggregates_written: int = field(default=0, init=False)
    conditions_written: int = field(default=0, init=False)
    windows_written: int = field(default=0, init=False)
    order_of_window: Sequence[str] = field(default=(), init=False)  # by which the rows come out of the last one

    def write(self, node: exp.Expr, scope: Scope) -> Fragment:
        """Give the piece of SQL for a node; raises QueryError if there is none."""
        writer = self.WRITERS.get(type(node))
        if writer is None:
            raise QueryError(f"No match found for function signature {type(node).__name__.upper()}{place(node)}")
        fragment = writer(self, node, scope)
        if len(fragment.text) > MAX_SQL_BYTES:
            raise QueryError(f"The statement is too large as DuckDB needs it{place(node)}", LIMIT)
        return fragment

    def condition(self, node: exp.Expr, scope: Scope, clause: str) -> Fragment:
        """Write what must be true or false."""
        fragment = self.write(node, scope)
        if fragment.kind not in (Kind.BOOLEAN, Kind.NULL):
            raise QueryError(f"{clause} clause must be a condition{place(node)}")
        return fragment

    # Names and literals

    def _column(self, node: exp.Column, scope: Scope) -> Fragment:
        only(node, "this", "table", "db")
        return scope.column([part.name for part in node.parts], place(node))

    def _literal(self, node: exp.Literal, _scope: Scope) -> Fragment:
        value = str(node.this)
        if node.is_string:
            return string(value)
        if _INTEGER.fullmatch(value):
            return Fragment(value, Kind.BIGINT, value)
        if not _DECIMAL.fullmatch(value):
            raise QueryError(f"[{value}] is no number{place(node)}")
        return Fragment(value if "e" in value.lower() else f"{value}e0", Kind.DOUBLE, value)

    def _boolean(self, node: exp.Boolean, _scope: Scope) -> Fragment:
        return Fragment("TRUE" if node.this else "FALSE", Kind.BOOLEAN)

    def _null(self, _node: exp.Null, _scope: Scope) -> Fragment:
        return null()

    def _parameter(self, node: exp.Placeholder, _scope: Scope) -> Fragment:
        at = self.parameter_places[str(node.this)]
        if at >= len(self.parameters):
            raise QueryError(f"Parameter at position [{at}] is not bound")
        return self.parameters[at]

    def _now(self, _node: exp.Expr, _scope: Scope) -> Fragment:
        return instant(self.now)

    def _today(self, _node: exp.Expr, _scope: Scope) -> Fragment:
        return cast(instant(self.now), Kind.DATE)

    def _interval(self, node: exp.Interval, _scope: Scope) -> Fragment:
        count, unit = node.this, node.args.get("unit")
        if not isinstance(count, exp.Literal) or not re.fullmatch(r"[+-]?\d+", count.name) or not isinstance(unit, exp.Var):
            raise QueryError(f"An interval is written as INTERVAL '1' HOUR{place(node)}")
        return Fragment(f"INTERVAL '{count.name} {times.unit(unit.name)}'", Kind.INTERVAL)

    def _array(self, node: exp.Array, scope: Scope) -> Fragment:
        values = [self.write(value, scope) for value in node.expressions]
        return make_array(values, unify(values)[0])

    # Logic and comparison

    def _paren(self, node: exp.Paren, scope: Scope) -> Fragment:
        inner = self.write(node.this, scope)
        return Fragment(f"({inner.text})", inner.kind, inner.literal)

    def _connector(self, node: exp.Connector, scope: Scope) -> Fragment:
        word = "AND" if isinstance(node, exp.And) else "OR"
        # A long chain leans to the left; walked in a loop, it cannot exhaust the stack.
        sides: list[str] = []
        left: exp.Expr = node
        while type(left) is type(node):
            sides.append(self.condition(left.expression, scope, word).text)
            left = left.this
        sides.append(self.condition(left, scope, word).text)
        self.conditions_written += len(sides)
        within(self.conditions_written, MAX_CONDITIONS, "conditions")
        return Fragment(f"({f' {word} '.join(reversed(sides))})", Kind.BOOLEAN)

    def _not(self, node: exp.Not, scope: Scope) -> Fragment:
        return Fragment(f"(NOT {self.condition(node.this, scope, 'NOT').text})", Kind.BOOLEAN)

    def _comparison(self, node: exp.Binary, scope: Scope) -> Fragment:
        sign = COMPARISONS[type(node)]
        left, right = self._alike(self.write(node.this, scope), self.write(node.expression, scope), sign)
        return Fragment(f"({left} {sign} {right})", Kind.BOOLEAN)

    def _alike(self, left: Fragment, right: Fragment, sign: str) -> tuple[str, str]:
        """Write both sides of a comparison as one kind, as Druid does."""
        kinds = {left.kind, right.kind}
        if kinds & INSTANTS and kinds & NUMBERS:
            raise QueryError(f"Cannot apply '{sign}' to arguments of type '<{left.kind}> {sign} <{right.kind}>'")
        if kinds & INSTANTS and Kind.VARCHAR in kinds:
            return self._instant(left), self._instant(right)
        if kinds & NUMBERS and Kind.VARCHAR in kinds:
            return self._number(left), self._number(right)
        return left.text, right.text

    def _instant(self, value: Fragment) -> str:
        if value.literal is not None and times.parse_instant(value.literal) is None:
            raise QueryError(f"Illegal TIMESTAMP constant [{value.literal}]")
        return scalar.as_instant(value)

    def _number(self, value: Fragment) -> str:
        return cast(value, Kind.DOUBLE).text if value.kind is Kind.VARCHAR else value.text

    def _between(self, node: exp.Between, scope: Scope) -> Fragment:
        only(node, "this", "low", "high")
        value, low, high = (self.write(node.args[side], scope) for side in ("this", "low", "high"))
        at_least, lowest = self._alike(value, low, ">=")
        at_most, highest = self._alike(value, high, "<=")
        return Fragment(f"({at_least} >= {lowest} AND {at_most} <= {highest})", Kind.BOOLEAN)

    def _in(self, node: exp.In, scope: Scope) -> Fragment:
        only(node, "this", "expressions", "query")
        value = self.write(node.this, scope)
        if query := node.args.get("query"):
            return Fragment(f"({value.text} IN {self.subquery(query, scope)})", Kind.BOOLEAN)
        pairs = [self._alike(value, self.write(item, scope), "IN") for item in node.expressions]
        return Fragment(f"({pairs[0][0]} IN ({', '.join(right for _, right in pairs)}))", Kind.BOOLEAN)

    def _exists(self, node: exp.Exists, scope: Scope) -> Fragment:
        return Fragment(f"EXISTS {self.subquery(node.this, scope)}", Kind.BOOLEAN)

    def _subquery(self, node: exp.Expr, _scope: Scope) -> Fragment:
        raise QueryError(f"A scalar subquery is not supported: write a join{place(node)}", UNSUPPORTED)

    def _is(self, node: exp.Is, scope: Scope) -> Fragment:
        value, what = self.write(node.this, scope), node.expression
        if isinstance(what, exp.Null):
            return Fragment(f"({value.text} IS NULL)", Kind.BOOLEAN)
        if not isinstance(what, exp.Boolean):
            raise QueryError(f"Only IS [NOT] NULL, TRUE and FALSE are known{place(node)}")
        word = "TRUE" if what.this else "FALSE"
        if value.kind is not Kind.BOOLEAN:
            wrong, right = f"<{value.kind}> IS {word}", f"<BOOLEAN> IS {word}"
            raise QueryError(f"Cannot apply 'IS {word}' to arguments of type '{wrong}'. Supported form(s): '{right}'{place(node)}")
        return Fragment(f"({value.text} IS {word})", Kind.BOOLEAN)

    def _distinct_from(self, node: exp.Binary, scope: Scope) -> Fragment:
        word = "IS NOT DISTINCT FROM" if isinstance(node, exp.NullSafeEQ) else "IS DISTINCT FROM"
        left, right = self._alike(self.write(node.this, scope), self.write(node.expression, scope), word)
        return Fragment(f"({left} {word} {right})", Kind.BOOLEAN)

    def _like(self, node: exp.Like, scope: Scope, escape: str = "") -> Fragment:
        only(node, "this", "expression")
        value, pattern = self.write(node.this, scope), self.write(node.expression, scope)
        return Fragment(like(value, pattern, escape), Kind.BOOLEAN)

    def _escape(self, node: exp.Escape, scope: Scope) -> Fragment:
        character = self.write(node.expression, scope)
        if not isinstance(node.this, exp.Like):
            raise QueryError(f"ESCAPE belongs to LIKE{place(node)}")
        return self._like(node.this, scope, f" ESCAPE {character.text}")

    def _case(self, node: exp.Case, scope: Scope) -> Fragment:
        subject = self.write(node.this, scope) if node.this else None
        conditions: list[str] = []
        for branch in node.args["ifs"]:
            if subject:
                left, right = self._alike(subject, self.write(branch.this, scope), "=")
                conditions.append(f"{left} = {right}")
            else:
                conditions.append(self.condition(branch.this, scope, "WHEN").text)
        default = node.args.get("default")
        values = [self.write(branch.args["true"], scope) for branch in node.args["ifs"]] + [
            self.write(default, scope) if default else null()
        ]
        texts, kind = unify(values)
        whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in zip(conditions, texts, strict=False))
        return Fragment(f"CASE {whens} ELSE {texts[-1]} END", kind)

    # Arithmetic

    def _arithmetic(self, node: exp.Binary, scope: Scope) -> Fragment:
        sign = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}[type(node)]
        left, right = self.write(node.this, scope), self.write(node.expression, scope)
        if left.kind in INSTANTS and right.kind is Kind.INTERVAL and sign in "+-":
            return Fragment(f"({left.text} {sign} {right.text})", Kind.TIMESTAMP)
        left, right = self._operand(left, right, sign), self._operand(right, left, sign)
        kind = Kind.BIGINT if {left.kind, right.kind} == {Kind.BIGINT} else Kind.DOUBLE
        return Fragment(f"({left.text} {sign} {right.text})", kind)

    def _remainder(self, node: exp.Mod, _scope: Scope) -> Fragment:
        raise QueryError(f"Percent remainder '%' is not allowed under the current SQL conformance level{place(node)}")

    def _operand(self, value: Fragment, other: Fragment, sign: str) -> Fragment:
        if value.kind in NUMBERS or value.kind is Kind.NULL:
            return value
        if value.kind is Kind.VARCHAR:
            return cast(value, Kind.DOUBLE)
        raise QueryError(f"Cannot apply '{sign}' to arguments of type '<{value.kind}> {sign} <{other.kind}>'")

    def _division(self, node: exp.Div, scope: Scope) -> Fragment:
        left, right = self.write(node.this, scope), self.write(node.expression, scope)
        return divide(self._operand(left, right, "/"), self._operand(right, left, "/"))

    def _negative(self, node: exp.Neg, scope: Scope) -> Fragment:
        value = self._operand(inner := self.write(node.this, scope), inner, "-")
        return Fragment(f"(-{value.text})", value.kind, f"-{value.literal}" if value.literal else None)

    def _concatenation(self, node: exp.DPipe, scope: Scope) -> Fragment:
        sides: list[exp.Expr] = []
        left: exp.Expr = node
        while isinstance(left, exp.DPipe):
            sides.append(left.expression)
            left = left.this
        return concatenate([self.write(side, scope) for side in (left, *reversed(sides))])

    WRITERS: ClassVar[Writers] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.Boolean: _boolean,
        exp.Null: _null,
        exp.Placeholder: _parameter,
        exp.CurrentTimestamp: _now,
        exp.CurrentDate: _today,
        exp.Interval: _interval,
        exp.Array: _array,
        exp.Paren: _paren,
        exp.And: _connector,
        exp.Or: _connector,
        exp.Not: _not,
        **dict.fromkeys(COMPARISONS, _comparison),
        exp.Between: _between,
        exp.In: _in,
        exp.Exists: _exists,
        exp.Subquery: _subquery,
        exp.Select: _subquery,
        exp.Is: _is,
        exp.NullSafeEQ: _distinct_from,
        exp.NullSafeNEQ: _distinct_from,
        exp.Like: _like,
        exp.Escape: _escape,
        exp.Case: _case,
        exp.Add: _arithmetic,
        exp.Sub: _arithmetic,
        exp.Mul: _arithmetic,
        exp.Mod: _remainder,
        exp.Div: _division,
        exp.Neg: _negative,
        exp.DPipe: _concatenation,
    }

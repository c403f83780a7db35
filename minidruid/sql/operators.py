"""Translates names, literals, logic, comparisons and arithmetic. A construct without a translation is rejected."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from sqlglot import exp

from minidruid.errors import LIMIT, UNSUPPORTED, QueryError
from minidruid.sql.catalog import Catalog
from minidruid.sql.functions import times
from minidruid.sql.functions.casts import as_timestamp, cast, check_timestamp_literal, divide, to_common_type
from minidruid.sql.functions.strings import concatenate, like, make_array
from minidruid.sql.limits import MAX_CONDITIONS, MAX_SQL_BYTES, check_limit
from minidruid.sql.parser import location
from minidruid.sql.scope import Scope
from minidruid.sql.types import NUMERIC_TYPES, TEMPORAL_TYPES, Fragment, SqlType, null_fragment, text_fragment, timestamp_fragment

Translations = Mapping[type[exp.Expr], Callable[..., Fragment]]

COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}

_INTEGER = re.compile(r"\d+")
_DECIMAL = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def allow_only(node: exp.Expr, *allowed: str) -> None:
    """Raise QueryError if a node has parts that its translation would ignore."""
    for name, value in node.args.items():
        if value and name not in allowed:
            raise QueryError(f"{type(node).__name__} with {name.strip('_').upper()} is not supported{location(node)}", UNSUPPORTED)


@dataclass
class OperatorTranslator:
    """Translates operators; `subquery` translates a query inside an expression."""

    catalog: Catalog
    now: datetime
    parameters: Sequence[Fragment]
    parameter_numbers: Mapping[str, int]
    subquery: Callable[[exp.Expr, Scope], str]
    aggregates: int = field(default=0, init=False)
    conditions: int = field(default=0, init=False)
    windows: int = field(default=0, init=False)
    window_order: Sequence[str] = field(default=(), init=False)  # of the rows after the last window

    def translate(self, node: exp.Expr, scope: Scope) -> Fragment:
        """Translate an expression; raises QueryError if it is not supported."""
        translation = self.TRANSLATIONS.get(type(node))
        if translation is None:
            raise QueryError(f"No match found for function signature {type(node).__name__.upper()}{location(node)}")
        fragment = translation(self, node, scope)
        if len(fragment.text) > MAX_SQL_BYTES:
            raise QueryError(f"The statement is too large in DuckDB's SQL{location(node)}", LIMIT)
        return fragment

    def condition(self, node: exp.Expr, scope: Scope, clause: str) -> Fragment:
        """Translate an expression that must be a condition."""
        fragment = self.translate(node, scope)
        if fragment.type not in (SqlType.BOOLEAN, SqlType.NULL):
            raise QueryError(f"{clause} clause must be a condition{location(node)}")
        return fragment

    # Names and literals

    def _column(self, node: exp.Column, scope: Scope) -> Fragment:
        allow_only(node, "this", "table", "db")
        return scope.column([part.name for part in node.parts], location(node))

    def _literal(self, node: exp.Literal, _scope: Scope) -> Fragment:
        value = str(node.this)
        if node.is_string:
            return text_fragment(value)
        if _INTEGER.fullmatch(value):
            return Fragment(value, SqlType.BIGINT, value)
        if not _DECIMAL.fullmatch(value):
            raise QueryError(f"[{value}] is not a valid number{location(node)}")
        return Fragment(value if "e" in value.lower() else f"{value}e0", SqlType.DOUBLE, value)

    def _boolean(self, node: exp.Boolean, _scope: Scope) -> Fragment:
        return Fragment("TRUE" if node.this else "FALSE", SqlType.BOOLEAN)

    def _null(self, _node: exp.Null, _scope: Scope) -> Fragment:
        return null_fragment()

    def _parameter(self, node: exp.Placeholder, _scope: Scope) -> Fragment:
        at = self.parameter_numbers[str(node.this)]
        if at >= len(self.parameters):
            raise QueryError(f"Parameter at position [{at}] is not bound")
        return self.parameters[at]

    def _current_timestamp(self, _node: exp.Expr, _scope: Scope) -> Fragment:
        return timestamp_fragment(self.now)

    def _current_date(self, _node: exp.Expr, _scope: Scope) -> Fragment:
        return cast(timestamp_fragment(self.now), SqlType.DATE)

    def _interval(self, node: exp.Interval, _scope: Scope) -> Fragment:
        count, unit = node.this, node.args.get("unit")
        if not isinstance(count, exp.Literal) or not re.fullmatch(r"[+-]?\d+", count.name) or not isinstance(unit, exp.Var):
            raise QueryError(f"Not a valid interval: INTERVAL '1' HOUR is expected{location(node)}")
        return Fragment(f"INTERVAL '{count.name} {times.duckdb_unit(unit.name)}'", SqlType.INTERVAL)

    def _array(self, node: exp.Array, scope: Scope) -> Fragment:
        values = [self.translate(value, scope) for value in node.expressions]
        return make_array(values, to_common_type(values)[0])

    # Logic and comparison

    def _paren(self, node: exp.Paren, scope: Scope) -> Fragment:
        inner = self.translate(node.this, scope)
        return Fragment(f"({inner.text})", inner.type, inner.literal)

    def _connector(self, node: exp.Connector, scope: Scope) -> Fragment:
        word = "AND" if isinstance(node, exp.And) else "OR"
        # A long chain nests on the left: a loop does not exhaust the stack.
        sides: list[str] = []
        left: exp.Expr = node
        while type(left) is type(node):
            sides.append(self.condition(left.expression, scope, word).text)
            left = left.this
        sides.append(self.condition(left, scope, word).text)
        self.conditions += len(sides)
        check_limit(self.conditions, MAX_CONDITIONS, "conditions")
        return Fragment(f"({f' {word} '.join(reversed(sides))})", SqlType.BOOLEAN)

    def _not(self, node: exp.Not, scope: Scope) -> Fragment:
        return Fragment(f"(NOT {self.condition(node.this, scope, 'NOT').text})", SqlType.BOOLEAN)

    def _comparison(self, node: exp.Binary, scope: Scope) -> Fragment:
        sign = COMPARISONS[type(node)]
        left, right = self._comparable(self.translate(node.this, scope), self.translate(node.expression, scope), sign)
        return Fragment(f"({left} {sign} {right})", SqlType.BOOLEAN)

    def _comparable(self, left: Fragment, right: Fragment, sign: str) -> tuple[str, str]:
        """Convert both sides of a comparison to one type, as Druid does."""
        types = {left.type, right.type}
        if types & TEMPORAL_TYPES and types & NUMERIC_TYPES:
            raise QueryError(f"Cannot apply '{sign}' to arguments of type '<{left.type}> {sign} <{right.type}>'")
        if types & TEMPORAL_TYPES and SqlType.VARCHAR in types:
            return self._timestamp(left), self._timestamp(right)
        if types & NUMERIC_TYPES and SqlType.VARCHAR in types:
            return self._number(left), self._number(right)
        return left.text, right.text

    def _timestamp(self, value: Fragment) -> str:
        check_timestamp_literal(value)
        return as_timestamp(value)

    def _number(self, value: Fragment) -> str:
        return cast(value, SqlType.DOUBLE).text if value.type is SqlType.VARCHAR else value.text

    def _between(self, node: exp.Between, scope: Scope) -> Fragment:
        allow_only(node, "this", "low", "high")
        value, low, high = (self.translate(node.args[side], scope) for side in ("this", "low", "high"))
        at_least, lowest = self._comparable(value, low, ">=")
        at_most, highest = self._comparable(value, high, "<=")
        return Fragment(f"({at_least} >= {lowest} AND {at_most} <= {highest})", SqlType.BOOLEAN)

    def _in(self, node: exp.In, scope: Scope) -> Fragment:
        allow_only(node, "this", "expressions", "query")
        value = self.translate(node.this, scope)
        if query := node.args.get("query"):
            return Fragment(f"({value.text} IN {self.subquery(query, scope)})", SqlType.BOOLEAN)
        pairs = [self._comparable(value, self.translate(item, scope), "IN") for item in node.expressions]
        return Fragment(f"({pairs[0][0]} IN ({', '.join(right for _, right in pairs)}))", SqlType.BOOLEAN)

    def _exists(self, node: exp.Exists, scope: Scope) -> Fragment:
        return Fragment(f"EXISTS {self.subquery(node.this, scope)}", SqlType.BOOLEAN)

    def _subquery(self, node: exp.Expr, _scope: Scope) -> Fragment:
        raise QueryError(f"A scalar subquery is not supported: use a join{location(node)}", UNSUPPORTED)

    def _is(self, node: exp.Is, scope: Scope) -> Fragment:
        value, expected = self.translate(node.this, scope), node.expression
        if isinstance(expected, exp.Null):
            return Fragment(f"({value.text} IS NULL)", SqlType.BOOLEAN)
        if not isinstance(expected, exp.Boolean):
            raise QueryError(f"Only IS [NOT] NULL, TRUE and FALSE are supported{location(node)}")
        word = "TRUE" if expected.this else "FALSE"
        if value.type is not SqlType.BOOLEAN:
            wrong, right = f"<{value.type}> IS {word}", f"<BOOLEAN> IS {word}"
            raise QueryError(f"Cannot apply 'IS {word}' to arguments of type '{wrong}'. Supported form(s): '{right}'{location(node)}")
        return Fragment(f"({value.text} IS {word})", SqlType.BOOLEAN)

    def _distinct_from(self, node: exp.Binary, scope: Scope) -> Fragment:
        word = "IS NOT DISTINCT FROM" if isinstance(node, exp.NullSafeEQ) else "IS DISTINCT FROM"
        left, right = self._comparable(self.translate(node.this, scope), self.translate(node.expression, scope), word)
        return Fragment(f"({left} {word} {right})", SqlType.BOOLEAN)

    def _like(self, node: exp.Like, scope: Scope, escape: str = "") -> Fragment:
        allow_only(node, "this", "expression")
        value, pattern = self.translate(node.this, scope), self.translate(node.expression, scope)
        return Fragment(like(value, pattern, escape), SqlType.BOOLEAN)

    def _escape(self, node: exp.Escape, scope: Scope) -> Fragment:
        character = self.translate(node.expression, scope)
        if not isinstance(node.this, exp.Like):
            raise QueryError(f"ESCAPE is only valid after LIKE{location(node)}")
        return self._like(node.this, scope, f" ESCAPE {character.text}")

    def _case(self, node: exp.Case, scope: Scope) -> Fragment:
        subject = self.translate(node.this, scope) if node.this else None
        conditions: list[str] = []
        for branch in node.args["ifs"]:
            if subject:
                left, right = self._comparable(subject, self.translate(branch.this, scope), "=")
                conditions.append(f"{left} = {right}")
            else:
                conditions.append(self.condition(branch.this, scope, "WHEN").text)
        default = node.args.get("default")
        values = [self.translate(branch.args["true"], scope) for branch in node.args["ifs"]] + [
            self.translate(default, scope) if default else null_fragment()
        ]
        texts, sql_type = to_common_type(values)
        whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in zip(conditions, texts, strict=False))
        return Fragment(f"CASE {whens} ELSE {texts[-1]} END", sql_type)

    # Arithmetic

    def _arithmetic(self, node: exp.Binary, scope: Scope) -> Fragment:
        sign = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}[type(node)]
        left, right = self.translate(node.this, scope), self.translate(node.expression, scope)
        if left.type in TEMPORAL_TYPES and right.type is SqlType.INTERVAL and sign in "+-":
            return Fragment(f"({left.text} {sign} {right.text})", SqlType.TIMESTAMP)
        left, right = self._operand(left, right, sign), self._operand(right, left, sign)
        sql_type = SqlType.BIGINT if {left.type, right.type} == {SqlType.BIGINT} else SqlType.DOUBLE
        return Fragment(f"({left.text} {sign} {right.text})", sql_type)

    def _remainder(self, node: exp.Mod, _scope: Scope) -> Fragment:
        raise QueryError(f"Percent remainder '%' is not allowed under the current SQL conformance level{location(node)}")

    def _operand(self, value: Fragment, other: Fragment, sign: str) -> Fragment:
        if value.type in NUMERIC_TYPES or value.type is SqlType.NULL:
            return value
        if value.type is SqlType.VARCHAR:
            return cast(value, SqlType.DOUBLE)
        raise QueryError(f"Cannot apply '{sign}' to arguments of type '<{value.type}> {sign} <{other.type}>'")

    def _division(self, node: exp.Div, scope: Scope) -> Fragment:
        left, right = self.translate(node.this, scope), self.translate(node.expression, scope)
        return divide(self._operand(left, right, "/"), self._operand(right, left, "/"))

    def _negative(self, node: exp.Neg, scope: Scope) -> Fragment:
        value = self._operand(inner := self.translate(node.this, scope), inner, "-")
        return Fragment(f"(-{value.text})", value.type, f"-{value.literal}" if value.literal else None)

    def _concatenation(self, node: exp.DPipe, scope: Scope) -> Fragment:
        sides: list[exp.Expr] = []
        left: exp.Expr = node
        while isinstance(left, exp.DPipe):
            sides.append(left.expression)
            left = left.this
        return concatenate([self.translate(side, scope) for side in (left, *reversed(sides))])

    TRANSLATIONS: ClassVar[Translations] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.Boolean: _boolean,
        exp.Null: _null,
        exp.Placeholder: _parameter,
        exp.CurrentTimestamp: _current_timestamp,
        exp.CurrentDate: _current_date,
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

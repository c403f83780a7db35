"""A sqlglot dialect for Druid 33. Superset passes every statement through sqlglot, which by default writes functions of other engines."""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.druid import Druid
from sqlglot.parser import Parser as BaseParser
from sqlglot.tokens import Tokenizer as BaseTokenizer
from sqlglot.tokens import TokenType

# Functions with special syntax; all others are parsed as name and arguments, and written unchanged.
WITH_SPECIAL_SYNTAX = ("CAST", "CEIL", "EXTRACT", "FLOOR", "JSON_OBJECT", "SUBSTRING", "TRIM")

# Known as aggregates, so that Superset does not move a condition on one of them into WHERE.
AGGREGATES = """
    ANY_VALUE APPROX_COUNT_DISTINCT APPROX_COUNT_DISTINCT_BUILTIN APPROX_COUNT_DISTINCT_DS_HLL APPROX_COUNT_DISTINCT_DS_HLL_UTF8
    APPROX_COUNT_DISTINCT_DS_THETA APPROX_QUANTILE APPROX_QUANTILE_DS APPROX_QUANTILE_FIXED_BUCKETS ARRAY_AGG ARRAY_CONCAT_AGG AVG
    BIT_AND BIT_OR BIT_XOR BLOOM_FILTER COUNT DS_HLL DS_QUANTILES_SKETCH DS_THETA DS_TUPLE_DOUBLES EARLIEST EARLIEST_BY GROUPING
    LATEST LATEST_BY LISTAGG MAX MIN STDDEV STDDEV_POP STDDEV_SAMP STRING_AGG SUM TDIGEST_GENERATE_SKETCH TDIGEST_QUANTILE
    VARIANCE VAR_POP VAR_SAMP
"""


def _aggregate(name: str) -> Callable[[list[exp.Expression]], exp.Expression]:
    return lambda arguments: exp.AnonymousAggFunc(this=name, expressions=arguments)


def _json_value(parser: BaseParser) -> exp.Expression:
    """Parse the path as a literal, because sqlglot would rewrite it."""
    value = parser._parse_bitwise()
    parser._match(TokenType.COMMA)
    path = parser._parse_bitwise()
    returning = parser._parse_types() if parser._match(TokenType.RETURNING) else None
    return exp.JSONValue(this=value, path=path, returning=returning)


def _read_position(parser: BaseParser) -> exp.Expression:
    part = parser._parse_bitwise()
    parser._match(TokenType.IN)
    whole = parser._parse_bitwise()
    start = parser._parse_bitwise() if parser._match(TokenType.FROM) else None
    return exp.StrPosition(this=whole, substr=part, position=start)


def _position(generator: Any, node: exp.StrPosition) -> str:
    start = node.args.get("position")
    place = f" FROM {generator.sql(start)}" if start else ""
    return f"POSITION({generator.sql(node, 'substr')} IN {generator.sql(node, 'this')}{place})"


def _trim(generator: Any, node: exp.Trim) -> str:
    characters = generator.sql(node, "expression") or "' '"
    return f"TRIM({node.args.get('position') or 'BOTH'} {characters} FROM {generator.sql(node, 'this')})"


def _is(generator: Any, node: exp.Is) -> str:
    """Write IS TRUE with a cast to BOOLEAN: flags are numbers, for which Druid has no IS TRUE."""
    subject = node.this
    if isinstance(node.expression, exp.Boolean) and isinstance(subject, exp.Column):
        subject = exp.Cast(this=subject.copy(), to=exp.DataType.build("BOOLEAN"))
    return f"{generator.sql(subject)} IS {generator.sql(node.expression)}"


def _case_insensitive_like(generator: Any, node: exp.ILike) -> str:
    return f"LOWER({generator.sql(node, 'this')}) LIKE LOWER({generator.sql(node, 'expression')})"


class DruidSql(Druid):
    """sqlglot's Druid dialect without the functions of other engines, and with Druid's own syntax."""

    class Tokenizer(BaseTokenizer):
        """Tokenizer in which DIV is a function and a string may have Unicode escapes."""

        UNICODE_STRINGS: ClassVar[list[tuple[str, str]]] = [("U&'", "'"), ("u&'", "'")]
        KEYWORDS: ClassVar[dict[str, TokenType]] = {word: kind for word, kind in BaseTokenizer.KEYWORDS.items() if word != "DIV"}

    class Parser(BaseParser):
        """Parser that keeps function names."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {name: _aggregate(name) for name in AGGREGATES.split()}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            **{name: BaseParser.FUNCTION_PARSERS[name] for name in WITH_SPECIAL_SYNTAX},
            "JSON_VALUE": _json_value,
            "POSITION": _read_position,
        }

    class Generator(Druid.Generator):
        """Generator of SQL that Druid accepts."""

        NULL_ORDERING_SUPPORTED = None  # NULL is first in ascending and last in descending order; any other order becomes a CASE
        TYPE_MAPPING: ClassVar[dict[Any, str]] = {
            **Druid.Generator.TYPE_MAPPING,
            **dict.fromkeys((exp.DataType.Type.TEXT, exp.DataType.Type.NCHAR, exp.DataType.Type.NVARCHAR), "VARCHAR"),
        }
        TRANSFORMS: ClassVar[dict[type[exp.Expression], Callable[..., str]]] = {
            **Druid.Generator.TRANSFORMS,
            exp.ILike: _case_insensitive_like,
            exp.Is: _is,
            exp.StrPosition: _position,
            exp.Trim: _trim,
        }

        def ordered_sql(self, expression: exp.Ordered) -> str:
            """Write one entry of ORDER BY; a position that needs a CASE is replaced with the column at that position."""
            select = expression.find_ancestor(exp.Select)
            needs_case = bool(expression.args.get("desc")) == bool(expression.args.get("nulls_first"))
            if select and needs_case and expression.this.is_int:
                expression.set("this", select.expressions[int(expression.this.name) - 1].unalias().copy())
            return str(super().ordered_sql(expression))

"""Comparisons in JSONPath filters as in Jayway's library, where the `jsonpath` library differs."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from jsonpath import JSONPathEnvironment, NodeList
from jsonpath.filter import BaseExpression, FilterQuery, InfixExpression
from jsonpath.lex import Lexer
from jsonpath.parse import Parser
from jsonpath.selectors import FilterContext
from jsonpath.stream import TokenStream

_MISSING: Final = object()
_NEW: Final = ("nin", "subsetof", "size", "empty")


class _Relation(InfixExpression):
    """Two operands and an operator of this module."""

    def __init__(self, left: BaseExpression, operator: str, right: BaseExpression) -> None:
        super().__init__(left, operator, right)
        self._are_several = [isinstance(one, FilterQuery) and not one.path.singular_query() for one in (left, right)]

    def evaluate(self, context: FilterContext) -> bool:
        found = zip((self.left, self.right), self._are_several, strict=True)
        left, right = (_operand(expression.evaluate(context), are_several=several) for expression, several in found)
        return _OPERATORS[self.operator](left, right)


class _Lexer(Lexer):
    def compile_rules(self) -> re.Pattern[str]:
        words = "|".join(f"(?P<{name}>(?<=\\s){name}(?=\\s|\\[))" for name in _NEW)
        return re.compile(f"{words}|{super().compile_rules().pattern}", re.DOTALL)


class _Parser(Parser):
    PRECEDENCES = Parser.PRECEDENCES | dict.fromkeys(_NEW, Parser.PRECEDENCE_MEMBERSHIP)
    BINARY_OPERATORS = Parser.BINARY_OPERATORS | {name: name for name in _NEW}
    INFIX_LITERAL_OPERATORS = Parser.INFIX_LITERAL_OPERATORS | set(_NEW)

    def parse_infix_expression(self, stream: TokenStream, left: BaseExpression) -> BaseExpression:
        expression = super().parse_infix_expression(stream, left)
        if isinstance(expression, InfixExpression) and expression.operator in _OPERATORS:
            return _Relation(expression.left, expression.operator, expression.right)
        return expression


class Environment(JSONPathEnvironment):
    """The environment that compiles and evaluates paths."""

    lexer_class = _Lexer
    parser_class = _Parser

    def compare(self, left: object, operator: str, right: object) -> bool:
        """Compare two operands. A decimal equals the number with the same digits in a path."""
        return super().compare(_plain(left), operator, _plain(right))


def _operand(value: object, *, are_several: bool) -> object:
    if not isinstance(value, NodeList):
        return value
    return value.values() if are_several else value[0].obj if value else _MISSING


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _is_in(value: object, several: object) -> bool:
    return isinstance(several, list) and any(
        _plain(one) == _plain(value) and isinstance(one, bool) is isinstance(value, bool) for one in several
    )


def _is_subset(some: object, several: object) -> bool:
    return isinstance(some, list) and isinstance(several, list) and all(_is_in(one, several) for one in some)


def _has_size(value: object, size: object) -> bool:
    if isinstance(size, bool) or not isinstance(size, int | float | Decimal):
        return False
    if isinstance(value, str):
        return len(value.encode("utf-16-le")) // 2 == int(size)  # as Java counts
    return isinstance(value, list) and len(value) == int(size)


def _is_empty(value: object, truth: object) -> bool:
    return isinstance(value, str | list | dict) and isinstance(truth, bool) and (not value) is truth


_OPERATORS: Final[Mapping[str, Callable[[object, object], bool]]] = MappingProxyType(
    {
        "in": _is_in,
        "nin": lambda value, several: not _is_in(value, several),
        "subsetof": _is_subset,
        "size": _has_size,
        "empty": _is_empty,
    }
)

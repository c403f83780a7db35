"""The specialization of a mapping to an event kind: inputs that its events never have are removed, with everything that depends on them."""

from collections.abc import Iterator

from mapping.dsl.expressions import Call, Constant, Expression, Input, Literal, Type
from mapping.dsl.inputs import ACCESSES
from mapping.dsl.statements import Assign, Section, Statement, When

_NEEDS_ALL = frozenset({"and", "or"})


def specialize(statements: list[Statement], kind: str, *, has_ranges: bool = True) -> list[Statement]:
    """Return the statements for events of this kind; without `has_ranges`, inputs take any number."""
    return list(_specialize(statements, kind, has_ranges))


def _specialize(statements: list[Statement], kind: str, has_ranges: bool) -> Iterator[Statement]:
    for statement in statements:
        if isinstance(statement, Assign):
            value = specialize_expression(statement.value, kind, has_ranges=has_ranges)
            if not _is_absent(value):
                yield Assign(statement.line, value, statement.field)
        elif isinstance(statement, When):
            condition = specialize_expression(statement.condition, kind, has_ranges=has_ranges)
            if not isinstance(condition, Literal):
                yield When(statement.line, condition, specialize(statement.body, kind, has_ranges=has_ranges))
            elif condition.value:
                yield from _specialize(statement.body, kind, has_ranges)
        elif isinstance(statement, Section):
            yield Section(statement.line, specialize(statement.body, kind, has_ranges=has_ranges))
        else:
            yield statement


def specialize_expression(expression: Expression, kind: str, *, has_ranges: bool = True) -> Expression:
    """Return an expression in which each input is marked as always present, sometimes present or absent for this kind."""
    if isinstance(expression, Input):
        access = ACCESSES[kind].get(expression.name)
        return Literal(None, expression.type) if access is None else Input(expression.name, expression.type, access.never_null)
    if isinstance(expression, Literal):
        return expression
    arguments = tuple(
        specialize_expression(argument, kind, has_ranges=has_ranges) if isinstance(argument, Input | Literal | Call) else argument
        for argument in expression.arguments
    )
    if expression.operation == "plausible" and not has_ranges:
        number = arguments[0]
        assert isinstance(number, Input | Literal | Call)
        return number
    return _simplified(Call(expression.operation, arguments, expression.type))


def _simplified(call: Call) -> Expression:
    first = call.arguments[0]
    if call.operation in ("is_present", "is_absent") and _is_absent(first):
        return Literal(call.operation == "is_absent", Type.BOOLEAN)
    if call.operation == "equal":
        left, right = call.arguments
        return Literal(left.value == right.value, Type.BOOLEAN) if isinstance(left, Literal) and isinstance(right, Literal) else call
    if call.operation == "digest":
        return call
    absent = any(map(_is_absent, call.arguments)) if call.operation in _NEEDS_ALL else _is_absent(first)
    return Literal(None, call.type) if absent else call


def _is_absent(argument: Expression | Constant) -> bool:
    return isinstance(argument, Literal) and argument.value is None

"""The expressions of a mapping, as a tree: inputs, literals, and operations on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Constant: TypeAlias = str | bool | int | float | tuple[str | int | tuple[str, ...] | None, ...] | None

# Operations that always have a result, and operations that have one if no argument is absent. Others may lack one.
_ALWAYS = frozenset({"is_present", "is_absent", "equal", "digest"})
_TOTAL = frozenset({"cut", "not", "and", "or", "to_hex_lower", "to_hex_upper", "to_base64"})
HANDLES_ABSENT = _ALWAYS | {"and", "or"}  # operations that must be computed even if an argument is absent


class Type(Enum):
    """The type of a value."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INT32 = "int32"
    INT64 = "int64"
    FP32 = "fp32"
    FP64 = "fp64"
    BYTES = "bytes"
    TEXTS = "list of texts"
    INTEGERS = "list of int32"
    JSON = "JSON value"
    QUERY = "query"
    URI = "URI"
    MATCHER = "matcher"
    PLACE = "place"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the event, by its name in `mapping.dsl.inputs`."""

    name: str
    type: Type
    never_null: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the mapping; None for an input that a kind of event lacks."""

    value: Constant
    type: Type

    @property
    def never_null(self) -> bool:
        """Whether the literal has a value."""
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of `mapping.operations.registry` on other expressions and constants."""

    operation: str
    arguments: tuple["Expression | Constant", ...]
    type: Type

    @property
    def never_null(self) -> bool:
        """Whether the operation has a result for every event."""
        return self.operation in _ALWAYS or (self.operation in _TOTAL and all(part.never_null for part in parts_of(self)))


Expression: TypeAlias = Input | Literal | Call


def parts_of(call: Call) -> Iterator[Expression]:
    """Yield the expressions among the arguments of an operation."""
    return (argument for argument in call.arguments if isinstance(argument, Input | Literal | Call))


def operations_of(expression: Expression) -> Iterator[str]:
    """Yield the names of all operations in an expression."""
    if isinstance(expression, Call):
        yield expression.operation
        for part in parts_of(expression):
            yield from operations_of(part)


def inputs_of(expression: Expression) -> Iterator[str]:
    """Yield the names of all inputs in an expression."""
    if isinstance(expression, Input):
        yield expression.name
    elif isinstance(expression, Call):
        for part in parts_of(expression):
            yield from inputs_of(part)


def expressions_in(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and all expressions in it."""
    yield expression
    if isinstance(expression, Call):
        for part in parts_of(expression):
            yield from expressions_in(part)

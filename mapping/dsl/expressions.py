"""What a mapping computes, as a tree: inputs of an event, literals, and operations on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Constant: TypeAlias = str | bool | int | float | tuple[str | int | tuple[str, ...] | None, ...] | None

# Operations that answer even where a value is absent, and those that have an answer wherever all their values are there.
_ASKED = frozenset({"is_present", "is_absent", "equal", "digest"})
_TOTAL = frozenset({"cut", "whole", "not", "and", "or", "to_hex_lower", "to_hex_upper", "to_base64"})
ANSWERS_ABSENT = _ASKED | {"and", "or"}  # these have to be asked whatever is absent


class Type(Enum):
    """Type of a value of the language."""

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
    """A fact of the event, by its name in `mapping.dsl.inputs`."""

    name: str
    type: Type
    never_null: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the mapping; None where a source has no such thing."""

    value: Constant
    type: Type

    @property
    def never_null(self) -> bool:
        """Whether there is a value."""
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of `mapping.operations.registry` on other expressions and constants."""

    operation: str
    arguments: tuple["Expression | Constant", ...]
    type: Type

    @property
    def never_null(self) -> bool:
        """Whether every event has a value."""
        return self.operation in _ASKED or (self.operation in _TOTAL and all(part.never_null for part in parts_of(self)))


Expression: TypeAlias = Input | Literal | Call


def parts_of(call: Call) -> Iterator[Expression]:
    """Give the expressions that an operation works on."""
    return (argument for argument in call.arguments if isinstance(argument, Input | Literal | Call))


def operations_of(expression: Expression) -> Iterator[str]:
    """Name the operations in an expression."""
    if isinstance(expression, Call):
        yield expression.operation
        for part in parts_of(expression):
            yield from operations_of(part)


def inputs_of(expression: Expression) -> Iterator[str]:
    """Name the inputs that an expression needs."""
    if isinstance(expression, Input):
        yield expression.name
    elif isinstance(expression, Call):
        for part in parts_of(expression):
            yield from inputs_of(part)


def expressions_in(expression: Expression) -> Iterator[Expression]:
    """Return an expression and all that it is made of."""
    yield expression
    if isinstance(expression, Call):
        for part in parts_of(expression):
            yield from expressions_in(part)

"""What a mapping computes, as a tree: inputs of an event, literals, and operations on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Constant: TypeAlias = str | bool | int | float | tuple[str | int, ...] | None


class Type(Enum):
    """Type of a value of the language."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INT32 = "int32"
    INT64 = "int64"
    FP32 = "fp32"
    FP64 = "fp64"
    JSON = "JSON"
    URI = "URI"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Input:
    """A fact of the event, by its name in `collector.mapping.inputs`."""

    name: str
    type: Type
    is_always: bool


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the mapping."""

    value: Constant
    type: Type
    is_always: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of `collector.mapping.operations` on other expressions and constants."""

    operation: str
    arguments: tuple["Expression | Constant", ...]
    type: Type
    is_always: bool = False


Expression: TypeAlias = Input | Literal | Call


def inputs_of(expression: Expression) -> Iterator[str]:
    """Name the inputs that an expression needs."""
    if isinstance(expression, Input):
        yield expression.name
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            if isinstance(argument, Input | Literal | Call):
                yield from inputs_of(argument)

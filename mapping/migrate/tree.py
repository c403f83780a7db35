"""The syntax tree of a Groovy script: expressions and statements."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Span:
    """The range of a node in the script: lines from 1, offsets from 0."""

    line: int
    last_line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ScalarLiteral:
    """A text, number, boolean or null."""

    line: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text with expressions inside."""

    line: int
    parts: "tuple[str | Expression, ...]"


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a function without parentheses."""

    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call of a function or a method, also as a command without parentheses."""

    line: int
    target: "Expression | None"
    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Property:
    """A name after a dot, without a call."""

    line: int
    target: "Expression"
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """An item of a list."""

    line: int
    target: "Expression"
    index: "Expression"


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    items: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Entries:
    """A map of keys to values."""

    line: int
    pairs: "tuple[tuple[Expression, Expression], ...]"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with its operands; a prefix operator has no left one."""

    line: int
    sign: str
    left: "Expression | None"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Closure:
    """A block in braces. Its value is that of the last statement."""

    span: Span
    parameters: tuple[str, ...]
    body: "tuple[Statement, ...]"

    @property
    def line(self) -> int:
        """The line of the opening brace."""
        return self.span.line


@dataclass(frozen=True, slots=True)
class InvalidExpression:
    """An expression that cannot be translated."""

    line: int
    fault: str


@dataclass(frozen=True, slots=True)
class ExpressionStatement:
    """An expression as a statement."""

    span: Span
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Assignment:
    """An assignment to a variable."""

    span: Span
    name: str
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop over values."""

    span: Span
    name: str
    values: "Expression"
    body: Closure


@dataclass(frozen=True, slots=True)
class InvalidStatement:
    """A statement that cannot be translated."""

    span: Span
    line: int
    fault: str
    name: str | None = None  # the variable that it declares


Expression: TypeAlias = (
    ScalarLiteral | Interpolated | Name | Invocation | Property | Index | Items | Entries | Operation | Closure | InvalidExpression
)
Statement: TypeAlias = ExpressionStatement | Assignment | Loop | InvalidStatement

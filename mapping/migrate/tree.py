"""The tree of a Groovy script: expressions, and the statements that are made of them."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of the script stands: lines from 1, offsets from 0."""

    line: int
    last_line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, boolean or null."""

    line: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text with expressions in it."""

    line: int
    parts: "tuple[str | Expression, ...]"


@dataclass(frozen=True, slots=True)
class Name:
    """A name by itself."""

    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call, of a function or of a method; commands without parentheses are calls too."""

    line: int
    target: "Expression | None"
    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Property:
    """A name behind a dot, without a call."""

    line: int
    target: "Expression"
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """One item of a list."""

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
    """An operator with its sides; without a left one where it stands before its operand."""

    line: int
    sign: str
    left: "Expression | None"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Closure:
    """Statements in braces; the last one is its value."""

    place: Place
    parameters: tuple[str, ...]
    body: "tuple[Statement, ...]"

    @property
    def line(self) -> int:
        """The line of the opening brace."""
        return self.place.line


@dataclass(frozen=True, slots=True)
class Broken:
    """What stands where an expression should."""

    line: int
    fault: str


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An expression as a statement."""

    place: Place
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Let:
    """A variable takes a value."""

    place: Place
    name: str
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Loop:
    """The body once for each of the values."""

    place: Place
    name: str
    values: "Expression"
    body: Closure


@dataclass(frozen=True, slots=True)
class Unknown:
    """A statement that is not understood."""

    place: Place
    line: int
    fault: str
    name: str | None = None  # the variable that it would have declared


Expression: TypeAlias = Literal | Interpolated | Name | Call | Property | Index | Items | Entries | Operation | Closure | Broken
Statement: TypeAlias = Evaluate | Let | Loop | Unknown

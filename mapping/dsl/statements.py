"""The statements of the mapping language, and the plan that they leave behind while a mapping is evaluated."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from mapping.dsl.expressions import Expression
from mapping.dsl.values import Boolean, Plain, Value, as_value, told

__all__ = ["exit_", "map_", "not_", "section", "stop", "when"]


@dataclass(frozen=True, slots=True)
class Assign:
    """Write a value into a field, if it is present."""

    line: int
    value: Expression
    field: str


@dataclass(frozen=True, slots=True)
class When:
    """Do the body if the condition holds."""

    line: int
    condition: Expression
    body: "list[Statement]"


@dataclass(frozen=True, slots=True)
class Section:
    """A group of statements that exit_() leaves."""

    line: int
    body: "list[Statement]"


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the innermost section."""

    line: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the mapping for this event."""

    line: int


Statement: TypeAlias = Assign | When | Section | Exit | Stop


@dataclass(slots=True)
class Plan:
    """What a mapping does, in order; `faults` are (line, text)."""

    name: str
    statements: list[Statement] = field(default_factory=list)
    apart: list[Statement] = field(default_factory=list)  # what stands in blocks that are faulty themselves: checked, never done
    faults: list[tuple[int, str]] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)  # constants of faulty statements: they may name fields


class _Recording:
    """The plan that is being written and the block that statements go to."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.blocks = [plan.statements]
        self.unfinished: dict[Mapped | Block, int] = {}  # to its line

    def add(self, statement: Statement) -> None:
        self.blocks[-1].append(statement)

    def line(self) -> int:
        """Say on which line of the mapping the statement stands."""
        frame = sys._getframe(1)  # the one way to a caller's line that reads no sources
        while frame.f_back is not None and frame.f_code.co_filename != self.plan.name:
            frame = frame.f_back
        return frame.f_lineno


_recordings: list[_Recording] = []


@contextmanager
def recording(plan: Plan) -> Iterator[None]:
    """Let statements write into the plan."""
    current = _Recording(plan)
    _recordings.append(current)
    try:
        yield
    finally:
        _recordings.pop()
        plan.faults.extend((line, one.unfinished) for one, line in current.unfinished.items())


def _current() -> _Recording:
    if not _recordings:
        raise RuntimeError("a mapping is evaluated by the collector; it is not imported")
    return _recordings[-1]


class Mapped:
    """A value that still has to be told its field."""

    unfinished = 'map_(...) says no field: add .onto("field")'

    def __init__(self, value: Value | Plain) -> None:
        self._recording = _current()
        self._line = self._recording.line()
        self._value = as_value(value)
        self._recording.unfinished[self] = self._line

    def onto(self, name: str) -> None:
        """Write the value into this field of the record, if it is present."""
        self._recording.unfinished.pop(self, None)
        if not isinstance(name, str):
            raise TypeError(f"onto takes the name of a field as a text, not {told(name)}")
        self._recording.add(Assign(self._line, self._value.expression, name))


class Block:
    """Statements that belong together, after `with`."""

    unfinished = "a block begins with `with` and ends its line with a colon: with when(...):"

    def __init__(self, condition: Expression | None) -> None:
        self._recording = _current()
        line = self._recording.line()
        self._statement = Section(line, []) if condition is None else When(line, condition, [])
        self._recording.unfinished[self] = line

    def __enter__(self) -> None:
        self._recording.unfinished.pop(self, None)
        self._recording.add(self._statement)
        self._recording.blocks.append(self._statement.body)

    def __exit__(self, *_: object) -> None:
        self._recording.blocks.pop()


class BlockApart:
    """The statements of a block whose own line is faulty: they are checked and go nowhere."""

    def __enter__(self) -> None:
        current = _current()
        current.blocks.append(current.plan.apart)

    def __exit__(self, *_: object) -> None:
        _current().blocks.pop()


def map_(value: Value | Plain) -> Mapped:
    """Begin a rule, which .onto("field") ends."""
    return Mapped(value)


def when(condition: Boolean) -> Block:
    """Do the statements of the block only where the condition holds."""
    if not isinstance(condition, Boolean):
        raise TypeError(f"when takes a condition, not {told(condition)}; ask with equal_to(...), is_present() or is_absent()")
    return Block(condition.expression)


def section() -> Block:
    """Group statements, so that exit_() can leave them."""
    return Block(None)


def exit_() -> None:
    """Leave the innermost section, or the mapping where there is none."""
    _current().add(Exit(_current().line()))


def stop() -> None:
    """End the mapping for this event; what is written stays."""
    _current().add(Stop(_current().line()))


def not_(condition: Boolean) -> Boolean:
    """Negate a condition."""
    if not isinstance(condition, Boolean):
        raise TypeError(f"not_ takes a condition, not {told(condition)}")
    return condition.negate()


def assignments(statements: list[Statement], conditions: tuple[Expression, ...] = ()) -> Iterator[tuple[Assign, tuple[Expression, ...]]]:
    """Give every assignment with the conditions around it."""
    for statement in statements:
        if isinstance(statement, Assign):
            yield statement, conditions
        elif isinstance(statement, When):
            yield from assignments(statement.body, (*conditions, statement.condition))
        elif isinstance(statement, Section):
            yield from assignments(statement.body, conditions)


def has_jumps(statements: list[Statement]) -> bool:
    """Tell whether a statement can be passed over by stop() or exit_()."""
    return any(isinstance(one, Stop | Exit) or (isinstance(one, When | Section) and has_jumps(one.body)) for one in statements)

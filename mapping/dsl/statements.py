"""The statements of the mapping language, and the plan that they write while a mapping is evaluated."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from mapping.dsl.expressions import Expression
from mapping.dsl.values import Boolean, Plain, Value, as_value, describe

__all__ = ["exit_", "map_", "not_", "section", "stop", "when"]


@dataclass(frozen=True, slots=True)
class Assign:
    """A rule: write a value into a field if it is present."""

    line: int
    value: Expression
    field: str


@dataclass(frozen=True, slots=True)
class When:
    """A block that runs if the condition holds."""

    line: int
    condition: Expression
    body: "list[Statement]"


@dataclass(frozen=True, slots=True)
class Section:
    """A block that exit_() leaves."""

    line: int
    body: "list[Statement]"


@dataclass(frozen=True, slots=True)
class Exit:
    """A jump out of the innermost section."""

    line: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of the mapping for this event."""

    line: int


Statement: TypeAlias = Assign | When | Section | Exit | Stop


@dataclass(slots=True)
class Plan:
    """The statements of a mapping in order, and its faults: (line, text)."""

    name: str
    statements: list[Statement] = field(default_factory=list)
    unreachable: list[Statement] = field(default_factory=list)  # statements in faulty blocks: checked, never run
    faults: list[tuple[int, str]] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)  # texts in faulty statements, which may be names of fields


class _Recording:
    """The plan that is being written, and its open blocks."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.blocks = [plan.statements]
        self.unfinished: dict[Mapped | Block, int] = {}  # with the line

    def add(self, statement: Statement) -> None:
        self.blocks[-1].append(statement)

    def line(self) -> int:
        """Return the line of the mapping that is running."""
        frame = sys._getframe(1)  # unlike `inspect`, this reads no source files
        while frame.f_back is not None and frame.f_code.co_filename != self.plan.name:
            frame = frame.f_back
        return frame.f_lineno


_recordings: list[_Recording] = []


@contextmanager
def recording(plan: Plan) -> Iterator[None]:
    """Record the statements that run within this context in a plan."""
    current = _Recording(plan)
    _recordings.append(current)
    try:
        yield
    finally:
        _recordings.pop()
        plan.faults.extend((line, one.unfinished) for one, line in current.unfinished.items())


def _current() -> _Recording:
    if not _recordings:
        raise RuntimeError("a mapping cannot be imported; the collector evaluates it")
    return _recordings[-1]


class Mapped:
    """A rule that still needs its field: .onto(...)."""

    unfinished = 'map_(...) has no field: add .onto("field")'

    def __init__(self, value: Value | Plain) -> None:
        self._recording = _current()
        self._line = self._recording.line()
        self._value = as_value(value)
        self._recording.unfinished[self] = self._line

    def onto(self, name: str) -> None:
        """Write the value into this field of the record if it is present."""
        self._recording.unfinished.pop(self, None)
        if not isinstance(name, str):
            raise TypeError(f"onto takes the name of a field as a text, not {describe(name)}")
        self._recording.add(Assign(self._line, self._value.expression, name))


class Block:
    """A block of statements after `with`."""

    unfinished = "a block needs `with` and a colon: with when(...):"

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


class UnreachableBlock:
    """A block whose own line is faulty. Its statements are checked, but never run."""

    def __enter__(self) -> None:
        current = _current()
        current.blocks.append(current.plan.unreachable)

    def __exit__(self, *_: object) -> None:
        _current().blocks.pop()


def map_(value: Value | Plain) -> Mapped:
    """Begin a rule; .onto("field") completes it."""
    return Mapped(value)


def when(condition: Boolean) -> Block:
    """Limit the statements of a block to events that meet the condition."""
    if not isinstance(condition, Boolean):
        raise TypeError(f"when takes a condition, not {describe(condition)}; use equal_to(...), is_present() or is_absent()")
    return Block(condition.expression)


def section() -> Block:
    """Group statements that exit_() can leave."""
    return Block(None)


def exit_() -> None:
    """Leave the innermost section; without a section, the mapping."""
    _current().add(Exit(_current().line()))


def stop() -> None:
    """End the mapping for this event; values that were written stay."""
    _current().add(Stop(_current().line()))


def not_(condition: Boolean) -> Boolean:
    """Negate a condition."""
    if not isinstance(condition, Boolean):
        raise TypeError(f"not_ takes a condition, not {describe(condition)}")
    return condition.negate()


def assignments(statements: list[Statement], conditions: tuple[Expression, ...] = ()) -> Iterator[tuple[Assign, tuple[Expression, ...]]]:
    """Yield every assignment with the conditions around it."""
    for statement in statements:
        if isinstance(statement, Assign):
            yield statement, conditions
        elif isinstance(statement, When):
            yield from assignments(statement.body, (*conditions, statement.condition))
        elif isinstance(statement, Section):
            yield from assignments(statement.body, conditions)


def has_jumps(statements: list[Statement]) -> bool:
    """Return whether stop() or exit_() can skip a statement."""
    return any(isinstance(one, Stop | Exit) or (isinstance(one, When | Section) and has_jumps(one.body)) for one in statements)

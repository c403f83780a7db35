"""From the rules of a mapping to lines of Python."""

from collections import Counter
from collections.abc import Collection, Sequence

from mapping.compilation.code_writer import CodeWriter
from mapping.compilation.specialization import specialize_expression
from mapping.compilation.targets import Target
from mapping.dsl.expressions import HANDLES_ABSENT, Call, Expression, Input, expressions_in
from mapping.dsl.inputs import ACCESSES
from mapping.dsl.statements import Assign, Exit, Section, Statement, Stop, When, assignments, has_jumps
from mapping.operations.registry import RANGED


class RuleWriter:
    """A writer of the rules of one mapping, specialized to an event kind."""

    def __init__(self, statements: list[Statement], targets: Sequence[Target], kind: str, *, has_ranges: bool) -> None:
        self._statements, self._targets, self._kind, self._has_ranges = statements, targets, kind, has_ranges
        self._by_name = {target.name: target for target in targets}
        self._uses = Counter(
            part
            for assign, conditions in assignments(statements)
            for expression in (self._value(assign), *conditions)
            for part in expressions_in(expression)
        )
        self._has_jumps = has_jumps(statements)
        rules = () if self._has_jumps else (one for one in statements if isinstance(one, Assign))
        self._always_set = {rule.field for rule in rules if self._value(rule).never_null}

    def write(self, code: CodeWriter, fields: Collection[str]) -> None:
        """Write the rules for some fields: first their values without a rule, then the rules in order."""
        for target in self._targets:
            if target.name in fields and target.name not in self._always_set and target.unset is not None:
                code.emit(f"f_{target.name} = {target.unset!r}")
        if self._has_jumps:
            code.emit("stopped = False")
            self._loop_once(code, self._statements, fields)
        else:
            self._block(code, self._statements, fields)

    def _block(self, code: CodeWriter, statements: Sequence[Statement], fields: Collection[str]) -> None:
        for statement in statements:
            match statement:
                case Assign():
                    if statement.field in fields:
                        self._assign(code, statement)
                case When():
                    if has_jumps([statement]) or any(assign.field in fields for assign, _ in assignments(statement.body)):
                        with code.block(f"if {code.variable(statement.condition)}:"):
                            code.emit("pass")
                            self._block(code, statement.body, fields)
                case Section():
                    self._section(code, statement, fields)
                case Stop():
                    code.emit("stopped = True")
                    code.emit("break")
                case Exit():
                    code.emit("break")

    def _section(self, code: CodeWriter, section: Section, fields: Collection[str]) -> None:
        if has_jumps(section.body):
            self._loop_once(code, section.body, fields)
            code.emit("if stopped: break")
        else:
            self._block(code, section.body, fields)

    def _loop_once(self, code: CodeWriter, statements: Sequence[Statement], fields: Collection[str]) -> None:
        """Write statements as a loop that runs once. `exit_()` breaks it, and `stop()` also breaks the loops around it."""
        with code.block("while True:"):
            self._block(code, statements, fields)
            code.emit("break")

    def _assign(self, code: CodeWriter, assign: Assign) -> None:
        code.field = assign.field
        value = self._value(assign)
        target = self._by_name[assign.field]
        with code.present(self._origin(value)):  # most events lack it, and then one test is enough
            if isinstance(value, Call) and value.operation in RANGED and self._uses[value] == 1:
                code.assign_in_range(target, value)
                return
            with code.present(value) as variable:
                code.emit(f"f_{target.name} = {target.encoder(value, variable)}")

    def _value(self, assign: Assign) -> Expression:
        """Return the value of a rule, converted to the type of its field."""
        has_text = "parameters_text" in ACCESSES[self._kind]
        value = self._by_name[assign.field].converted(assign.value, has_parameters_text=has_text, has_ranges=self._has_ranges)
        return specialize_expression(value, self._kind, has_ranges=self._has_ranges)

    def _origin(self, value: Expression) -> Expression:
        """Return the expression that alone decides whether a value is absent: the value itself, or one that only it uses."""
        while isinstance(value, Call) and value.operation not in HANDLES_ABSENT and self._uses[value] == 1:
            first, *others = value.arguments
            if not isinstance(first, Input | Call) or any(isinstance(other, Input | Call) for other in others):
                break
            value = first
        return value

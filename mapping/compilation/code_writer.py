"""Lines of Python for the generated functions, and the variables that hold values in each block."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from mapping import avro
from mapping.compilation.targets import WHOLE, Target
from mapping.dsl.expressions import Call, Expression, Input, Literal, inputs_of
from mapping.dsl.input_specs import Access
from mapping.operations.registry import INLINE, RANGED

Tables: TypeAlias = dict[str, Mapping[int, bytes]]  # by their variables in the code


class CodeWriter:
    """The body of one generated function. Each value is computed once per block and kept in a variable."""

    def __init__(self, accesses: Mapping[str, Access], tables: Tables, parameters: Mapping[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.finds_implausible = False  # whether a number can be out of its range
        self.field = ""  # the field of the current rule
        self._accesses, self._tables = accesses, tables
        self._parameters = parameters or {}  # inputs that are parameters of this function
        self._indent = 1
        self._scopes: list[dict[Expression, str]] = [{}]  # of the open blocks
        self._present: set[str] = set()  # the variables that open blocks have tested for None
        self._count = 0

    def emit(self, line: str) -> None:
        self.lines.append("    " * self._indent + line)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Write a block. Its variables are forgotten afterwards, because it may not run."""
        self.emit(header)
        self._indent += 1
        self._scopes.append({})
        yield
        self._indent -= 1
        self._scopes.pop()

    @contextmanager
    def present(self, value: Expression) -> Iterator[str]:
        """Write a block for events that have a value, and return its variable; without a test if the value cannot be absent here."""
        variable = self.variable(value)
        if value.never_null or variable in self._present:
            yield variable
            return
        with self.block(f"if {variable} is not None:"):
            self._present.add(variable)
            yield variable
            self._present.remove(variable)

    def variable(self, expression: Expression) -> str:
        """Return the variable of a value; write its computation unless an open block has done it."""
        if isinstance(expression, Literal):
            return repr(expression.value)
        for scope in self._scopes:
            if expression in scope:
                return scope[expression]
        source = self._input(expression.name) if isinstance(expression, Input) else self._call(expression)
        if source.isidentifier():
            return source
        self._count += 1
        variable = f"v{self._count}"
        self.emit(f"{variable} = {source}")
        if isinstance(expression, Call) and expression.operation in RANGED:
            self._check_range(expression, variable)
        if "is_implausible" not in inputs_of(expression):  # which changes from rule to rule
            self._scopes[-1][expression] = variable
        return variable

    def assign_in_range(self, target: Target, call: Call) -> None:
        """Write a number into its field if it is in its range. Most whole numbers are in a table, which needs no comparison."""
        number, low, high, field, is_whole = call.arguments
        assert isinstance(number, Input | Call)  # a literal has no range
        self.finds_implausible = True
        with self.present(number) as variable:
            test = "if"
            if is_whole and target.kind in WHOLE:
                table = f"small_{target.name}_{len(self._tables)}"  # rules for one field may have different ranges
                self._tables[table] = avro.encoded_integers(target.branch, low, high)
                self.emit(f"encoded = {table}.get({variable})")
                self.emit(f"if encoded is not None: f_{target.name} = encoded")
                test = "elif"
            self.emit(f"{test} {low!r} <= {variable} <= {high!r}:")
            if is_whole:
                self.emit(f"    whole = int({variable})")
            self.emit(f"    f_{target.name} = {target.encoder(call, 'whole' if is_whole else variable)}")
            self.emit(f"else: is_implausible = True; implausible += ({field or target.name!r},)")

    def _check_range(self, call: Call, variable: str) -> None:
        """Set a number that is out of its range to None."""
        _, low, high, field, is_whole = call.arguments
        self.finds_implausible = True
        self.emit(f"if {variable} is not None:")
        self.emit(f"    if not {low!r} <= {variable} <= {high!r}:")
        self.emit(f"        {variable} = None; is_implausible = True; implausible += ({field or self.field!r},)")
        if is_whole:
            self.emit(f"    elif {variable}.__class__ is not int: {variable} = int({variable})")

    def _input(self, name: str) -> str:
        return self._accesses[name].code(self._parameters.get(name, ""))

    def _call(self, call: Call) -> str:
        if call.operation in RANGED:  # a variable of its own: the number may be in the range of another field
            return f"({self._argument(call.arguments[0])})"
        names = [self._argument(argument) for argument in call.arguments]
        if call.operation in INLINE:
            return INLINE[call.operation].format(*names)
        code = f"{call.operation}({', '.join(names)})"
        first = call.arguments[0]
        never_null = not isinstance(first, Input | Call) or first.never_null or names[0] in self._present
        return code if never_null else f"None if {names[0]} is None else {code}"

    def _argument(self, argument: object) -> str:
        if isinstance(argument, Input | Literal | Call):
            return self.variable(argument)
        return ", ".join(map(repr, argument)) if isinstance(argument, tuple) else repr(argument)

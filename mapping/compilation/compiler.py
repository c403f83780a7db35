"""Turns a checked mapping into one Python function that goes from an event to the bytes of a message.

What depends on one text that repeats (an address, an agent) is worked out once for that text and kept as ready-made bytes;
the rest is straight-line code in the mapping's own order.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from mapping import avro
from mapping.compilation.specialization import specialize, specialize_expression
from mapping.compilation.targets import WHOLE, Target, targets
from mapping.dsl.expressions import ANSWERS_ABSENT, Call, Expression, Input, Literal, expressions_in, inputs_of, operations_of
from mapping.dsl.input_specs import ARGUMENTS, Access
from mapping.dsl.inputs import ACCESSES
from mapping.dsl.statements import Assign, Exit, Plan, Section, Statement, Stop, When, assignments, has_jumps
from mapping.operations.registry import CHANGING, INLINE, RANGED, Functions

Encoder: TypeAlias = Callable[..., bytes]
Report: TypeAlias = Callable[[Sequence[str]], object]  # hears of the numbers of an event that were out of their range, by field


class Code:
    """Lines of Python, with a memory of which variable holds which value in the blocks that are open."""

    def __init__(self, accesses: Mapping[str, Access], places: Mapping[str, str] | None = None, *, has_ranges: bool) -> None:
        self.lines: list[str] = []
        self.finds_implausible = False  # whether a number can turn out to be out of its range
        self.small_numbers: dict[str, Mapping[int, bytes]] = {}  # tables that the code looks numbers up in
        self.field = ""  # which the rule fills
        self._accesses, self._has_ranges = accesses, has_ranges
        self._places = places or {}  # variables that hold what a fact is made of
        self._indent = 1
        self._scopes: list[dict[Expression, str]] = [{}]
        self._present = [""]  # the variables of which open blocks know that they hold a value
        self._count = 0

    def emit(self, line: str) -> None:
        self.lines.append("    " * self._indent + line)

    def open(self, line: str, present: str = "") -> None:
        """Begin a block in which a variable may be present; what is worked out in it is forgotten after it, since it may not have run."""
        self.emit(line)
        self._indent += 1
        self._scopes.append({})
        self._present.append(present)

    def close(self) -> None:
        self._indent -= 1
        self._scopes.pop()
        self._present.pop()

    def guard(self, value: Expression, name: str) -> str:
        """Return the test that a statement needs before it uses the variable of a value; empty if it surely holds one."""
        return "" if value.never_null or name in self._present else f"if {name} is not None: "

    def name_of(self, expression: Expression) -> str:
        """Give the variable that holds a value, working it out if no open block has it yet."""
        if isinstance(expression, Literal):
            return repr(expression.value)
        if isinstance(expression, Call) and expression.operation == "plausible" and not self._has_ranges:
            number, *_, is_whole = expression.arguments
            return self._argument(Call("whole", (number,), expression.type) if is_whole else number)
        for scope in self._scopes:
            if expression in scope:
                return scope[expression]
        source = self._fact(expression.name) if isinstance(expression, Input) else self._call(expression)
        if source.isidentifier():
            return source
        self._count += 1
        name = f"v{self._count}"
        self.emit(f"{name} = {source}")
        if isinstance(expression, Call) and expression.operation in RANGED:
            self._hold_to_range(expression, name)
        self._scopes[-1][expression] = name
        return name

    def _fact(self, name: str) -> str:
        return self._accesses[name].code(self._places.get(name, ""))

    def _call(self, call: Call) -> str:
        if call.operation in RANGED:  # in a variable of its own: out of this range, and perhaps not out of another
            number = call.arguments[0]
            return self._fact(number.name) if isinstance(number, Input) else f"({self._argument(number)})"
        names = [self._argument(argument) for argument in call.arguments]
        if call.operation in INLINE:
            return INLINE[call.operation].format(*names)
        code = f"{call.operation}({', '.join(names)})"
        first = call.arguments[0]
        never_null = not isinstance(first, Input | Call) or first.never_null or names[0] in self._present
        return code if never_null else f"None if {names[0]} is None else {code}"

    def _hold_to_range(self, call: Call, name: str) -> None:
        """Write what makes a number absent that is out of its range, and whole if it is to be."""
        _, low, high, field, is_whole = call.arguments
        self.finds_implausible = True
        self.emit(f"if {name} is not None:")
        self.emit(f"    if not {low!r} <= {name} <= {high!r}:")
        self.emit(f"        {name} = None; is_implausible = True; implausible += ({field or self.field!r},)")
        if is_whole:
            self.emit(f"    elif {name}.__class__ is not int: {name} = int({name})")

    def assign_in_range(self, target: Target, call: Call) -> None:
        """Write a number into its field if it is in its range; most whole ones are looked up, which needs no comparison."""
        number, low, high, field, is_whole = call.arguments
        assert isinstance(number, Input | Call)  # a literal has no range
        name = self.name_of(number)
        if guard := self.guard(number, name):
            self.open(guard.rstrip())
        self.finds_implausible = True
        test = "if"
        if is_whole and target.kind in WHOLE:
            self.small_numbers[f"small_{target.name}"] = avro.encoded_integers(target.branch, low, high)
            self.emit(f"encoded = small_{target.name}.get({name})")
            self.emit(f"if encoded is not None: f_{target.name} = encoded")
            test = "elif"
        self.emit(f"{test} {low!r} <= {name} <= {high!r}:")
        if is_whole:
            self.emit(f"    whole = int({name})")
        self.emit(f"    f_{target.name} = {target.encoder(call, 'whole' if is_whole else name)}")
        self.emit(f"else: is_implausible = True; implausible += ({field or target.name!r},)")
        if guard:
            self.close()

    def _argument(self, argument: object) -> str:
        if isinstance(argument, Input | Literal | Call):
            return self.name_of(argument)
        return ", ".join(map(repr, argument)) if isinstance(argument, tuple) else repr(argument)


class Compiler:
    """Writes the source of one mapping for events of one kind."""

    def __init__(self, plan: Plan, schema: Mapping[str, Any], kind: str, *, is_strict: bool) -> None:
        self._kind, self._accesses = kind, ACCESSES[kind]
        self._has_ranges = not is_strict or kind == "tracker"  # Divolte's forms have none, to the letter
        self._statements = specialize(plan.statements, kind)
        self.targets = list(targets(schema, is_strict=is_strict))
        self._by_name = {target.name: target for target in self.targets}
        self._assigned = {assign.field for assign, _ in assignments(self._statements)}
        self._uses = Counter(
            part
            for assign, conditions in assignments(self._statements)
            for expression in (self._value(assign), *conditions)
            for part in expressions_in(expression)
        )
        self.small_numbers: dict[str, Mapping[int, bytes]] = {}
        self._implausible: set[str] = set()  # the repeated texts that may be numbers out of their range
        self._groups = {} if has_jumps(self._statements) else self._find_groups()

    def _find_groups(self) -> dict[str, str]:
        """Say which fields depend on nothing but one repeated text."""
        needs: dict[str, set[str]] = {}
        changing: set[str] = set()
        for assign, conditions in assignments(self._statements):
            for expression in (assign.value, *conditions):
                needs.setdefault(assign.field, set()).update(inputs_of(expression))
                if not CHANGING.isdisjoint(operations_of(expression)):
                    changing.add(assign.field)
        only = {field: next(iter(inputs)) for field, inputs in needs.items() if len(inputs) == 1 and field not in changing}
        return {field: name for field, name in only.items() if self._accesses[name].is_cached}

    def source(self) -> str:
        """Give the source: a function for each repeated text, and `encode`."""
        functions = [self._group_function(name) for name in dict.fromkeys(self._groups.values())]
        return "\n\n".join([*functions, self._encode_function()]) + "\n"

    def may_be_implausible(self, name: str) -> bool:
        """Whether numbers that follow from a repeated text can be out of their range."""
        return name in self._implausible

    def repeated_texts(self) -> list[str]:
        """Name the repeated texts that have a function of their own."""
        return list(dict.fromkeys(self._groups.values()))

    def _segments(self, name: str) -> list[list[Target]]:
        """Give the fields of one repeated text in runs that stand together in the record."""
        runs: list[list[Target]] = []
        previous = ""
        for target in self.targets:
            group = self._groups.get(target.name, "")
            if group == name:
                if previous == name:
                    runs[-1].append(target)
                else:
                    runs.append([target])
            previous = group
        return runs

    def _group_function(self, name: str) -> str:
        code = Code(self._accesses, {name: name}, has_ranges=self._has_ranges)
        fields = {field for field, group in self._groups.items() if group == name}
        self._body(code, self._statements, fields)
        results = [" + ".join(f"f_{target.name}" for target in run) for run in self._segments(name)]
        if code.finds_implausible:
            self._implausible.add(name)
            code.lines.insert(0, "    implausible = ()")
        self.small_numbers |= code.small_numbers
        made = results[0] if len(results) == 1 else f"({', '.join(results)})"
        code.emit(f"return {made}, implausible" if name in self._implausible else f"return {made}")
        return f"def make_{name}({name}):\n" + "\n".join(code.lines)

    def _encode_function(self) -> str:
        code = Code(self._accesses, has_ranges=self._has_ranges)
        code.emit("is_implausible = False; implausible = ()")
        rest = self._assigned - self._groups.keys()
        for name in self.repeated_texts():
            self._look_up(code, name)
        self._body(code, self._statements, rest)
        if code.finds_implausible or self._implausible:
            code.emit("if is_implausible: report(implausible)")
        code.emit(f"return join(({', '.join(['prefix', *self._parts()])},))")
        self.small_numbers |= code.small_numbers
        return f"def encode({', '.join(ARGUMENTS)}):\n" + "\n".join(code.lines)

    def _look_up(self, code: Code, name: str) -> None:
        parts = [f"s_{name}_{number}" for number in range(len(self._segments(name)))]
        key = self._accesses[name].expression
        found = parts[0] if len(parts) == 1 else f"s_{name}"
        code.emit(f"{found} = known_{name}({key})")
        code.emit(f"if {found} is None:")
        if name in self._implausible:
            code.emit(f"    {found}, found = new_{name}({key})")
            code.emit("    if found: is_implausible = True; implausible += found")
        else:
            code.emit(f"    {found} = new_{name}({key})")
        if len(parts) > 1:
            code.emit(f"{', '.join(parts)} = {found}")

    def _parts(self) -> list[str]:
        """Give the variables and constants that make a message, in order."""
        parts: list[str] = []
        constant = b""
        seen: dict[str, int] = {}
        previous = ""
        for target in self.targets:
            group = self._groups.get(target.name, "")
            if target.name not in self._assigned and target.unset is not None:
                constant += target.unset
            elif not group or group != previous:
                parts += [repr(constant)] if constant else []
                constant = b""
                parts.append(f"s_{group}_{seen.get(group, 0)}" if group else f"f_{target.name}")
                seen[group] = seen.get(group, 0) + 1
            previous = group
        return [*parts, repr(constant)] if constant else parts

    def _body(self, code: Code, statements: list[Statement], fields: set[str]) -> None:
        always: set[str] = set()
        if not has_jumps(statements):
            always = {one.field for one in statements if isinstance(one, Assign) and one.value.never_null}
        for target in self.targets:
            if target.name in fields - always and target.unset is not None:
                code.emit(f"f_{target.name} = {target.unset!r}")
        if has_jumps(statements):
            code.emit("stopped = False")
            code.open("while True:")
            self._block(code, statements, fields)
            code.emit("break")
            code.close()
        else:
            self._block(code, statements, fields)

    def _block(self, code: Code, statements: list[Statement], fields: set[str]) -> None:
        for statement in statements:
            match statement:
                case Assign():
                    if statement.field in fields:
                        self._assign(code, statement)
                case When():
                    if has_jumps([statement]) or any(assign.field in fields for assign, _ in assignments(statement.body)):
                        code.open(f"if {code.name_of(statement.condition)}:")
                        code.emit("pass")
                        self._block(code, statement.body, fields)
                        code.close()
                case Section():
                    self._section(code, statement, fields)
                case Stop():
                    code.emit("stopped = True")
                    code.emit("break")
                case Exit():
                    code.emit("break")

    def _section(self, code: Code, section: Section, fields: set[str]) -> None:
        """Write a section as a loop that runs once: leaving it is `break`, and stop() breaks the loops around it too."""
        if not has_jumps(section.body):
            self._block(code, section.body, fields)
            return
        code.open("while True:")
        self._block(code, section.body, fields)
        code.emit("break")
        code.close()
        code.emit("if stopped: break")

    def _value(self, assign: Assign) -> Expression:
        """Return the value of a rule, converted to the type of its field."""
        has_text = "parameters_text" in self._accesses
        value = self._by_name[assign.field].converted(assign.value, has_parameters_text=has_text, has_ranges=self._has_ranges)
        return specialize_expression(value, self._kind)

    def _assign(self, code: Code, assign: Assign) -> None:
        target = self._by_name[assign.field]
        code.field = assign.field
        value = self._value(assign)
        origin = self._origin(value)
        if origin is not None:  # most events lack it, and then one test is enough
            name = code.name_of(origin)
            code.open(f"if {name} is not None:", name)
        if isinstance(value, Call) and value.operation in RANGED and self._has_range(value) and self._uses[value] == 1:
            code.assign_in_range(target, value)
        else:
            name = code.name_of(value)
            code.emit(f"{code.guard(value, name)}f_{target.name} = {target.encoder(value, name)}")
        if origin is not None:
            code.close()

    def _has_range(self, value: Call) -> bool:
        return isinstance(value.arguments[0], Input | Call) and (self._has_ranges or value.operation != "plausible")

    def _origin(self, value: Expression) -> Expression | None:
        """Return what a value follows from by steps that nothing else needs, and that answer nothing where it is absent; None without."""
        origin = value
        while isinstance(origin, Call) and origin.operation not in ANSWERS_ABSENT and self._uses[origin] == 1:
            first, *others = origin.arguments
            if not isinstance(first, Input | Call) or any(isinstance(other, Input | Call) for other in others):
                break
            origin = first
        return None if origin is value or origin.never_null else origin


def compile_mapping(
    plan: Plan, schema: Mapping[str, Any], kind: str, functions: Functions, prefix: bytes, report: Report, *, is_strict: bool = False
) -> Encoder:
    """Compile a mapping that has no faults, for events of one kind; `prefix` is what every message begins with."""
    compiler = Compiler(plan, schema, kind, is_strict=is_strict)
    namespace: dict[str, Any] = {
        **functions,
        **{target.json_operation: target.encode_json for target in compiler.targets},
        "join": b"".join,
        "prefix": prefix,
        "report": report,
        "INTEGERS": avro.INTEGERS,
        "varint": avro.varint,
        "instant": avro.Instants().encode,
        "pack_double": avro.pack_double,
        "pack_float": avro.pack_float,
        "text": avro.text,
        "octets": avro.octets,
    }
    source = compiler.source()
    namespace |= compiler.small_numbers
    exec(compile(source, f"<generated from {plan.name}>", "exec"), namespace)  # noqa: S102 - the source is ours, from the operator's own mapping
    for name in compiler.repeated_texts():
        make = namespace[f"make_{name}"]
        cache = avro.BoundedCache[Any, Any](make)
        namespace[f"known_{name}"] = cache.entries.get
        namespace[f"new_{name}"] = partial(_compute, make, cache) if compiler.may_be_implausible(name) else cache.compute
    encode: Encoder = namespace["encode"]
    return encode


def _compute(function: Callable[[Any], Any], cache: avro.BoundedCache[Any, Any], text: Any) -> tuple[Any, Sequence[str]]:
    """Return the result of a text and the fields whose numbers were out of range; cache the result if there are none."""
    result, implausible = function(text)
    if not implausible:
        cache.store(text, result)
    return result, implausible

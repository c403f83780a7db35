"""From a checked mapping to one Python function that encodes an event as the bytes of a message.

Fields that depend on nothing but one cached input, such as a URL or a user agent, get a function of their own: `make_NAME`. Its result is
cached by the text of the input. The rest is straight-line code in the order of the mapping: `encode`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias

from mapping import avro
from mapping.compilation.code_writer import CodeWriter, Tables
from mapping.compilation.rule_writer import RuleWriter
from mapping.compilation.specialization import specialize
from mapping.compilation.targets import Target, targets
from mapping.dsl.expressions import inputs_of, operations_of
from mapping.dsl.input_specs import ARGUMENTS, Access
from mapping.dsl.inputs import ACCESSES
from mapping.dsl.statements import Plan, Statement, assignments, has_jumps
from mapping.operations.registry import CHANGING, Functions

Encoder: TypeAlias = Callable[..., bytes]
Report: TypeAlias = Callable[[Sequence[str]], object]  # takes the fields of an event whose numbers were out of range


class Compiler:
    """A generator of the source of one mapping for one kind of event."""

    def __init__(self, plan: Plan, schema: Mapping[str, Any], kind: str, *, is_strict: bool) -> None:
        self.targets = list(targets(schema, is_strict=is_strict))
        self.tables: Tables = {}  # filled by `source`
        self._accesses = ACCESSES[kind]
        has_ranges = not is_strict or kind == "tracker"  # Divolte has none
        statements = specialize(plan.statements, kind, has_ranges=has_ranges)
        self._rules = RuleWriter(statements, self.targets, kind, has_ranges=has_ranges)
        self._assigned = {assign.field for assign, _ in assignments(statements)}
        self._groups = _fields_of_cached_inputs(statements, self._accesses)
        self.cached_inputs = list(dict.fromkeys(self._groups.values()))
        self._implausible: set[str] = set()  # cached inputs with numbers that can be out of their range

    def source(self) -> str:
        """Return the source: a function for each cached input, and `encode`."""
        functions = [self._group_function(name) for name in self.cached_inputs]
        return "\n\n".join([*functions, self._encode_function()]) + "\n"

    def may_be_implausible(self, name: str) -> bool:
        """Whether numbers that depend on a cached input can be out of their range."""
        return name in self._implausible

    def _group_function(self, name: str) -> str:
        code = CodeWriter(self._accesses, self.tables, {name: name})
        self._rules.write(code, {field for field, group in self._groups.items() if group == name})
        results = [" + ".join(f"f_{target.name}" for target in run) for run in self._runs(name)]
        if code.finds_implausible:
            self._implausible.add(name)
            code.lines.insert(0, "    implausible = ()")
        result = results[0] if len(results) == 1 else f"({', '.join(results)})"
        code.emit(f"return {result}, implausible" if name in self._implausible else f"return {result}")
        return f"def make_{name}({name}):\n" + "\n".join(code.lines)

    def _encode_function(self) -> str:
        code = CodeWriter(self._accesses, self.tables)
        code.emit("is_implausible = False; implausible = ()")
        for name in self.cached_inputs:
            self._look_up(code, name)
        self._rules.write(code, self._assigned - self._groups.keys())
        if code.finds_implausible or self._implausible:
            code.emit("if is_implausible: report(implausible)")
        code.emit(f"return join(({', '.join(['prefix', *self._parts()])},))")
        return f"def encode({', '.join(ARGUMENTS)}):\n" + "\n".join(code.lines)

    def _look_up(self, code: CodeWriter, name: str) -> None:
        """Write the lookup of a cached input: one variable for each run of its fields."""
        parts = [f"s_{name}_{number}" for number, _ in enumerate(self._runs(name))]
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

    def _group(self, target: Target) -> str:
        """Return the cached input of a field; empty without one."""
        return self._groups.get(target.name, "")

    def _runs(self, name: str) -> Iterator[list[Target]]:
        """Yield the fields of a cached input in runs that are adjacent in the record."""
        return (list(run) for group, run in groupby(self.targets, self._group) if group == name)

    def _parts(self) -> list[str]:
        """Return the variables and constants that make a message, in order."""
        parts: list[str] = []
        constant = b""
        seen: dict[str, int] = {}
        previous = ""
        for target in self.targets:
            group = self._group(target)
            if target.name not in self._assigned and target.unset is not None:
                constant += target.unset
            elif not group or group != previous:
                parts += [repr(constant)] if constant else []
                constant = b""
                parts.append(f"s_{group}_{seen.get(group, 0)}" if group else f"f_{target.name}")
                seen[group] = seen.get(group, 0) + 1
            previous = group
        return [*parts, repr(constant)] if constant else parts


def _fields_of_cached_inputs(statements: list[Statement], accesses: Mapping[str, Access]) -> dict[str, str]:
    """Return the fields that depend on nothing but one cached input, with that input."""
    if has_jumps(statements):
        return {}
    needs: dict[str, set[str]] = {}
    changing: set[str] = set()
    for assign, conditions in assignments(statements):
        for expression in (assign.value, *conditions):
            needs.setdefault(assign.field, set()).update(inputs_of(expression))
            if not CHANGING.isdisjoint(operations_of(expression)):
                changing.add(assign.field)
    only = {field: next(iter(inputs)) for field, inputs in needs.items() if len(inputs) == 1 and field not in changing}
    return {field: name for field, name in only.items() if accesses[name].is_cached}


def compile_mapping(
    plan: Plan, schema: Mapping[str, Any], kind: str, functions: Functions, prefix: bytes, report: Report, *, is_strict: bool = False
) -> Encoder:
    """Compile a mapping without errors for one kind of event; `prefix` is the prefix of every message."""
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
    namespace |= compiler.tables
    exec(compile(source, f"<generated from {plan.name}>", "exec"), namespace)  # noqa: S102 - the source is ours, from the operator's own mapping
    for name in compiler.cached_inputs:
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

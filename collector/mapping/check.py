"""Compares a mapping with a schema, all of it, before a port opens."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from collector.mapping.expressions import Expression, Type
from collector.mapping.statements import Plan, assignments, has_jumps
from collector.mapping.targets import Target, targets


def faults(plan: Plan, schema: Mapping[str, Any]) -> list[str]:
    """Name everything that does not fit, one line each, with the place in the mapping."""
    fields = {target.name: target for target in targets(schema)}
    placed = [*plan.faults, *_assignment_faults(plan, fields)]
    lines = [f"{plan.name}:{line}: {text}" for line, text in sorted(placed)]
    return lines if plan.faults else lines + [f"{plan.name}: {text}" for text in _unset_faults(plan, fields)]


def _assignment_faults(plan: Plan, fields: Mapping[str, Target]) -> Iterator[tuple[int, str]]:
    for assign, _ in assignments(plan.statements):
        target = fields.get(assign.field)
        if target is None:
            yield assign.line, f"the schema has no field {assign.field!r}{_nearest(assign.field, fields)}"
        elif not target.fits(assign.value):
            yield assign.line, f"field {assign.field!r} takes {target.kind}, not {_described(assign.value)}"


def _unset_faults(plan: Plan, fields: Mapping[str, Target]) -> Iterator[str]:
    jumps = has_jumps(plan.statements)
    always = {
        assign.field for assign, conditions in assignments(plan.statements) if not conditions and assign.value.is_always and not jumps
    }
    for target in fields.values():
        if target.unset is None and target.name not in always:
            yield f"field {target.name!r} must have a value in every record: give it a default in the schema, or map what is always there"


def _nearest(name: str, fields: Mapping[str, Target]) -> str:
    near = get_close_matches(name, fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _described(value: Expression) -> str:
    if value.type in (Type.URI, Type.QUERY):
        return f"a {value.type.value}; map one of its parts, such as .path() or .value('name')"
    return str(value.type.value)

"""The check of a mapping against a schema, before any port opens."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from mapping.compilation.specialization import specialize
from mapping.compilation.targets import Target, targets
from mapping.dsl.expressions import Expression, Type
from mapping.dsl.statements import Plan, Statement, assignments, has_jumps
from mapping.dsl.values import with_article

_PARTS = {
    Type.URI: "map one of its parts, such as .path() or .query().value('name')",
    Type.QUERY: "map one of its values with .value('name'), or all onto a map of arrays of strings",
    Type.MATCHER: "map one of its groups, such as .group(1)",
    Type.TEXTS: "map one of them with .first() or .get(0), or all onto an array of strings",
    Type.BYTES: "map their text with .to_hex_lower()",
    Type.PLACE: "map one of its parts, such as .country_code()",
}
_CONVERSIONS = {
    "int": "to_int32",
    "long": "to_int64",
    "float": "to_fp32",
    "double": "to_fp64",
    "boolean": "to_bool",
}


def faults(plan: Plan, schema: Mapping[str, Any], kind: str = "tracker") -> list[str]:
    """Return everything that does not fit, one line each, with its line in the mapping."""
    fields = {target.name: target for target in targets(schema)}
    placed = sorted([*plan.faults, *_assignment_faults(plan, fields), *_unset_faults(plan, fields, kind)])
    unwritten = [f"{plan.name}: field {name!r} {_MUST}: no rule writes it; {_REMEDY}" for name in _unwritten(plan, fields)]
    return [f"{plan.name}:{line}: {text}" for line, text in placed] + unwritten


def _assignment_faults(plan: Plan, fields: Mapping[str, Target]) -> Iterator[tuple[int, str]]:
    for assign, _ in assignments([*plan.statements, *plan.unreachable]):
        target = fields.get(assign.field)
        if target is None:
            yield assign.line, f"the schema has no field {assign.field!r}{_nearest(assign.field, fields)}"
        elif not target.fits(assign.value):
            yield assign.line, f"field {assign.field!r} takes {target.kind}, not {_described(assign.value, target)}"


def _unset_faults(plan: Plan, fields: Mapping[str, Target], kind: str) -> Iterator[tuple[int, str]]:
    always_set = _always_set(specialize(plan.statements, kind))
    rules = {assign.field: assign for assign, _ in assignments(plan.statements)}
    for name, assign in rules.items():
        if _must_be_set(name, plan, fields) and name not in always_set and fields[name].fits(assign.value):
            yield assign.line, f"field {name!r} {_MUST}: this rule may not write one; {_REMEDY}"


def _unwritten(plan: Plan, fields: Mapping[str, Target]) -> list[str]:
    written = {assign.field for assign, _ in assignments(plan.statements)}
    return [name for name in fields if _must_be_set(name, plan, fields) and name not in written]


def _must_be_set(name: str, plan: Plan, fields: Mapping[str, Target]) -> bool:
    """Return whether a field has no default, and no faulty rule may have been for it."""
    return name in fields and fields[name].unset is None and name not in plan.doubtful


_MUST = "must have a value in every record"
_REMEDY = "give it a default in the schema, or map a constant onto it first"


def _always_set(statements: list[Statement]) -> set[str]:
    """Return the fields that always have a value."""
    before = next((number for number, one in enumerate(statements) if has_jumps([one])), len(statements))
    return {assign.field for assign, conditions in assignments(statements[:before]) if not conditions and assign.value.never_null}


def _nearest(name: str, fields: Mapping[str, Target]) -> str:
    near = get_close_matches(name, fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _described(value: Expression, target: Target) -> str:
    described = with_article(value.type)
    if value.type is Type.TEXT and target.kind in _CONVERSIONS:
        return f"{described}; convert it with parse(...).{_CONVERSIONS[target.kind]}()"
    return f"{described}; {_PARTS[value.type]}" if value.type in _PARTS else described

"""JSONPath with the semantics of Jayway's library, for which Divolte's mappings are written."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import sqrt
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jsonpath

from mapping.operations.filters import Environment
from mapping.operations.nulls import NULL
from mapping.operations.scalars import finite, json_floating

Step: TypeAlias = str | int | tuple[str, ...]
Path: TypeAlias = tuple[str | int | tuple[str, ...] | None, ...]

_STEP: Final = re.compile(r"""\.([^.\[\]'"*?@()\s]+)(?!\()|\[\s*(-?\d+)\s*\]|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\]""")
_NAMES: Final = re.compile(r"""\[\s*(?:'[^'\\]*'|"[^"\\]*")(?:\s*,\s*(?:'[^'\\]*'|"[^"\\]*"))+\s*\]""")
_FUNCTION: Final = re.compile(r"\.(length|min|max|avg|sum|stddev)\(\)\Z")
_NAME: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")

_ENVIRONMENT: Final = Environment()

# The first item of a path: whether it finds at most one value, or several.
DEFINITE: Final = "definite"
INDEFINITE: Final = "several"


def parse(path: object) -> Path:
    """Parse a path; raises ValueError with the reason if it is not valid."""
    if not isinstance(path, str):
        raise TypeError(f"path takes a JSONPath as a text, such as '$.items[0].sku', not {path!r}")
    if not path.startswith("$"):
        raise ValueError(f"not a valid JSONPath: {path!r}; it must begin with $, as in '$.items[0].sku'")
    function = _FUNCTION.search(path)
    base = path[: function.start()] if function else path
    name = function[1] if function else None
    steps = _definite(base)
    if steps is not None:
        return (DEFINITE, name, *steps)
    try:
        _compiled(base)
    except (jsonpath.JSONPathError, RecursionError, ValueError) as error:
        raise ValueError(
            f"not a valid JSONPath: {path!r}: {str(error).splitlines()[0]}; examples are '$.items[0].sku' and '$.items[*].sku'"
        ) from error
    return (INDEFINITE, name, base)


def _definite(path: str) -> list[Step] | None:
    """Return the steps of a path that finds at most one value; None for other paths."""
    steps: list[Step] = []
    at = 1
    while at < len(path):
        if step := _STEP.match(path, at):
            steps.append(int(step[2]) if step[2] else next(text for text in (step[1], step[3], step[4]) if text is not None))
        elif (step := _NAMES.match(path, at)) and step.end() == len(path):
            steps.append(tuple(first or second for first, second in _NAME.findall(step[0])))
        else:
            return None
        at = step.end()
    return steps


@cache
def _compiled(path: str) -> Any:
    return _ENVIRONMENT.compile(path)


def find(value: object, kind: str, function: str | None, *steps: Step) -> object:
    """Return the value at a path; None if there is none, NULL for a null."""
    found = _find_one(value, steps) if kind == DEFINITE else _find_all(value, str(steps[0]))
    if function is not None and found is not None:
        found = _FUNCTIONS[function](found)
    return found


def member(value: object, name: str) -> object:
    """Return the member of an object: the same as `find` with one step, which is the most common path."""
    if not isinstance(value, dict) or name not in value:
        return None
    found = value[name]
    return NULL if found is None else found


def _find_one(value: object, steps: tuple[Step, ...]) -> object:
    for step in steps:
        if isinstance(value, dict):
            if isinstance(step, tuple):
                value = {name: value[name] for name in step if name in value}
            elif step in value:
                value = value[step]
            else:
                return None
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return NULL if value is None else value


def _find_all(value: object, path: str) -> list[object]:
    try:
        found: list[object] = _compiled(path).findall(value)
    except (jsonpath.JSONPathError, TypeError, ValueError, ArithmeticError, RecursionError):
        return []  # the filter does not apply to such a value
    return found


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, list | dict) else None


def _of_numbers(function: Callable[[list[float]], float]) -> Callable[[object], float | None]:
    def compute(value: object) -> float | None:
        numbers = [json_floating(one) for one in value if not isinstance(one, str | list)] if isinstance(value, list) else []
        whole = [number for number in numbers if number is not None]
        return finite(function(whole)) if whole and isinstance(value, list) and len(whole) == len(value) else None

    return compute


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    mean = _mean(numbers)
    return sqrt(_mean([(number - mean) * (number - mean) for number in numbers]))


_FUNCTIONS: Final[Mapping[str, Callable[[object], object]]] = MappingProxyType(
    {
        "length": _length,
        "min": _of_numbers(min),
        "max": _of_numbers(max),
        "sum": _of_numbers(sum),
        "avg": _of_numbers(_mean),
        "stddev": _of_numbers(_deviation),
    }
)

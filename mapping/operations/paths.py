"""JSONPath as Jayway's library reads it, which Divolte's mappings are written for."""

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

# What a path tuple begins with says how it is walked.
DEFINITE: Final = "definite"
SEVERAL: Final = "several"


def read(path: object) -> Path:
    """Check a path and give it in a form to walk by; raises ValueError, saying why it is none."""
    if not isinstance(path, str):
        raise TypeError(f"path takes a JSONPath as a text, such as '$.items[0].sku', not {path!r}")
    if not path.startswith("$"):
        raise ValueError(f"{path!r} is no JSONPath: it begins with $, as in '$.items[0].sku'")
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
            f"{path!r} is no JSONPath: {str(error).splitlines()[0]}; right is e.g. '$.items[0].sku' or '$.items[*].sku'"
        ) from error
    return (SEVERAL, name, base)


def _definite(path: str) -> list[Step] | None:
    """Give the steps of a path that finds one thing at most, or nothing."""
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


def walk(value: object, how: str, function: str | None, *steps: Step) -> object:
    """Give what is at a path; None where there is nothing, NULL where there is a null."""
    found = _walked(value, steps) if how == DEFINITE else _all_found(value, str(steps[0]))
    if function is not None and found is not None:
        found = _FUNCTIONS[function](found)
    return found


def member(value: object, name: str) -> object:
    """Return what an object has by a name: the same as `walk` with this one step, which most paths have."""
    if not isinstance(value, dict) or name not in value:
        return None
    found = value[name]
    return NULL if found is None else found


def _walked(value: object, steps: tuple[Step, ...]) -> object:
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


def _all_found(value: object, path: str) -> list[object]:
    try:
        found: list[object] = _compiled(path).findall(value)
    except (jsonpath.JSONPathError, TypeError, ValueError, ArithmeticError, RecursionError):
        return []  # a filter that cannot be asked of such a value
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

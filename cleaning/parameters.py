"""Event parameters: their size limits, and the normal form in which they are stored."""

from collections.abc import Iterable

import msgspec

from cleaning.texts import UNWANTED

MAX_BYTES, MAX_DEPTH, MAX_KEYS = 8192, 8, 200

_CONTAINERS = frozenset((dict, list))
_encode = msgspec.json.Encoder().encode


def parameters_text(parameters: object) -> bytes:
    """Return the JSON text, without whitespace and duplicate keys."""
    return _encode(parameters)


def problem_of(parameters: object, text: bytes) -> str | None:
    """Return the problem with the size or nesting of parameters; None if there is none."""
    return size_problem(text) or nesting_problem(parameters)


def size_problem(text: bytes) -> str | None:
    """Return the problem with the size of parameters; None if there is none."""
    return f"parameters have {len(text)} bytes; at most {MAX_BYTES} are allowed" if len(text) > MAX_BYTES else None


def nesting_problem(parameters: object) -> str | None:
    """Return the problem with the nesting of parameters; None if there is none. Valid parameters can be walked recursively."""
    keys, depth = 0, 0
    level = [parameters] if type(parameters) in _CONTAINERS else []
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return f"parameters are nested deeper than {MAX_DEPTH}"
        outer, level = level, []
        for one in outer:
            values: Iterable[object] = ()
            if isinstance(one, dict):
                keys += len(one)
                values = one.values()
            elif isinstance(one, list):
                values = one
            level += [value for value in values if type(value) in _CONTAINERS]
    return f"parameters have {keys} keys; at most {MAX_KEYS} are allowed" if keys > MAX_KEYS else None


def has_nul(value: object) -> bool:
    """Whether a text in a JSON value contains NUL."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or has_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(has_nul(inner) for inner in value)


def cleaned(value: object) -> object:
    """Remove unwanted characters from all texts of a JSON value."""
    if isinstance(value, str):
        return UNWANTED.sub("", value)
    if isinstance(value, dict):
        return {UNWANTED.sub("", key): cleaned(inner) for key, inner in value.items()}
    return [cleaned(inner) for inner in value] if isinstance(value, list) else value

"""The page's own parameters of an event: how large they may be, and the one form in which they are kept."""

from collections.abc import Iterator

import msgspec

from collector.texts import CONTROL

MAX_BYTES, MAX_DEPTH, MAX_KEYS = 8192, 8, 200

_encode = msgspec.json.Encoder().encode


def parameters_text(parameters: object) -> bytes:
    """Give the JSON text: no blanks, each key once."""
    return _encode(parameters)


def problem_of(parameters: object, text: bytes) -> str | None:
    """Say what is too large about parameters; None if nothing is."""
    if len(text) > MAX_BYTES:
        return f"parameters have {len(text)} bytes; at most {MAX_BYTES} are taken"
    if not isinstance(parameters, dict):
        return nesting_problem(parameters)
    if len(parameters) > MAX_KEYS:
        return f"parameters have {len(parameters)} keys; at most {MAX_KEYS} are taken"
    for value in parameters.values():
        if isinstance(value, dict | list):
            return nesting_problem(parameters)
    return None


def nesting_problem(parameters: object) -> str | None:
    """Say what is too much about nested parameters, without recursion: what passes can be walked with it."""
    keys, depth = 0, 0
    level: list[object] = [parameters]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return f"parameters are nested deeper than {MAX_DEPTH}"
        keys += sum(len(one) for one in level if isinstance(one, dict))
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
    return f"parameters have {keys} keys; at most {MAX_KEYS} are taken" if keys > MAX_KEYS else None


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def has_nul(value: object) -> bool:
    """Tell whether a text in a JSON value holds NUL."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or has_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(has_nul(inner) for inner in value)


def cleaned(value: object) -> object:
    """Remove control characters from all texts of a JSON value."""
    if isinstance(value, str):
        return CONTROL.sub("", value)
    if isinstance(value, dict):
        return {CONTROL.sub("", key): cleaned(inner) for key, inner in value.items()}
    return [cleaned(inner) for inner in value] if isinstance(value, list) else value

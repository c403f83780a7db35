"""Java's regular expressions as Python writes them."""

import re
import warnings

_STEP = re.compile(r"\\Q.*?(?:\\E|\Z)|\\k<\w+>|\\.|\(\?<(?=[A-Za-z])|.", re.DOTALL)


def read(pattern: object) -> str:
    """Give the same expression in Python's syntax; raises ValueError, saying why, where there is none that is surely the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # sets in sets: Java joins them, Python takes the signs
        try:
            rewritten = "".join(_rewritten(step[0]) for step in _STEP.finditer(str(pattern)))
            re.compile(rewritten)
        except (re.error, Warning, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return rewritten


def _rewritten(step: str) -> str:
    if step.startswith("\\Q"):
        return re.escape(step[2:].removesuffix("\\E"))
    if step.startswith("\\k<"):
        return f"(?P={step[3:-1]})"
    return {"(?<": "(?P<", "\\z": "\\Z", "\\h": r"[ \t\xa0]", "\\e": r"\x1b"}.get(step) or _refused(step)


def _refused(step: str) -> str:
    if step in ("\\Z", "\\G", "\\R", "\\X"):
        raise ValueError(f"{step} has no counterpart")
    return step

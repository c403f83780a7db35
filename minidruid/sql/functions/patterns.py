"""What a pattern of REGEXP_* or LIKE may cost: a match takes its size times the bytes of the text, and cannot be interrupted."""

import re

from minidruid.errors import LIMIT, QueryError

MAX_PATTERN_SIZE = 2000

_REPEAT = re.compile(r"\{(\d+)(,?)(\d*)\}")
_ANY, _CLASS_OF_UNICODE = 2, 20  # what one of these takes, roughly: a character has up to four bytes
_WIDE_ESCAPES = "DSWBX"


def regex_size(pattern: str) -> int:
    """Return roughly how many steps a regular expression compiles to, with counted repetitions written out."""
    groups: list[int] = []  # sizes of the groups around
    size = last = at = 0
    while at < len(pattern):
        character, step = pattern[at], 1
        repeat = _REPEAT.match(pattern, at)
        if character == "(":
            groups.append(size)
            size = last = 0
        elif character == ")":
            outer = groups.pop() if groups else 0
            last, size = size + 1, outer + size + 1
        elif repeat:
            times = max(int(repeat[1]), int(repeat[3] or 0), 1)
            size += last * (times - 1)
            last, step = last * times, repeat.end() - at
        else:
            last, step = _atom(pattern, at)
            size += last
        at += step
    return max(1, size + sum(groups))


def _atom(pattern: str, at: int) -> tuple[int, int]:
    """Return size and length of what stands at a place and is neither group nor counted repetition."""
    character = pattern[at]
    if character == "\\":
        escape = pattern[at + 1 : at + 2]
        return (_CLASS_OF_UNICODE if escape in ("p", "P") else _ANY if escape and escape in _WIDE_ESCAPES else 1), 2
    if character == "[":
        end = pattern.find("]", at + 2)
        inside = pattern[at : end + 1 if end > 0 else len(pattern)]
        wide = inside.count("\\p") + inside.count("\\P")
        return _ANY + wide * _CLASS_OF_UNICODE, len(inside)
    return (_ANY if character == "." or character > "\x7f" else 1), 1


def checked(size: int, pattern: str, function: str) -> int:
    """Return the size; raises QueryError if it is too large."""
    if size > MAX_PATTERN_SIZE:
        raise QueryError(f"{function}: the pattern [{pattern[:100]}] is too large: {size} steps, at most {MAX_PATTERN_SIZE}.", LIMIT)
    return size


def like_size(pattern: str) -> int:
    """Return the size of a pattern of LIKE, in steps of a regular expression: a search for texts without `_` takes hardly any."""
    return len(pattern.encode()) // 16 if "_" in pattern else 0

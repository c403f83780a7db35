"""The cost of matching a pattern of REGEXP_* or LIKE: its size times the bytes of the string. A match cannot be interrupted."""

import re

from minidruid.errors import LIMIT, QueryError

MAX_PATTERN_SIZE = 2000

_COUNTED_REPETITION = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")  # RE2 takes longer numbers literally
_ANY_SIZE, _UNICODE_CLASS_SIZE = 2, 20  # approximate steps: a character has up to four bytes
_WIDE_ESCAPES = "DSWBX"


def regex_size(pattern: str) -> int:
    """Return the approximate number of steps that a regular expression compiles to, with counted repetitions expanded."""
    groups: list[int] = []  # sizes of the enclosing groups
    size = last = at = 0
    while at < len(pattern):
        character, length = pattern[at], 1
        repetition = _COUNTED_REPETITION.match(pattern, at)
        if character == "(":
            groups.append(size)
            size = last = 0
        elif character == ")":
            outer = groups.pop() if groups else 0
            last, size = size + 1, outer + size + 1
        elif repetition:
            times = max(int(repetition[1]), int(repetition[2] or 0), 1)
            size += last * (times - 1)
            last, length = last * times, repetition.end() - at
        else:
            last, length = _atom(pattern, at)
            size += last
        at += length
    return max(1, size + sum(groups))


def _atom(pattern: str, at: int) -> tuple[int, int]:
    """Return the size and the length of a character, an escape or a class."""
    character = pattern[at]
    if character == "\\":
        escape = pattern[at + 1 : at + 2]
        return (_UNICODE_CLASS_SIZE if escape in ("p", "P") else _ANY_SIZE if escape and escape in _WIDE_ESCAPES else 1), 2
    if character == "[":
        end = pattern.find("]", at + 2)
        inside = pattern[at : end + 1 if end > 0 else len(pattern)]
        wide = inside.count("\\p") + inside.count("\\P")
        return _ANY_SIZE + wide * _UNICODE_CLASS_SIZE, len(inside)
    return (_ANY_SIZE if character == "." or character > "\x7f" else 1), 1


def check_size(size: int, pattern: str, function: str) -> int:
    """Return the size; raises QueryError if it exceeds the limit."""
    if size > MAX_PATTERN_SIZE:
        raise QueryError(f"{function}: the pattern [{pattern[:100]}] is too large: {size} steps, at most {MAX_PATTERN_SIZE}.", LIMIT)
    return size


def like_size(pattern: str) -> int:
    """Return the size of a LIKE pattern, in steps of a regular expression; without `_`, LIKE is a fast search for substrings."""
    return len(pattern.encode()) // 16 if "_" in pattern else 0

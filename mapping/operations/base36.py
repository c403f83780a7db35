"""Numbers in base 36, as JavaScript's `toString(36)` writes them."""

import re
import string

_DIGITS = string.digits + string.ascii_lowercase
_is_number = re.compile("[+-]?[0-9A-Za-z]+").fullmatch
INT32, INT64 = 2**31, 2**63


def number36(text: str | None, bound: int = INT64) -> int | None:
    """Parse a signed number from -bound to bound - 1, with capitals and a plus sign allowed; None if it is not valid."""
    if text is None:
        return None
    try:
        number = int(text, 36)
    except ValueError:
        return None
    # Python's int() also accepts blanks, underscores and the digits of other scripts
    return number if -bound <= number < bound and ((text.isalnum() and text.isascii()) or _is_number(text)) else None


def text36(number: int) -> str:
    """Return a number in base 36, lower case."""
    digits = ""
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return ("-" if number < 0 else "") + (digits or "0")

"""JSON numbers beyond the range of a double: limited to the largest double, so that they do not reject their event."""

import math
import re
from typing import Final

OUT_OF_RANGE: Final = "out of range"  # in the decoder's error message

# A string is one token, to its closing quote or the end of the input, so that the expression reads each byte once.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?', re.DOTALL)
_MAX_DOUBLE: Final = b"1.7976931348623157e308"


def clamp_numbers(text: bytes) -> bytes:
    """Return the JSON text with every number limited to the range of a double."""
    return _TOKEN.sub(lambda token: _clamped(token[0]), text)


def _clamped(token: bytes) -> bytes:
    if token[0] == ord('"') or not math.isinf(float(token)):
        return token
    return b"-" + _MAX_DOUBLE if token[0] == ord("-") else _MAX_DOUBLE

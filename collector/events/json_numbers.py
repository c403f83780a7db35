"""Numbers of JSON that no double holds: they are cut down to the largest that one does, so that an event is not refused for them."""

import math
import re
from typing import Final

OUT_OF_RANGE: Final = "out of range"  # what the decoder says of one

# A text is one token up to its end, or to the end of all: none is begun within another, and every byte is read once.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?', re.DOTALL)
_LARGEST: Final = b"1.7976931348623157e308"


def clamp_numbers(text: bytes) -> bytes:
    """Return the JSON text with every number within the reach of a double."""
    return _TOKEN.sub(lambda token: _clamped(token[0]), text)


def _clamped(token: bytes) -> bytes:
    if token[0] == ord('"') or not math.isinf(float(token)):
        return token
    return b"-" + _LARGEST if token[0] == ord("-") else _LARGEST

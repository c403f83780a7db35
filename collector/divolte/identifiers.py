"""Divolte's identifiers of parties and sessions: `0:time:unique`, the time in base 36."""

import re

from collector.divolte.numbers import number36, text36
from collector.texts import CONTROL

MAX_BYTES = 255  # a partition key can have no more

_is_canonical = re.compile("0:(?:0|-?[1-9a-z][0-9a-z]{0,11}):[A-Za-z0-9~_!-]{0,200}").fullmatch


def canonical(text: str) -> str | None:
    """Give the form that everything behind the collector knows an identifier by; None if it is none."""
    if _is_canonical(text):
        return text
    parts = text.split(":", 3)
    if len(parts) != 3 or parts[0] != "0" or "\0" in text or CONTROL.search(text):
        return None
    time = number36(parts[1])
    if time is None:
        return None
    written = f"0:{text36(time)}:{parts[2]}"
    return written if len(written.encode()) <= MAX_BYTES else None

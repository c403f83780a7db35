"""The numbers of a Groovy script."""

import math

from mapping.migrate.tree import Broken, Expression, Literal

_BASES = {"0x": 16, "0b": 2}


def read_number(line: int, text: str) -> Expression:
    """Give a number, or why it is none that a mapping can have."""
    digits, base = text.replace("_", "").lower(), _BASES.get(text[:2].lower(), 10)
    suffix = digits[-1] if digits[-1] in ("gli" if base != 10 else "glifd") else ""
    digits = digits.removesuffix(suffix)
    if suffix == "g":
        return Broken(line, f"{text} is a big number, which no field takes; write {digits}L")
    if base == 10 and (suffix in ("f", "d") or not digits.isdigit()):
        return _fraction(line, text, digits, suffix)
    return _whole(line, text, digits, base)


def _fraction(line: int, text: str, digits: str, suffix: str) -> Expression:
    if not suffix:
        return Broken(line, f"{text} is a BigDecimal, which no field takes; write {text}d for a double or {text}f for a float")
    value = float(digits)
    return Literal(line, value) if math.isfinite(value) else Broken(line, f"{text} is out of range")


def _whole(line: int, text: str, digits: str, base: int) -> Expression:
    try:
        value = int(digits, base if base != 10 or not digits.startswith("0") else 8)
    except ValueError:
        return Broken(line, f"{text} is no number; a number that begins with 0 is octal")
    return Literal(line, value) if value < 2**63 else Broken(line, f"{text} is out of range of a long")

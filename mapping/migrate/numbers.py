"""Number literals of Groovy."""

import math

from mapping.migrate.tree import Expression, InvalidExpression, ScalarLiteral

_BASES = {"0x": 16, "0b": 2}


def parse_number(line: int, text: str) -> Expression:
    """Parse a number; an InvalidExpression if a mapping cannot use it."""
    digits, base = text.replace("_", "").lower(), _BASES.get(text[:2].lower(), 10)
    suffix = digits[-1] if digits[-1] in ("gli" if base != 10 else "glifd") else ""
    digits = digits.removesuffix(suffix)
    if suffix == "g":
        return InvalidExpression(line, f"{text} is a BigInteger, which no field accepts; write {digits}L")
    if base == 10 and (suffix in ("f", "d") or not digits.isdigit()):
        return _fraction(line, text, digits, suffix)
    return _whole(line, text, digits, base)


def _fraction(line: int, text: str, digits: str, suffix: str) -> Expression:
    if not suffix:
        return InvalidExpression(line, f"{text} is a BigDecimal, which no field accepts; write {text}d for a double or {text}f for a float")
    value = float(digits)
    return ScalarLiteral(line, value) if math.isfinite(value) else InvalidExpression(line, f"{text} is out of range")


def _whole(line: int, text: str, digits: str, base: int) -> Expression:
    try:
        value = int(digits, base if base != 10 or not digits.startswith("0") else 8)
    except ValueError:
        return InvalidExpression(line, f"not a valid number: {text}; a number that begins with 0 is octal")
    return ScalarLiteral(line, value) if value < 2**63 else InvalidExpression(line, f"{text} is out of range of a long")

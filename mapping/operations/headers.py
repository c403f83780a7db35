"""The headers and cookies of a request that a mapping can read."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from cleaning.click_ids import without_values
from cleaning.texts import header_text

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

# A quoted string with escapes, perhaps unterminated; a comma; blanks; anything else.
_PIECE: Final = re.compile(r'"((?:[^"\\]|\\.)*)\\?(?:"|\Z)|(,)|([ \t]+)|([^", \t]+)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SEPARATOR: Final = re.compile(r"""[(),:;<=>?@\[\\\]{}" \t]""")


class AnonymousHeaders(list[tuple[bytes, bytes]]):
    """The headers of a visitor who opted out: without cookies, and without click ids where a mapping reads them."""

    def __init__(self, headers: Headers) -> None:
        super().__init__(header for header in headers if header[0] != b"cookie")


def values(headers: Headers, name: str) -> list[str] | None:
    """Return the values of all lines of a header, split at commas; None if there is no such line."""
    wanted = name.encode()
    lines = [value for key, value in headers if key == wanted]
    read = _without_click_ids if isinstance(headers, AnonymousHeaders) else _decode
    return [value for line in lines for value in _split(read(line))] if lines else None


def _decode(value: bytes) -> str:
    return header_text(value.replace(b"\t", b" "))


def _without_click_ids(value: bytes) -> str:
    return _decode(without_values(value.decode("latin-1")).encode("latin-1"))


def _split(line: str) -> list[str]:
    found = [""]
    blank = ""
    for piece in _PIECE.finditer(line):
        quoted, comma, blanks, plain = piece.groups()
        if comma:
            found.append("")
            blank = ""
        elif blanks:
            blank = " " if found[-1] else ""
        else:
            found[-1] += blank + (plain if plain is not None else _ESCAPE.sub(r"\1", quoted))
            blank = ""
    return list(filter(None, found))


def item(found: list[str], index: int) -> str | None:
    """Return a value by its index; None if there is none."""
    return found[index] if -len(found) <= index < len(found) else None


def cookie(headers: Headers, name: str, *, is_strict: bool) -> str | None:
    """Return the value of the first cookie of that name, without quotes. Divolte cuts an unquoted value at the first separator."""
    return next(cookies(headers, name, is_strict=is_strict), None)


def cookies(headers: Headers, name: str, *, is_strict: bool) -> Iterator[str]:
    """Yield the values of all cookies of that name."""
    for key, value in headers:
        if key == b"cookie":
            for pair in header_text(value).split(";"):
                found, sign, text = pair.partition("=")
                if sign and found.strip() == name:
                    yield _value(text.strip(), is_strict)


def _value(text: str, is_strict: bool) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(r"\1", text[1:-1])
    return _SEPARATOR.split(text, maxsplit=1)[0] if is_strict else text

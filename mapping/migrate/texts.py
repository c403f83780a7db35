"""Strings of Groovy: four kinds of quotes, escapes, and expressions inside."""

import re
from dataclasses import dataclass

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "s": " ", "\\": "\\", "'": "'", '"': '"', "$": "$", "\n": ""}

_UNICODE = re.compile(r"\\u+([0-9a-fA-F]{4})")
_SIMPLE = re.compile(r"\$([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


@dataclass(slots=True)
class ScannedText:
    """A text: its parts, the offset after it, and its fault."""

    parts: tuple[str | tuple[int, str], ...]
    end: int
    fault: str = ""


def scan_text(source: str, at: int, quote: str, line: int) -> ScannedText:
    """Scan a text after its opening quote."""
    return _Scanner(source, at, quote, line).scan()


class _Scanner:
    def __init__(self, source: str, at: int, quote: str, line: int) -> None:
        self._source, self._at, self._quote, self._line = source, at, quote, line
        self._begin = at
        self._is_long = len(quote) == 3 or quote == "/"
        self._parts: list[str | tuple[int, str]] = [""]
        self._fault = ""

    def scan(self) -> ScannedText:
        while not self._source.startswith(self._quote, self._at):
            if self._at >= len(self._source) or (not self._is_long and self._source[self._at] == "\n"):
                return self._unfinished()
            self._step()
        parts = tuple(_join_surrogates(part) if isinstance(part, str) else part for part in self._parts if part)
        return ScannedText(parts, self._at + len(self._quote), self._fault)

    def _unfinished(self) -> ScannedText:
        """Return the rest of the line as the text, so that the following lines can be parsed."""
        end = self._source.find("\n", self._begin)
        return ScannedText((), len(self._source) if end < 0 else end, f"the text has no closing {self._quote}")

    def _step(self) -> None:
        character = self._source[self._at]
        if character == "\\":
            self._escape()
        elif character == "$" and "'" not in self._quote:
            self._interpolation()
        else:
            self._add(character)

    def _escape(self) -> None:
        after = self._source[self._at + 1 : self._at + 2]
        if unicode := _UNICODE.match(self._source, self._at):
            self._add(chr(int(unicode[1], 16)), len(unicode[0]))
        elif self._quote == "/":  # a regular expression keeps its backslashes
            self._add("/", 2) if after == "/" else self._add("\\")
        elif after in ESCAPES and after:
            self._add(ESCAPES[after], 2)
        else:
            self._fault = f"not a valid escape: \\{after}; write \\\\{after} for a backslash"
            self._add(after, 2)

    def _interpolation(self) -> None:
        if self._source.startswith("${", self._at):
            end = self._closing_brace()
            self._parts += [(self._line_here(), self._source[self._at + 2 : end]), ""]
            self._at = end + 1
        elif simple := _SIMPLE.match(self._source, self._at):
            self._parts += [(self._line_here(), simple[1]), ""]
            self._at = simple.end()
        else:
            self._add("$")

    def _closing_brace(self) -> int:
        depth = 0
        for at in range(self._at + 1, len(self._source)):
            depth += {"{": 1, "}": -1}.get(self._source[at], 0)
            if depth == 0:
                return at
        return len(self._source)

    def _line_here(self) -> int:
        return self._line + self._source.count("\n", self._begin, self._at)

    def _add(self, text: str, length: int = 1) -> None:
        last = self._parts[-1]
        assert isinstance(last, str)
        self._parts[-1] = last + text
        self._at += length


def _join_surrogates(text: str) -> str:
    """Join surrogate pairs that were written as two escapes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

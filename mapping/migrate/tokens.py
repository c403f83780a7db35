"""The lexer of Groovy scripts: tokens and comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mapping.migrate.texts import scan_text


class TokenKind(StrEnum):
    """The kind of a token, as error messages name it."""

    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    SIGN = "sign"
    NEWLINE = "end of the line"
    END = "end of the file"
    BROKEN = "invalid token"


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `parts` are those of a text: texts, and (line, source) of expressions in ${}."""

    kind: TokenKind
    text: str
    line: int
    last_line: int
    start: int
    end: int
    parts: tuple[str | tuple[int, str], ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment: its lines without marks, and whether code precedes it on its line."""

    lines: tuple[str, ...]
    line: int
    last_line: int
    start: int
    follows_code: bool


_BLANK = re.compile(r"(?:[ \t\f\r]|\\\r?\n)+")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|\A#![^\n]*", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]+")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+[gGlLiI]?|0[bB][01_]+[gGlLiI]?|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?[gGlLiIfFdD]?")
_SIGN = re.compile(
    r"\.\.<|==~|<=>|===|!==|\*\*|\.\.|\?\.|\*\.|\?:|->|=~|[=!<>]=|&&|\|\||\+\+|--|<<|>>|[-+*/%]=|[][(){}.,;:=<>+*/%!?&|^~@-]"
)
_QUOTE = re.compile(r"'''|\"\"\"|['\"/]")
_VALUE_ENDS = frozenset(")]}")


class Lexer:
    """A lexer of one script."""

    def __init__(self, source: str, line: int = 1) -> None:
        self._source = source
        self._at, self._line = 0, line
        self._brackets: list[str] = []
        self._last: Token | None = None
        self.comments: list[Comment] = []

    def tokens(self) -> Iterator[Token]:
        """Yield every token; the last one is the end of the script."""
        while self._at < len(self._source):
            if blank := _BLANK.match(self._source, self._at):
                self._line += blank[0].count("\n")
                self._at = blank.end()
            elif comment := _COMMENT.match(self._source, self._at):
                self._keep(comment[0])
            elif (token := self._next()) is not None:
                self._last = token
                self._line, self._at = token.last_line, token.end
                yield token
        yield Token(TokenKind.END, "", self._line, self._line, self._at, self._at)

    def _keep(self, text: str) -> None:
        last_line = self._line + text.count("\n")
        follows_code = self._last is not None and self._last.kind is not TokenKind.NEWLINE and self._last.last_line == self._line
        self.comments.append(Comment(_comment_lines(text), self._line, last_line, self._at, follows_code))
        self._line, self._at = last_line, self._at + len(text)

    def _next(self) -> Token | None:
        if self._source[self._at] == "\n":
            return self._newline()
        if (quote := _QUOTE.match(self._source, self._at)) and (quote[0] != "/" or self._begins_slashy()):
            return self._text(quote[0])
        for kind, pattern in ((TokenKind.NUMBER, _NUMBER), (TokenKind.NAME, _NAME), (TokenKind.SIGN, _SIGN)):
            if match := pattern.match(self._source, self._at):
                count_bracket(self._brackets, match[0])
                return self._token(kind, match.end())
        return self._token(TokenKind.BROKEN, self._at + 1, fault=f"unexpected {self._source[self._at]!r}")

    def _newline(self) -> Token | None:
        """Return the end of a statement; None if a parenthesis is open."""
        token = self._token(TokenKind.NEWLINE, self._at + 1)
        if not self._brackets or self._brackets[-1] == "{":
            return token
        self._line, self._at = token.last_line, token.end
        return None

    def _begins_slashy(self) -> bool:
        """Return whether a slash begins a text, and is not a division."""
        if self._last is None or self._last.kind is TokenKind.NEWLINE:
            return True
        has_gap = self._last.end < self._at and self._source[self._at + 1 : self._at + 2].strip() not in ("", "=")
        return has_gap if self._last.kind is TokenKind.NAME else self._last.kind is TokenKind.SIGN and self._last.text not in _VALUE_ENDS

    def _text(self, quote: str) -> Token:
        text = scan_text(self._source, self._at + len(quote), quote, self._line)
        return self._token(TokenKind.BROKEN if text.fault else TokenKind.TEXT, text.end, text.parts, text.fault)

    def _token(self, kind: TokenKind, end: int, parts: tuple[str | tuple[int, str], ...] = (), fault: str = "") -> Token:
        text = self._source[self._at : end]
        return Token(kind, text, self._line, self._line + text.count("\n"), self._at, end, parts, fault)


def count_bracket(opened: list[str], sign: str) -> None:
    """Update the open brackets. A closing brace also closes parentheses that were left open in its block."""
    if sign in ("(", "[", "{"):
        opened.append(sign)
    elif sign == "}":
        while opened and opened.pop() != "{":
            pass
    elif sign in (")", "]") and opened and opened[-1] != "{":
        opened.pop()


def _comment_lines(text: str) -> tuple[str, ...]:
    """Return the lines of a comment without its marks."""
    if not text.startswith("/*"):
        return (text.removeprefix("//").removeprefix("#!").strip(),)
    lines = [line.strip().removeprefix("*").strip() for line in text[2:].removesuffix("*/").strip("*").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return tuple(lines)

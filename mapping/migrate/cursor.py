"""A cursor over the tokens of a script."""

from mapping.migrate.tokens import Token, TokenKind
from mapping.migrate.tree import Span


class Fault(Exception):
    """A syntax error, with its line in the script."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line, self.text = line, text


class Cursor:
    """A position in the tokens. It never passes the last one, which is the end of the script."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _is(self, *signs: str) -> bool:
        return self._token.kind is TokenKind.SIGN and self._token.text in signs

    def _step(self) -> Token:
        token = self._token
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _skip_newlines(self) -> None:
        while self._token.kind is TokenKind.NEWLINE:
            self._step()

    def _expect(self, sign: str) -> Token:
        if not self._is(sign):
            raise self._unexpected(sign)
        return self._step()

    def _name(self) -> str:
        if self._token.kind is not TokenKind.NAME:
            raise self._unexpected()
        return self._step().text

    def _unexpected(self, expected: str = "") -> Fault:
        token = self._token
        if token.fault:
            return Fault(token.line, token.fault)
        found = repr(token.text) if token.text.strip() else token.kind.value
        return Fault(token.line, f"unexpected {found}{f'; expected {expected!r}' if expected else ''}")

    def _span(self, first: Token) -> Span:
        last = self._tokens[max(self._at - 1, 0)]
        return Span(first.line, max(last.last_line, first.line), first.start, max(last.end, first.end))

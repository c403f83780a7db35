"""The parser of Groovy scripts. A statement that it does not understand becomes an InvalidStatement."""

from collections.abc import Callable

from mapping.migrate.cursor import Cursor, Fault
from mapping.migrate.numbers import parse_number
from mapping.migrate.tokens import Comment, Lexer, Token, TokenKind, count_bracket
from mapping.migrate.tree import (
    Assignment,
    Closure,
    Entries,
    Expression,
    ExpressionStatement,
    Index,
    Interpolated,
    InvalidExpression,
    InvalidStatement,
    Invocation,
    Items,
    Loop,
    Name,
    Operation,
    Property,
    ScalarLiteral,
    Statement,
)

_PRECEDENCE = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!="), 3),
    **dict.fromkeys(("<", ">", "<=", ">="), 4),
    **dict.fromkeys(("..", "..<"), 5),
    **dict.fromkeys(("+", "-"), 6),
    **dict.fromkeys(("*", "/", "%"), 7),
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_UNSUPPORTED = {
    "import": "a mapping needs no imports",
    "if": "it is evaluated at start, before there are events; write when CONDITION apply { }",
    **dict.fromkeys(
        ("while", "do", "switch", "try", "throw", "class", "interface", "enum", "package", "assert", "new", "static", "synchronized"),
        "not part of the mapping language; write it in Python",
    ),
}


def parse(source: str) -> tuple[tuple[Statement, ...], list[Comment]]:
    """Return the statements of a script and its comments."""
    lexer = Lexer(source)
    return _Parser(list(lexer.tokens())).script(), lexer.comments


class _Parser(Cursor):
    def script(self) -> tuple[Statement, ...]:
        statements = list(self._statements())
        while self._token.kind is not TokenKind.END:  # a brace without an opening one
            span = self._span(self._step())
            statements += [InvalidStatement(span, span.line, "unexpected '}'; no block is open"), *self._statements()]
        return tuple(statements)

    def whole(self) -> Expression:
        """Parse a single expression."""
        value = self._command()
        self._skip_newlines()
        if self._token.kind is not TokenKind.END:
            raise self._unexpected()
        return value

    # Statements

    def _statements(self) -> tuple[Statement, ...]:
        statements: list[Statement] = []
        while True:
            while self._token.kind is TokenKind.NEWLINE or self._is(";"):
                self._step()
            if self._token.kind is TokenKind.END or self._is("}"):
                return tuple(statements)
            statements.append(self._recovered())

    def _recovered(self) -> Statement:
        start = self._at
        try:
            statement = self._statement()
            if not (self._token.kind in (TokenKind.NEWLINE, TokenKind.END) or self._is(";", "}")):
                raise self._unexpected()
        except Fault as fault:
            self._at = start
            declared = self._declared_name()
            self._at = start
            self._skip_statement()
            return InvalidStatement(self._span(self._tokens[start]), fault.line, fault.text, declared)
        return statement

    def _skip_statement(self) -> None:
        """Skip to the end of the line, or of the brackets that the statement opens."""
        opened: list[str] = []
        while self._token.kind is not TokenKind.END:
            if (not opened and (self._token.kind is TokenKind.NEWLINE or self._is(";"))) or (self._is("}") and "{" not in opened):
                return
            if self._token.kind is TokenKind.SIGN:
                count_bracket(opened, self._token.text)
            self._step()

    def _statement(self) -> Statement:
        first = self._token
        if first.kind is TokenKind.NAME and first.text in _UNSUPPORTED:
            raise Fault(first.line, f"{first.text}: {_UNSUPPORTED[first.text]}")
        if first.text == "for" and first.kind is TokenKind.NAME:
            return self._loop()
        if (name := self._declared_name()) is not None:
            value = self._command()
            return Assignment(self._span(first), name, value)
        if first.text == "return" and first.kind is TokenKind.NAME:
            self._step()
        value = self._command()
        return ExpressionStatement(self._span(first), value)

    def _declared_name(self) -> str | None:
        """Parse `def x =`, `x =` or `String x =`, and return the name; None if there is none."""
        start = self._at
        names: list[str] = []
        while self._token.kind is TokenKind.NAME and len(names) < 4:
            names.append(self._step().text)
        if names and self._is("="):
            self._step()
            self._skip_newlines()
            return names[-1]
        self._at = start
        return None

    def _loop(self) -> Statement:
        first = self._step()
        self._expect("(")
        names = [self._name()]
        while self._token.kind is TokenKind.NAME and self._token.text != "in":
            names.append(self._name())
        if not (self._is(":") or self._token.text == "in"):
            raise Fault(first.line, "not a supported loop; write for (name in [...]) { }")
        self._step()
        values = self._expression()
        self._expect(")")
        self._skip_newlines()
        if not self._is("{"):
            raise self._unexpected("{")
        body = self._closure()
        return Loop(self._span(first), names[-1], values, body)

    # Expressions

    def _command(self) -> Expression:
        """Parse an expression or a command: `map a onto b` is map(a).onto(b)."""
        value = self._expression()
        if isinstance(value, Name) and self._begins_argument():
            value = Invocation(value.line, None, value.name, self._arguments())
        elif isinstance(value, Property) and self._begins_argument():
            value = Invocation(value.line, value.target, value.name, self._arguments())
        while self._token.kind is TokenKind.NAME:
            value = self._link(value)
        return value

    def _link(self, target: Expression) -> Expression:
        name = self._step()
        if self._is("("):
            return self._suffixes(Invocation(name.line, target, name.text, self._in_parentheses()))
        if self._begins_argument():
            return Invocation(name.line, target, name.text, self._arguments())
        return Property(name.line, target, name.text)

    def _begins_argument(self) -> bool:
        return self._token.kind in (TokenKind.NAME, TokenKind.TEXT, TokenKind.NUMBER, TokenKind.BROKEN) or self._is("{", "[")

    def _arguments(self) -> tuple[Expression, ...]:
        arguments = [self._expression()]
        while self._is(","):
            self._step()
            self._skip_newlines()
            arguments.append(self._expression())
        return tuple(arguments)

    def _expression(self, precedence: int = 1) -> Expression:
        left = self._prefixed()
        while self._token.kind is TokenKind.SIGN and _PRECEDENCE.get(self._token.text, 0) >= precedence:
            sign = self._step()
            self._skip_newlines()
            left = Operation(sign.line, sign.text, left, self._expression(_PRECEDENCE[sign.text] + 1))
        return left

    def _prefixed(self) -> Expression:
        if self._is("!", "-"):
            sign = self._step()
            value = self._prefixed()
            if sign.text == "-" and isinstance(value, ScalarLiteral) and type(value.value) in (int, float):
                return ScalarLiteral(sign.line, -value.value)  # type: ignore[operator]  # of a number
            return Operation(sign.line, sign.text, None, value)
        return self._suffixes(self._first())

    def _suffixes(self, value: Expression) -> Expression:
        """Parse what follows a value: calls, closures, names after dots."""
        while True:
            if self._follows_dot():
                name = self._name()
                value = Property(self._tokens[self._at - 1].line, value, name)
            elif self._is("(") and isinstance(value, Name | Property):
                value = _called(value, self._in_parentheses())
            elif self._is("{") and isinstance(value, Name | Property | Invocation):
                value = _called(value, (self._closure(),))
            elif self._is("[") and self._token.start == self._tokens[self._at - 1].end:
                line = self._step().line
                value = Index(line, value, self._expression())
                self._expect("]")
            else:
                return value

    def _follows_dot(self) -> bool:
        """Skip a dot, which may be the first on its line; return whether there is one."""
        start = self._at
        self._skip_newlines()
        if self._is("."):
            self._step()
            self._skip_newlines()
            return True
        self._at = start
        return False

    def _first(self) -> Expression:
        token = self._token
        parsers: dict[str, Callable[[], Expression]] = {"(": self._parenthesised, "[": self._items, "{": self._closure}
        if token.kind is TokenKind.SIGN and token.text in parsers:
            return parsers[token.text]()
        if token.kind not in (TokenKind.NAME, TokenKind.TEXT, TokenKind.NUMBER):
            raise self._unexpected()
        self._step()
        if token.kind is TokenKind.TEXT:
            return _text(token)
        if token.kind is TokenKind.NUMBER:
            return parse_number(token.line, token.text)
        return ScalarLiteral(token.line, _CONSTANTS[token.text]) if token.text in _CONSTANTS else Name(token.line, token.text)

    def _parenthesised(self) -> Expression:
        self._expect("(")
        value = self._command()
        self._expect(")")
        return value

    def _in_parentheses(self) -> tuple[Expression, ...]:
        self._expect("(")
        arguments: list[Expression] = []
        while not self._is(")"):
            arguments.append(self._command())
            if not self._is(","):
                break
            self._step()
        self._expect(")")
        return tuple(arguments)

    def _items(self) -> Expression:
        line = self._expect("[").line
        items: list[Expression] = []
        pairs: list[tuple[Expression, Expression]] = []
        if self._is(":"):
            self._step()
        while not self._is("]"):
            item = self._expression()
            if self._is(":"):
                self._step()
                key = ScalarLiteral(item.line, item.name) if isinstance(item, Name) else item
                pairs.append((key, self._expression()))
            else:
                items.append(item)
            if not self._is("]"):
                self._expect(",")
        self._expect("]")
        if pairs and items:
            raise Fault(line, "a list with and without keys; write key: value for every item, or for none")
        return Entries(line, tuple(pairs)) if pairs else Items(line, tuple(items))

    def _closure(self) -> Closure:
        first = self._expect("{")
        parameters = self._parameters()
        body = self._statements()
        self._expect("}")
        return Closure(self._span(first), parameters, body)

    def _parameters(self) -> tuple[str, ...]:
        """Parse `a, b ->`; return no names if there is none."""
        start = self._at
        names: list[str] = []
        self._skip_newlines()
        while self._token.kind is TokenKind.NAME:
            while self._token.kind is TokenKind.NAME:
                name = self._step().text  # the last name; a type may precede it
            names.append(name)
            if self._is(","):
                self._step()
        if self._is("->"):
            self._step()
            return tuple(names)
        self._at = start
        return ()


def _called(value: Name | Property | Invocation, arguments: tuple[Expression, ...]) -> Invocation:
    if isinstance(value, Invocation):
        return Invocation(value.line, value.target, value.name, (*value.arguments, *arguments))
    return Invocation(value.line, value.target if isinstance(value, Property) else None, value.name, arguments)


def _text(token: Token) -> Expression:
    if all(isinstance(part, str) for part in token.parts):
        return ScalarLiteral(token.line, "".join(str(part) for part in token.parts))
    parts: list[str | Expression] = []
    for part in token.parts:
        try:
            parts.append(part if isinstance(part, str) else _Parser(list(Lexer(part[1], part[0]).tokens())).whole())
        except Fault as fault:
            return InvalidExpression(fault.line, fault.text)
    return Interpolated(token.line, tuple(parts))

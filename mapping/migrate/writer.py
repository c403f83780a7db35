"""The translation of statements from Groovy to Python, with their comments and blank lines."""

from collections.abc import Sequence

from mapping.migrate.expressions import FAILED, STATEMENTS, STATEMENTS_HERE, Expressions, Term, Variable
from mapping.migrate.names import UNMAPPABLE, Kind
from mapping.migrate.tokens import Comment
from mapping.migrate.tree import (
    Assignment,
    Closure,
    Expression,
    ExpressionStatement,
    InvalidStatement,
    Invocation,
    Loop,
    ScalarLiteral,
    Span,
    Statement,
)

_INDENT = "    "
_LOOPS = frozenset({"each", "eachWithIndex", "times"})


class Writer:
    """A translator of statements. One that cannot be translated becomes a comment."""

    def __init__(self, source: str, comments: Sequence[Comment]) -> None:
        self.expressions = Expressions()
        self.lines: list[str] = []
        self._source = source
        self._comments = list(comments)
        self._next = 0  # index of the next comment
        self._depth = 0
        self._last_line = 0
        self._is_empty = True  # the open block has no lines yet
        self._has_code = False

    def script(self, statements: Sequence[Statement]) -> None:
        """Translate a script."""
        for statement in statements:
            self._statement(statement)
        self._comments_before(len(self._source) + 1)

    def _statement(self, statement: Statement) -> None:
        """Translate a statement; if it has a fault, remove its lines and keep it as a comment."""
        expressions, span = self.expressions, statement.span
        self._comments_before(span.start)
        self._gap(span.line)
        has_failed, lines, used, has_code = expressions.has_failed, len(self.lines), len(expressions.used), self._has_code
        depth, expressions.has_failed = self._depth, False
        self._translate(statement)
        if expressions.has_failed:
            del self.lines[lines:], expressions.used[used:]
            self._has_code, self._depth = has_code, depth
            self._keep(span)
        expressions.has_failed = has_failed
        self._last_line = max(self._last_line, span.last_line)
        self._comments_after(span.last_line)

    def _translate(self, statement: Statement) -> None:
        if isinstance(statement, InvalidStatement):
            self.expressions.fault(statement.line, statement.fault)
            if statement.name is not None:
                self.expressions.variables[statement.name] = Variable(FAILED, statement.span.line, statement.span.start)
        elif isinstance(statement, Assignment):
            self._let(statement)
        elif isinstance(statement, Loop):
            self._loop(statement.span, (statement.name,), self.expressions.write(statement.values), statement.body)
        elif isinstance(statement.value, Invocation):
            self._call(statement.span, statement.value)
        else:
            self._unused(statement.value)

    def _keep(self, span: Span) -> None:
        """Keep a statement as a comment, and mark its variables as failed."""
        first, *rest = self._source[span.start : span.end].splitlines() or [""]
        self._put(f"# not translated (line {span.line}): {_printable(first)}", is_code=False)
        for line in rest:
            self._put(f"# {_printable(line)}".rstrip(), is_code=False)
        while self._next < len(self._comments) and self._comments[self._next].start < span.end:
            self._next += 1
        for name, variable in self.expressions.variables.items():
            if span.start <= variable.start < span.end:
                self.expressions.variables[name] = Variable(FAILED, variable.line, variable.start)

    def _let(self, statement: Assignment) -> None:
        span = statement.span
        term = self.expressions.write(statement.value)
        name = self.expressions.declare(statement.name, span.line, span.start, term)
        self._finish(span, f"{name} = {term.code}")

    def _call(self, span: Span, call: Invocation) -> None:
        target = call.target
        if isinstance(target, Invocation) and target.target is None and target.name in ("map", "when"):
            return self._map(span, target, call) if target.name == "map" else self._when(span, target, call)
        if target is not None and call.name in _LOOPS:
            return self._each(span, target, call)
        if target is None and call.name in ("mapping", "section"):
            return self._group(call)
        if target is None and call.name in ("exit", "stop") and not call.arguments:
            return self._finish(span, f"{self._use(call.name)}()")
        return self._unused(call)

    def _unused(self, value: Expression) -> None:
        if isinstance(value, Invocation) and value.target is None and value.name in ("map", "when", "exit", "stop"):
            wanted = {"map": "map VALUE onto 'field'", "when": "when CONDITION apply { }"}.get(value.name, f"{value.name}()")
            self.expressions.fault(value.line, f"{value.name} is not complete; write {wanted}")
        elif self.expressions.write(value).kind is not Kind.FAILED:
            self.expressions.fault(value.line, "this value is not used; write map VALUE onto 'field'")

    def _map(self, span: Span, mapped: Invocation, call: Invocation) -> None:
        fault = self.expressions.fault
        if call.name != "onto" or len(call.arguments) != 1 or len(mapped.arguments) != 1:
            fault(call.line, "map is not complete; write map VALUE onto 'field'")
            return
        value, field = self._value(mapped.arguments[0]), self.expressions.write(call.arguments[0])
        if value.kind in UNMAPPABLE:
            fault(mapped.line, f"no field accepts {value.kind.value}; map a value derived from it")
        if field.kind not in (Kind.WORD, Kind.MIXED, Kind.FAILED):
            fault(call.line, f"onto takes the name of a field, not {field.kind.value}")
        self._finish(span, f"{self._use('map')}({value.code}).onto({field.code})")

    def _when(self, span: Span, asked: Invocation, call: Invocation) -> None:
        if len(asked.arguments) != 1:
            self.expressions.fault(asked.line, f"when takes one condition, not {len(asked.arguments)}")
            return
        condition = self._value(asked.arguments[0])
        if condition.kind not in (Kind.BOOLEAN, Kind.MIXED, Kind.FAILED):
            self.expressions.fault(asked.line, f"when takes a condition, not {condition.kind.value}; use isPresent() or equalTo(...)")
        header = f"with {self._use('when')}({condition.code}):"
        if call.name == "apply" and (block := _only_block(call)) is not None:
            self._block(header, block)
        elif call.name in ("stop", "exit") and not call.arguments:
            self._put(header)
            self._depth += 1
            self._finish(span, f"{self._use(call.name)}()")
            self._depth -= 1
        else:
            self.expressions.fault(call.line, f"unexpected {call.name!r} after a condition; write apply {{ }}, stop() or exit()")

    def _group(self, call: Invocation) -> None:
        """Translate a section, or the mapping itself, whose rules are not indented."""
        if (block := _only_block(call)) is None:
            self.expressions.fault(call.line, f"{call.name} takes exactly one block in braces")
        elif call.name == "section":
            self._block(f"with {self._use('section')}():", block)
        else:
            self._last_line = block.line
            self._body(block)

    def _each(self, span: Span, target: Expression, call: Invocation) -> None:
        values, block = self.expressions.write(target), _only_block(call)
        if block is None:
            self.expressions.fault(call.line, f"{call.name} takes exactly one block in braces")
            return
        names = block.parameters or ("it",)
        if call.name == "times":
            kind = Kind.ITEMS if values.kind is Kind.COUNT else values.kind
            values = Term(f"range({values.code})", kind, Term("", Kind.COUNT))
        elif call.name == "eachWithIndex":
            if len(names) != 2:
                self.expressions.fault(call.line, "eachWithIndex takes two names; write { value, index -> ... }")
                return
            self._loop(span, names, values, block, is_counted=True)
            return
        self._loop(span, names, values, block)

    def _loop(self, span: Span, names: tuple[str, ...], values: Term, block: Closure, *, is_counted: bool = False) -> None:
        expressions = self.expressions
        item = values.item or FAILED
        if values.kind is Kind.ENTRIES and len(names) == 2 and not is_counted:
            values, items = Term(f"{values.code}.items()", Kind.ITEMS), [Term("", Kind.WORD), item.item or FAILED]
        elif is_counted:
            values, items = Term(f"enumerate({values.code})", values.kind), [Term("", Kind.COUNT), item]
            names = names[::-1]
        else:
            items = [item] if len(names) == 1 else [item.item or FAILED] * len(names)
        if values.kind is not Kind.FAILED and (values.kind is not Kind.ITEMS or any(each is FAILED for each in items)):
            expressions.fault(
                span.line,
                f"cannot loop over {values.kind.value} with {len(names)} name{'s'[: len(names) != 1]}; write [...].each {{ name -> ... }}",
            )
        declared = [expressions.declare(name, span.line, span.start, each) for name, each in zip(names, items, strict=True)]
        self._block(f"for {', '.join(declared)} in {values.code}:", block)

    def _value(self, node: Expression) -> Term:
        """Translate a value. For a block in braces, it is the last statement; the others are written first."""
        if not isinstance(node, Closure):
            return self.expressions.write(node)
        *before, last = node.body or (ExpressionStatement(node.span, ScalarLiteral(node.line, None)),)
        for statement in before:
            self._statement(statement)
        if isinstance(last, InvalidStatement):
            return self.expressions.fault(last.line, last.fault)
        if not isinstance(last, ExpressionStatement) or (isinstance(last.value, Invocation) and last.value.name in STATEMENTS):
            return self.expressions.fault(last.span.line, "the block has no value; its last statement must be one")
        return self.expressions.write(last.value)

    def _block(self, header: str, block: Closure) -> None:
        self._put(header)
        self._comments_after(block.line, block.body[0].span.start if block.body else block.span.end)
        self._last_line = block.line
        self._depth += 1
        has_code, self._has_code, self._is_empty = self._has_code, False, True
        self._body(block)
        if not self._has_code:
            self._put("pass")
        self._has_code, self._is_empty = has_code or self._has_code, False
        self._depth -= 1

    def _body(self, block: Closure) -> None:
        for statement in block.body:
            self._statement(statement)
        self._comments_before(block.span.end)

    def _finish(self, span: Span, code: str) -> None:
        """Write the line of a statement, after the comments inside it."""
        self._last_line = span.last_line
        self._comments_before(span.end)
        self._put(code)

    def _use(self, name: str) -> str:
        return self.expressions.use(STATEMENTS_HERE[name])

    # Lines

    def _put(self, text: str, *, is_code: bool = True) -> None:
        self.lines.append(_INDENT * self._depth + text)
        self._is_empty = False
        self._has_code |= is_code

    def _gap(self, line: int) -> None:
        """Write a blank line if the script has one or more."""
        if self.lines and self.lines[-1] and not self._is_empty and line - self._last_line > 1:
            self.lines.append("")

    def _comments_before(self, offset: int) -> None:
        while self._next < len(self._comments) and (comment := self._comments[self._next]).start < offset:
            self._gap(comment.line)
            for line in comment.lines or ("",):
                self._put(f"# {_printable(line)}".rstrip(), is_code=False)
            self._last_line = comment.last_line
            self._next += 1

    def _comments_after(self, line: int, before: int | None = None) -> None:
        """Append the comments at the end of a line to its translation."""
        while self._next < len(self._comments):
            comment = self._comments[self._next]
            is_here = comment.line == comment.last_line == line and comment.follows_code and self.lines and self.lines[-1]
            if not is_here or (before is not None and comment.start >= before):
                return
            self.lines[-1] += f"  # {_printable(' '.join(comment.lines))}".rstrip()
            self._next += 1


def _only_block(call: Invocation) -> Closure | None:
    (block,) = call.arguments if len(call.arguments) == 1 else (None,)
    return block if isinstance(block, Closure) else None


def _printable(text: str) -> str:
    """Return a text without characters that could break its line."""
    return "".join(character if character.isprintable() or character == "\t" else " " for character in text)

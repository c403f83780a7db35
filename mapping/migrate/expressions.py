"""The translation of expressions from Groovy to Python."""

import keyword
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mapping.dsl.names import NAMES
from mapping.migrate.literals import escaped, quoted
from mapping.migrate.names import FUNCTIONS, METHODS, TYPES, Kind, Signature, nearest, snake
from mapping.migrate.tree import (
    Closure,
    Entries,
    Expression,
    Index,
    Interpolated,
    InvalidExpression,
    Invocation,
    Items,
    Name,
    Operation,
    Property,
    ScalarLiteral,
)
from mapping.operations import patterns

STATEMENTS = frozenset({"map", "when", "section", "exit", "stop", "mapping", "onto", "apply"})
RESERVED = frozenset({*keyword.kwlist, *NAMES, *(signature.name for signature in FUNCTIONS.values()), "range", "enumerate"})
STATEMENTS_HERE = {"map": "map_", "when": "when", "section": "section", "exit": "exit_", "stop": "stop"}


@dataclass(frozen=True, slots=True)
class Term:
    """An expression in Python and its kind, with the kind of the items of a list, and the parts of a text."""

    code: str
    kind: Kind
    item: "Term | None" = None
    parts: "tuple[str | Term, ...]" = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the script: its term in Python and its declaration. The term is FAILED if it could not be translated."""

    term: Term
    line: int
    start: int


FAILED = Term("", Kind.FAILED)


class Expressions:
    """A translator of expressions. It keeps the variables, the names in use, and the faults."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.used: list[str] = []
        self.faults: list[tuple[int, str]] = []
        self.has_failed = False
        self._writers: dict[type, Callable[[Any], Term]] = {
            ScalarLiteral: self._literal,
            Interpolated: self._interpolated,
            Name: self._name,
            Invocation: self._call,
            Property: self._property,
            Index: self._index,
            Items: self._items,
            Entries: self._entries,
            Operation: self._operation,
            Closure: lambda node: self.fault(node.line, "unexpected block in braces; write a value"),
            InvalidExpression: lambda node: self.fault(node.line, node.fault),
        }

    def fault(self, line: int, text: str) -> Term:
        """Record that the statement cannot be translated."""
        self.faults.append((line, text))
        self.has_failed = True
        return FAILED

    def use(self, name: str) -> str:
        """Record that a name of the language must be imported, and return it."""
        self.used.append(name)
        return name

    def declare(self, name: str, line: int, start: int, term: Term) -> str:
        """Declare a variable, and return its name in Python."""
        taken = {variable.term.code for known, variable in self.variables.items() if known != name}
        python = snake(name.replace("$", "_"))
        while python in RESERVED or python in taken:
            python += "_"
        if not python.isidentifier():
            self.fault(line, f"not a valid name in Python: {name}; use letters, digits and _")
        self.variables[name] = Variable(Term(python, term.kind, term.item), line, start)
        return python

    def write(self, node: Expression) -> Term:
        """Translate an expression; FAILED and a recorded fault if it cannot be translated."""
        return self._writers[type(node)](node)

    def _literal(self, node: ScalarLiteral) -> Term:
        kinds = {int: Kind.COUNT, float: Kind.REAL, bool: Kind.FLAG}
        if isinstance(node.value, str):
            return _text((node.value,))
        return Term(repr(node.value), kinds.get(type(node.value), Kind.NOTHING))

    def _interpolated(self, node: Interpolated) -> Term:
        parts = [(part,) if isinstance(part, str) else self._parts(part.line, self.write(part)) for part in node.parts]
        return _text(tuple(chain.from_iterable(parts)))

    def _parts(self, line: int, term: Term) -> tuple[str | Term, ...]:
        """Return the parts that a constant adds to a text."""
        if term.parts or term.kind is Kind.FAILED:
            return term.parts
        if term.code.lstrip("-").isdigit():
            return (term.code,)
        if term.kind not in (Kind.WORD, Kind.COUNT):
            self.fault(line, f"{term.kind.value} inside a text; the text is built at start and can contain only constants")
        elif '"' in term.code or "\\" in term.code:
            self.fault(line, "too complex inside a text; assign it to a variable first")
        return (term,)

    def _name(self, node: Name) -> Term:
        variable = self.variables.get(node.name)
        if variable is None:
            if node.name in FUNCTIONS or node.name in STATEMENTS:
                return self.fault(node.line, f"{node.name} without parentheses; write {node.name}(...)")
            return self.fault(node.line, f"unknown variable {node.name!r}{nearest(node.name, self.variables, 'define it first')}")
        if variable.term.kind is Kind.FAILED:
            return self.fault(node.line, f"{node.name} could not be translated in line {variable.line}; fix that first")
        return variable.term

    def _call(self, node: Invocation) -> Term:
        if node.target is None:
            return self._function(node)
        target = self.write(node.target)
        if target.kind is Kind.PARSE and node.name == "to":
            return self._parsed(node, target)
        arguments = self._arguments(node)
        signature = self._method(node, target)
        if signature is None or target.kind is Kind.FAILED:
            return FAILED
        return self._called(node, signature, f"{target.code}.{signature.name}", arguments)

    def _function(self, node: Invocation) -> Term:
        signature = FUNCTIONS.get(node.name)
        arguments = self._arguments(node)
        if node.name == "match":
            self._check_pattern(node)
        if node.name in STATEMENTS:
            return self.fault(node.line, f"{node.name} has no value; write it as a separate statement")
        if signature is None:
            return self.fault(node.line, f"unknown function {node.name!r}{nearest(node.name, [*FUNCTIONS, *STATEMENTS])}")
        return self._called(node, signature, self.use(signature.name), arguments)

    def _check_pattern(self, node: Invocation) -> None:
        """Check that a regular expression of Java can be translated."""
        for pattern in node.arguments[:1]:
            if isinstance(pattern, ScalarLiteral):
                try:
                    patterns.translate(pattern.value)
                except TypeError as error:
                    self.fault(node.line, str(error))
                except ValueError as error:
                    self.fault(node.line, f"{error}; use the syntax of Python's re")

    def _arguments(self, node: Invocation) -> list[Term]:
        return [self.write(argument) for argument in node.arguments]

    def _called(self, node: Invocation, signature: Signature, code: str, arguments: Iterable[Term]) -> Term:
        codes = [argument.code for argument in arguments]
        if not signature.min_arguments <= len(codes) <= signature.max_arguments:
            wanted = (
                str(signature.max_arguments)
                if signature.min_arguments == signature.max_arguments
                else f"{signature.min_arguments} or {signature.max_arguments}"
            )
            return self.fault(node.line, f"{node.name} takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(codes)}")
        return Term(f"{code}({', '.join(codes)})", signature.kind)

    def _method(self, node: Invocation | Property, target: Term) -> Signature | None:
        if target.kind is Kind.FAILED:
            return None
        known = (
            METHODS.get(target.kind, {})
            if target.kind is not Kind.MIXED
            else {name: signature for signatures in METHODS.values() for name, signature in signatures.items()}
        )
        if node.name not in known:
            hint = nearest(node.name, known, f"it has {', '.join(known)}" if known else "")
            self.fault(node.line, f"{target.kind.value} has no {node.name!r}{hint}")
        return known.get(node.name)

    def _parsed(self, node: Invocation, target: Term) -> Term:
        """Translate `to int32`, whose argument is the name of a type."""
        (named,) = node.arguments if len(node.arguments) == 1 else (None,)
        name = named.name if isinstance(named, Name) else ""
        if name not in TYPES:
            hint = nearest(name, TYPES, f"the types are {', '.join(TYPES)}")
            return self.fault(node.line, f"unknown type {name!r}{hint}")
        return Term(f"{target.code}.{TYPES[name].name}()", TYPES[name].kind)

    def _property(self, node: Property) -> Term:
        target = self.write(node.target)
        if (signature := self._method(node, target)) is not None:
            missing = "()" if not signature.min_arguments else "(...)"
            self.fault(node.line, f"{node.name} without parentheses; write {node.name}{missing}")
        return FAILED

    def _index(self, node: Index) -> Term:
        target, index = self.write(node.target), self.write(node.index)
        if Kind.FAILED in (target.kind, index.kind):
            return FAILED
        if target.kind is not Kind.ITEMS or target.item is None or index.kind is not Kind.COUNT:
            return self.fault(node.line, f"[...] after {target.kind.value}; it works on constant lists only")
        return Term(f"{target.code}[{index.code}]", target.item.kind, target.item.item)

    def _items(self, node: Items) -> Term:
        terms = [self.write(item) for item in node.items]
        return Term(f"[{', '.join(term.code for term in terms)}]", Kind.ITEMS, _common(terms))

    def _entries(self, node: Entries) -> Term:
        pairs = [(self.write(key), self.write(value)) for key, value in node.pairs]
        item = Term("", Kind.ITEMS, _common([value for _, value in pairs]))
        return Term("{" + ", ".join(f"{key.code}: {value.code}" for key, value in pairs) + "}", Kind.ENTRIES, item)

    def _operation(self, node: Operation) -> Term:
        if node.sign in ("..", "..<"):
            return self._range(node)
        left, right = (FAILED if side is None else self.write(side) for side in (node.left, node.right))
        if Kind.FAILED in (left.kind, right.kind) and (node.left is not None or right.kind is Kind.FAILED):
            return FAILED
        if node.sign == "+" and Kind.WORD in (left.kind, right.kind):
            return _text(self._parts(node.line, left) + self._parts(node.line, right))
        if node.sign in ("+", "-", "*") and left.kind is right.kind is Kind.COUNT:
            return Term(f"({left.code} {node.sign} {right.code})", Kind.COUNT)
        return self.fault(node.line, _operator_fault(node.sign))

    def _range(self, node: Operation) -> Term:
        ends = [side.value for side in (node.left, node.right) if isinstance(side, ScalarLiteral) and type(side.value) is int]
        if len(ends) != 2:
            return self.fault(node.line, "not a valid range: its ends must be constant numbers; write them, or a list")
        first, last = ends
        step = 1 if first <= last else -1
        code = f"{first}, {last + step if node.sign == '..' else last}{', -1' if step < 0 else ''}"
        return Term(f"range({code.removeprefix('0, ') if step > 0 else code})", Kind.ITEMS, Term("", Kind.COUNT))


def _common(terms: list[Term]) -> Term:
    """Return the common kind of the items of a list."""
    kinds = {term.kind for term in terms}
    return Term("", kinds.pop(), terms[0].item) if len(kinds) == 1 else Term("", Kind.MIXED)


def _text(parts: tuple[str | Term, ...]) -> Term:
    """Return the text that is built from these parts."""
    if all(isinstance(part, str) for part in parts):
        text = "".join(map(str, parts))
        return Term(quoted(text), Kind.WORD, parts=(text,))
    written = (f"{{{part.code}}}" if isinstance(part, Term) else escaped(part, '"').replace("{", "{{").replace("}", "}}") for part in parts)
    return Term(f'f"{"".join(written)}"', Kind.WORD, parts=parts)


def _operator_fault(sign: str) -> str:
    functions = {"!": "not(...)", "==": "equalTo(...)", "!=": "not(a.equalTo(b))", "&&": "and(...)", "||": "or(...)"}
    if sign in functions:
        return f"{sign} is evaluated at start, before there are events; write {functions[sign]}"
    return f"{sign} is not supported here; only constant whole numbers and texts can be computed"

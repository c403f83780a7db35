"""The evaluation of a mapping file, statement by statement, so that all errors are reported at once."""

import ast
import traceback
import warnings
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from mapping.dsl.names import NAMES
from mapping.dsl.statements import Block, Plan, UnreachableBlock, recording

_PACKAGE: Final = "mapping"
_FORMER_PACKAGE: Final = "collector.mapping"
_FAULT, _BLOCK, _ERROR = "_mapping_fault", "_mapping_block", "_mapping_error"
_warned: dict[Any, Any] = {}  # the lines that a deprecation warning was shown for, as in `__warningregistry__`


def evaluate(source: bytes, name: str) -> Plan:
    """Return the plan of a mapping, with its faults."""
    plan = Plan(name)
    try:
        tree = ast.parse(source, name)
    except (SyntaxError, ValueError) as error:
        plan.faults.append((getattr(error, "lineno", None) or 1, f"not valid Python: {getattr(error, 'msg', error)}"))
        return plan
    guard = _Guard(plan, tree)
    tree.body = list(guard.guarded(tree.body))
    names = {"__name__": "mapping", "__file__": name, _FAULT: guard.fault, _BLOCK: guard.block}
    with recording(plan):
        exec(compile(ast.fix_missing_locations(tree), name, "exec"), names)  # noqa: S102 - the operator's own file
    return plan


class _Guard:
    """A handler around each statement of a mapping, which records its errors."""

    def __init__(self, plan: Plan, tree: ast.Module) -> None:
        self._plan = plan
        self._statements: list[ast.stmt] = []
        self._lost: set[str] = set()  # names that faulty statements would have defined
        self._defined = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def guarded(self, statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        """Yield the statements in handlers, and those in their blocks too."""
        for statement in statements:
            if isinstance(statement, ast.ImportFrom) and statement.module == _FORMER_PACKAGE:
                self._rename_package(statement)
            for one in _single_imports(statement):
                yield self._guarded(one)

    def _rename_package(self, statement: ast.ImportFrom) -> None:
        """Import the language from its current name. The operator sees a warning, because a FutureWarning is shown by default."""
        statement.module = _PACKAGE
        message = f"import from {_PACKAGE}, not from {_FORMER_PACKAGE}: the former name is deprecated"
        warnings.warn_explicit(message, FutureWarning, self._plan.name, statement.lineno, registry=_warned)

    def _guarded(self, statement: ast.stmt) -> ast.stmt:
        number = len(self._statements)
        self._statements.append(statement)
        guarded = _copy_of(statement)
        if isinstance(guarded, ast.For | ast.While | ast.If | ast.With | ast.Try):
            for part in ("body", "orelse", "finalbody"):
                if inner := getattr(guarded, part, None):
                    setattr(guarded, part, list(self.guarded(inner)))
        if isinstance(guarded, ast.With):
            for item in guarded.items:
                later = ast.Lambda(ast.arguments([], [], None, [], [], None, []), item.context_expr)
                item.context_expr = _call(_BLOCK, [later, ast.Constant(number)], item.context_expr)
        report = ast.Expr(_call(_FAULT, [ast.Name(_ERROR, ast.Load()), ast.Constant(number)], statement))
        handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), _ERROR, [ast.copy_location(report, statement)])
        made = ast.Try([guarded], [handler], [], [])
        return ast.copy_location(made, statement)

    def block(self, make: Callable[[], Any], number: int) -> Any:
        """Return the block of a `with` statement; an unreachable one if its line is faulty."""
        try:
            made = make()
        except Exception as error:  # noqa: BLE001 - every error of a mapping is reported with its line
            self.fault(error, number, ast.walk(_head_of(self._statements[number])))
            return UnreachableBlock()
        if isinstance(made, Block):
            return made
        self._add(self._statements[number].lineno, "with takes when(...) or section()")
        return UnreachableBlock()

    def fault(self, error: Exception, number: int, nodes: Iterator[ast.AST] | None = None) -> None:
        """Record an error, unless it follows from an earlier one."""
        statement = self._statements[number]
        within = list(nodes or ast.walk(statement))
        names = {node.id for node in within if isinstance(node, ast.Name)}
        self._plan.doubtful |= {node.value for node in within if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        follows = bool(names & self._lost)
        self._lost |= {node.id for node in within if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        if isinstance(statement, ast.ImportFrom):
            self._lost |= {one.asname or one.name for one in statement.names}
        if not follows:
            self._add(_line_of(error, self._plan.name) or statement.lineno, self._explained(error))

    def _add(self, line: int, text: str) -> None:
        if (line, text) not in self._plan.faults:  # a loop makes the same mistake each time
            self._plan.faults.append((line, text))

    def _explained(self, error: Exception) -> str:
        if isinstance(error, ImportError) and "cannot import name" in str(error):
            wanted = str(error).split("'")[1]
            return f"the mapping language has no {wanted!r}{_nearest(wanted, NAMES, 'did you mean {!r}?')}"
        if isinstance(error, AttributeError) and error.name:
            return _missing_attribute(error.obj, error.name)
        if isinstance(error, NameError) and error.name:
            return f"NameError: {error}{_nearest(error.name, [*NAMES, *self._defined], 'did you mean {!r}?')}"
        return f"{type(error).__name__}: {error}"


def _missing_attribute(thing: object, name: str) -> str:
    known = [one for one in dir(thing) if not one.startswith("_") and one != "expression"]
    near = _nearest(name, known, "did you mean .{}()?")
    kind = type(thing).__name__.lower()
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} has no .{name}(){near or '; it has ' + ', '.join(f'.{one}()' for one in known)}"


def _nearest(name: str, known: list[str], question: str) -> str:
    near = get_close_matches(name, known, n=1)
    return "; " + question.format(near[0]) if near else ""


def _line_of(error: Exception, name: str) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return lines[-1] if lines else None


def _single_imports(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Split an import of the language, so that one wrong name does not affect the others."""
    if not isinstance(statement, ast.ImportFrom) or statement.module != _PACKAGE:
        yield statement
        return
    for alias in statement.names:
        yield ast.copy_location(ast.ImportFrom(statement.module, [alias], statement.level), alias)


def _copy_of(statement: ast.stmt) -> ast.stmt:
    """Return a copy whose blocks can be replaced without changing the original."""
    copy = type(statement)(**{field: getattr(statement, field) for field in statement._fields if hasattr(statement, field)})
    if isinstance(copy, ast.With):
        copy.items = [ast.withitem(item.context_expr, item.optional_vars) for item in copy.items]
    return ast.copy_location(copy, statement)


def _head_of(statement: ast.stmt) -> ast.AST:
    assert isinstance(statement, ast.With)
    return ast.Tuple([item.context_expr for item in statement.items], ast.Load())


def _call(function: str, arguments: list[ast.expr], at: ast.expr | ast.stmt) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(function, ast.Load()), arguments, []), at)

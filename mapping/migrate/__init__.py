"""The migration of a mapping of Divolte from Groovy to Python."""

from dataclasses import dataclass

from mapping.migrate.names import CLEAN_INPUTS
from mapping.migrate.parser import parse
from mapping.migrate.writer import Writer

MAX_LINE_LENGTH = 140


@dataclass(frozen=True, slots=True)
class Migration:
    """The mapping in Python, and the parts of the script that could not be translated, one line each."""

    text: str
    faults: tuple[str, ...]


def migrate(source: str, name: str) -> Migration:
    """Translate a script. A statement that cannot be translated is a fault and becomes a comment."""
    try:
        statements, comments = parse(source)
        writer = Writer(source, comments)
        writer.script(statements)
        faults = writer.expressions.faults
        text = "\n\n".join(part for part in (_head(set(writer.expressions.used)), "\n".join(writer.lines).strip("\n")) if part) + "\n"
        compile(text, name, "exec")
    except (RecursionError, SyntaxError, MemoryError):
        faults = [(1, "the script is nested too deeply; reduce the nesting")]
        text = "\n".join(f"# {line}".rstrip() for line in ("not translated (line 1):", *source.splitlines())) + "\n"
    return Migration(text, tuple(f"{name}:{line}: {fault}" for line, fault in sorted(faults)))


def _head(used: set[str]) -> str:
    """Return the imports, and a comment on the use of personal data."""
    parts = []
    if used:
        line = f"from mapping import {', '.join(sorted(used))}"
        listed = "".join(f"    {each},\n" for each in sorted(used))
        parts.append(line if len(line) <= MAX_LINE_LENGTH else f"from mapping import (\n{listed})")
    if raw := sorted(used & CLEAN_INPUTS.keys()):
        parts.append(
            f"# {', '.join(f'{each}()' for each in raw)}: personal data;"
            f" {', '.join(f'{CLEAN_INPUTS[each]}()' for each in raw)} has the parts that may be kept."
        )
    return "\n\n".join(parts)

"""Translates a Groovy mapping of Divolte into a mapping in Python."""

from dataclasses import dataclass

from mapping.migrate.names import WHOLE_ADDRESSES
from mapping.migrate.parser import parse
from mapping.migrate.writer import Writer

LONGEST_LINE = 140


@dataclass(frozen=True, slots=True)
class Migration:
    """The mapping in Python, and what of the script it lacks, one line each."""

    text: str
    faults: tuple[str, ...]


def migrate(source: str, name: str) -> Migration:
    """Translate a script; what cannot be translated is a fault, and stays in the text as a comment."""
    try:
        statements, comments = parse(source)
        writer = Writer(source, comments)
        writer.script(statements)
        faults = writer.expressions.faults
        text = "\n\n".join(part for part in (_head(set(writer.expressions.used)), "\n".join(writer.lines).strip("\n")) if part) + "\n"
        compile(text, name, "exec")
    except (RecursionError, SyntaxError, MemoryError):
        faults = [(1, "the script is nested too deeply; write it flatter")]
        text = "\n".join(f"# {line}".rstrip() for line in ("not translated (line 1):", *source.splitlines())) + "\n"
    return Migration(text, tuple(f"{name}:{line}: {fault}" for line, fault in sorted(faults)))


def _head(used: set[str]) -> str:
    """Give the imports, and a word about what is personal data."""
    parts = []
    if used:
        line = f"from mapping import {', '.join(sorted(used))}"
        listed = "".join(f"    {each},\n" for each in sorted(used))
        parts.append(line if len(line) <= LONGEST_LINE else f"from mapping import (\n{listed})")
    if whole := sorted(used & WHOLE_ADDRESSES.keys()):
        parts.append(
            f"# {', '.join(f'{each}()' for each in whole)}: whole address, personal data;"
            f" {', '.join(f'{WHOLE_ADDRESSES[each]}()' for each in whole)} gives what may be kept."
        )
    return "\n\n".join(parts)

"""Resolves column names: the tables and subqueries of one SELECT, and of the SELECTs around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from minidruid.errors import QueryError
from minidruid.sql.catalog import Columns
from minidruid.sql.types import Fragment, quote_name


@dataclass(frozen=True, slots=True)
class Source:
    """An entry of FROM: its alias and columns, and its schema if it is a table."""

    alias: str
    columns: Columns
    schema: str | None = None

    def column(self, name: str) -> Fragment:
        return Fragment(f"{quote_name(self.alias)}.{quote_name(name)}", self.columns[name], column=name)


@dataclass(slots=True)
class Scope:
    """The names that an expression can refer to."""

    sources: list[Source] = field(default_factory=list)
    outer: "Scope | None" = None
    aliases: Mapping[str, Fragment] = field(default_factory=dict)  # of the select list, only for ORDER BY

    def column(self, parts: Sequence[str], location: str) -> Fragment:
        """Resolve `column`, `table.column` or `schema.table.column`."""
        name = parts[-1]
        if len(parts) == 1 and name in self.aliases:
            return self.aliases[name]
        found = [source for source in self.matching(parts[:-1]) if name in source.columns]
        if len(found) > 1:
            raise QueryError(f"Column '{name}' is ambiguous{location}")
        if found:
            return found[0].column(name)
        if self.outer:
            return self.outer.column(parts, location)
        if len(parts) > 1 and not any(self.matching(parts[:-1])):
            raise QueryError(f"Table '{'.'.join(parts[:-1])}' not found{location}")
        searched = f"table '{'.'.join(parts[:-1])}'" if len(parts) > 1 else "any table"
        raise QueryError(f"Column '{name}' not found in {searched}{self._suggestion(name)}{location}")

    def matching(self, qualifier: Sequence[str]) -> Iterator[Source]:
        """Yield the sources that a qualifier refers to; all if there is none."""
        for source in self.sources:
            if not qualifier or (source.alias == qualifier[-1] and (len(qualifier) == 1 or source.schema == qualifier[0])):
                yield source

    def _suggestion(self, name: str) -> str:
        close = next((known for source in self.sources for known in source.columns if known.lower() == name.lower()), None)
        return f"; did you mean '{close}'?" if close else ""

"""Which column a name means: the tables and subqueries of one SELECT, and of those around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from minidruid.errors import QueryError
from minidruid.sql.catalog import Columns
from minidruid.sql.types import Fragment, quote


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of FROM: its alias, its columns, and the table that it is, if it is one."""

    alias: str
    columns: Columns
    schema: str | None = None
    table: str | None = None

    def column(self, name: str) -> Fragment:
        return Fragment(f"{quote(self.alias)}.{quote(name)}", self.columns[name], column=name)


@dataclass(slots=True)
class Scope:
    """The names that an expression may use."""

    sources: list[Source] = field(default_factory=list)
    outer: "Scope | None" = None
    aliases: Mapping[str, Fragment] = field(default_factory=dict)  # of the select list, while ORDER BY is written

    def column(self, parts: Sequence[str], where: str) -> Fragment:
        """Resolve a column, given as name, table and name, or schema, table and name."""
        name = parts[-1]
        if len(parts) == 1 and name in self.aliases:
            return self.aliases[name]
        found = [source for source in self.named(parts[:-1]) if name in source.columns]
        if len(found) > 1:
            raise QueryError(f"Column '{name}' is ambiguous{where}")
        if found:
            return found[0].column(name)
        if self.outer:
            return self.outer.column(parts, where)
        if len(parts) > 1 and not any(self.named(parts[:-1])):
            raise QueryError(f"Table '{'.'.join(parts[:-1])}' not found{where}")
        place = f"table '{'.'.join(parts[:-1])}'" if len(parts) > 1 else "any table"
        raise QueryError(f"Column '{name}' not found in {place}{self._similar(name)}{where}")

    def named(self, qualifier: Sequence[str]) -> Iterator[Source]:
        """The sources that a qualifier means; all, if there is none."""
        for source in self.sources:
            if not qualifier or (source.alias == qualifier[-1] and (len(qualifier) == 1 or source.schema == qualifier[0])):
                yield source

    def _similar(self, name: str) -> str:
        close = next((known for source in self.sources for known in source.columns if known.lower() == name.lower()), None)
        return f"; did you mean '{close}'?" if close else ""

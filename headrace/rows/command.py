"""`headrace rows delete`: rows that meet a condition of Druid SQL are shown, then deleted, in portions, on either engine."""

import json
import sys
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import typer
from rich.console import Console
from sqlglot import exp

from headrace.errors import CommandError
from minidruid.errors import QueryError
from minidruid.sql.parser import parse


class Row(NamedTuple):
    """A row to be deleted, and the minute and source that its account stands under."""

    site: str
    event_id: str
    time: str
    received_at: int
    source: str | None


class Rows(Protocol):
    """A table of rows on one of the engines."""

    @property
    def table(self) -> str: ...
    @property
    def portion(self) -> int: ...  # how many rows are deleted at a time

    def ask(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows of an answer."""

    def delete(self, rows: Sequence[Row]) -> int:
        """Delete rows, account for them, and return how many there were; they are gone from answers then."""


class Survey(NamedTuple):
    """The rows that meet a condition; `until` is when the last of them was written."""

    rows: int
    oldest: str | None
    newest: str | None
    until: int | None


ATTEMPTS: Final = 3  # a row may move while it is looked for
SELECTED: Final = "site, event_id, __time, received_at, source"


def delete(rows: Rows, where: str, console: Console, progress: Console, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete the rows that meet a condition now; what comes meanwhile is left. Raises CommandError with the reason if it cannot."""
    condition = check_condition(where)
    survey = _survey(rows, condition)
    if not as_json:
        console.print(f"{_counted(survey.rows)}, from {survey.oldest} to {survey.newest}" if survey.rows else "no rows", highlight=False)
    deleted = 0
    if survey.rows and not dry_run:
        _confirm(survey, yes=yes)
        deleted = _delete(rows, f"({condition}) AND ingested_at <= {survey.until}", survey.rows, progress)
    if as_json:
        report = {"found": survey.rows, "oldest": survey.oldest, "newest": survey.newest, "deleted": deleted}
        console.out(json.dumps(report), highlight=False)
    elif not dry_run:
        console.print(f"{_counted(deleted)} deleted", highlight=False)


def check_condition(where: str) -> str:
    """Return the condition as it stands in a statement; raises CommandError if it is not a valid one, or more than one."""
    try:
        tree = parse(f"SELECT 1 FROM clickstream WHERE (\n{where}\n)")  # noqa: S608 - the operator's own, and only read
    except QueryError as error:
        raise CommandError(f"--where: not a valid condition of Druid SQL: {error}") from error
    clauses = {name for name, value in tree.args.items() if value} - {"expressions", "from_", "where"}
    if not isinstance(tree, exp.Select) or clauses or not isinstance(tree.args["where"].this, exp.Paren):
        raise CommandError("--where: not a valid condition of Druid SQL: it must be what stands behind WHERE, and nothing after it")
    return f"\n{where}\n"


def _survey(rows: Rows, condition: str) -> Survey:
    asked = "COUNT(*) AS n, MIN(__time) AS oldest, MAX(__time) AS newest, MAX(ingested_at) AS until_ms"
    ((count, oldest, newest, until),) = _ask(rows, asked, condition)
    return Survey(count, oldest, newest, until) if count else Survey(0, None, None, None)


def _delete(rows: Rows, condition: str, count: int, progress: Console) -> int:
    deleted = in_vain = 0
    with progress.status("deleting") as status:
        while found := [Row(*row) for row in _ask(rows, SELECTED, condition, f" LIMIT {rows.portion}")]:
            gone = rows.delete(found)
            deleted, in_vain = deleted + gone, 0 if gone else in_vain + 1
            if in_vain == ATTEMPTS:
                raise CommandError(f"{deleted} rows are deleted, and none of the {len(found)} next ones could be")
            status.update(f"deleting: {deleted} of {count} rows")
    return deleted


def _ask(rows: Rows, asked: str, condition: str, limit: str = "") -> Sequence[tuple[Any, ...]]:
    table = rows.table.replace('"', '""')
    return rows.ask(f'SELECT {asked} FROM "{table}" WHERE ({condition}){limit}')  # noqa: S608 - an engine runs SELECT only


def _confirm(survey: Survey, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("nothing was deleted: nobody is here to confirm it; add --yes")
    if not typer.confirm(f"Delete {_counted(survey.rows)}? This cannot be undone."):
        raise CommandError("nothing was deleted")


def _counted(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"

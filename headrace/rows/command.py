"""`headrace rows delete`: counts the rows that meet a condition, then deletes them in batches, on either engine."""

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
    """A row to delete, with the time of receipt and the source that its account in the ledger has."""

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
    def batch_rows(self) -> int: ...  # maximum number of rows to delete at a time

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a result."""

    def delete(self, rows: Sequence[Row]) -> int:
        """Delete rows, account for them, and return their number; from then on no result has them."""


class Survey(NamedTuple):
    """A summary of the rows that meet a condition; `until` is when the last of them was written."""

    rows: int
    oldest: str | None
    newest: str | None
    until: int | None


MAX_ATTEMPTS: Final = 3  # a row may move while it is searched for
SELECTED: Final = "site, event_id, __time, received_at, source"


def delete(rows: Rows, where: str, console: Console, progress: Console, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete the rows that meet a condition at this moment; rows written later stay. Raises CommandError with the reason."""
    condition = check_condition(where)
    survey = _survey(rows, condition)
    if not as_json:
        console.print(
            f"{_format_count(survey.rows)}, from {survey.oldest} to {survey.newest}" if survey.rows else "no rows meet the condition",
            highlight=False,
        )
    deleted = 0
    if survey.rows and not dry_run:
        _confirm(survey, yes=yes)
        deleted = _delete(rows, f"({condition}) AND ingested_at <= {survey.until}", survey.rows, progress)
    if as_json:
        report = {"found": survey.rows, "oldest": survey.oldest, "newest": survey.newest, "deleted": deleted}
        console.out(json.dumps(report), highlight=False)
    elif not dry_run:
        console.print(f"{_format_count(deleted)} deleted", highlight=False)


def check_condition(where: str) -> str:
    """Return a condition for use in a statement; raises CommandError if it is not exactly one valid condition."""
    try:
        tree = parse(f"SELECT 1 FROM clickstream WHERE (\n{where}\n)")  # noqa: S608 - the operator's own, and only parsed
    except QueryError as error:
        raise CommandError(f"--where: not a valid condition of Druid SQL: {error}") from error
    clauses = {name for name, value in tree.args.items() if value} - {"expressions", "from_", "where"}
    if not isinstance(tree, exp.Select) or clauses or not isinstance(tree.args["where"].this, exp.Paren):
        raise CommandError("--where: not a valid condition of Druid SQL: it must be the part after WHERE, without further clauses")
    return f"\n{where}\n"


def _survey(rows: Rows, condition: str) -> Survey:
    columns = "COUNT(*) AS n, MIN(__time) AS oldest, MAX(__time) AS newest, MAX(ingested_at) AS until_ms"
    ((count, oldest, newest, until),) = _select(rows, columns, condition)
    return Survey(count, oldest, newest, until) if count else Survey(0, None, None, None)


def _delete(rows: Rows, condition: str, count: int, progress: Console) -> int:
    deleted = failed_attempts = 0
    with progress.status("deleting") as status:
        while found := [Row(*row) for row in _select(rows, SELECTED, condition, f" LIMIT {rows.batch_rows}")]:
            gone = rows.delete(found)
            deleted, failed_attempts = deleted + gone, 0 if gone else failed_attempts + 1
            if failed_attempts == MAX_ATTEMPTS:
                raise CommandError(f"{deleted} rows are deleted; the next {len(found)} could not be deleted in {MAX_ATTEMPTS} attempts")
            status.update(f"deleting: {deleted} of {count} rows")
    return deleted


def _select(rows: Rows, columns: str, condition: str, limit: str = "") -> Sequence[tuple[Any, ...]]:
    table = rows.table.replace('"', '""')
    return rows.query(f'SELECT {columns} FROM "{table}" WHERE ({condition}){limit}')  # noqa: S608 - an engine runs SELECT only


def _confirm(survey: Survey, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("nothing was deleted: there is no terminal to confirm it on; add --yes")
    if not typer.confirm(f"Delete {_format_count(survey.rows)}? This cannot be undone."):
        raise CommandError("nothing was deleted")


def _format_count(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"

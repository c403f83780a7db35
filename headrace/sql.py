"""`headrace sql`: runs one statement of Druid SQL on minidruid, or on a Druid by its URL, through pydruid."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydruid.db
import requests
from rich.console import Console
from rich.table import Column, Table

from headrace.consoles import cell
from headrace.errors import CommandError
from headrace.processes.installation import StateFolder
from headrace.sql_token import read_token

PATH = "/druid/v2/sql"


def find_engine(state: StateFolder, url: str | None, token_file: Path | None) -> tuple[str, str]:
    """Return URL and token of the engine: of `url`, or else of the state folder; raises CommandError."""
    if url is not None:
        return url, read_token(token_file)
    run = state.running()
    return run.url("sql"), read_token(token_file or run.sql_token_file)


def query(url: str, token: str, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return column names and rows; raises CommandError with the engine's error, or if nothing responds at the URL."""
    parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
    try:
        connection = pydruid.db.connect(
            host=parts.hostname,
            port=parts.port or 8888,
            path=parts.path if parts.path not in ("", "/") else PATH,
            scheme=parts.scheme,
            user=parts.username,
            password=parts.password,
            header=True,
            jwt=token or None,
        )
        cursor = connection.cursor()
        cursor.execute(statement.replace("%", "%%"))
        rows = [tuple(row) for row in cursor.fetchall()]
    except pydruid.db.exceptions.Error as error:
        raise CommandError(str(error)) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise CommandError(
            f"nothing responds at {url}; start headrace with `headrace up`, or set the URL of the engine with --url"
        ) from error
    return [column[0] for column in cursor.description or ()], rows


def print_rows(columns: list[str], rows: list[tuple[Any, ...]], console: Console, *, as_json: bool) -> None:
    """Print rows as a table, or as one JSON object per line."""
    if as_json:
        for row in rows:
            console.out(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False), highlight=False)
        return
    table = Table(*(Column(cell(name)) for name in columns), box=None, padding=(0, 2))
    for row in rows:
        table.add_row(*map(cell, row))
    console.print(table)
    console.print(f"[dim]{len(rows)} row{'' if len(rows) == 1 else 's'}[/]", highlight=False)

"""Dead letters: messages that became no row, as the store gives them over HTTP and as `headrace dead-letters` shows them."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import httpx
from rich.console import Console
from rich.table import Table
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.errors import CommandError

PATH = "/dead-letters"
MOST = 100  # a message has up to 1 MiB
SHOWN = ("failed_at", "reason", "source", "event_id", "position", "text")
COLUMNS = ("failed at", "reason", "source", "event id", "position", "what was wrong")

Read: TypeAlias = Callable[[int], tuple[int, Sequence[Mapping[str, Any]]]]  # how many there are, and the newest so many


def route(read: Read) -> Route:
    """Give the internal path of the store: GET /dead-letters?limit=20, the newest first, messages whole in base64."""

    def answer(request: Request) -> Response:
        limit = request.query_params.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= MOST:
            return JSONResponse({"message": f"limit must be a number from 1 to {MOST}"}, 400)
        total, letters = read(int(limit))
        return JSONResponse({"total": total, "dead_letters": [_to_json(letter) for letter in letters]})

    return Route(PATH, answer)


def print_dead_letters(store_url: str, limit: int, console: Console, *, as_json: bool) -> None:
    """Show the newest dead letters as a table, or whole, one JSON object a line; raises CommandError if the store does not answer."""
    try:
        answer = httpx.get(store_url + PATH, params={"limit": limit}, timeout=30, trust_env=False).raise_for_status().json()
    except httpx.HTTPError as error:
        raise CommandError(f"the store at {store_url} does not answer ({error}); `headrace status` says what runs") from error
    letters = answer["dead_letters"]
    if as_json:
        for letter in letters:
            console.out(json.dumps(letter, ensure_ascii=False), highlight=False)
        return
    table = Table(*COLUMNS, box=None, padding=(0, 2))
    for letter in letters:
        table.add_row(*(str(letter[name]) for name in SHOWN))
    console.print(table, markup=False)
    console.print(f"[dim]{len(letters)} of {answer['total']} dead letters[/]", highlight=False)


def _to_json(letter: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in letter.items() if name != "content"}
    instants = {name: _instant(letter[name]) for name in ("received_at", "failed_at")}
    return told | instants | {"content_base64": base64.b64encode(letter["content"]).decode()}


def _instant(milliseconds: int) -> str | None:
    """Write an instant; 0 is that of damage, of which nobody knows when it came."""
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if milliseconds else None
    )

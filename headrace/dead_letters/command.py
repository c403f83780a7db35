"""`headrace dead-letters`: messages that became no row, listed or replayed, wherever they are kept."""

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from rich.console import Console
from rich.table import Table

from headrace.consoles import cell
from streams.dead_letters import NEVER_REPLAYED
from streams.local.replays import Replayed
from streams.sink import DeadLetterFilter

SHOWN = ("failed_at", "reason", "source", "event_id", "origin", "text")
COLUMNS = ("failed at", "reason", "source", "event id", "origin", "what was wrong")

Letter: TypeAlias = Mapping[str, Any]  # as `to_json` gives it


class DeadLetters(Protocol):
    """Where dead letters are kept."""

    def newest(self, choice: DeadLetterFilter, limit: int) -> tuple[int, Sequence[Letter]]:
        """How many are chosen, and the newest so many of them."""

    def replay(self, choice: DeadLetterFilter) -> Iterator[Replayed]:
        """Have the chosen ones dealt with once more, and tell what became of them as it is known."""


def print_dead_letters(letters: DeadLetters, choice: DeadLetterFilter, limit: int, console: Console, *, as_json: bool) -> None:
    """Show the newest of the chosen dead letters as a table, or whole, one JSON object a line."""
    total, newest = letters.newest(choice, limit)
    if as_json:
        for letter in newest:
            console.out(json.dumps(letter, ensure_ascii=False), highlight=False)
        return
    table = Table(*COLUMNS, box=None, padding=(0, 2))
    for letter in newest:
        table.add_row(*(cell(letter[name]) for name in SHOWN))
    console.print(table)
    console.print(f"[dim]{len(newest)} of {total} dead letters[/]", highlight=False)


def replay_all(letters: DeadLetters, choice: DeadLetterFilter, console: Console, progress: Console, *, as_json: bool) -> bool:
    """Replay the chosen dead letters and say what became of them; tells whether all are rows."""
    brought_in, failed_again = 0, Counter[str]()
    try:
        with progress.status("replaying") as status:
            for replayed in letters.replay(choice):
                brought_in += replayed.brought_in
                failed_again.update(replayed.failed_again)
                status.update(f"replaying: {brought_in} brought in, {failed_again.total()} failed again")
    finally:
        _print_outcome(brought_in, failed_again, console, as_json=as_json)
    return not failed_again


def to_json(letter: Mapping[str, Any]) -> dict[str, Any]:
    """Give a dead letter's fields as JSON knows them: the message in base64, instants as texts."""
    told = {name: value for name, value in letter.items() if not isinstance(value, bytes)}
    told["origin"] = f"{letter['topic']}/{letter['position']}"
    instants = {name: _instant(letter[name]) for name in ("received_at", "failed_at")}
    return told | instants | {"content_base64": base64.b64encode(letter["content"]).decode()}


def _print_outcome(brought_in: int, failed_again: Mapping[str, int], console: Console, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"brought_in": brought_in, "failed_again": failed_again}), highlight=False)
        return
    console.print(f"{brought_in} brought in", highlight=False)
    for reason, count in sorted(failed_again.items()):
        console.print(f"{count} {'cannot be replayed' if reason in NEVER_REPLAYED else 'failed again'}: {reason}", highlight=False)


def _instant(milliseconds: int) -> str | None:
    """Write an instant; 0 is that of damage, of which nobody knows when it came."""
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if milliseconds else None
    )

"""`headrace dead-letters`: lists or replays messages that could not become rows."""

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
COLUMNS = ("failed at", "reason", "source", "event id", "origin", "error")

Letter: TypeAlias = Mapping[str, Any]  # as `to_json` returns it


class DeadLetters(Protocol):
    """The dead letters of the store or of Kafka."""

    def newest(self, selection: DeadLetterFilter, limit: int) -> tuple[int, Sequence[Letter]]:
        """Return the number of selected dead letters, and the newest `limit` of them."""

    def replay(self, selection: DeadLetterFilter) -> Iterator[Replayed]:
        """Reprocess the selected dead letters, and return their results as they come."""


def print_dead_letters(letters: DeadLetters, selection: DeadLetterFilter, limit: int, console: Console, *, as_json: bool) -> None:
    """Print the newest of the selected dead letters as a table, or complete as one JSON object per line."""
    total, newest = letters.newest(selection, limit)
    if as_json:
        for letter in newest:
            console.out(json.dumps(letter, ensure_ascii=False), highlight=False)
        return
    table = Table(*COLUMNS, box=None, padding=(0, 2))
    for letter in newest:
        table.add_row(*(cell(letter[name]) for name in SHOWN))
    console.print(table)
    console.print(f"[dim]{len(newest)} of {total} dead letters[/]", highlight=False)


def replay_all(letters: DeadLetters, selection: DeadLetterFilter, console: Console, progress: Console, *, as_json: bool) -> bool:
    """Reprocess the selected dead letters, print the results, and return whether all are rows now."""
    brought_in, failed_again = 0, Counter[str]()
    try:
        with progress.status("replaying") as status:
            for replayed in letters.replay(selection):
                brought_in += replayed.brought_in
                failed_again.update(replayed.failed_again)
                status.update(f"replaying: {brought_in} became rows, {failed_again.total()} failed again")
    finally:
        _print_outcome(brought_in, failed_again, console, as_json=as_json)
    return not failed_again


def to_json(letter: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dead letter as JSON: the message in base64, instants in ISO 8601."""
    fields = {name: value for name, value in letter.items() if not isinstance(value, bytes)}
    fields["origin"] = f"{letter['topic']}/{letter['position']}"
    instants = {name: _instant(letter[name]) for name in ("received_at", "failed_at")}
    return fields | instants | {"content_base64": base64.b64encode(letter["content"]).decode()}


def _print_outcome(brought_in: int, failed_again: Mapping[str, int], console: Console, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"brought_in": brought_in, "failed_again": failed_again}), highlight=False)
        return
    console.print(f"{brought_in} became {'a row' if brought_in == 1 else 'rows'}", highlight=False)
    for reason, count in sorted(failed_again.items()):
        console.print(f"{count} {'cannot be replayed' if reason in NEVER_REPLAYED else 'failed again'}: {reason}", highlight=False)


def _instant(milliseconds: int) -> str | None:
    """Format an instant; 0 stands for an unknown one, that of a damaged frame."""
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if milliseconds else None
    )

"""`headrace tail`: shows events as the collector accepts them, and rejections with their reason."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from headrace.errors import CommandError
from headrace.processes.installation import StateFolder
from schemas.codec import CodecError, Decoder
from schemas.contract import load_schema
from startup.visible import visible
from topics.local.reader import tail as tail_topic
from topics.local.spools import spool_paths
from topics.topic import Damage, Entry, Kind, Message

POLL_INTERVAL_SECONDS = 0.1
SHOWN = ("site", "event_type", "page_path", "target", "party_kind", "parameters")


def follow(state: StateFolder, console: Console, *, as_json: bool, count: int | None) -> None:
    """Print new entries of the topic until Ctrl-C, or until `count` entries are printed."""
    if not state.topic.exists():
        raise CommandError(
            f"there is no topic at {state.topic}; start headrace with `headrace up`, or select the right folder with --state DIR"
        )
    decoder = Decoder([load_schema()])
    try:
        for entry in islice(_follow(state.topic), count):
            content = describe(entry, decoder)
            console.out(json.dumps(content, ensure_ascii=False), highlight=False) if as_json else console.print(_line(content))
    except KeyboardInterrupt:
        return


def _follow(topic: Path) -> Iterator[Entry | Damage]:
    """Return new entries of all spools without end; a spool that appears later is read from its beginning."""
    readers = {path: tail_topic(path) for path in spool_paths(topic).values()}
    positions = {path: reader.position for path, reader in readers.items()}
    while True:
        is_idle = True
        for path in spool_paths(topic).values():
            reader = readers.get(path) or readers.setdefault(path, tail_topic(path))
            for entry in reader.read(positions.get(path, 0), 1000):
                is_idle, positions[path] = False, entry.next_position
                yield entry
        if is_idle:
            time.sleep(POLL_INTERVAL_SECONDS)  # other processes write the topic's files and send no notifications


def describe(entry: Entry | Damage, decoder: Decoder) -> dict[str, Any]:
    """Return an entry as {"received_at", "result", …}; `result` is ok, the reason of a rejection, or damaged."""
    if isinstance(entry, Damage):
        return {"received_at": None, "result": "damaged", "detail": entry.reason}
    message = entry.message
    head = {"received_at": _instant(message.received_at), "source": message.source, "event_id": message.event_id or None}
    if message.kind is Kind.REJECTION:
        return head | {"result": message.key.decode("ascii", "replace"), "detail": json.loads(message.value)}
    return head | {"result": "ok"} | _record(message, decoder)


def _record(message: Message, decoder: Decoder) -> dict[str, Any]:
    try:
        record = decoder.decode(message.value)
    except CodecError as error:
        return {"detail": str(error)}
    return {name: record[name] for name in SHOWN if record.get(name) is not None}


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(content: dict[str, Any]) -> Text:
    is_ok = content["result"] == "ok"
    line = Text(f"{(content['received_at'] or '')[11:23]:<12}  ", style="dim")
    line.append(f"{content['result']:<20}", style="green" if is_ok else "bold red")
    if is_ok:
        line.append("  ".join(visible(str(content[name])) for name in SHOWN if name in content), style="default")
    else:
        line.append(visible(json.dumps(content["detail"], ensure_ascii=False)), style="default")
    return line

"""The id of a local topic that is forwarded: with a position it names one frame for good, on whichever host it was written."""

import re
import secrets
from pathlib import Path

from startup.atomic_files import write_whole
from topics.topic import TopicError

_TEXT = re.compile(r"[0-9a-f]{16}")


def spool_id(directory: Path) -> bytes:
    """Give the 8 bytes of the file `id`; they are made when they are first needed."""
    path = directory / "id"
    try:
        text = path.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = secrets.token_hex(8)
        write_whole(path, text.encode() + b"\n")
    if not _TEXT.fullmatch(text):
        raise TopicError(f"{path} must hold 16 hexadecimal digits, not {text[:32]!r}")
    return bytes.fromhex(text)

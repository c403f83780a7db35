"""The id of a forwarded spool: together with a position, it identifies a frame forever, on any host."""

import re
import secrets
from pathlib import Path

from startup.atomic_files import write_whole
from topics.topic import TopicError

_TEXT = re.compile(r"[0-9a-f]{16}")


def spool_id(directory: Path) -> bytes:
    """Return the 8 bytes of the file `id`, which is created when first needed."""
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

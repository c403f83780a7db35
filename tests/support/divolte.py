"""What Divolte's tracker sends, and what its collector makes of it, as recorded."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "divolte"


def vectors(name: str) -> list[dict[str, Any]]:
    """Read a file of vectors."""
    found: list[dict[str, Any]] = json.loads((DATA / name).read_text("utf-8"))
    return found

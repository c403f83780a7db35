"""Folders of the test hosts: what can be used again by the next run, and what belongs to one run."""

from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[3]
CACHE: Final = PROJECT / "var-hosts" / "cache"
RUN: Final = PROJECT / "var-hosts" / "run"
HERE: Final = Path(__file__).parent

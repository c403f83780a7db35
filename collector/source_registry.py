"""The source kinds. Each is declared by its endpoint, and only this file lists them.

To add one, add a file to `endpoints/` that defines `KIND`, list it here and describe it in collector/README.md.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from collector.endpoints import divolte_json, divolte_tag, tracker
from collector.source_kind import SourceKind

SOURCE_KINDS: Final[Mapping[str, SourceKind]] = MappingProxyType(
    {kind.name: kind for kind in (tracker.KIND, divolte_tag.KIND, divolte_json.KIND)}
)
_FORMER_NAMES: Final = {kind.former_name: kind.name for kind in SOURCE_KINDS.values() if kind.former_name}


def find_kind(name: str) -> SourceKind | None:
    """Return the source kind of a present or former name."""
    return SOURCE_KINDS.get(_FORMER_NAMES.get(name, name))

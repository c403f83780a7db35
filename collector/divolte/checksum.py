"""The checksum in a query of Divolte's tag, which reveals a query that was truncated or changed on its way."""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import TypeAlias

import mmh3

from collector.divolte.query import Query
from mapping.operations.base36 import number36
from mapping.operations.divolte_query import CHECKSUM

MAX_TEMPLATES, MAX_NAMES, MAX_NAMES_LENGTH = 1024, 64, 512  # bounds of the cache
ASTRAL = "\U00010000"

# The canonical text with a gap for each value, and the function that returns the values for the gaps.
Template: TypeAlias = tuple[list[str], Callable[[Mapping[str, str]], Iterable[str]]]


def canonical_text(query: Query) -> str:
    """Return all parameters except the checksum, in the order and form that the tag signs."""
    if query.all_values is not None:
        names = sorted(query.all_values, key=_utf16)
        return "".join(f"{name}={''.join(f'{value},' for value in query.all_values[name])};" for name in names if name != CHECKSUM)
    names_as_sent = tuple(query.first)
    template, values_of = _templates.get(names_as_sent) or _cache(names_as_sent)
    pieces = template.copy()
    pieces[1::2] = values_of(query.first)
    return "".join(pieces)


def is_corrupt(query: Query, text: str, *, is_strict: bool) -> bool:
    """Whether a query does not match its checksum; `text` is the canonical one.

    The original hashes characters outside the basic plane wrongly: it treats every event that has one as corrupt.
    """
    if mmh3.hash(text, signed=True) != number36(query.first.get(CHECKSUM)):
        return True
    return is_strict and not text.isascii() and max(text) >= ASTRAL


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _template(names_as_sent: tuple[str, ...]) -> Template:
    names = sorted((name for name in names_as_sent if name != CHECKSUM), key=_utf16)
    pieces = [""] * (2 * len(names) + 1)
    pieces[:-1:2] = [f",;{name}=" for name in names]
    pieces[-1] = ",;" if names else ""
    pieces[0] = pieces[0].removeprefix(",;")
    return pieces, itemgetter(*names) if len(names) > 1 else lambda first: [first[name] for name in names]


def _cache(names_as_sent: tuple[str, ...]) -> Template:
    """Make a template and cache it: most queries have the same names in the same order."""
    made = _template(names_as_sent)
    if len(names_as_sent) <= MAX_NAMES and sum(map(len, names_as_sent)) <= MAX_NAMES_LENGTH:
        if len(_templates) >= MAX_TEMPLATES:
            _templates.clear()
        _templates[names_as_sent] = made
    return made


_templates: dict[tuple[str, ...], Template] = {}

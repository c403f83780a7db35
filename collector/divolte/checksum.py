"""The checksum by which Divolte's tracker lets a collector notice that a query was cut or changed on its way."""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import TypeAlias

import mmh3

from collector.divolte.query import Query
from mapping.operations.base36 import number36

NAME = "x"
MAX_TEMPLATES, MAX_NAMES, MAX_NAMES_LENGTH = 1024, 64, 512  # so much of what pages send is remembered
ASTRAL = "\U00010000"

# The text with gaps between its pieces, and what gives the values that fill them.
Template: TypeAlias = tuple[list[str], Callable[[Mapping[str, str]], Iterable[str]]]


def canonical_text(query: Query) -> str:
    """Write all parameters but the checksum in the order and form that is signed."""
    if query.repeated is not None:
        names = sorted(query.repeated, key=_utf16)
        return "".join(f"{name}={''.join(f'{value},' for value in query.repeated[name])};" for name in names if name != NAME)
    names_as_sent = tuple(query.first)
    template, values_of = _templates.get(names_as_sent) or _remember(names_as_sent)
    pieces = template.copy()
    pieces[1::2] = values_of(query.first)
    return "".join(pieces)


def is_corrupt(query: Query, text: str, *, is_strict: bool) -> bool:
    """Tell whether a query is not what its tracker signed; `text` is the canonical one.

    The original's hash is wrong for characters outside the basic plane: each event that holds one is corrupt to it.
    """
    if mmh3.hash(text, signed=True) != number36(query.first.get(NAME)):
        return True
    return is_strict and not text.isascii() and max(text) >= ASTRAL


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _template(names_as_sent: tuple[str, ...]) -> Template:
    names = sorted((name for name in names_as_sent if name != NAME), key=_utf16)
    pieces = [""] * (2 * len(names) + 1)
    pieces[:-1:2] = [f",;{name}=" for name in names]
    pieces[-1] = ",;" if names else ""
    pieces[0] = pieces[0].removeprefix(",;")
    return pieces, itemgetter(*names) if len(names) > 1 else lambda first: [first[name] for name in names]


def _remember(names_as_sent: tuple[str, ...]) -> Template:
    """Make a template; pages send the same names in the same order again and again."""
    made = _template(names_as_sent)
    if len(names_as_sent) <= MAX_NAMES and sum(map(len, names_as_sent)) <= MAX_NAMES_LENGTH:
        if len(_templates) >= MAX_TEMPLATES:
            _templates.clear()
        _templates[names_as_sent] = made
    return made


_templates: dict[tuple[str, ...], Template] = {}

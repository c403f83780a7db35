"""Druid's functions that make or search texts, each written so that no text of it is longer than the statement's allowance."""

import re
from collections.abc import Sequence

from minidruid.errors import LIMIT, UNSUPPORTED, QueryError
from minidruid.sql import limits
from minidruid.sql.functions.patterns import checked, like_size, regex_size
from minidruid.sql.limits import copied, first_within, guarded, guarded_argument, guarded_match
from minidruid.sql.types import Fragment, Kind, string, text

Arguments = Sequence[Fragment]

MAX_FORMAT_WIDTH = 1000
MAX_DIGITS = 19
MAX_GROUP = 99
MAX_SEPARATOR_BYTES = 1000
_EMPTY, _BACKSLASH = "''", "\\"

# Kinds whose texts are never longer.
_BYTES_OF = {Kind.BIGINT: 40, Kind.DOUBLE: 40, Kind.BOOLEAN: 8, Kind.TIMESTAMP: 40, Kind.DATE: 40, Kind.INTERVAL: 80, Kind.NULL: 0}
_FORMATTED_NUMBER_BYTES = 330  # 1e308 with %f

# A part of a format: flags, width, precision, type. `%%` is a percent sign.
_FORMAT_PART = re.compile(r"%(?:%|[-+ 0#,(]*(\d{0,6})(?:\.(\d{1,6}))?[A-Za-z])")


def constant(argument: Fragment, function: str) -> str:
    """Return the value of an argument that must be spelled out."""
    if argument.literal is None:
        raise QueryError(f"{function}: an argument must be a literal.")
    return argument.literal


def constant_number(argument: Fragment, function: str) -> float:
    """Return a number that must be spelled out."""
    try:
        return float(constant(argument, function))
    except ValueError:
        raise QueryError(f"{function}: [{argument.literal}] is not a valid number.") from None


def as_text(value: Fragment) -> str:
    """Write a value as Druid shows it in a text."""
    if value.kind is Kind.TIMESTAMP:
        return f"strftime({value.text}, '%Y-%m-%d %H:%M:%S')"
    if value.kind is Kind.ARRAY:
        return copied(f"CAST({value.text} AS VARCHAR)")
    return value.text if value.kind is Kind.VARCHAR else f"CAST({value.text} AS VARCHAR)"


def is_text(argument: Fragment) -> None:
    """Raise if a value is of a kind that no text function of Druid takes."""
    if argument.kind in (Kind.JSON, Kind.ARRAY, Kind.INTERVAL):
        raise QueryError(f"A text is expected, [{limits.shown(argument.text)}] is {argument.kind}.")


def no_array(argument: Fragment) -> None:
    """Raise for an array that would stand in an array."""
    if argument.kind is Kind.ARRAY:
        raise QueryError("An array of arrays is not supported.", UNSUPPORTED)


def _known_bytes(value: Fragment) -> int | None:
    """Return how long the text of a value can be, where that is known."""
    return len(value.literal.encode()) if value.literal is not None else _BYTES_OF.get(value.kind)


def _is_small(values: Arguments) -> bool:
    """Whether the texts of values are never long together."""
    known = [_known_bytes(value) for value in values]
    return None not in known and sum(filter(None, known)) <= limits.SMALL_BYTES


def _literal_count(argument: Fragment, function: str) -> int | None:
    """Return a length that the statement spells out; raises QueryError if it is beyond all limits."""
    if argument.literal is None or not re.fullmatch(r"-?[0-9]+", argument.literal):
        return None
    if len(argument.literal.lstrip("-")) > MAX_DIGITS or int(argument.literal) > limits.MAX_LITERAL_BYTES:
        raise QueryError(f"{function}: {argument.literal[:40]} is too many, at most {limits.MAX_LITERAL_BYTES} are allowed.", LIMIT)
    return int(argument.literal)


def concatenate(arguments: Arguments) -> Fragment:
    """Write a concatenation; NULL if one of the values is."""
    literals = [value.literal if value.kind is Kind.VARCHAR else None for value in arguments]
    if None not in literals:
        return string("".join(filter(None, literals)))
    texts = list(map(as_text, arguments))
    if _is_small(arguments):
        return Fragment(f"({' || '.join(texts)})", Kind.VARCHAR)
    # `concat` takes NULL for an empty text, but the size is NULL then, and so is what it guards.
    return Fragment(guarded(" + ".join(f"strlen({one})" for one in texts), f"concat({', '.join(texts)})"), Kind.VARCHAR)


def repeat(arguments: Arguments) -> Fragment:
    """Write a text so many times."""
    value, times = arguments
    is_text(value)
    count = _literal_count(times, "REPEAT")
    known = _known_bytes(value)
    argument = times.text
    if count is None or known is None or count * known > limits.SMALL_BYTES:
        argument = guarded_argument(f"strlen({as_text(value)}) * CAST({times.text} AS DOUBLE)", times.text)
    return Fragment(f"repeat({as_text(value)}, {argument})", Kind.VARCHAR)


def pad(name: str, arguments: Arguments) -> Fragment:
    """Write a text filled up, or cut, to a length."""
    value, length = arguments[:2]
    is_text(value)
    filler = arguments[2].text if len(arguments) > 2 else "' '"
    count = _literal_count(length, name)
    argument = length.text
    if count is None or 4 * count > limits.SMALL_BYTES:
        argument = guarded_argument(f"4 * CAST({length.text} AS DOUBLE)", length.text)
    return Fragment(f"{name.lower()}({as_text(value)}, {argument}, {filler})", Kind.VARCHAR)


def replace(arguments: Arguments) -> Fragment:
    """Write a text with all that is equal to a second one replaced by a third one."""
    for argument in arguments:
        is_text(argument)
    value, old, new = map(as_text, arguments)
    of_old, of_new = _known_bytes(arguments[1]), _known_bytes(arguments[2])
    if of_old is not None and of_new is not None and of_new <= of_old:
        return Fragment(copied(f"replace({value}, {old}, {new})"), Kind.VARCHAR)
    removed = f"(strlen({value}) - strlen({copied(f'replace({value}, {old}, {_EMPTY})')}))"
    size = f"strlen({value}) + {removed} // greatest(1, strlen({old})) * strlen({new})"
    return Fragment(f"replace({value}, {old}, {guarded_argument(size, new)})", Kind.VARCHAR)


def format_text(arguments: Arguments) -> Fragment:
    """Write values in the places of a format, as printf does."""
    pattern = constant(arguments[0], "STRING_FORMAT")
    rest = _FORMAT_PART.sub("", pattern)
    if "%" in rest:
        raise QueryError(f"STRING_FORMAT: [{pattern[:100]}] is not a valid format: flags, width, precision and a letter follow '%'.")
    parts = [part for part in _FORMAT_PART.finditer(pattern) if part[0] != "%%"]
    widths = sum(int(number) for part in parts for number in part.groups() if number)
    if widths > MAX_FORMAT_WIDTH:
        raise QueryError(f"STRING_FORMAT: the widths and precisions sum up to {widths}, at most {MAX_FORMAT_WIDTH} are allowed.", LIMIT)
    values = arguments[1:]
    written = f"printf({', '.join(argument.text for argument in arguments)})"
    texts = [value for value in values if value.kind is Kind.VARCHAR]
    fixed = len(pattern.encode()) + widths + len(parts) * _FORMATTED_NUMBER_BYTES
    if not texts and fixed <= limits.SMALL_BYTES:
        return Fragment(written, Kind.VARCHAR)
    longest = " + ".join([*(f"strlen({value.text})" for value in texts), "0"])
    return Fragment(guarded(f"{fixed} + {max(1, len(parts))} * ({longest})", written), Kind.VARCHAR)


def match(function: str, value: Fragment, pattern: Fragment) -> tuple[str, str]:
    """Write a text and the regular expression that it is matched against, which must be a literal, as in Druid."""
    is_text(value)
    found = constant(pattern, function)
    size = checked(regex_size(found), found, function)
    return guarded_match(as_text(value), size, function), text(found)


def regexp_like(arguments: Arguments) -> Fragment:
    """Write whether a text has a part that matches."""
    return Fragment(f"regexp_matches({', '.join(match('REGEXP_LIKE', *arguments))})", Kind.BOOLEAN)


def regexp_extract(arguments: Arguments) -> Fragment:
    """Write the part of a text that matches, or one group of it."""
    value, pattern = match("REGEXP_EXTRACT", *arguments[:2])
    group = constant_number(arguments[2], "REGEXP_EXTRACT") if len(arguments) > 2 else 0
    if group not in range(MAX_GROUP + 1):
        raise QueryError(f"REGEXP_EXTRACT: a group is a whole number up to {MAX_GROUP}, [{group:g}] is not.")
    found = copied(f"regexp_extract({value}, {pattern}, {int(group)})")
    return Fragment(f"CASE WHEN regexp_matches({value}, {pattern}) THEN {found} END", Kind.VARCHAR)


def regexp_replace(arguments: Arguments) -> Fragment:
    """Write a text with all parts that match replaced; `\\1` in the new text stands for a group."""
    is_text(arguments[2])
    value, pattern = match("REGEXP_REPLACE", *arguments[:2])
    plain, new = as_text(arguments[0]), as_text(arguments[2])
    if arguments[2].literal == "":
        return Fragment(copied(f"regexp_replace({value}, {pattern}, '', 'g')"), Kind.VARCHAR)
    # So often it can match at all; where that is too often, the exact number: replacing by one byte and by none differ by it.
    groups = f"(1 + {arguments[2].literal.count(_BACKSLASH) if arguments[2].literal else f'strlen({new}) // 2'}) * strlen({plain})"
    at_most = f"{groups} + (strlen({plain}) + 1) * strlen({new})"
    one, none = (copied(f"regexp_replace({value}, {pattern}, {with_}, 'g')") for with_ in ("'.'", _EMPTY))
    exact = f"{groups} + (strlen({one}) - strlen({none})) * strlen({new})"
    return Fragment(f"regexp_replace({value}, {pattern}, {guarded_argument(first_within(at_most, exact), new)}, 'g')", Kind.VARCHAR)


def like(value: Fragment, pattern: Fragment, escape: str) -> str:
    """Write LIKE; the pattern must be a literal, as in Druid."""
    found = constant(pattern, "LIKE") if pattern.kind is not Kind.NULL else ""
    size = checked(like_size(found), found, "LIKE")
    searched = guarded_match(as_text(value), size, "LIKE") if size else as_text(value)
    return f"({searched} LIKE {as_text(pattern)}{escape})"


def make_array(values: Arguments, texts: Sequence[str]) -> Fragment:
    """Write an array of values that are already of one kind."""
    for value in values:
        no_array(value)
    written = f"[{', '.join(texts)}]"
    if _is_small(values):
        return Fragment(written, Kind.ARRAY)
    size = " + ".join(f"coalesce(strlen({as_text(value)}), 0)" for value in values)
    return Fragment(guarded(f"{size} + {16 * len(values)}", written), Kind.ARRAY)


def split(arguments: Arguments) -> Fragment:
    """Write the parts of a text between separators."""
    for argument in arguments:
        is_text(argument)
    value, separator = map(as_text, arguments)
    parts = f"strlen({value})"
    if arguments[1].literal:
        parts = f"(strlen({value}) - strlen({copied(f'replace({value}, {separator}, {_EMPTY})')}))"
    return Fragment(guarded(f"strlen({value}) + 16 * (1 + {parts})", f"string_split({value}, {separator})"), Kind.ARRAY)


def join(arguments: Arguments) -> Fragment:
    """Write the values of an array as one text."""
    values, separator = arguments
    if values.kind is not Kind.ARRAY:
        raise QueryError(f"ARRAY_TO_STRING: an array is expected, [{limits.shown(values.text)}] is {values.kind}.")
    between = len(constant(separator, "ARRAY_TO_STRING").encode())
    if between > MAX_SEPARATOR_BYTES:  # DuckDB computes constants before it looks at the guard
        raise QueryError(f"ARRAY_TO_STRING: the separator has {between} bytes, at most {MAX_SEPARATOR_BYTES} are allowed.", LIMIT)
    size = f"{array_bytes(values.text)} + {between} * len({values.text})"
    return Fragment(guarded(size, f"array_to_string({values.text}, {as_text(separator)})"), Kind.VARCHAR)


def array_bytes(array: str) -> str:
    """Write how many bytes an array takes."""
    return f"(16 * len({array}) + strlen({copied(f'array_to_string({array}, {_EMPTY})')}))"


def to_json(arguments: Arguments) -> Fragment:
    """Write a value as JSON text; one character of it may take six."""
    value = arguments[0]
    written = f"CAST(to_json({value.text}) AS VARCHAR)"
    if value.kind is Kind.ARRAY:
        return Fragment(guarded(f"6 * {array_bytes(value.text)}", written), Kind.VARCHAR)
    known = _known_bytes(value)
    if known is not None and known <= limits.SMALL_BYTES:
        return Fragment(written, Kind.VARCHAR)
    return Fragment(guarded(f"{1 if value.kind is Kind.JSON else 6} * strlen({as_text(value)}) + 2", written), Kind.VARCHAR)

"""Druid's functions that produce or search strings; every string they produce counts against the statement's allowance."""

import re
from collections.abc import Sequence

from minidruid.errors import LIMIT, UNSUPPORTED, QueryError
from minidruid.sql import limits
from minidruid.sql.functions.casts import Arguments, as_text, require_literal, require_number
from minidruid.sql.functions.patterns import check_size, like_size, regex_size
from minidruid.sql.limits import counted, exact_if_needed, limited, limited_argument, limited_match_input
from minidruid.sql.types import Fragment, SqlType, quote_text, text_fragment

MAX_FORMAT_WIDTH = 1000
MAX_DIGITS = 19
MAX_GROUP = 99
MAX_SEPARATOR_BYTES = 1000
_EMPTY, _BACKSLASH = "''", "\\"

# Types whose values are short as text.
_MAX_TEXT_BYTES = {
    SqlType.BIGINT: 40,
    SqlType.DOUBLE: 40,
    SqlType.BOOLEAN: 8,
    SqlType.TIMESTAMP: 40,
    SqlType.DATE: 40,
    SqlType.INTERVAL: 80,
    SqlType.NULL: 0,
}
_MAX_FORMATTED_NUMBER_BYTES = 330  # 1e308 with %f

# A conversion of a format: flags, width, precision, type. `%%` is a percent sign.
_CONVERSION = re.compile(r"%(?:%|[-+ 0#,(]*(\d{0,6})(?:\.(\d{1,6}))?[A-Za-z])")


def require_text(argument: Fragment) -> None:
    """Raise QueryError for a type that no string function of Druid accepts."""
    if argument.type in (SqlType.JSON, SqlType.ARRAY, SqlType.INTERVAL):
        raise QueryError(f"A text is expected, [{limits.for_message(argument.text)}] is {argument.type}.")


def reject_array(argument: Fragment) -> None:
    """Raise QueryError for an array as an element of an array."""
    if argument.type is SqlType.ARRAY:
        raise QueryError("An array of arrays is not supported.", UNSUPPORTED)


def _max_bytes(value: Fragment) -> int | None:
    """Return the maximum length of a value as text; None if it has none."""
    return len(value.literal.encode()) if value.literal is not None else _MAX_TEXT_BYTES.get(value.type)


def _are_small(values: Arguments) -> bool:
    """Whether the values, concatenated as text, are always small."""
    sizes = [_max_bytes(value) for value in values]
    return None not in sizes and sum(filter(None, sizes)) <= limits.SMALL_BYTES


def _literal_count(argument: Fragment, function: str) -> int | None:
    """Return a literal length, or None for an expression; raises QueryError for a length that exceeds the limit."""
    if argument.literal is None or not re.fullmatch(r"-?[0-9]+", argument.literal):
        return None
    if len(argument.literal.lstrip("-")) > MAX_DIGITS or int(argument.literal) > limits.MAX_LITERAL_BYTES:
        raise QueryError(f"{function}: {argument.literal[:40]} is too large, at most {limits.MAX_LITERAL_BYTES} is allowed.", LIMIT)
    return int(argument.literal)


def concatenate(arguments: Arguments) -> Fragment:
    """Concatenate values as text; NULL if one of them is NULL."""
    literals = [value.literal if value.type is SqlType.VARCHAR else None for value in arguments]
    if None not in literals:
        return text_fragment("".join(filter(None, literals)))
    texts = list(map(as_text, arguments))
    if _are_small(arguments):
        return Fragment(f"({' || '.join(texts)})", SqlType.VARCHAR)
    # `concat` skips NULL; but then the size is NULL, and so is the limited value.
    return Fragment(limited(" + ".join(f"strlen({text})" for text in texts), f"concat({', '.join(texts)})"), SqlType.VARCHAR)


def repeat(arguments: Arguments) -> Fragment:
    """Repeat a string n times."""
    value, times = arguments
    require_text(value)
    count = _literal_count(times, "REPEAT")
    value_bytes = _max_bytes(value)
    argument = times.text
    if count is None or value_bytes is None or count * value_bytes > limits.SMALL_BYTES:
        argument = limited_argument(f"strlen({as_text(value)}) * CAST({times.text} AS DOUBLE)", times.text)
    return Fragment(f"repeat({as_text(value)}, {argument})", SqlType.VARCHAR)


def pad(name: str, arguments: Arguments) -> Fragment:
    """Pad or truncate a string to a length."""
    value, length = arguments[:2]
    require_text(value)
    filler = arguments[2].text if len(arguments) > 2 else "' '"
    count = _literal_count(length, name)
    argument = length.text
    if count is None or 4 * count > limits.SMALL_BYTES:
        argument = limited_argument(f"4 * CAST({length.text} AS DOUBLE)", length.text)
    return Fragment(f"{name.lower()}({as_text(value)}, {argument}, {filler})", SqlType.VARCHAR)


def replace(arguments: Arguments) -> Fragment:
    """Replace all occurrences of a string in another."""
    for argument in arguments:
        require_text(argument)
    value, old, new = map(as_text, arguments)
    old_bytes, new_bytes = _max_bytes(arguments[1]), _max_bytes(arguments[2])
    if old_bytes is not None and new_bytes is not None and new_bytes <= old_bytes:
        return Fragment(counted(f"replace({value}, {old}, {new})"), SqlType.VARCHAR)
    removed = f"(strlen({value}) - strlen({counted(f'replace({value}, {old}, {_EMPTY})')}))"
    size = f"strlen({value}) + {removed} // greatest(1, strlen({old})) * strlen({new})"
    return Fragment(f"replace({value}, {old}, {limited_argument(size, new)})", SqlType.VARCHAR)


def format_text(arguments: Arguments) -> Fragment:
    """Format values like printf."""
    pattern = require_literal(arguments[0], "STRING_FORMAT")
    if "%" in _CONVERSION.sub("", pattern):
        raise QueryError(f"STRING_FORMAT: [{pattern[:100]}] is not a valid format: flags, width, precision and a letter follow '%'.")
    conversions = [conversion for conversion in _CONVERSION.finditer(pattern) if conversion[0] != "%%"]
    widths = sum(int(number) for conversion in conversions for number in conversion.groups() if number)
    if widths > MAX_FORMAT_WIDTH:
        raise QueryError(f"STRING_FORMAT: the widths and precisions sum up to {widths}, at most {MAX_FORMAT_WIDTH} are allowed.", LIMIT)
    formatted = f"printf({', '.join(argument.text for argument in arguments)})"
    texts = [value for value in arguments[1:] if value.type is SqlType.VARCHAR]
    fixed_bytes = len(pattern.encode()) + widths + len(conversions) * _MAX_FORMATTED_NUMBER_BYTES
    if not texts and fixed_bytes <= limits.SMALL_BYTES:
        return Fragment(formatted, SqlType.VARCHAR)
    text_bytes = " + ".join([*(f"strlen({value.text})" for value in texts), "0"])
    return Fragment(limited(f"{fixed_bytes} + {max(1, len(conversions))} * ({text_bytes})", formatted), SqlType.VARCHAR)


def _match(function: str, value: Fragment, pattern: Fragment) -> tuple[str, str]:
    """Return a string and the regular expression to match it against, which must be a literal, as in Druid."""
    require_text(value)
    regex = require_literal(pattern, function)
    size = check_size(regex_size(regex), regex, function)
    return limited_match_input(as_text(value), size, function), quote_text(regex)


def regexp_like(arguments: Arguments) -> Fragment:
    """Search a string for a regular expression."""
    return Fragment(f"regexp_matches({', '.join(_match('REGEXP_LIKE', *arguments))})", SqlType.BOOLEAN)


def regexp_extract(arguments: Arguments) -> Fragment:
    """Return the first match of a regular expression, or one of its groups."""
    value, pattern = _match("REGEXP_EXTRACT", *arguments[:2])
    group = require_number(arguments[2], "REGEXP_EXTRACT") if len(arguments) > 2 else 0
    if group not in range(MAX_GROUP + 1):
        raise QueryError(f"REGEXP_EXTRACT: [{group:g}] is not a valid group: a whole number up to {MAX_GROUP} is expected.")
    found = counted(f"regexp_extract({value}, {pattern}, {int(group)})")
    return Fragment(f"CASE WHEN regexp_matches({value}, {pattern}) THEN {found} END", SqlType.VARCHAR)


def regexp_replace(arguments: Arguments) -> Fragment:
    """Replace all matches of a regular expression; `\\1` in the replacement is a group."""
    require_text(arguments[2])
    value, pattern = _match("REGEXP_REPLACE", *arguments[:2])
    plain, new = as_text(arguments[0]), as_text(arguments[2])
    if arguments[2].literal == "":
        return Fragment(counted(f"regexp_replace({value}, {pattern}, '', 'g')"), SqlType.VARCHAR)
    # There is at most one match per byte. If that estimate exceeds the allowance, the matches are counted: the lengths after replacing
    # them by one byte and by none differ by their number.
    groups = f"(1 + {arguments[2].literal.count(_BACKSLASH) if arguments[2].literal else f'strlen({new}) // 2'}) * strlen({plain})"
    at_most = f"{groups} + (strlen({plain}) + 1) * strlen({new})"
    by_one_byte, by_nothing = (counted(f"regexp_replace({value}, {pattern}, {with_}, 'g')") for with_ in ("'.'", _EMPTY))
    exact = f"{groups} + (strlen({by_one_byte}) - strlen({by_nothing})) * strlen({new})"
    replacement = limited_argument(exact_if_needed(at_most, exact), new)
    return Fragment(f"regexp_replace({value}, {pattern}, {replacement}, 'g')", SqlType.VARCHAR)


def like(value: Fragment, pattern: Fragment, escape: str) -> str:
    """Return LIKE as a condition; the pattern must be a literal, as in Druid."""
    literal = require_literal(pattern, "LIKE") if pattern.type is not SqlType.NULL else ""
    size = check_size(like_size(literal), literal, "LIKE")
    searched = limited_match_input(as_text(value), size, "LIKE") if size else as_text(value)
    return f"({searched} LIKE {as_text(pattern)}{escape})"


def make_array(values: Arguments, converted: Sequence[str]) -> Fragment:
    """Make an array of values, already converted to their common type."""
    for value in values:
        reject_array(value)
    array = f"[{', '.join(converted)}]"
    if _are_small(values):
        return Fragment(array, SqlType.ARRAY)
    size = " + ".join(f"coalesce(strlen({as_text(value)}), 0)" for value in values)
    return Fragment(limited(f"{size} + {16 * len(values)}", array), SqlType.ARRAY)


def split(arguments: Arguments) -> Fragment:
    """Split a string at a separator into an array."""
    for argument in arguments:
        require_text(argument)
    value, separator = map(as_text, arguments)
    parts = f"strlen({value})"
    if arguments[1].literal:
        parts = f"(strlen({value}) - strlen({counted(f'replace({value}, {separator}, {_EMPTY})')}))"
    return Fragment(limited(f"strlen({value}) + 16 * (1 + {parts})", f"string_split({value}, {separator})"), SqlType.ARRAY)


def join(arguments: Arguments) -> Fragment:
    """Join the elements of an array by a separator."""
    values, separator = arguments
    if values.type is not SqlType.ARRAY:
        raise QueryError(f"ARRAY_TO_STRING: an array is expected, [{limits.for_message(values.text)}] is {values.type}.")
    separator_bytes = len(require_literal(separator, "ARRAY_TO_STRING").encode())
    if separator_bytes > MAX_SEPARATOR_BYTES:  # DuckDB folds constants before it checks the limit of the result
        raise QueryError(f"ARRAY_TO_STRING: the separator has {separator_bytes} bytes, at most {MAX_SEPARATOR_BYTES} are allowed.", LIMIT)
    size = f"{array_bytes(values.text)} + {separator_bytes} * len({values.text})"
    return Fragment(limited(size, f"array_to_string({values.text}, {as_text(separator)})"), SqlType.VARCHAR)


def array_bytes(array: str) -> str:
    """Return the size of an array in bytes."""
    return f"(16 * len({array}) + strlen({counted(f'array_to_string({array}, {_EMPTY})')}))"


def to_json(arguments: Arguments) -> Fragment:
    """Encode a value as JSON; a character may take six."""
    value = arguments[0]
    encoded = f"CAST(to_json({value.text}) AS VARCHAR)"
    if value.type is SqlType.ARRAY:
        return Fragment(limited(f"6 * {array_bytes(value.text)}", encoded), SqlType.VARCHAR)
    max_bytes = _max_bytes(value)
    if max_bytes is not None and max_bytes <= limits.SMALL_BYTES:
        return Fragment(encoded, SqlType.VARCHAR)
    return Fragment(limited(f"{1 if value.type is SqlType.JSON else 6} * strlen({as_text(value)}) + 2", encoded), SqlType.VARCHAR)

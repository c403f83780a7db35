"""Limits on the cost of a statement that DuckDB does not enforce itself.

DuckDB evaluates an expression for 2048 rows at a time and does not count the strings it produces against its memory limit.
So every expression that produces a string is limited: its size is computed first, and all strings of a statement share one allowance per
row. The allowance depends on the number of such expressions, so `apply_allowance` fills it in when the whole statement is translated.
"""

import re

from minidruid.errors import LIMIT, QueryError

# A statement within these limits is parsed, translated and planned within a second. The parser cannot be interrupted.
MAX_TOKENS = 10_000
MAX_NUMBER_CHARACTERS = 400  # a DOUBLE has at most 309 before the point; Python converts at most 4300
MAX_ITEMS = 1000  # of a select list, with `*` expanded
MAX_SOURCES = 100  # SELECTs and entries of FROM; a query of WITH counts each time it is used
MAX_GROUPING_SETS = 64
MAX_CONDITIONS = 2000  # joined by AND and OR
MAX_ARRAYS = 20  # columns of a result
MAX_SQL_BYTES = 1_000_000  # of DuckDB SQL: some functions write an argument several times

VECTOR_ROWS = 2048  # evaluated at a time, in each thread
MAX_TEXTS = 100  # expressions of a statement that produce a string
MAX_LITERAL_BYTES = 1 << 20  # of a string whose length is a literal, whatever the memory limit
DEFAULT_ROW_TEXT_BYTES = 15_625  # of all strings produced for a row, at the default memory limit
SMALL_BYTES = 256  # strings that are never longer are not limited
MAX_MATCH_STEPS = 500_000  # size of a pattern times bytes of a string: a match cannot be interrupted

TOO_LONG = "Text too long: "  # prefix of the errors that limited expressions raise

# Placeholders until the whole statement is translated; no literal or name can contain NUL.
_ALLOWANCE, _SAME_ALLOWANCE, _ERROR, _COUNTED = "\0allowance\0", "\0same\0", "\0error\0", "\0counted\0"
_PLACEHOLDER = re.compile(r"\0[a-z]+\0")


def max_row_text_bytes(memory_bytes: int) -> int:
    """Return the bytes of text that a statement may produce for a row: an eighth of the memory limit in each thread."""
    return max(1024, min(MAX_LITERAL_BYTES, memory_bytes // (8 * VECTOR_ROWS)))


def counted(text: str) -> str:
    """Count an expression that produces a string no longer than its argument."""
    return f"{_COUNTED}{text}"


def limited(size: str, value: str) -> str:
    """Return a value of `size` bytes, or an error if that exceeds the allowance; NULL if the size is NULL."""
    return f"CASE ({size}) > {_ALLOWANCE} WHEN FALSE THEN {value} WHEN TRUE THEN error({_ERROR}) END"


def limited_argument(size: str, argument: str) -> str:
    """Return the argument that determines the size of a string, because DuckDB folds constants before it evaluates a CASE around them."""
    return f"CASE WHEN ({size}) > {_ALLOWANCE} THEN error({_ERROR}) ELSE {argument} END"


def exact_if_needed(estimate: str, exact: str) -> str:
    """Return the exact size of a string, computed only if a cheap upper bound exceeds the allowance."""
    return f"CASE WHEN {estimate} <= {_SAME_ALLOWANCE} THEN 0 ELSE {exact} END"


def limited_match_input(value: str, pattern_size: int, function: str) -> str:
    """Return a string to match against a pattern of that size."""
    max_bytes = MAX_MATCH_STEPS // max(1, pattern_size)
    message = f"{TOO_LONG}{function} matches this pattern against at most {max_bytes} bytes. Use a shorter pattern."
    return f"CASE WHEN strlen({value}) > {max_bytes} THEN error('{message}') ELSE {value} END"


def check_limit(count: int, maximum: int, noun: str) -> None:
    """Raise QueryError if a statement has more than the maximum of something."""
    if count > maximum:
        raise QueryError(f"The statement has {count} {noun}; at most {maximum} are allowed.", LIMIT)


def for_message(sql: str) -> str:
    """Return a piece of SQL for an error message: shortened and without placeholders."""
    return _PLACEHOLDER.sub("", sql)[:200]


def apply_allowance(sql: str, row_bytes: int) -> tuple[str, bool]:
    """Divide the allowance of a row among the strings that the statement produces; return the SQL and whether there are any."""
    texts = sql.count(_ALLOWANCE) + sql.count(_COUNTED)
    check_limit(texts, MAX_TEXTS, "expressions that produce text")
    share = row_bytes // max(1, texts)
    message = (
        f"{TOO_LONG}this statement produces {texts} texts per row, and each may have at most {share} bytes. "
        "Produce fewer or shorter texts, or raise HEADRACE_MINIDRUID_MEMORY_LIMIT."
    )
    for placeholder, value in ((_ALLOWANCE, str(share)), (_SAME_ALLOWANCE, str(share)), (_ERROR, f"'{message}'"), (_COUNTED, "")):
        sql = sql.replace(placeholder, value)
    return sql, texts > 0

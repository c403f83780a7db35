"""Bounds on what a statement may cost that DuckDB's own limits do not see.

DuckDB computes an expression for 2048 rows at a time, and the texts that it makes of them are not counted against its memory limit.
So every text is made under a guard: its size is computed first, and all texts that a statement makes share one allowance per row.
"""

import re

from minidruid.errors import LIMIT, QueryError

# Of a statement: parsed, written and planned within a second. Nothing interrupts the reader of SQL.
MAX_TOKENS = 10_000
MAX_ITEMS = 1000  # of a select list, with what each `*` stands for
MAX_SOURCES = 100  # SELECTs and entries of FROM, a query of WITH as often as it is used
MAX_GROUPING_SETS = 64
MAX_CONDITIONS = 2000  # joined by AND and OR
MAX_ARRAYS = 20  # columns of an answer
MAX_SQL_BYTES = 1_000_000  # as written for DuckDB: some functions write an argument several times

VECTOR_ROWS = 2048  # at a time, in each thread
MAX_TEXTS = 100  # expressions of a statement that make a text
MAX_LITERAL_BYTES = 1 << 20  # of a text whose length the statement spells out, whatever the memory
ROW_TEXT_BYTES = 15_625  # of the texts made for a row together, at the default memory limit
SMALL_BYTES = 256  # texts that are never longer have no guard
MATCH_STEPS = 500_000  # size of a pattern times bytes of a text: a match cannot be interrupted

TOO_LONG = "Text too long: "  # how the errors of guards begin

# Stands for what is known when the whole statement is written; no literal or name can contain NUL.
_ALLOWANCE, _SAME_ALLOWANCE, _ERROR, _COPY = "\0allowance\0", "\0same\0", "\0error\0", "\0copy\0"
_MARK = re.compile(r"\0[a-z]+\0")


def allowance(memory_bytes: int) -> int:
    """Return the bytes of text that a statement may make for a row: an eighth of the memory limit in each thread."""
    return max(1024, min(MAX_LITERAL_BYTES, memory_bytes // (8 * VECTOR_ROWS)))


def copied(text: str) -> str:
    """Mark an expression that makes a text no longer than its argument."""
    return f"{_COPY}{text}"


def guarded(size: str, value: str) -> str:
    """Write a value whose text has so many bytes; NULL if the size is."""
    return f"CASE ({size}) > {_ALLOWANCE} WHEN FALSE THEN {value} WHEN TRUE THEN error({_ERROR}) END"


def guarded_argument(size: str, argument: str) -> str:
    """Write the argument by which a text grows; DuckDB computes constants before it looks at any CASE around them."""
    return f"CASE WHEN ({size}) > {_ALLOWANCE} THEN error({_ERROR}) ELSE {argument} END"


def first_within(estimate: str, exact: str) -> str:
    """Write the exact size of a text, computed only where a cheap upper bound of it exceeds the allowance."""
    return f"CASE WHEN {estimate} <= {_SAME_ALLOWANCE} THEN 0 ELSE {exact} END"


def guarded_match(value: str, pattern_size: int, function: str) -> str:
    """Write a text that is to be matched against a pattern of that size."""
    most = MATCH_STEPS // max(1, pattern_size)
    message = f"{TOO_LONG}{function} matches this pattern against at most {most} bytes. Use a shorter pattern."
    return f"CASE WHEN strlen({value}) > {most} THEN error('{message}') ELSE {value} END"


def within(count: int, most: int, what: str) -> None:
    """Raise QueryError if a statement has more of something than is allowed."""
    if count > most:
        raise QueryError(f"The statement has {count} {what}; at most {most} are allowed.", LIMIT)


def shown(sql: str) -> str:
    """Return a piece of SQL as an error may show it."""
    return _MARK.sub("", sql)[:200]


def settle(sql: str, row_bytes: int) -> tuple[str, bool]:
    """Return the statement with its allowance divided among the texts that it makes, and whether it makes any."""
    texts = sql.count(_ALLOWANCE) + sql.count(_COPY)
    within(texts, MAX_TEXTS, "expressions that make a text")
    share = row_bytes // max(1, texts)
    message = (
        f"{TOO_LONG}the {texts} texts that this statement makes for each row may have {share} bytes each. "
        "Make fewer or shorter ones, or raise HEADRACE_MINIDRUID_MEMORY_LIMIT."
    )
    for mark, meaning in ((_ALLOWANCE, str(share)), (_SAME_ALLOWANCE, str(share)), (_ERROR, f"'{message}'"), (_COPY, "")):
        sql = sql.replace(mark, meaning)
    return sql, texts > 0

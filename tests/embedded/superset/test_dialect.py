"""Statements as Superset sends them: parsed and rewritten in its environment, with the dialect that is registered there."""

import json
from pathlib import Path

import pytest
from support.minidruid.sql import engine
from support.minidruid.tables import ask
from support.superset import as_superset_writes

from minidruid.engine import Engine
from minidruid.errors import QueryError

__all__ = ["engine"]  # the fixture

CORPUS = Path(__file__).parents[2] / "contract" / "superset-sql-corpus.jsonl"
STATEMENTS: list[str] = [json.loads(line)["sql"] for line in CORPUS.read_text("utf-8").splitlines()]
FLAG_IS_TRUE = 89  # refused as it was recorded; the dialect asks the flag as Druid wants it

# what a person writes, what Druid must get
UNCHANGED = (
    "APPROX_COUNT_DISTINCT(a)",
    "APPROX_QUANTILE_DS(a, 0.5, 256)",
    "ANY_VALUE(a, 1024)",
    "ARRAY_AGG(DISTINCT a, 1024)",
    "STRING_AGG(DISTINCT a, ',')",
    "LISTAGG(a, ';')",
    "LATEST_BY(a, __time, 1024)",
    "VAR_POP(a)",
    "STDDEV_SAMP(a)",
    "STRPOS(a, 'b')",
    "POSITION('b' IN a)",
    "POSITION('b' IN a FROM 3)",
    "CONTAINS_STRING(a, 'b')",
    "CHAR_LENGTH(a)",
    "STRLEN(a)",
    "REGEXP_LIKE(a, 'b')",
    "SUBSTRING(a, 2, 3)",
    "TRIM(LEADING 'x' FROM a)",
    "TEXTCAT(a, 'b')",
    "LOG10(a)",
    "LN(a)",
    "DIV(7, 2)",
    "TRUNC(a)",
    "SAFE_DIVIDE(a, b)",
    "BITWISE_XOR(a, 1)",
    "NVL(a, 1)",
    "IFNULL(a, 1)",
    "DATE_TRUNC('hour', __time)",
    "TIME_FLOOR(__time, 'P1D', NULL, 'Europe/Amsterdam')",
    "TIME_EXTRACT(__time, 'DOW')",
    "TIME_FORMAT(__time, 'yyyy')",
    "TIMESTAMPDIFF(MINUTE, a, b)",
    "TIMESTAMPADD(DAY, 2, a)",
    "FLOOR(__time TO HOUR)",
    "EXTRACT(DOW FROM __time)",
    "CURRENT_TIMESTAMP - INTERVAL '1' DAY",
    "CURRENT_DATE",
    "JSON_VALUE(a, '$.b.c' RETURNING DOUBLE)",
    "JSON_VALUE(a, '$.b[0]')",
    "JSON_KEYS(a, '$.')",
    "ARRAY[1, 2]",
    "MV_FILTER_ONLY(a, ARRAY['b'])",
    "CAST(a AS VARCHAR)",
    "U&'\\00e9'",
    "'it''s \\ \"q\" %'",
    "a IS DISTINCT FROM 'b'",
    "a LIKE 'b' ESCAPE '\\'",
    "(a > 1) IS TRUE",
    "a.b",
)
REWRITTEN = (
    ("a ILIKE '%B%'", "LOWER(a) LIKE LOWER('%B%')"),
    ("a % 2", "MOD(a, 2)"),
    ("is_bot IS TRUE", "CAST(is_bot AS BOOLEAN) IS TRUE"),
    ("is_bot IS NOT FALSE", "NOT CAST(is_bot AS BOOLEAN) IS FALSE"),
    ("CAST(a AS TEXT)", "CAST(a AS VARCHAR)"),
    ("TRIM(a)", "TRIM(BOTH ' ' FROM a)"),
    ("TIMESTAMP '2026-11-22 03:00:00'", "CAST('2026-11-22 03:00:00' AS TIMESTAMP)"),
)
WHOLE = (
    ("SELECT a FROM t;", "SELECT a FROM t"),
    ("SELECT a FROM t ORDER BY a NULLS LAST", "SELECT a FROM t ORDER BY CASE WHEN a IS NULL THEN 1 ELSE 0 END, a"),
    (
        "SELECT a, COUNT(*) AS n FROM t GROUP BY 1 ORDER BY 1 DESC NULLS FIRST",
        "SELECT a, COUNT(*) AS n FROM t GROUP BY 1 ORDER BY CASE WHEN a IS NULL THEN 1 ELSE 0 END DESC, a DESC",
    ),
    ("SELECT a FROM t ORDER BY a DESC NULLS LAST, 1 ASC NULLS FIRST", "SELECT a FROM t ORDER BY a DESC, 1 ASC"),
    ("SELECT a FROM t OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY", "SELECT a FROM t OFFSET 1 FETCH NEXT 2 ROWS ONLY"),
    ("EXPLAIN PLAN FOR SELECT a FROM t", "EXPLAIN PLAN FOR SELECT a FROM t"),
)
RULES = (
    *((f"SELECT {text} AS x FROM t", f"SELECT {text} AS x FROM t") for text in UNCHANGED),
    *((f"SELECT {text} AS x FROM t", f"SELECT {expected} AS x FROM t") for text, expected in REWRITTEN),
    *WHOLE,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The rewritten form of each statement; Superset is loaded once for all."""
    statements = [*STATEMENTS, *(sql for sql, _ in RULES)]
    return dict(zip(statements, as_superset_writes(statements, tmp_path_factory.mktemp("superset")), strict=True))


@pytest.mark.parametrize(("sql", "expected"), RULES, ids=[expected for _, expected in RULES])
def test_a_statement_is_written_as_druid_reads_it(sql: str, expected: str, written: dict[str, str]) -> None:
    assert "".join(written[sql].split()) == "".join(expected.split())


@pytest.mark.parametrize("number", [number for number in range(len(STATEMENTS)) if number != FLAG_IS_TRUE])
def test_a_statement_of_the_corpus_keeps_its_answer(number: int, engine: Engine, written: dict[str, str]) -> None:
    sql = STATEMENTS[number]
    assert answer(engine, written[sql]) == answer(engine, sql)


def test_a_flag_that_is_asked_whether_it_is_true_is_answered(engine: Engine, written: dict[str, str]) -> None:
    (row,) = ask(engine, written[STATEMENTS[FLAG_IS_TRUE]])
    assert row == {"count": 4000}


def answer(engine: Engine, sql: str) -> list[dict[str, object]] | str:
    """Return the rows, or the error without its position in the text."""
    try:
        return ask(engine, sql)
    except QueryError as refused:
        return str(refused).partition(" (line")[0]

"""The bounds on the cost of a statement: texts, patterns, size."""

import pytest
from support.minidruid.sql import engine
from support.minidruid.tables import ask

from minidruid.engine import Engine
from minidruid.errors import CAPACITY, LIMIT, QueryError
from minidruid.results import SMALL_RESULT_BYTES, ResultMemory
from minidruid.sizes import parse_size
from minidruid.sql.functions.patterns import regex_size
from minidruid.sql.functions.times import strftime
from minidruid.sql.limits import DEFAULT_ROW_TEXT_BYTES, max_row_text_bytes

__all__ = ["engine"]  # the fixture

FULL = DEFAULT_ROW_TEXT_BYTES

WITHIN = (
    (f"LENGTH(REPEAT('x', {FULL}))", FULL),
    (f"LENGTH(LPAD('x', {FULL // 4}, 'y'))", FULL // 4),
    ("LPAD('7', 2, '0')", "07"),
    ("REPEAT('ab', NULL)", None),
    ("LENGTH(REPEAT('ab', -9223372036854775807))", 0),
    ("REGEXP_EXTRACT(country, '(J)(a)', 2)", "a"),
    ("CONCAT('a', NULL)", None),
    ("country || NULL", None),
    ("country || '-' || device_type || '-' || CAST(viewport_w AS VARCHAR)", "Japan-Desktop-1920"),
    ("REPLACE(country, 'a', 'aa')", "Jaapaan"),
    ("REGEXP_REPLACE(country, 'a', 'aa')", "Jaapaan"),
    ("REGEXP_REPLACE(country, '[ap]', '')", "Jn"),
    ("STRING_FORMAT('%5d|%s|%%', viewport_w, country)", " 1920|Japan|%"),
    ("ARRAY_TO_STRING(STRING_TO_ARRAY(country, 'p'), '/')", "Ja/an"),
    ("ARRAY_LENGTH(ARRAY[country, device_type])", 2),
    ("TO_JSON_STRING(country)", '"Japan"'),
    ("CASE WHEN country LIKE '%' || '_apan' THEN 1 END", 1),
    ("CASE WHEN LOWER(country) LIKE LOWER('JAP%') THEN 1 END", 1),
    ("CASE WHEN REGEXP_LIKE(country, '^[A-Z]{1,3}[a-z]+$') THEN 1 END", 1),
)

BEYOND = (
    (f"REPEAT('x', {FULL + 1})", "Text too long"),
    ("REPEAT(country, 100000)", "Text too long"),
    ("REPEAT('x', 2000 * 1000000)", "Text too long"),
    ("REPEAT('x', 2000000000)", "REPEAT: 2000000000 is too large, at most 1048576"),
    ("LPAD('x', 2000000000, 'y')", "LPAD: 2000000000 is too large"),
    ("RPAD(country, 40000)", "Text too long"),
    ("REPLACE(REPEAT(country, 100), 'a', REPEAT('b', 100))", "Text too long"),
    ("REGEXP_REPLACE(REPEAT(country, 100), '', REPEAT('b', 100))", "Text too long"),
    (f"country || '{'x' * FULL}'", "Text too long"),
    ("STRING_FORMAT('%10000d', 1)", "sum up to 10000, at most 1000"),
    ("STRING_FORMAT('%99999999d', 1)", "is not a valid format"),
    ("STRING_FORMAT(country, 1)", "an argument must be a literal"),
    (f"STRING_FORMAT('{'%1$s' * 900}', country)", "is not a valid format"),
    ("STRING_TO_ARRAY(REPEAT(country, 500), '')", "Text too long"),
    (f"ARRAY_TO_STRING(ARRAY[1, 2], '{'x' * 2000}')", "the separator has 2000 bytes, at most 1000"),
    (f"ARRAY[{', '.join(['country'] * 900)}]", "Text too long"),
    ("ARRAY[ARRAY[1]]", "An array of arrays is not supported"),
    ("ARRAY_TO_STRING(country, ',')", "an array is expected"),
    (f"TO_JSON_STRING(REPEAT(country, {FULL // 15}))", "Text too long"),
    ("REGEXP_LIKE(country, '(a{0,200}){0,200}')", "is too large"),
    ("REGEXP_LIKE(REPEAT(country, 500), '(a{0,30}){0,9}b')", "matches this pattern against at most"),
    ("REGEXP_EXTRACT(country, 'a', 1e-308)", "[1e-308] is not a valid group: a whole number up to 99"),
    ("REGEXP_EXTRACT(country, 'a', 'b')", "[b] is not a valid number"),
    ("APPROX_QUANTILE_DS(load_time, ',')", "[,] is not a valid number"),
    ("REGEXP_LIKE(country, country)", "REGEXP_LIKE: an argument must be a literal"),
    ("CASE WHEN country LIKE country THEN 1 END", "LIKE: an argument must be a literal"),
    ("STRING_AGG(country, ',') OVER ()", "STRING_AGG with OVER is not supported"),
    (f"TIME_FORMAT(__time, '{'y' * 101}')", "has 101 characters, at most 100"),
    (", ".join(f"UPPER(country || '{number}')" for number in range(101)), "expressions that produce text; at most 100"),
    (", ".join(["1"] * 1001), "1001 select items; at most 1000"),
    (", ".join(["1"] * 5001), "10004 words and symbols; at most 10000"),
    (" OR ".join(["country = 'a'"] * 2001), "2001 conditions; at most 2000"),
)


@pytest.mark.parametrize(("expression", "value"), WITHIN)
def test_a_text_within_the_bounds_is_what_it_was(expression: str, value: object, engine: Engine) -> None:
    where = "country = 'Japan' AND device_type = 'Desktop'"
    assert list(ask(engine, f"SELECT {expression} AS x FROM events WHERE {where} ORDER BY __time LIMIT 1")[0].values()) == [value]


@pytest.mark.parametrize(("expression", "reason"), BEYOND)
def test_input_beyond_a_bound_is_rejected_with_the_bound(expression: str, reason: str, engine: Engine) -> None:
    with pytest.raises(QueryError) as refused:
        ask(engine, f"SELECT {expression} FROM events")
    assert reason in str(refused.value)
    assert "\0" not in str(refused.value)


def test_a_statement_has_a_bounded_number_of_sources_however_they_are_written(engine: Engine) -> None:
    for sql in (
        "SELECT COUNT(*) FROM " + ", ".join(f"events a{number}" for number in range(100)),
        "WITH c0 AS (SELECT 1 AS a), "
        + ", ".join(f"c{n} AS (SELECT a FROM c{n - 1} UNION ALL SELECT a FROM c{n - 1})" for n in range(1, 40))
        + " SELECT COUNT(*) FROM c39",
    ):
        with pytest.raises(QueryError, match="SELECTs and entries of FROM; at most 100"):
            ask(engine, sql)


def test_a_chain_of_queries_counts_each_of_them_once_for_every_use(engine: Engine) -> None:
    chain = ", ".join(f"c{number} AS (SELECT a FROM c{number - 1})" for number in range(1, 40))
    assert ask(engine, f"WITH c0 AS (SELECT 1 AS a), {chain} SELECT a FROM c39") == [{"a": 1}]


@pytest.mark.parametrize(
    ("groups", "count"),
    [
        ("CUBE (country, city, browser, os, device_type, page_path, party_id)", 128),
        ("CUBE (country, city, os), CUBE (browser, os, city, country)", 128),
    ],
)
def test_sets_of_groups_are_bounded(groups: str, count: int, engine: Engine) -> None:
    with pytest.raises(QueryError, match=f"{count} grouping sets; at most 64"):
        ask(engine, f"SELECT COUNT(*) FROM events GROUP BY {groups}")


@pytest.mark.parametrize(
    "clauses",
    [
        "GROUP BY {}",
        "GROUP BY 1 ORDER BY {}",
        "WHERE viewport_w = {}",
        "WHERE TIME_FLOOR(__time, 'P{}D') = __time",
        "WHERE TIME_FLOOR(__time, 'PT{}S') = __time",
        "WHERE REGEXP_LIKE(country, 'a{{{}}}')",
        "WHERE REGEXP_LIKE(country, 'a{{1,{}}}')",
    ],
)
def test_a_number_with_too_many_digits_is_refused(clauses: str, engine: Engine) -> None:
    with pytest.raises(QueryError, match=r"5000 characters in a number|Invalid period|is too large"):
        ask(engine, f"SELECT country FROM events {clauses.format('9' * 5000)}")


@pytest.mark.parametrize("statement", ["SHOW TABLES secret", "SELECT JSON_VALUE(parameters, 'secret (') FROM events"])
def test_a_refused_statement_is_not_logged(statement: str, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(QueryError):
        ask(engine, statement)
    assert caplog.messages == []


def test_a_wide_row_is_refused_before_it_is_read(engine: Engine) -> None:
    with pytest.raises(QueryError, match="a row of the result may have at most") as refused:
        ask(engine, f"SELECT {', '.join(['t'] * 900)} FROM (SELECT REPEAT(country, 100) AS t FROM events)")
    assert refused.value.error_type is LIMIT


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("", 1),
        ("abc", 3),
        ("a{3}", 3),
        ("(ab){2,5}c", 16),
        ("(a{0,30}){0,30}b", 931),
        ("[a-f]{8}-[a-f]{4}", 25),
        (r"\d+\.\d{2}", 5),
        ("(((", 1),
        ("a{99999999999}", 14),
    ],
)
def test_the_size_of_a_pattern_counts_repetitions_written_out(pattern: str, size: int) -> None:
    assert regex_size(pattern) == size


def test_the_allowance_follows_the_memory_limit() -> None:
    assert max_row_text_bytes(parse_size("256MB")) == DEFAULT_ROW_TEXT_BYTES
    assert max_row_text_bytes(parse_size("1.5 GiB")) == 98_304
    assert (max_row_text_bytes(0), max_row_text_bytes(10**12)) == (1024, 1 << 20)
    with pytest.raises(ValueError, match="not a valid size"):
        parse_size("much")


def test_answers_share_their_room_and_give_it_back() -> None:
    memory = ResultMemory(1_000_000)
    memory.resize(0, 900_000)
    memory.resize(0, SMALL_RESULT_BYTES)  # small ones always have some
    with pytest.raises(QueryError, match="results in flight") as refused:
        memory.resize(0, 900_000)
    assert refused.value.error_type is CAPACITY
    memory.resize(900_000, 0)
    memory.resize(0, 900_000)
    with pytest.raises(QueryError, match="more than 1000000 bytes"):
        memory.resize(0, 1_000_001)


def test_a_pattern_of_time_is_short() -> None:
    assert strftime("yyyy-MM-dd") == "%Y-%m-%d"

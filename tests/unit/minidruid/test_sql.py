"""The results of each function and construct of Druid's SQL."""

from typing import Any

import pytest
from support.minidruid.sql import engine
from support.minidruid.tables import ask

from minidruid.engine import Engine
from minidruid.errors import QueryError

__all__ = ["engine"]  # the fixture

T = "TIMESTAMP '2026-03-29 10:20:30'"  # Amsterdam changed to summer time that night


VALUES: tuple[tuple[str, Any], ...] = (
    # numbers
    ("7/2", 3),
    ("-7/2", -3),
    ("7/2.0", 3.5),
    ("1.0*7/2", 3.5),
    ("1 + 2 * 3", 7),
    ("MOD(7, 4)", 3),
    ("DIV(7, 2)", 3),
    ("SAFE_DIVIDE(1, 0)", None),
    ("SAFE_DIVIDE(7, 2)", 3),
    ("SAFE_DIVIDE(7.0, 2)", 3.5),
    ("1.0 / 0", "Infinity"),
    ("-1.0 / 0", "-Infinity"),
    ("0.0 / 0", "NaN"),
    ("ABS(-3)", 3),
    ("FLOOR(2.7)", 2.0),
    ("CEIL(2.1)", 3.0),
    ("ROUND(2.345, 2)", 2.35),
    ("ROUND(2.5)", 3.0),
    ("TRUNCATE(2.789, 1)", 2.7),
    ("TRUNC(2.7)", 2.0),
    ("SQRT(9)", 3.0),
    ("POWER(2, 10)", 1024.0),
    ("GREATEST(1, 3, 2)", 3),
    ("LEAST('b', 'a')", "a"),
    ("BITWISE_AND(6, 3)", 2),
    ("'12' + 1", 13.0),
    # texts
    ("'a' || 'b' || 1", "ab1"),
    ("CONCAT('a', NULL)", None),
    ("TEXTCAT('a', 'b')", "ab"),
    ("UPPER('ab') || LOWER('CD')", "ABcd"),
    ("LPAD('7', 3, '0')", "007"),
    ("LPAD('7', 3)", "  7"),
    ("RPAD('7', 3, '0')", "700"),
    ("STRPOS('abc', 'c')", 3),
    ("POSITION('b' IN 'abc')", 2),
    ("CHAR_LENGTH('äö')", 2),
    ("SUBSTRING('abcdef', 2, 3)", "bcd"),
    ("SUBSTR('abcdef', 3)", "cdef"),
    ("LEFT('abc', 2) || RIGHT('abc', 1)", "abc"),
    ("BTRIM('xxaxx', 'x')", "a"),
    ("TRIM(' a ')", "a"),
    ("TRIM(LEADING 'x' FROM 'xax')", "ax"),
    ("TRIM(BOTH 'x' FROM 'xax')", "a"),
    ("REPLACE('aXa', 'X', '-')", "a-a"),
    ("REVERSE('abc')", "cba"),
    ("REPEAT('ab', 2)", "abab"),
    ("CONTAINS_STRING('abc', 'B')", False),
    ("ICONTAINS_STRING('abc', 'B')", True),
    ("REGEXP_LIKE('abc', 'b.')", True),
    ("REGEXP_EXTRACT('a1b22', '([a-z])([0-9]+)', 2)", "1"),
    ("REGEXP_EXTRACT('abc', '[0-9]')", None),
    ("REGEXP_REPLACE('a1b2', '[0-9]', '#')", "a#b#"),
    ("STRING_FORMAT('%s-%d', 'a', 3)", "a-3"),
    ("DECODE_BASE64_UTF8('aGk=')", "hi"),
    ("'100%' LIKE '100!%' ESCAPE '!'", True),
    ("'a\\b' LIKE 'a\\b'", True),
    # conditions
    ("CASE WHEN 1 > 2 THEN 'x' ELSE 'y' END", "y"),
    ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
    ("CASE WHEN 1 = 1 THEN 1 ELSE 2.5 END", 1.0),
    ("NVL(NULL, 'x')", "x"),
    ("COALESCE(NULL, 1, 'x')", "1"),
    ("NULLIF(1, 1)", None),
    ("1 IN (1, 2) AND NOT 3 BETWEEN 1 AND 2", True),
    ("NULL IS NULL OR 1 IS NOT NULL", True),
    ("(1 = 1) IS TRUE", True),
    ("1 IS DISTINCT FROM NULL", True),
    ("1 IS NOT DISTINCT FROM 1", True),
    ("'2' > 10", False),
    # casts
    ("CAST('12.9' AS BIGINT)", 12),
    ("CAST('abc' AS BIGINT)", None),
    ("CAST(2.9 AS BIGINT)", 2),
    ("CAST(1 AS VARCHAR)", "1"),
    ("CAST('1.5' AS DOUBLE)", 1.5),
    (f"CAST({T} AS BIGINT)", 1774779630000),
    (f"CAST({T} AS VARCHAR)", "2026-03-29 10:20:30"),
    (f"CAST({T} AS DATE)", "2026-03-29T00:00:00.000Z"),
    ("CAST(0 AS TIMESTAMP)", "1970-01-01T00:00:00.000Z"),
    ("CAST('true' AS BOOLEAN)", True),
    ("PARSE_LONG('7')", 7),
    ("9007199254740993 + 0", 9007199254740993),
    # time
    (f"TIME_FLOOR({T}, 'PT1S')", "2026-03-29T10:20:30.000Z"),
    (f"TIME_FLOOR({T}, 'PT15M')", "2026-03-29T10:15:00.000Z"),
    (f"TIME_FLOOR({T}, 'PT6H')", "2026-03-29T06:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1D')", "2026-03-29T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1W')", "2026-03-23T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P2W')", "2026-03-26T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1M')", "2026-03-01T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P3M')", "2026-01-01T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1Y')", "2026-01-01T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1D', NULL, 'Europe/Amsterdam')", "2026-03-28T23:00:00.000Z"),
    (f"TIME_FLOOR({T} + INTERVAL '1' DAY, 'P1D', NULL, 'Europe/Amsterdam')", "2026-03-29T22:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'PT1H', NULL, 'Asia/Kolkata')", "2026-03-29T09:30:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1D', NULL, 'Nowhere/Atall')", "2026-03-29T00:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1D', NULL, '+02:00')", "2026-03-28T22:00:00.000Z"),
    (f"TIME_FLOOR({T}, 'P1D', NULL, '+05:30')", "2026-03-28T18:30:00.000Z"),
    (f"TIME_EXTRACT({T}, 'HOUR', '-03')", 7),
    (f"TIME_FLOOR({T}, 'P1D', TIMESTAMP '2000-01-01 05:00:00')", "2026-03-29T05:00:00.000Z"),
    (f"TIME_CEIL({T}, 'PT1H')", "2026-03-29T11:00:00.000Z"),
    ("TIME_CEIL(TIMESTAMP '2026-03-29 10:00:00', 'PT1H')", "2026-03-29T10:00:00.000Z"),
    (f"TIME_SHIFT({T}, 'P1D', -1)", "2026-03-28T10:20:30.000Z"),
    (f"TIME_SHIFT({T}, 'P1M', 2)", "2026-05-29T10:20:30.000Z"),
    ("TIME_SHIFT(TIMESTAMP '2026-03-28 10:00:00', 'P1D', 1, 'Europe/Amsterdam')", "2026-03-29T09:00:00.000Z"),
    (f"TIME_SHIFT(TIME_FLOOR(TIME_SHIFT({T}, 'P1D', 1), 'P1W'), 'P1D', -1)", "2026-03-29T00:00:00.000Z"),
    (f"TIME_EXTRACT({T}, 'HOUR')", 10),
    (f"TIME_EXTRACT({T}, 'HOUR', 'Europe/Amsterdam')", 12),
    (f"TIME_EXTRACT({T}, 'DOW')", 7),
    (f"EXTRACT(DOW FROM {T})", 7),
    (f"EXTRACT(ISODOW FROM {T})", 7),
    (f"EXTRACT(EPOCH FROM {T})", 1774779630),
    (f"EXTRACT(DOY FROM {T})", 88),
    (f"EXTRACT(YEAR FROM {T})", 2026),
    ("TIME_PARSE('2026-11-15T00:00:00')", "2026-11-15T00:00:00.000Z"),
    ("TIME_PARSE('2026-11-15T02:00:00+02:00')", "2026-11-15T00:00:00.000Z"),
    ("TIME_PARSE('15.11.2026', 'dd.MM.yyyy')", "2026-11-15T00:00:00.000Z"),
    ("TIME_PARSE('2026-11-15 01:00', 'yyyy-MM-dd HH:mm', 'Europe/Amsterdam')", "2026-11-15T00:00:00.000Z"),
    (f"TIME_FORMAT({T})", "2026-03-29T10:20:30.000+00:00"),
    (f"TIME_FORMAT({T}, NULL, '-03:30')", "2026-03-29T06:50:30.000-03:30"),
    (f"TIME_FORMAT({T}, 'yyyy-MM-dd EEE HH')", "2026-03-29 Sun 10"),
    (f"TIME_FORMAT({T}, 'd.M.yy ''at'' h a', 'Europe/Amsterdam')", "29.3.26 at 12 PM"),
    (f"TIME_IN_INTERVAL({T}, '2026-03-29/2026-03-30')", True),
    ("MILLIS_TO_TIMESTAMP(1000)", "1970-01-01T00:00:01.000Z"),
    (f"TIMESTAMP_TO_MILLIS({T})", 1774779630000),
    (f"TIMESTAMPADD(MONTH, 1, {T})", "2026-04-29T10:20:30.000Z"),
    (f"TIMESTAMPDIFF(MINUTE, {T}, TIMESTAMP '2026-03-29 10:22:29')", 1),
    (f"TIMESTAMPDIFF(DAY, {T}, TIMESTAMP '2026-03-27 10:20:30')", -2),
    ("TIMESTAMPDIFF(MONTH, TIMESTAMP '2026-01-30', TIMESTAMP '2026-03-29')", 1),
    (f"FLOOR({T} TO HOUR)", "2026-03-29T10:00:00.000Z"),
    (f"CEIL({T} TO DAY)", "2026-03-30T00:00:00.000Z"),
    (f"DATE_TRUNC('month', {T})", "2026-03-01T00:00:00.000Z"),
    ("CURRENT_TIMESTAMP", "2026-11-22T06:00:00.000Z"),
    ("CURRENT_DATE", "2026-11-22T00:00:00.000Z"),
    ("CURRENT_TIMESTAMP - INTERVAL '1' HOUR", "2026-11-22T05:00:00.000Z"),
    (f"{T} > '2026-03-29' AND {T} < '2026-03-29T11:00:00.000Z'", True),
    # nested and arrays
    ("JSON_VALUE(PARSE_JSON('{\"a\": {\"b c\": [7]}}'), '$.a[''b c''][0]' RETURNING BIGINT)", 7),
    ("JSON_VALUE(PARSE_JSON('{\"a\": \"x\"}'), '$.a')", "x"),
    ("JSON_VALUE(PARSE_JSON('{\"a\": {}}'), '$.a')", None),
    ("JSON_VALUE('{\"a\": 3}', '$.a')", None),
    ("JSON_QUERY(PARSE_JSON('{\"a\": {\"b\": 1}}'), '$.a')", '{"b":1}'),
    ("JSON_QUERY('{\"a\": {}}', '$.a')", None),
    ("JSON_KEYS(PARSE_JSON('{\"a\": 1, \"b\": 2}'), '$')", '["a","b"]'),
    ("JSON_KEYS('x', '$')", None),
    ("TRY_PARSE_JSON('{')", None),
    ("TO_JSON_STRING(PARSE_JSON('[1]'))", "[1]"),
    ("ARRAY['a', 'b']", '["a","b"]'),
    ("ARRAY_LENGTH(STRING_TO_ARRAY('a,b,c', ','))", 3),
    ("ARRAY_TO_STRING(ARRAY[1, 2], '-')", "1-2"),
)


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_an_expression_has_druids_value(expression: str, value: object, engine: Engine) -> None:
    (row,) = ask(engine, f"SELECT {expression} AS v")
    assert row == {"v": value}
    assert type(row["v"]) is type(value)


QUERIES: tuple[tuple[str, Any], ...] = (
    ("SELECT COUNT(*) AS n FROM events GROUP BY ROLLUP (device_type) ORDER BY 1 DESC LIMIT 1", 18896),
    ("SELECT SUM(viewport_w) / COUNT(*) AS n FROM events WHERE device_type = 'Mobile'", 390),
    ("SELECT AVG(viewport_w) AS n FROM events WHERE device_type = 'Mobile'", 390),
    ("SELECT AVG(viewport_w) FILTER (WHERE device_type = 'Mobile') AS n FROM events", 390),
    ("SELECT AVG(load_time) AS n FROM events WHERE country = 'nowhere'", None),
    ("SELECT AVG(viewport_w) OVER (PARTITION BY device_type) AS n FROM events WHERE device_type = 'Mobile' LIMIT 1", 390),
    ("SELECT LISTAGG(device_type, '/') AS n FROM (SELECT DISTINCT device_type FROM events WHERE device_type = 'Mobile')", "Mobile"),
    ("SELECT ARRAY_AGG(DISTINCT device_type) AS n FROM events WHERE device_type = 'Mobile'", '["Mobile"]'),
    ("SELECT MAX(viewport_w) - MIN(viewport_w) AS n FROM events", 1530),
    ("SELECT ANY_VALUE(device_type, 100) AS n FROM events WHERE device_type = 'Mobile'", "Mobile"),
    ("SELECT BIT_OR(is_session_start) AS n FROM events", 1),
    ("SELECT LATEST_BY(country, __time) AS n FROM events WHERE country = 'Japan'", "Japan"),
    ("SELECT EARLIEST(country) AS n FROM nested WHERE country = 'Japan'", "Japan"),
    ("SELECT APPROX_QUANTILE_DS(viewport_w, 0.5) AS n FROM events WHERE device_type = 'Mobile'", 390.0),
    ("SELECT ROW_NUMBER() OVER (ORDER BY __time) AS n FROM events ORDER BY n LIMIT 1", 1),
    ("SELECT NTILE(2) OVER (ORDER BY __time) AS n FROM events ORDER BY n DESC LIMIT 1", 2),
    ("SELECT SUM(1) OVER (ORDER BY __time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM events ORDER BY n DESC LIMIT 1", 2),
    ("SELECT GROUPING(country) AS n FROM events GROUP BY GROUPING SETS ((country), ()) ORDER BY n DESC LIMIT 1", 1),
    ("WITH a AS (SELECT 1 AS x), b(y) AS (SELECT x + 1 FROM a) SELECT y AS n FROM b", 2),
    ("SELECT x AS n FROM (SELECT 1 AS x UNION ALL SELECT 2) ORDER BY x DESC LIMIT 1", 2),
    ("SELECT 1 AS n UNION ALL SELECT 2 ORDER BY n DESC LIMIT 1", 2),
    ("WITH a AS (SELECT 5 AS x) SELECT x AS n FROM a UNION ALL SELECT 2 ORDER BY n DESC LIMIT 1", 5),
    ("SELECT COUNT(*) AS n FROM events WHERE country IN (SELECT country FROM nested WHERE country = 'Japan')", 1056),
    ("SELECT COUNT(*) AS n FROM events AS a WHERE EXISTS (SELECT 1 FROM (SELECT 'Japan' AS c) AS b WHERE b.c = a.country)", 1056),
    ("SELECT a.x + b.y AS n FROM (SELECT 1 AS x) AS a LEFT JOIN (SELECT 1 AS y) AS b ON a.x = b.y", 2),
    ("SELECT a.x + b.y AS n FROM (SELECT 1 AS x) a CROSS JOIN (SELECT 1 AS y) b", 2),
    ("SELECT JSON_VALUE(properties, '$.price' RETURNING DOUBLE) > 0 AS n FROM nested LIMIT 1", True),
    ('SELECT "n" FROM (SELECT "druid"."events"."viewport_w" AS "n" FROM "druid"."events") WHERE "n" = 390 LIMIT 1', 390),
    ("SELECT device_type AS n FROM events GROUP BY device_type ORDER BY LOWER(device_type) DESC LIMIT 1", "Tablet"),
    ("SELECT DISTINCT device_type AS n FROM events ORDER BY n LIMIT 1 OFFSET 1", "Mobile"),
    ("SELECT DISTINCT device_type AS n FROM events ORDER BY n FETCH FIRST 1 ROWS ONLY", "Desktop"),
    ("SELECT COUNT(*) AS n FROM sys.segments GROUP BY datasource LIMIT 1", ...),
    ("SELECT COUNT(*) AS n FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'clickstream'", 74),
    ("SELECT JDBC_TYPE AS n FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'nested' AND COLUMN_NAME = 'properties'", 1111),
    ("SELECT IS_NULLABLE AS n FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'events' AND COLUMN_NAME = '__time'", "NO"),
    ("SELECT COUNT(*) AS n FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'nope'", ...),
    ("SELECT COUNT(*) AS n FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'nope' HAVING COUNT(*) = 0", ...),
)


@pytest.mark.parametrize(("sql", "value"), QUERIES)
def test_a_query_has_druids_first_value(sql: str, value: object, engine: Engine) -> None:
    rows = ask(engine, sql)
    assert [row["n"] for row in rows[:1]] == ([] if value is ... else [value])


def test_a_bad_literal_of_time_parse_is_druids_runtime_failure(engine: Engine) -> None:
    with pytest.raises(QueryError) as refused:
        ask(engine, "SELECT TIME_PARSE('bad')")
    assert refused.value.error_type.status == 500


def test_a_bad_text_in_a_column_parses_to_null(engine: Engine) -> None:
    assert ask(engine, "SELECT TIME_PARSE(country) AS t FROM events LIMIT 1") == [{"t": None}]


def test_an_integer_divided_by_zero_is_a_runtime_failure(engine: Engine) -> None:
    with pytest.raises(QueryError, match="Division by zero") as refused:
        ask(engine, "SELECT 1/0")
    assert refused.value.error_type.status == 500


def test_parameters_are_in_the_order_of_the_text(engine: Engine) -> None:
    parameters = [
        {"type": "VARCHAR", "value": "it's"},
        {"type": "BIGINT", "value": -3},
        {"type": "DOUBLE", "value": 0.5},
        {"type": "BOOLEAN", "value": True},
        {"type": "TIMESTAMP", "value": "2026-11-22T05:00:00Z"},
        {"type": "TIMESTAMP", "value": 0},
        {"type": "VARCHAR", "value": None},
        {"type": "BIGINT", "value": 3},
    ]
    (row,) = ask(
        engine, "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g FROM events WHERE 3 = ? LIMIT 1", parameters=parameters
    )
    assert list(row.values()) == ["it's", -3, 0.5, True, "2026-11-22T05:00:00.000Z", "1970-01-01T00:00:00.000Z", None]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "Parameter at position [0] is not bound"),
        ([{"type": "BIGINT", "value": "x"}], "[x] is not a valid parameter of type BIGINT"),
        ([{"type": "TIMESTAMP", "value": "soon"}], "is not a valid parameter of type TIMESTAMP"),
        ([{"type": "ARRAY", "value": []}], "Parameter type [ARRAY] is not supported"),
    ],
)
def test_a_wrong_parameter_is_refused(parameters: list[dict[str, Any]], message: str, engine: Engine) -> None:
    with pytest.raises(QueryError) as refused:
        ask(engine, "SELECT ?", parameters=parameters)
    assert message in str(refused.value)


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP"])
def test_a_parameter_may_be_null(kind: str, engine: Engine) -> None:
    assert ask(engine, "SELECT ? AS v", parameters=[{"type": kind, "value": None}]) == [{"v": None}]


def test_columns_without_a_name_are_numbered(engine: Engine) -> None:
    assert list(ask(engine, "SELECT 1, country, 2 FROM events LIMIT 1")[0]) == ["EXPR$0", "country", "EXPR$2"]


def test_columns_of_one_name_collapse(engine: Engine) -> None:
    assert ask(engine, "SELECT 1 AS a, 2 AS a") == [{"a": 2}]


def test_explain_returns_what_would_be_asked_of_duckdb(engine: Engine) -> None:
    (row,) = ask(engine, "EXPLAIN PLAN FOR SELECT COUNT(*) FROM events")
    assert 'count(*) AS \\"EXPR$0\\"' in row["PLAN"]
    assert row["RESOURCES"] == '[{"name": "events", "type": "DATASOURCE"}]'


def test_a_long_chain_of_conditions_is_answered(engine: Engine) -> None:
    chain = " OR ".join(f"viewport_w = {number}" for number in range(2000))
    assert ask(engine, f"SELECT COUNT(*) AS n FROM events WHERE {chain}")[0]["n"] > 0

"""Errors for Druid's SQL and their texts; every text gets a result or an error."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.minidruid.sql import engine
from support.minidruid.tables import ask

from minidruid.engine import Engine
from minidruid.errors import QueryError

__all__ = ["engine"]  # the fixture

T = "TIMESTAMP '2026-03-29 10:20:30'"  # Amsterdam changed to summer time that night


REFUSED = (
    # unknown functions, by their own names; some are what Superset's own writer of SQL makes of others
    ("SELECT APPROX_DISTINCT(country) FROM events", "No match found for function signature APPROX_DISTINCT(<CHARACTER>)"),
    ("SELECT STR_POSITION('a', 'b')", "No match found for function signature STR_POSITION(<CHARACTER>, <CHARACTER>)"),
    ("SELECT GROUP_CONCAT(country) FROM events", "No match found for function signature GROUP_CONCAT(<CHARACTER>)"),
    ("SELECT LOG(10, 2)", "No match found for function signature LOG(<NUMERIC>, <NUMERIC>)"),
    ("SELECT VARIANCE_POP(load_time) FROM events", "No match found for function signature VARIANCE_POP(<NUMERIC>)"),
    ("SELECT VAR_POP(load_time) FROM events", "No match found for function signature VAR_POP(<NUMERIC>)"),
    ("SELECT APPROX_QUANTILE(load_time, 0.5) FROM events", "No match found for function signature APPROX_QUANTILE("),
    ("SELECT LOOKUP(country, 'x') FROM events", "No match found for function signature LOOKUP(<CHARACTER>, <CHARACTER>)"),
    ("SELECT country FROM events WHERE country ILIKE 'g%'", "No match found for function signature ILIKE"),
    ("SELECT LOWER('a', 'b')", "No match found for function signature LOWER(<CHARACTER>, <CHARACTER>)"),
    ("SELECT LOWER(*)", "No match found for function signature LOWER(*)"),
    # names
    ("SELECT COUNTRY FROM events", "Column 'COUNTRY' not found in any table; did you mean 'country'?"),
    ("SELECT e.nope FROM events AS e", "Column 'nope' not found in table 'e'"),
    ("SELECT x.country FROM events", "Table 'x' not found"),
    ("SELECT x.* FROM events", "Unknown identifier 'x'"),
    ("SELECT country FROM events, nested", "Column 'country' is ambiguous"),
    ("SELECT 1 FROM nope", "Object 'nope' not found (line [1]"),
    ("SELECT 1 FROM ext.events", "Object 'events' not found within 'ext'"),
    ("SELECT 1 FROM state.events", "Object 'events' not found within 'state'"),
    ("SELECT 1 FROM duckdb.druid.events", "CATALOG is not supported"),
    # what Druid cannot do
    ("SELECT 1;", "Received an unexpected token [;]"),
    ("SELECT country FROM events ORDER BY country", "requires ordering a table by non-time column [[country]]"),
    ("SELECT country FROM events ORDER BY __time, country", "requires ordering a table by non-time column [[country]]"),
    ("SELECT country FROM events ORDER BY 1", "requires ordering a table by non-time column [[country]]"),
    ("SELECT country FROM events ORDER BY UPPER(country) LIMIT 5", "requires ordering a table by non-time column [[UPPER(country)]]"),
    ("SELECT city, COUNT(*) FROM events GROUP BY 1 ORDER BY 1 ASC NULLS LAST", "ASC NULLS LAST is not supported"),
    ("SELECT city, COUNT(*) FROM events GROUP BY 1 ORDER BY 1 DESC NULLS FIRST", "DESC NULLS FIRST is not supported"),
    ("SELECT 1 FROM events WHERE is_session_start IS FALSE", "Cannot apply 'IS FALSE' to arguments of type '<BIGINT> IS FALSE'"),
    ("SELECT 1 FROM events WHERE is_session_start", "WHERE clause must be a condition"),
    ("SELECT 1 FROM events WHERE __time >= 1795000000000", "Cannot apply '>=' to arguments of type '<TIMESTAMP> >= <BIGINT>'"),
    ("SELECT 1 FROM events WHERE __time >= 'soon'", "Illegal TIMESTAMP constant [soon]"),
    ("SELECT SUM(__time) FROM events", "Cannot apply 'SUM' to arguments of type 'SUM(<TIMESTAMP>)'"),
    ("SELECT MAX(country) FROM events", "Aggregation [MAX] does not support type [STRING]"),
    ("SELECT STRING_AGG(country, ',' ORDER BY country) FROM events", "[Aggregation [STRING_AGG WITHIN GROUP] is not supported]"),
    ("SELECT COUNT(*) FILTER (WHERE city IS NULL) OVER () FROM events", "OVER must be applied to aggregate function"),
    ("SELECT 7 % 4", "Percent remainder '%' is not allowed"),
    ("SELECT CAST('nonsense' AS TIMESTAMP)", "Illegal TIMESTAMP constant [nonsense]"),
    ("SELECT __time + 1 FROM events", "Cannot apply '+' to arguments of type '<TIMESTAMP> + <BIGINT>'"),
    ("SELECT 1 UNION SELECT 2", "SQL requires 'UNION' but only 'UNION ALL' is supported"),
    ("SELECT 1 UNION ALL SELECT 1, 2", "Column count mismatch"),
    ("SELECT ROW_NUMBER() FROM events", "OVER clause is necessary"),
    ("SELECT LATEST(x) FROM (SELECT 1 AS x)", "depend on __time column"),
    ("SELECT COUNT(*) FROM events GROUP BY 5", "Ordinal out of range"),
    # what only other engines know
    ("SELECT * EXCLUDE (country) FROM events", "is not supported"),
    ("SELECT country FROM events QUALIFY ROW_NUMBER() OVER () = 1", "QUALIFY is not supported"),
    ("SELECT country FROM events TABLESAMPLE 10", "SAMPLE is not supported"),
    ("SELECT (SELECT 1)", "scalar subquery"),
    ("SELECT 1 FROM UNNEST(ARRAY[1])", "Unnest in FROM is not supported"),
    ("SELECT 1 FROM events AS e(a)", "Column names for a table are not supported"),
    ("SELECT 1 FROM (SELECT 1 AS x) AS e(a, b)", "2 column names do not match 1 columns"),
    ("SELECT 1 FROM events NATURAL JOIN nested", "is not supported"),
    ("SELECT 1 FROM events SEMI JOIN nested ON 1 = 1", "SEMI"),
    ("WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a", "RECURSIVE is not supported"),
    # bad arguments
    ("SELECT TIME_FLOOR(__time, 'hourly') FROM events", "Invalid period [hourly]"),
    ("SELECT TIME_FLOOR(__time, country) FROM events", "must be a literal"),
    ("SELECT TIME_FLOOR(__time, 'P1MT1H') FROM events", "cannot be mixed"),
    ("SELECT TIME_FLOOR(__time, 'PT0S') FROM events", "longer than zero"),
    ("SELECT TIME_EXTRACT(__time, 'FORTNIGHT') FROM events", "Cannot extract [FORTNIGHT]"),
    ("SELECT TIMESTAMPADD(FORTNIGHT, 1, __time) FROM events", "'FORTNIGHT' is not a valid time unit"),
    ("SELECT TIME_FORMAT(__time, 'qq') FROM events", "the letter q is not supported"),
    ("SELECT TIME_FORMAT(__time, '''x') FROM events", "a quote is not closed"),
    ("SELECT TIME_IN_INTERVAL(__time, 'today') FROM events", "is not a valid interval"),
    ("SELECT JSON_VALUE(properties, '$.a[*]') FROM nested", "Invalid JSON path"),
    ("SELECT JSON_VALUE(properties, country) FROM nested", "JSON"),
    ("SELECT JSON_QUERY(properties, 'a') FROM nested", "must begin with '$'"),
    ("SELECT APPROX_QUANTILE_DS(load_time, 2) FROM events", "[2.0] is not a valid fraction: a number from 0 to 1"),
    ("SELECT CAST(1 AS UUID)", "Unknown identifier 'UUID'"),
    ("SELECT INTERVAL '1-2' YEAR TO MONTH", "Not a valid interval"),
    ("SELECT 1 LIMIT country", "LIMIT and OFFSET take a whole number"),
    ("SELECT UPPER(properties) FROM nested", "A text is expected"),
    (
        "SELECT FIRST_VALUE(country) OVER (ORDER BY __time ROWS BETWEEN country PRECEDING AND CURRENT ROW) FROM events",
        "[COUNTRY] is not a valid window frame",
    ),
    ("SELECT 1 FILTER (WHERE 1 = 1)", ""),
    ("SELECT " + "TIME_CEIL(" * 9 + "__time" + ", 'P1D')" * 9 + " FROM events", "too large"),
    ("SELECT JSON_QUERY(properties, '$[''a\"b'']') FROM nested", "must not contain a double quote"),
    ("SELECT COUNT(country, city) FROM events", "No match found for function signature COUNT(<CHARACTER>, <CHARACTER>)"),
    ("SELECT (1 + 2) OVER () FROM events", ""),
    # the way to files, settings and the converter's tables
    ("SELECT * FROM read_csv('/etc/passwd')", "No match found for function signature READ_CSV()"),
    ("SELECT * FROM read_text('/etc/passwd') AS t", "No match found for function signature READ_TEXT()"),
    ("SELECT * FROM '/etc/passwd'", "Object '/etc/passwd' not found"),
    ('SELECT * FROM "/etc/passwd"', "Object '/etc/passwd' not found"),
    ("SELECT * FROM duckdb_settings()", "No match found for function signature DUCKDB_SETTINGS()"),
    ("SELECT * FROM TABLE(EXTERN('{}', '{}', '[]'))", ""),
    ("SELECT * FROM information_schema.tables", "Object 'tables' not found within 'information_schema'"),
    ("SELECT * FROM pg_catalog.pg_class", "Object 'pg_class' not found within 'pg_catalog'"),
    ("SELECT * FROM main.sqlite_master", "Object 'sqlite_master' not found within 'main'"),
    ('SELECT * FROM "druid.events"', "Object 'druid.events' not found"),
    ("SELECT getenv('HOME')", "No match found for function signature GETENV(<CHARACTER>)"),
    ("SELECT current_setting('memory_limit')", "No match found for function signature CURRENT_SETTING(<CHARACTER>)"),
    ("SELECT query('SELECT 1')", "No match found for function signature QUERY(<CHARACTER>)"),
    ("SELECT \"read_text\"('/etc/passwd')", "No match found for function signature READ_TEXT(<CHARACTER>)"),
    ("SELECT COLUMNS('a') FROM events", "No match found for function signature COLUMNS(<CHARACTER>)"),
    ("COPY events TO '/dev/shm/x.csv'", ""),
    ("EXPORT DATABASE '/dev/shm/x'", ""),
    ("EXPLAIN PLAN FOR DELETE FROM events", "Unsupported SQL statement [DELETE]"),
    ("SELECT 1 INTO OUTFILE 'x'", ""),
    ("SELECT * INTO other FROM events", ""),
    ("WITH a AS (DELETE FROM events) SELECT 1 FROM a", ""),
    # no statements but questions
    ("DELETE FROM events", "Unsupported SQL statement [DELETE]"),
    ("INSERT INTO events SELECT * FROM events", "Unsupported SQL statement [INSERT]"),
    ("DROP TABLE events", "Unsupported SQL statement [DROP]"),
    ("UPDATE events SET country = 'x'", "Unsupported SQL statement [UPDATE]"),
    ("SET memory_limit = '1GB'", "Unsupported SQL statement [SET]"),
    ("PRAGMA database_list", "Unsupported SQL statement"),
    ("ATTACH 'x.db'", ""),
    ("CALL now()", ""),
    ("EXPLAIN ANALYZE SELECT 1", "Unsupported SQL statement [EXPLAIN]"),
    ("VALUES (1)", "Unsupported SQL statement [VALUES]"),
    ("", "Received an unexpected token [<EOF>]"),
    ("SELECT", ""),
    ("SELECT FROM WHERE", ""),
    ("SELECT 'unclosed", ""),
    ("SELECT " + "(" * 4000 + "1" + ")" * 4000, "nested too deeply"),
)


@pytest.mark.parametrize(("sql", "message"), REFUSED, ids=[sql[:60] or "empty" for sql, _ in REFUSED])
def test_a_rejection_says_why(sql: str, message: str, engine: Engine) -> None:
    with pytest.raises(QueryError) as refused:
        ask(engine, sql)
    assert message in str(refused.value)
    assert refused.value.error_type.status in (400, 501)


QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
WRITTEN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@QUICK
@given(WRITTEN)
def test_any_text_in_a_literal_comes_back_and_nothing_else(engine: Engine, text: str) -> None:
    doubled = text.replace("'", "''")
    assert ask(engine, f"SELECT '{doubled}' AS v, ? AS w", parameters=[{"type": "VARCHAR", "value": text}]) == [{"v": text, "w": text}]


@QUICK
@given(WRITTEN.filter(bool))
def test_any_text_as_a_name_is_a_name_and_nothing_else(engine: Engine, name: str) -> None:
    quoted = name.replace('"', '""')
    assert ask(engine, f'SELECT "{quoted}" FROM (SELECT 1 AS "{quoted}") AS "{quoted}" ORDER BY "{quoted}"') == [{name: 1}]


WORDS = [
    "FROM",
    "events",
    "read_csv",
    "(",
    ")",
    "'",
    '"',
    ";",
    "--",
    "/*",
    "*/",
    ",",
    ".",
    "*",
    "1",
    "a",
    "UNION ALL",
    "WITH",
    "AS",
    "?",
    "[",
    "]",
    "::",
]


@QUICK
@given(st.lists(st.sampled_from(WORDS), max_size=15))
def test_any_other_text_is_answered_or_refused(engine: Engine, words: list[str]) -> None:
    with suppress(QueryError):
        ask(engine, " ".join(["SELECT", *words]))

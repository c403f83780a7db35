"""The token of the SQL port: clients without it get nothing, and headrace's own commands send it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.headrace.installation import Installation, run_command
from support.headrace.store_process import ROOT, a_store
from support.waiting import wait_until

VARIABLE = "HEADRACE_MINIDRUID_TOKEN_FILE"
COUNT = "SELECT COUNT(*) AS n FROM clickstream"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("token")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(VARIABLE, str(folder / "secrets" / "sql-token"))
        running = Installation.start(folder / "state", "--no-dashboards", "--no-visits")
    yield running
    running.stop()


@pytest.fixture
def token_file(installation: Installation) -> Path:
    return installation.state.parent / "secrets" / "sql-token"


def ask(installation: Installation, method: str, path: str, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    contents: dict[str, dict[str, Any]] = {"/rows/delete": {"rows": []}, "/dead-letters/replay": {}}
    content = contents.get(path, {"query": COUNT})
    url = f"http://127.0.0.1:{installation.sql_port}{path}"
    return httpx.request(method, url, headers=headers, json=content if method == "POST" else None, trust_env=False).status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/druid/v2/sql"),
        ("POST", "/druid/v2/sql/"),
        ("GET", "/dead-letters"),
        ("POST", "/dead-letters/replay"),
        ("POST", "/rows/delete"),
        ("GET", "/metrics"),
    ],
)
def test_nothing_but_health_is_answered_without_the_token(installation: Installation, token_file: Path, method: str, path: str) -> None:
    token = token_file.read_text().strip()
    assert [ask(installation, method, path, given) for given in ("", token[:-1], token + "x", token)] == [401, 401, 401, 200]
    assert ask(installation, "GET", "/status/health") == 200


def test_the_token_was_made_by_the_start_and_is_its_owners(token_file: Path) -> None:
    assert oct(token_file.stat().st_mode & 0o777) == "0o600"
    assert len(token_file.read_text().strip()) >= 32


def test_the_commands_of_the_state_folder_send_it(installation: Installation) -> None:
    state = installation.state
    assert json.loads(run_command("sql", "--state", state, "--json", COUNT)) == {"n": 0}
    assert "0 of 0 dead letters" in run_command("dead-letters", "--state", state)
    assert "no rows" in run_command("rows", "delete", "--where", "site = 'none'", "--yes", "--state", state)
    assert "0 became rows" in run_command("dead-letters", "replay", "--state", state)
    assert "ready" in run_command("status", "--state", state)
    assert f"token in {installation.state.parent / 'secrets' / 'sql-token'}" in (state / "up.log").read_text().replace("\n", "")


def test_sql_at_a_url_sends_the_token_that_it_is_given(installation: Installation, token_file: Path) -> None:
    url = f"http://127.0.0.1:{installation.sql_port}"
    assert json.loads(run_command("sql", "--url", url, "--token-file", token_file, "--json", COUNT)) == {"n": 0}
    assert "a valid token is required" in run_command("sql", "--url", url, COUNT, status=2)
    missing = token_file.with_name("missing")
    assert f"{missing}: cannot be read" in run_command("sql", "--url", url, "--token-file", missing, COUNT, status=2)
    assert not missing.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "store"])
def test_beyond_loopback_the_store_does_not_start_without_a_token(tmp_path: Path, host: str) -> None:
    environment = os.environ | {"HEADRACE_MINIDRUID_HOST": host, "HEADRACE_MINIDRUID_STORE": str(tmp_path / "store.duckdb")}
    done = subprocess.run([sys.executable, "-m", "headrace.store"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{VARIABLE}: required while HEADRACE_MINIDRUID_HOST is {host}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_beyond_loopback_it_starts_with_one(tmp_path: Path) -> None:
    file = tmp_path / "sql-token"
    with a_store(tmp_path, HEADRACE_MINIDRUID_HOST="0.0.0.0", HEADRACE_MINIDRUID_TOKEN_FILE=str(file)) as (process, url):

        def status() -> int:
            headers = {"Authorization": f"Bearer {file.read_text().strip() if file.exists() else ''}"}
            try:
                return httpx.post(url, json={"query": COUNT}, headers=headers, trust_env=False).status_code
            except httpx.TransportError:
                return process.poll() or 0

        wait_until(lambda: status() == 200, within_seconds=30)
        assert httpx.post(url, json={"query": COUNT}, trust_env=False).status_code == 401


@pytest.mark.parametrize("content", ["", "short", "with blanks " * 10])
def test_a_token_that_is_none_ends_the_start_and_says_which(tmp_path: Path, content: str) -> None:
    file = tmp_path / "sql-token"
    file.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "headrace.store"],
        cwd=ROOT,
        env=os.environ | {VARIABLE: str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, f"{VARIABLE}: {file}: not a valid secret" in done.stderr) == (2, True)

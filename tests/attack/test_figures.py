"""The influence of one visitor on the figures: every number stays in its range, whatever was sent, and every event is counted."""

import io
import json
import math
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import HEADRACE, Installation, run_command
from support.waiting import wait_until

from headrace.rows.command import delete
from headrace.rows.store import StoreRows

WILD = (
    *("1e308", "-1e308", "1e400", "-1e400", "9" * 400, "-" + "9" * 5000, "1.7976931348623157e308", "2147483648", "9223372036854775808"),
    *("253402300799999", "1e300", "-5", "1e-400", "-0.0", "0.5"),
)
NUMBERS = (
    *("viewport_width", "viewport_height", "screen_width", "screen_height", "device_pixel_ratio"),
    *("engagement_ms", "scroll_percent", "x", "y", "revenue", "quantity"),
)
SUMS = ", ".join(f"SUM({name}) AS {name}, AVG({name}) AS avg_{name}" for name in NUMBERS)


def a_wild_event(number: str, kind: str) -> str:
    """An event with this number in all its fields, or in its parameters."""
    fields = ",".join(f'"{name}":{number}' for name in NUMBERS)
    event = json.dumps(an_event(type="purchase", viewport_width=None, viewport_height=None))
    return event[:-1] + (f",{fields}}}" if kind == "fields" else f',"parameters":{{{fields}}}}}')


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation.start(
        tmp_path_factory.mktemp("state"), "--no-dashboards", "--no-visits", "--site", "fields", "--site", "parameters"
    )
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("kind", ["fields", "parameters"])
def test_no_number_of_a_visitor_spoils_a_sum(installation: Installation, kind: str) -> None:
    url = f"http://127.0.0.1:{installation.collector_port}"
    with httpx.Client(trust_env=False, timeout=10) as client:
        for number in WILD:
            events = ",".join(a_wild_event(number, kind) for _ in range(2))
            batch = f'{{"version":1,"site":"{kind}","sent_at":{an_event()["created_at"]},"events":[{events}]}}'
            assert send(client, url, batch.encode()).json()["results"] == ["ok", "ok"], number
    wait_until(lambda: installation.count(f"site = '{kind}'") == 2 * len(WILD), within_seconds=20)
    (sums,) = installation.sql(f"SELECT {SUMS}, SUM(session_engagement_ms) AS engaged FROM clickstream WHERE site = '{kind}'")
    for name, value in sums.items():
        assert value is None or (math.isfinite(float(value)) and abs(float(value)) < 1e15), (name, value)
    flagged = installation.count(f"site = '{kind}' AND is_implausible = 1")
    assert flagged >= 2 * (len(WILD) - 4)
    metrics = httpx.get(f"http://127.0.0.1:{installation.collector_port + 1}/metrics", trust_env=False).text
    assert 'implausible_numbers_total{field="revenue",source="browser"}' in metrics


def test_no_page_sets_a_time_long_ago_or_names_a_site_of_its_own(installation: Installation) -> None:
    url = f"http://127.0.0.1:{installation.collector_port}"
    long_ago = [an_event(created_at=at) for at in (0, 1, an_event()["created_at"] - 15 * 86_400_000)]
    with httpx.Client(trust_env=False, timeout=10) as client:
        assert send(client, url, a_batch(*long_ago, an_event(), site="shop")).json()["results"] == ["event_too_old"] * 3 + ["ok"]
        answer = send(client, url, a_batch(an_event(), site="somewhere-else"))
        assert (answer.status_code, answer.json()["reason"]) == (403, "site_not_allowed")
    wait_until(lambda: installation.count("site = 'shop'") == 1, within_seconds=20)
    assert installation.count("__time < TIMESTAMP '2015-01-01'") == 0
    assert installation.count("site = 'somewhere-else'") == 0
    assert installation.status()["warnings"] == []


def test_a_site_that_cannot_be_one_is_refused_by_the_command(tmp_path: Path) -> None:
    assert "'a b' is not a valid site name" in run_command("up", "--state", tmp_path, "--site", "a b", status=2)


def test_spoiled_rows_of_a_visitor_are_deleted_and_accounted_for(installation: Installation) -> None:
    url, rows = f"http://127.0.0.1:{installation.collector_port}", ("rows", "delete", "--state", installation.state, "--json")
    wild = [an_event(type="purchase", parameters={"revenue": 1e10, "coupon": "it's"}) for _ in range(3)]
    with httpx.Client(trust_env=False, timeout=10) as client:
        assert send(client, url, a_batch(*wild, an_event(), site="shop")).json()["results"] == ["ok"] * 4
        wait_until(lambda: installation.count("site = 'shop' AND revenue = 1e10") == 3, within_seconds=20)
        wait_until(lambda: installation.ledger()["difference"] == 0, within_seconds=10)
        before = installation.ledger()
        where = "revenue = 1e10 AND JSON_VALUE(parameters, '$.coupon') = 'it''s'"
        shown = json.loads(run_command(*rows, "--where", where, "--dry-run"))
        assert (shown["found"], shown["deleted"], installation.count("revenue = 1e10")) == (3, 0, 3)
        assert shown["oldest"] <= shown["newest"]
        assert "add --yes" in run_command(*rows, "--where", where, status=2)
        assert json.loads(run_command(*rows, "--where", where, "--yes")) == shown | {"deleted": 3}
        assert installation.count("revenue = 1e10") == 0
        wait_until(lambda: installation.ledger()["deleted"] == before["deleted"] + 3, within_seconds=10)
        after = installation.ledger()
        assert (after["stored"], after["difference"]) == (before["stored"], 0)
        assert send(client, url, a_batch(*wild, site="shop")).json()["results"] == ["ok"] * 3  # a retry
        wait_until(lambda: installation.ledger()["duplicates"] == before["duplicates"] + 3, within_seconds=10)
    assert installation.count("revenue = 1e10") == 0
    assert "no rows" in run_command("rows", "delete", "--state", installation.state, "--where", where, "--dry-run")
    assert "Column 'nope' not found" in run_command(*rows, "--where", "nope = 1", status=2)


def test_rows_are_deleted_in_portions_while_events_arrive(installation: Installation) -> None:
    url = f"http://127.0.0.1:{installation.collector_port}"
    with httpx.Client(trust_env=False, timeout=10) as client:
        for _ in range(5):
            assert send(client, url, a_batch(*(an_event(type="flood") for _ in range(50)), site="shop")).status_code == 200
        wait_until(lambda: installation.count("event_type = 'flood'") == 250, within_seconds=20)
        rows = StoreRows(f"http://127.0.0.1:{installation.sql_port}", batch_rows=60)
        shown = io.StringIO()
        delete(rows, "event_type = 'flood'", Console(file=shown), Console(file=io.StringIO()), dry_run=False, yes=True, as_json=False)
    assert "250 rows deleted" in shown.getvalue()
    assert installation.count("event_type = 'flood'") == 0


def answered(installation: Installation, where: str, word: str) -> tuple[int, str]:
    """Delete rows as at a terminal, where the command asks and gets a word for an answer."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{word}\n".encode())
    command = (HEADRACE, "rows", "delete", "--state", installation.state, "--where", where)
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False, timeout=60)
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout + done.stderr


def test_nothing_is_deleted_without_confirmation(installation: Installation) -> None:
    url, where = f"http://127.0.0.1:{installation.collector_port}", "event_type = 'mistake'"
    with httpx.Client(trust_env=False, timeout=10) as client:
        send(client, url, a_batch(an_event(type="mistake"), site="shop"))
    wait_until(lambda: installation.count(where) == 1, within_seconds=20)
    status, shown = answered(installation, where, "n")
    assert (status, installation.count(where)) == (2, 1)
    assert "Delete 1 row? This cannot be undone." in shown
    assert "nothing was deleted" in shown
    status, shown = answered(installation, where, "y")
    assert (status, installation.count(where)) == (0, 0)
    assert "1 row deleted" in shown


def test_a_druid_that_does_not_answer_is_named(tmp_path: Path) -> None:
    command = ("rows", "delete", "--state", tmp_path, "--where", "1 = 1", "--druid", "http://127.0.0.1:1", "--yes")
    assert "nothing responds at http://127.0.0.1:1" in run_command(*command, status=2)

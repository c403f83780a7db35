"""`headrace rows delete` on a real Druid: exactly these rows are deleted, also in the ledger, while rows arrive."""

import itertools
import time
import uuid
from io import StringIO
from typing import Any

import httpx
import pytest
from rich.console import Console
from support.collector.events import a_batch, an_event, send
from support.headrace.druid_table import DruidTable, a_row
from support.headrace.stack import Stack
from support.waiting import wait_until

from headrace.rows.command import delete
from headrace.rows.druid import MAX_ROWS, DruidRows

pytestmark = pytest.mark.timeout(600)  # engines that start, tasks that publish, a busy machine

DAY_MS = 86_400_000
MAY_17_2015 = 1_431_820_800_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def row_of(number: int, at_ms: int, **more: Any) -> dict[str, Any]:
    return a_row(number, at_ms=at_ms, received_at=at_ms, ingested_at=at_ms, source="browser", **more)


def delete_where(table: DruidTable, where: str, *, portion: int = MAX_ROWS) -> str:
    rows = DruidRows(table.engines.overlord_url, table.engines.broker_url, table.name, table.kafka, portion)
    output = StringIO()
    delete(rows, where, Console(file=output), Console(file=StringIO()), dry_run=False, yes=True, as_json=False)
    return output.getvalue()


def count(table: DruidTable, where: str) -> int:
    found = table.ask(f'SELECT COUNT(*) AS n FROM "{table.name}" WHERE {where}')
    return int(found[0]["n"]) if found else 0


def test_rows_are_gone_and_no_other_is_while_rows_arrive_for_the_same_day(table: DruidTable) -> None:
    table.apply()
    numbers = itertools.count()
    with table.writing(row_of(number, now_ms(), party_id="forget me" if number % 3 == 0 else None) for number in numbers) as written:
        wait_until(lambda: table.counts()[0] > 100, within_seconds=60)
        marked = count(table, "party_id = 'forget me'")
        output = delete_where(table, "party_id = 'forget me'")
        assert int(output.splitlines()[-1].split()[0]) >= marked
        seen = len(written)
        wait_until(lambda: table.counts()[0] > seen // 2, within_seconds=60)
        deleted = int(output.splitlines()[-1].split()[0])
    wait_until(lambda: table.counts()[0] >= len(written) - deleted, within_seconds=90, every_seconds=0.25)
    assert table.counts() == (len(written) - deleted,) * 2
    left = table.ask(f"SELECT event_id FROM \"{table.name}\" WHERE party_id = 'forget me'")
    assert all(int(row["event_id"], 16) >= 3 * deleted for row in left)  # what came after the command began
    assert count(table, "party_id IS NULL") == sum(number % 3 != 0 for number in range(len(written)))
    assert table.apply() == []


def test_old_days_are_rewritten_in_portions_and_a_day_can_end_up_empty(table: DruidTable) -> None:
    table.apply()
    days = [MAY_17_2015 + day * DAY_MS for day in (0, 1, 4)]
    table.write(row_of(number, days[number % 3], site="shop" if number % 2 else "blog") for number in range(300))
    table.write(row_of(300 + number, days[0] + 9 * DAY_MS, site="poison") for number in range(50))
    table.wait_for_rows(350)
    assert delete_where(table, "site = 'poison' OR (site = 'shop' AND __time < TIMESTAMP '2015-05-18')", portion=30).endswith(
        "100 rows deleted\n"
    )
    assert table.counts() == (250, 250)
    assert count(table, "site = 'poison' OR (site = 'shop' AND __time < TIMESTAMP '2015-05-18')") == 0
    found = table.ask(f"SELECT JSON_VALUE(parameters, '$.sku') AS sku, latitude FROM \"{table.name}\" WHERE event_id = '{1 + 3:032x}'")
    assert found == [{"sku": "A-4", "latitude": 52.37}]
    types = f"SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = '{table.name}'"
    wait_until(lambda: {row["COLUMN_NAME"]: row["DATA_TYPE"] for row in table.ask(types)}["page_path"] == "VARCHAR", within_seconds=90)
    assert delete_where(table, "site = 'nowhere'") == "no rows meet the condition\n0 rows deleted\n"


def test_the_ledger_says_what_was_deleted_and_still_balances(stack: Stack) -> None:
    site = f"rows-{uuid.uuid4().hex[:8]}"
    with httpx.Client(trust_env=False, timeout=30) as client:
        for _ in range(4):
            events = [an_event(type="purchase", parameters={"revenue": 1e10}) for _ in range(10)] + [an_event() for _ in range(15)]
            assert send(client, stack.url, a_batch(*events, site=site)).status_code == 200
        wait_until(lambda: stack.count(site) == 100, within_seconds=120, every_seconds=0.5)
        wait_until(lambda: stack.ledger()["difference"] == 0, within_seconds=30, every_seconds=0.25)
        before = stack.ledger()
        engines = stack.engines
        rows, output = DruidRows(engines.overlord_url, engines.broker_url, stack.name, stack.kafka), StringIO()
        for where, left in ((f"site = '{site}' AND revenue = 1e10", 60), (f"site = '{site}'", 0)):
            delete(rows, where, Console(file=output), Console(file=StringIO()), dry_run=False, yes=True, as_json=False)
            assert stack.count(site) == left
        wait_until(lambda: stack.ledger()["deleted"] == before["deleted"] + 100, within_seconds=30, every_seconds=0.25)
        assert stack.ledger() == before | {"deleted": before["deleted"] + 100}
        assert send(client, stack.url, a_batch(*events, site=site)).status_code == 200  # a retry
        wait_until(lambda: stack.ledger()["duplicates"] == before["duplicates"] + 25, within_seconds=60, every_seconds=0.5)
        assert stack.count(site) == 0

"""Deletion of rows in Druid: their days are rewritten without them, while new rows arrive for the same days.

A compaction task with a filter rewrites the days. With `useConcurrentLocks` it replaces the segments of a day and keeps those that are
appended meanwhile. It reads only published rows, so ingestion tasks that hold rows of these days have to publish first.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlsplit

from headrace.druid.client import SUPERVISORS, TASK, Druid
from headrace.druid.supervisor import SupervisorStatus, supervisor_status, wait_until
from headrace.errors import CommandError
from headrace.polling import attempts
from headrace.rows.command import Row
from headrace.sql import query
from topics.kafka.deletions import account_deleted
from topics.kafka.settings import KafkaSettings
from topics.ledger import MINUTE_MS
from topics.topic import TopicError

NATIVE: Final = "/druid/v2"
MAX_ROWS: Final = 50_000  # the ids of the rows are part of a task
WAIT_SECONDS: Final = 3600.0
POLL_INTERVAL_SECONDS: Final = 0.5

Interval = tuple[date, date]  # days, without the last one


class DruidRows:
    """The rows of a datasource; raises CommandError with Druid's reason, or if Druid does not respond."""

    def __init__(self, druid_url: str, sql_url: str, table: str, kafka: KafkaSettings, batch_rows: int = MAX_ROWS) -> None:
        self._druid_url, self._sql_url, self.table, self._kafka, self.batch_rows = druid_url, sql_url, table, kafka, batch_rows

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a result."""
        return query(self._sql_url, "", statement)[1]

    def delete(self, rows: Sequence[Row]) -> int:
        """Delete rows and account for them, one interval of consecutive days after the other; return their number."""
        with Druid(self._druid_url) as druid, Druid(_without_path(self._sql_url)) as broker:
            for interval, of_interval in _by_interval(rows):
                if self._has_unpublished(interval):
                    _publish(druid, self.table)
                chosen = _filter(of_interval)
                _run(druid, _task(self.table, interval, chosen))
                _wait_until_gone(broker, self.table, interval, chosen)
                self._account(of_interval)
        return len(rows)

    def _account(self, rows: Sequence[Row]) -> None:
        minutes = Counter((row.received_at - row.received_at % MINUTE_MS, row.source or "") for row in rows)
        try:
            account_deleted(self._kafka, minutes)
        except TopicError as error:
            raise CommandError(f"{len(rows)} rows are deleted, but not recorded in the ledger on Kafka: {error}") from error

    def _has_unpublished(self, interval: Interval) -> bool:
        first, end = (day.isoformat() for day in interval)
        table = self.table.replace("'", "''")
        condition = f"datasource = '{table}' AND is_realtime = 1 AND \"start\" < '{end}' AND \"end\" > '{first}'"
        return bool(self.query(f"SELECT segment_id FROM sys.segments WHERE {condition} LIMIT 1"))  # noqa: S608 - checked names and dates


def _filter(rows: Sequence[Row]) -> dict[str, Any]:
    """Return a filter that matches exactly these rows."""
    sites = [
        {
            "type": "and",
            "fields": [
                {"type": "selector", "dimension": "site", "value": site},
                {"type": "in", "dimension": "event_id", "values": sorted(row.event_id for row in of_site)},
            ],
        }
        for site, of_site in groupby(sorted(rows), lambda row: row.site)
    ]
    return {"type": "or", "fields": sites}


def _by_interval(rows: Sequence[Row]) -> Iterator[tuple[Interval, list[Row]]]:
    """Return rows by their interval; consecutive days are one interval."""
    by_day: dict[date, list[Row]] = {}
    for row in rows:
        by_day.setdefault(date.fromisoformat(row.time[:10]), []).append(row)
    for _, run in groupby(enumerate(sorted(by_day)), lambda numbered: numbered[1] - timedelta(numbered[0])):
        days = [day for _, day in run]
        yield (days[0], days[-1] + timedelta(1)), [row for day in days for row in by_day[day]]


def _task(table: str, interval: Interval, chosen: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "compact",
        "dataSource": table,
        "ioConfig": {"type": "compact", "inputSpec": {"type": "interval", "interval": _text(interval)}, "dropExisting": True},
        "transformSpec": {"filter": {"type": "not", "field": chosen}},
        "granularitySpec": {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False},
        "context": {"useConcurrentLocks": True},
    }


def _text(interval: Interval) -> str:
    return "/".join(day.isoformat() for day in interval)


def _run(druid: Druid, task: dict[str, Any]) -> None:
    """Run a task to its end; raises CommandError with the reason if it fails."""
    name = druid.post(TASK, task)["task"]
    for _ in attempts(WAIT_SECONDS, POLL_INTERVAL_SECONDS):
        status = druid.get(f"{TASK}/{name}/status")["status"]
        if status["statusCode"] == "SUCCESS":
            return
        if status["statusCode"] != "RUNNING":
            raise CommandError(f"Druid's task {name} failed: {status['errorMsg']}")
    raise CommandError(f"Druid's task {name} is still running after {WAIT_SECONDS:.0f} s; `headrace druid status` shows more")


def _publish(druid: Druid, table: str) -> None:
    """Make the current tasks publish the rows that they have read, while others take over, and wait until they have."""
    found = supervisor_status(druid, table)
    before = _tasks(found)
    if found["activeTasks"]:
        groups = range(druid.get(f"{SUPERVISORS}/{table}")["spec"]["ioConfig"]["taskCount"])
        druid.post(f"{SUPERVISORS}/{table}/taskGroups/handoff", {"taskGroupIds": list(groups)})
    wait_until(druid, table, lambda _, now: not before & _tasks(now))


def _tasks(found: SupervisorStatus) -> set[str]:
    return {task["id"] for task in (*found["activeTasks"], *found["publishingTasks"])}


def _wait_until_gone(broker: Druid, table: str, interval: Interval, chosen: dict[str, Any]) -> None:
    """Wait until Druid's historicals have loaded the new segments; raises CommandError if rows stay in results."""
    for _ in attempts(WAIT_SECONDS, POLL_INTERVAL_SECONDS):
        if not (left := _count(broker, table, interval, chosen)):
            return
    raise CommandError(f"{left} of the rows are still in results, although Druid has rewritten their days")


def _count(broker: Druid, table: str, interval: Interval, chosen: dict[str, Any]) -> int:
    counting = {
        "queryType": "timeseries",
        "dataSource": table,
        "intervals": [_text(interval)],
        "granularity": "all",
        "filter": chosen,
        "aggregations": [{"type": "count", "name": "n"}],
    }
    found = broker.post(NATIVE, counting)
    return int(found[0]["result"]["n"]) if found else 0


def _without_path(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    return f"{parts.scheme}://{parts.netloc}"

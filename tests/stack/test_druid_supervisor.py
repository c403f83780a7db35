"""`headrace druid` on a real Druid: what it sends, when, and that no row is lost or duplicated."""

import itertools
import time

import pytest
from support.headrace.druid_table import DruidTable, a_row, rows_of
from support.waiting import wait_until

from headrace.errors import CommandError

pytestmark = pytest.mark.timeout(300)  # engines that start, tasks that publish, a busy machine

DAY_MS = 86_400_000
MAY_17_2015 = 1_431_820_800_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_second_apply_sends_nothing_to_druid(table: DruidTable) -> None:
    assert table.apply() != []
    configuration = table.configuration()
    assert len(configuration[f"/druid/indexer/v1/supervisor/{table.name}/history"]) == 1
    assert table.apply() == []
    assert table.configuration() == configuration


def test_a_spec_with_a_mistake_is_refused_with_the_reason_and_nothing_is_changed(table: DruidTable) -> None:
    table.apply()
    configuration = table.configuration()
    rules, spec = table.files / "rules.json", table.files / "supervisors" / "clickstream.json"
    rules.write_text('[{"type": "loadByPeriod", "period": "P13M"}, {"type": "dropForever"}]')
    with pytest.raises(CommandError, match='Invalid format: "1 hour"'):
        table.apply(task_duration="1 hour")
    spec.write_text(spec.read_text().replace("useEarliestOffset", "useEarliestOfset"))
    with pytest.raises(CommandError, match="useEarliestOfset: unknown key, which Druid would ignore; did you mean useEarliestOffset"):
        table.apply()
    assert table.configuration() == configuration


def test_other_settings_are_shown_and_submitted(table: DruidTable) -> None:
    table.apply()
    (change,) = table.apply(task_duration="PT10M", dry_run=True)
    assert (change.path, change.old, change.new) == ("supervisor/spec/ioConfig/taskDuration", "PT300S", "PT10M")
    table.apply(task_duration="PT10M")
    assert table.apply(task_duration="PT10M", dry_run=True) == []
    (table.files / "rules.json").write_text('[{"type": "loadByPeriod", "period": "P13M"}, {"type": "dropForever"}]')
    (change,) = table.apply(task_duration="PT10M")
    assert change.path == "rules"
    assert table.apply(task_duration="PT10M") == []


def test_every_column_has_its_type_and_a_nested_one_can_be_asked(table: DruidTable) -> None:
    table.apply()
    table.write(rows_of(10, at_ms=now_ms()))
    table.wait_for_rows(10)
    types = {
        row["COLUMN_NAME"]: row["DATA_TYPE"]
        for row in table.ask(f"SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = '{table.name}'")
    }
    configuration = {"__time": "TIMESTAMP", "event_id": "VARCHAR", "is_bot": "BIGINT", "latitude": "DOUBLE", "parameters": "COMPLEX<json>"}
    assert {name: types[name] for name in configuration} == configuration
    (row,) = table.ask(f"SELECT JSON_VALUE(parameters, '$.sku') AS sku FROM \"{table.name}\" WHERE event_id = '{3:032x}'")
    assert row == {"sku": "A-3"}


def test_a_new_column_costs_no_row_while_rows_arrive(table: DruidTable) -> None:
    table.apply()
    rows = (a_row(number, at_ms=now_ms(), colour="red") for number in itertools.count())
    with table.writing(rows) as written:
        wait_until(lambda: table.counts()[0] > 100, within_seconds=60)
        table.add_field("colour")
        assert [change.path for change in table.apply()] == ["supervisor/spec/dataSchema/dimensionsSpec/dimensions/colour"]
        seen = len(written)
        wait_until(lambda: table.counts()[0] > seen, within_seconds=90)
    table.wait_for_rows(len(written))
    (row,) = table.ask(f"SELECT COUNT(*) AS n FROM \"{table.name}\" WHERE colour = 'red'")
    assert row["n"] >= len(written) - seen
    assert table.apply() == []


def test_a_column_that_the_schema_no_longer_has_stays(table: DruidTable) -> None:
    table.add_field("colour")
    table.apply()
    table.schema.write_text(table.schema.read_text().replace('"colour"', '"shade"'))
    assert [change.path for change in table.apply()] == ["supervisor/spec/dataSchema/dimensionsSpec/dimensions/shade"]
    table.write(rows_of(5, at_ms=now_ms(), colour="red", shade="dark"))
    table.wait_for_rows(5)
    assert table.ask(f'SELECT DISTINCT colour, shade FROM "{table.name}"') == [{"colour": "red", "shade": "dark"}]


def test_suspend_and_resume_lose_no_row(table: DruidTable) -> None:
    table.apply()
    table.write(rows_of(500, at_ms=now_ms()))
    table.wait_for_rows(500)
    table.suspend()
    assert table.status()["reasons"] == ["it is suspended; `headrace druid resume` resumes it"]
    table.write(rows_of(500, at_ms=now_ms(), first=500))
    table.wait_for_rows(500)
    assert table.apply() == []  # it stays suspended
    table.resume()
    table.wait_for_rows(1000)
    assert table.status()["healthy"]


def test_a_replay_of_old_days_lands_in_segments_of_those_days(table: DruidTable) -> None:
    table.apply()
    for day in range(4):
        table.write(rows_of(100, at_ms=MAY_17_2015 + day * DAY_MS, first=day * 100))
    table.wait_for_rows(400)
    table.suspend()
    segments = f"FROM sys.segments WHERE datasource = '{table.name}' AND is_published = 1 AND is_overshadowed = 0"
    days = table.ask(f'SELECT DISTINCT "start", "end" {segments} ORDER BY 1')
    assert [(day["start"][:13], day["end"][:13]) for day in days] == [(f"2015-05-{n}T00", f"2015-05-{n + 1}T00") for n in range(17, 21)]
    table.wait_for_rows(400)


def test_a_row_that_does_not_fit_stops_the_reading_until_it_is_let_pass(table: DruidTable) -> None:
    table.apply()
    table.write(rows_of(10, at_ms=now_ms()))
    table.wait_for_rows(10)
    table.write([a_row(10, at_ms=now_ms(), page_path=["/a", "/b"])])
    table.write(rows_of(10, at_ms=now_ms(), first=11))
    reason = "invalid row: Cannot coerce column [page_path] input to requested type [STRING]"
    wait_until(lambda: reason in table.status()["reasons"], within_seconds=60, every_seconds=0.5)
    table.let_pass(1)
    table.wait_for_rows(21)
    table.suspend()
    assert [(change.path, change.old, change.new) for change in table.apply()] == [
        ("supervisor/spec/tuningConfig/maxParseExceptions", 1, 0)
    ]
    table.resume()
    table.write(rows_of(10, at_ms=now_ms(), first=21))
    table.wait_for_rows(31)


def test_rows_that_left_the_topic_unread_are_not_skipped_silently(table: DruidTable) -> None:
    table.apply()
    table.write(rows_of(10, at_ms=now_ms()))
    table.wait_for_rows(10)
    table.suspend()
    table.write(rows_of(10, at_ms=now_ms(), first=10))
    first_left = table.delete_from_topic()
    table.order("resume")
    wait_until(lambda: "is no longer available" in "".join(table.status()["reasons"]), within_seconds=60, every_seconds=0.5)
    assert table.counts() == (10, 10)
    table.resume_at(first_left)
    table.write(rows_of(10, at_ms=now_ms(), first=20))
    table.wait_for_rows(20)


def test_a_compaction_keeps_every_row(table: DruidTable) -> None:
    table.apply()
    for first in (0, 100):
        table.write(rows_of(100, at_ms=MAY_17_2015, first=first))
        table.wait_for_rows(first + 100)
        table.suspend()
        table.resume()
    table.write(rows_of(1, at_ms=now_ms(), first=200))  # days that end more than a day before the newest row are compacted
    table.wait_for_rows(201)
    table.suspend()
    segments = f"SELECT COUNT(*) AS n FROM sys.segments WHERE datasource = '{table.name}' AND \"start\" LIKE '2015%' AND is_active = 1"
    assert table.ask(segments) == [{"n": 2}]

    def is_compacted() -> bool:
        table.compact()
        return table.ask(segments) == [{"n": 1}]

    wait_until(is_compacted, within_seconds=120, every_seconds=2)
    table.wait_for_rows(201)

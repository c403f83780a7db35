"""`headrace druid` as a user types it, with a stand-in for Druid; rows and real errors are in tests/stack."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.headrace.druid_api import DruidStandIn, druid_running
from support.headrace.installation import run_command
from support.ports import free_ports

from headrace.druid.apply import apply_table
from headrace.druid.spec import FOLDER, Options
from headrace.druid.status import print_status, status
from headrace.druid.supervisor import resume, suspend
from headrace.errors import CommandError
from schemas.contract import load_schema
from topics.kafka.settings import KafkaSettings

KAFKA = KafkaSettings()
EVERYTHING = ["/druid/indexer/v1/supervisor", "/druid/coordinator/v1/config/compaction", "/druid/coordinator/v1/rules/clickstream"]
QUIET = Console(file=StringIO())


@pytest.fixture
def druid() -> Iterator[DruidStandIn]:
    with druid_running() as running:
        yield running


def applied(druid: DruidStandIn, **options: Any) -> str:
    """Apply, and return the output."""
    out = StringIO()
    apply_table(druid.url, KAFKA, Console(file=out, width=400), **options)
    return out.getvalue()


def a_schema(folder: Path, *fields: dict[str, Any], without: str = "") -> Path:
    content = load_schema()
    content["fields"] = [field for field in content["fields"] if field["name"] != without] + list(fields)
    path = folder / "schema.avsc"
    path.write_text(json.dumps(content))
    return path


def test_the_first_apply_submits_all_and_the_second_nothing(druid: DruidStandIn) -> None:
    assert "supervisor/spec/ioConfig/useEarliestOffset: (none) -> true\n" in applied(druid)
    assert druid.posts == EVERYTHING
    assert applied(druid) == "nothing to change\nclickstream is running\n"
    assert druid.posts == EVERYTHING


def test_only_what_differs_is_shown_and_submitted(druid: DruidStandIn) -> None:
    applied(druid)
    druid.posts.clear()
    output = applied(druid, options=Options(task_duration="PT60S", tasks=2))
    assert output.splitlines()[:-1] == [
        "supervisor/spec/ioConfig/taskCount: 1 -> 2",
        'supervisor/spec/ioConfig/taskDuration: "PT3600S" -> "PT60S"',
    ]
    assert druid.posts == EVERYTHING[:1]
    del druid.rules["clickstream"]
    applied(druid, options=Options(task_duration="PT1M", tasks=2))
    assert druid.posts == [EVERYTHING[0], EVERYTHING[2]]


def test_a_dry_run_reports_the_same_and_submits_nothing(druid: DruidStandIn) -> None:
    assert "rules: " in applied(druid, dry_run=True)
    assert druid.posts == []


def test_an_error_of_druid_is_reported_in_its_words_and_nothing_is_changed(druid: DruidStandIn) -> None:
    druid.rejection = 'Invalid format: "1 hour"'
    with pytest.raises(CommandError, match='supervisor with 400: Invalid format: "1 hour"'):
        applied(druid)
    assert druid.posts == EVERYTHING[:1]
    assert (druid.supervisors, druid.rules, druid.compaction) == ({}, {}, {})


def test_a_new_field_is_a_new_column(druid: DruidStandIn, tmp_path: Path) -> None:
    applied(druid)
    output = applied(druid, schema=a_schema(tmp_path, {"name": "colour", "type": ["null", "string"], "default": None}))
    column = '{"type": "auto", "castToType": "STRING", "name": "colour"}'
    assert output == f"supervisor/spec/dataSchema/dimensionsSpec/dimensions/colour: (none) -> {column}\nclickstream is running\n"


def test_a_column_that_the_schema_no_longer_has_stays(druid: DruidStandIn, tmp_path: Path) -> None:
    applied(druid)
    assert applied(druid, schema=a_schema(tmp_path, without="page_title")).startswith("nothing to change\n")
    applied(druid, schema=a_schema(tmp_path, {"name": "colour", "type": "string"}, without="page_title"))
    assert {"page_title", "colour"} <= {column["name"] for column in druid.newest()["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]}


def test_a_column_of_another_type_is_refused(druid: DruidStandIn, tmp_path: Path) -> None:
    applied(druid)
    druid.posts.clear()
    with pytest.raises(
        CommandError, match="column page_title is string in Druid, but long in the schema: choose another name for the field"
    ):
        applied(druid, schema=a_schema(tmp_path, {"name": "page_title", "type": "long"}, without="page_title"))
    assert druid.posts == []


def test_apply_leaves_a_suspended_supervisor_suspended(druid: DruidStandIn) -> None:
    applied(druid)
    suspend(druid.url, "clickstream", QUIET)
    assert "clickstream is suspended; `headrace druid resume`" in applied(druid, options=Options(tasks=2))
    assert druid.newest()["suspended"] is True
    resume(druid.url, "clickstream", QUIET)
    assert druid.newest()["suspended"] is False


def test_suspend_and_resume_order_nothing_that_is_so_already(druid: DruidStandIn) -> None:
    applied(druid)
    druid.posts.clear()
    resume(druid.url, "clickstream", QUIET)
    assert druid.posts == []
    for _ in range(2):
        suspend(druid.url, "clickstream", QUIET)
    assert druid.posts == ["/druid/indexer/v1/supervisor/clickstream/suspend"]


def test_a_supervisor_that_does_not_come_to_run_is_reported_after_a_bounded_time(
    druid: DruidStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.druid.supervisor.WAIT_SECONDS", 0.05)
    monkeypatch.setattr("headrace.druid.supervisor.POLL_INTERVAL_SECONDS", 0.01)
    druid.said = {"state": "UNHEALTHY_SUPERVISOR", "detailedState": "UNABLE_TO_CONNECT_TO_STREAM", "activeTasks": []}
    druid.said["recentErrors"] = [{"message": "no broker"}]
    with pytest.raises(CommandError, match=r"clickstream is UNABLE_TO_CONNECT_TO_STREAM with 0 active tasks after 0.05 s; no broker"):
        applied(druid)
    druid.said, druid.pending = {}, [{"id": "index_kafka_clickstream_0"}]
    with pytest.raises(CommandError, match=r"clickstream is RUNNING with 1 active task after .* `headrace druid status` shows more"):
        applied(druid)


def test_a_status_has_state_lag_and_tasks(druid: DruidStandIn) -> None:
    applied(druid)
    assert status(druid.url, "clickstream") == {
        "healthy": True,
        "reasons": [],
        "state": "RUNNING",
        "lag": {"total": 7, "partitions": {"0": 3, "1": 4}},
        "tasks": [{"id": "index_kafka_clickstream_0", "state": "READING", "offsets": {"0": 7}, "error": None}],
    }


def test_a_lag_that_druid_does_not_know_yet_is_null(druid: DruidStandIn) -> None:
    applied(druid)
    druid.said = {"minimumLag": {}, "aggregateLag": 0}
    assert status(druid.url, "clickstream")["lag"] == {"total": None, "partitions": None}


def test_a_task_that_failed_lately_is_reported_with_what_did_not_fit_and_without_the_row(druid: DruidStandIn) -> None:
    applied(druid)
    druid.fail_task("org.apache.druid.java.util.common.RE: Max parse exceptions[0] exceeded", detail="Cannot coerce column [page_path]")
    content = status(druid.url, "clickstream")
    assert content["reasons"] == [
        "1 task failed in the last 5 minutes, the last one with RE: Max parse exceptions[0] exceeded",
        "invalid row: Cannot coerce column [page_path]",
    ]
    assert content["tasks"][1]["error"] == "RE: Max parse exceptions[0] exceeded"
    out = StringIO()
    print_status(content, "clickstream", Console(file=out, width=200))
    assert "invalid row: Cannot coerce column [page_path]\nnot healthy\n" in out.getvalue()
    assert "secret" not in out.getvalue()


def test_a_task_that_failed_long_ago_is_past(druid: DruidStandIn) -> None:
    applied(druid)
    druid.fail_task("killed", ended_at=datetime.now(UTC) - timedelta(minutes=6))
    assert status(druid.url, "clickstream")["healthy"]
    druid.fail_task("")
    druid.fail_task("task was lost")
    assert status(druid.url, "clickstream")["reasons"] == ["2 tasks failed in the last 5 minutes, the last one with task was lost"]


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ({"activeTasks": []}, ["no task is reading"]),
        ({"suspended": True, "state": "SUSPENDED"}, ["it is suspended; `headrace druid resume` resumes it"]),
        ({"state": "PENDING", "detailedState": None}, ["the supervisor is PENDING"]),
        (
            {"healthy": False, "state": "UNHEALTHY_TASKS", "recentErrors": [{"message": "older"}, {"message": "no broker"}]},
            ["the supervisor is RUNNING", "Druid: no broker"],
        ),
    ],
)
def test_the_reason_that_it_does_not_read_is_reported(druid: DruidStandIn, said: dict[str, Any], reasons: list[str]) -> None:
    applied(druid)
    druid.said = said
    assert status(druid.url, "clickstream")["reasons"] == reasons


def test_tasks_wait_read_and_publish(druid: DruidStandIn) -> None:
    applied(druid, options=Options(tasks=2))
    druid.pending = [{"id": "index_kafka_clickstream_1"}]
    druid.said = {"publishingTasks": [{"id": "old", "currentOffsets": {"1": 5}}]}
    content = status(druid.url, "clickstream")
    assert [task["state"] for task in content["tasks"]] == ["READING", "WAITING", "PUBLISHING"]
    assert content["reasons"] == ["task index_kafka_clickstream_1 waits for a free slot on a worker"]


def test_the_commands_say_what_they_do_and_how_it_ended(druid: DruidStandIn) -> None:
    where = ("--url", druid.url, "--datasource", "shop")
    assert "has no supervisor shop; `headrace druid apply` creates it" in run_command("druid", "status", *where, status=2)
    content = json.loads(run_command("druid", "apply", *where, "--json", "--replicas", "2"))
    assert content["applied"] is True
    assert {"path": "supervisor/spec/ioConfig/replicas", "old": None, "new": 2} in content["changes"]
    assert json.loads(run_command("druid", "apply", *where, "--json", "--replicas", "2")) == {"applied": False, "changes": []}
    assert json.loads(run_command("druid", "status", *where, "--json"))["healthy"] is True
    assert "is suspended; Kafka keeps new rows" in run_command("druid", "suspend", *where)
    assert "not healthy" in run_command("druid", "status", *where, status=1)
    assert "shop is running\n" in run_command("druid", "resume", *where)
    assert "shop is RUNNING, lag 7" in run_command("druid", "status", *where)


def test_files_with_a_mistake_are_refused_before_druid_is_asked(druid: DruidStandIn, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "druid"))
    spec = folder / "supervisors" / "clickstream.json"
    spec.write_text(spec.read_text().replace("useEarliestOffset", "useEarliestOfset"))
    output = run_command("druid", "apply", "--url", druid.url, "--files", str(folder), status=2)
    assert "2 errors; nothing was changed" in output
    assert "spec/ioConfig/useEarliestOfset: unknown key, which Druid would ignore; did you mean useEarliestOffset?" in output
    assert druid.posts == []


def test_a_key_that_druid_took_and_does_not_keep_is_reported(druid: DruidStandIn, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "druid"))
    spec = folder / "supervisors" / "clickstream.json"
    spec.write_text(spec.read_text().replace('{"type": "json"}', '{"type": "json", "keepNulColumns": true}'))
    with pytest.raises(CommandError, match="ignores supervisor/spec/ioConfig/inputFormat/keepNulColumns: it does not know these keys"):
        applied(druid, folder=folder)


def test_nothing_at_the_url_is_reported(tmp_path: Path) -> None:
    url = f"127.0.0.1:{free_ports(1)[0]}"
    output = run_command("druid", "apply", "--url", url, status=2)
    assert f"Druid does not respond at http://{url}" in output
    assert "--url" in output


def test_an_error_without_an_error_object_is_reported_as_it_is(druid: DruidStandIn) -> None:
    with pytest.raises(CommandError, match="with 404: Not Found"):
        apply_table(f"{druid.url}/druid/indexer/v1/supervisor", KAFKA, QUIET)

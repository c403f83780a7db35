"""The processes of headrace, with DuckDB and with Kafka and Druid."""

import os
import socket
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.headrace.engines_without_jars import engines_without_jars

from headrace.engines.services import NAMES
from headrace.errors import CommandError
from headrace.local.plan import Plan
from headrace.local.services import STOP_ORDER
from headrace.local.status import print_status, read_status
from headrace.local.up import print_summary, run
from headrace.processes.installation import Run, RunningProcess, StateFolder
from headrace.processes.ports import LOOPBACK, listen_host
from headrace.processes.supervisor import Service, created_at
from topics.local.consumers import ConsumerState, consumer_path, save_consumer

PORTS = {"collector": 8290, "internal": 8291, "sql": 8888, "dashboards": 8088, "shop": 8000}


@pytest.fixture
def on_duckdb(tmp_path: Path) -> Plan:
    plan = Plan(StateFolder(tmp_path / "state"), LOOPBACK, PORTS, dashboards=False, visits=False, visits_per_minute=1)
    plan.state.prepare()
    return plan


@pytest.fixture
def on_druid(on_duckdb: Plan, tmp_path: Path) -> Plan:
    return on_duckdb.on_druid(engines_without_jars(tmp_path))


def stages(plan: Plan) -> list[dict[str, Service]]:
    return [{service.name: service for service in stage.services} for stage in plan.stages()]


def test_with_duckdb_all_start_side_by_side(on_duckdb: Plan) -> None:
    assert [set(stage) for stage in stages(on_duckdb)] == [{"collector", "store", "shop"}]


def test_services_that_need_topics_and_table_start_after_the_engines(on_druid: Plan) -> None:
    assert [set(stage) for stage in stages(on_druid)] == [{*NAMES, "collector", "shop"}, {"forwarder", "converter"}]


def test_every_service_is_stopped_in_its_turn(on_duckdb: Plan, on_druid: Plan) -> None:
    started = {name for plan in (on_duckdb, on_druid) for stage in stages(plan) for name in stage}
    assert started - {name for group in STOP_ORDER for name in group} == set()


def test_the_forwarder_reads_what_the_collector_writes_and_both_kafka_clients_know_where_it_is(on_druid: Plan) -> None:
    (first, second), ports = stages(on_druid), on_druid.ports
    assert second["forwarder"].environment == {
        "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['kafka']}",
        "HEADRACE_FORWARDER_HOST": "127.0.0.1",
        "HEADRACE_FORWARDER_PORT": "8292",
        "HEADRACE_FORWARDER_TOPIC_DIRECTORY": first["collector"].environment["HEADRACE_COLLECTOR_TOPIC_DIRECTORY"],
    }
    assert second["converter"].environment == {
        "HEADRACE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['kafka']}",
        "HEADRACE_STREAMS_HOST": "127.0.0.1",
        "HEADRACE_STREAMS_PORT": "8293",
        "HEADRACE_STREAMS_PLACES": str(on_druid.state.places),
    }


def test_druid_sql_is_at_the_broker_and_every_port_is_looked_at(on_druid: Plan) -> None:
    assert on_druid.engines
    assert on_druid.url("sql") == f"http://{on_druid.engines.ports.host_port('broker')}"
    looked_at = on_druid.ports_to_check()
    assert set(looked_at) == {*PORTS, "forwarder", "converter", *on_druid.engines.ports.without_broker()} - {"dashboards"}
    assert {listen_host(name, on_druid.host) for name in looked_at} == {LOOPBACK}


def test_its_settings_have_the_hosts_of_kafka(on_druid: Plan) -> None:
    out = StringIO()
    print_summary(on_druid, Console(file=out))
    assert f"  Kafka        127.0.0.1:{on_druid.ports['kafka']}\n" in out.getvalue()


@pytest.mark.parametrize(("reader", "before", "plan"), [("converter", "duckdb", "on_druid"), ("forwarder", "druid", "on_duckdb")])
def test_a_state_folder_stays_with_its_engines(reader: str, before: str, plan: str, request: pytest.FixtureRequest) -> None:
    after: Plan = request.getfixturevalue(plan)
    path = consumer_path(after.state.topic, reader)
    path.parent.mkdir()
    save_consumer(path, ConsumerState())
    with pytest.raises(CommandError, match=f"was created with --engines {before}; start with that option, or select another folder"):
        run(after, Console(file=StringIO()))


def test_status_shows_the_engines(on_druid: Plan) -> None:
    myself = RunningProcess(os.getpid(), created_at(os.getpid()))
    with socket.create_server((LOOPBACK, on_druid.ports["zookeeper"])):
        on_druid.state.write_run(Run(myself, LOOPBACK, on_druid.ports, {"zookeeper": myself, "kafka": myself}))
        content = read_status(on_druid.state)
    assert {name: process["ready"] for name, process in content["processes"].items()} == {"zookeeper": True, "kafka": False}
    assert content["processes"]["kafka"]["reason"] == "it does not respond yet"
    assert content["urls"]["kafka"] == f"127.0.0.1:{on_druid.ports['kafka']}"


@pytest.mark.parametrize(
    ("process", "supervised", "state", "reason"),
    [
        (RunningProcess(os.getpid(), created_at(os.getpid())), True, "ready", ""),
        (RunningProcess(os.getpid(), created_at(os.getpid()), "status 1: it failed", 0), True, "ready", ""),
        (RunningProcess(os.getpid(), created_at(os.getpid()), "status 1: it failed", 1e9), True, "restarting", "status 1: it failed"),
        (RunningProcess(os.getpid(), 0, "status 1: it failed", 2), True, "restarting", "status 1: it failed"),
        (RunningProcess(os.getpid(), 0, "status 1: it failed", 2), False, "gone", "status 1: it failed"),
    ],
)
def test_a_process_that_keeps_ending_is_not_ready_however_it_answers(
    process: RunningProcess, supervised: bool, state: str, reason: str, on_duckdb: Plan
) -> None:
    supervisor = RunningProcess(os.getpid(), created_at(os.getpid()) if supervised else 0)
    on_duckdb.state.write_run(Run(supervisor, LOOPBACK, on_duckdb.ports, {"visits": process}))
    content = read_status(on_duckdb.state)
    assert content["processes"]["visits"]["state"] == state
    assert content["processes"]["visits"]["reason"] == reason
    assert content["ready"] is content["processes"]["visits"]["ready"] is (state == "ready")
    out = StringIO()
    print_status(content, Console(file=out, width=40))
    assert (f"  visits is {state}: {reason}\n" in out.getvalue()) is bool(reason)


def test_host_opens_the_collector_and_the_shop_and_nothing_that_trusts_its_callers(tmp_path: Path) -> None:
    plan = Plan(StateFolder(tmp_path / "state"), "0.0.0.0", PORTS, dashboards=False, visits=False, visits_per_minute=1)
    variables = {name: value for stage in plan.stages() for service in stage.services for name, value in service.environment.items()}
    assert [name for name, value in variables.items() if value == "0.0.0.0"] == ["HEADRACE_COLLECTOR_HOST", "HEADRACE_SHOP_HOST"]
    assert {name for name in variables if name.endswith("_HOST")} == {
        "HEADRACE_COLLECTOR_HOST",
        "HEADRACE_SHOP_HOST",
    }  # others' default is loopback
    assert {listen_host(name, plan.host) for name in ("sql", "internal")} == {LOOPBACK}

"""The commands as a user types them, on a running headrace."""

import gzip
import json
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import crawleruseragents  # type: ignore[import-untyped]  # the package carries no types
import httpx
import pytest
from support.collector.divolte import PARTY, a_query
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import HEADRACE, Installation, run_command
from support.ports import free_ports
from support.waiting import wait_until

from simulator.access_log import parse_line, skip_reason
from simulator.replay import LineIds

ROOT = Path(__file__).resolve().parents[3]
LOG = ROOT / "simulator" / "data" / "access.log.gz"


def test_status_names_every_process_with_its_memory_and_url(installation: Installation) -> None:
    content = installation.status()
    assert content["ready"] is True
    assert set(content["processes"]) == {"collector", "store", "shop"}
    assert all(process["alive"] and process["rss_mb"] > 10 for process in content["processes"].values())
    assert content["urls"]["sql"] == f"http://127.0.0.1:{installation.sql_port}/druid/v2/sql"
    text = run_command("status", "--state", installation.state)
    assert "collector" in text
    assert "not ready" not in text


def test_an_installation_without_a_list_of_sites_is_warned_of(installation: Installation) -> None:
    warning = "source browser takes events of any site"
    assert warning in run_command("status", "--state", installation.state)
    assert installation.status()["warnings"][0].startswith(warning)
    assert warning in (installation.state / "up.log").read_text()
    assert warning in (installation.state / "logs" / "collector.log").read_text()


def test_sql_prints_a_table_or_json_and_a_mistake_in_the_engines_own_words(installation: Installation) -> None:
    ask = ("sql", "--state", installation.state)
    assert json.loads(run_command(*ask, "SELECT 1 + 1 AS two", "--json")) == {"two": 2}
    assert "1 row\n" in run_command(*ask, "SELECT 'a%b' AS text")
    assert f"{'x' * 400}\n" in run_command(*ask, f"SELECT '{'x' * 400}' AS wide").replace(" ", "")
    assert "nope" in run_command(*ask, "SELECT nope FROM clickstream", status=2)
    assert "[/nope]" in run_command(*ask, 'SELECT "[/nope]" FROM clickstream', status=2)
    assert "nothing responds" in run_command("sql", "SELECT 1", "--url", f"http://127.0.0.1:{free_ports(1)[0]}", status=2)


def tailed(installation: Installation, event_type: str, *options: str) -> str:
    """The output of `headrace tail` for an event and for a rejected one."""
    command: tuple[str | Path, ...] = (HEADRACE, "tail", "--state", installation.state, "--count", "2", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{installation.collector_port}"

        def sent_and_shown() -> bool:
            send(client, url, a_batch(an_event(type=event_type), an_event("forged", type=event_type)))
            return process.poll() is not None

        wait_until(sent_and_shown, within_seconds=20, every_seconds=0.2)
        assert process.stdout is not None
        return process.stdout.read()


def test_tail_shows_events_and_the_reason_of_a_rejection(installation: Installation) -> None:
    shown = [json.loads(line) for line in tailed(installation, "tailed", "--json").splitlines()]
    assert sorted(line["result"] for line in shown) == ["invalid_event_id", "ok"]
    assert [line["event_type"] for line in shown if line["result"] == "ok"] == ["tailed"]


@pytest.fixture(scope="module")
def replays(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The real log and a line that is none, sent twice."""
    log = tmp_path_factory.mktemp("logs") / "access.log"
    log.write_bytes(gzip.decompress(LOG.read_bytes()) + b"this is no line of a log\n")
    accounts = [json.loads(run_command("replay", log, "--state", installation.state, "--site", "replayed", "--json")) for _ in range(2)]
    wait_until(lambda: installation.ledger()["difference"] == 0, within_seconds=30)
    return accounts


def test_a_replay_accounts_for_every_line(installation: Installation, replays: list[dict[str, Any]]) -> None:
    account = replays[0]
    assert account["lines"] == 5001
    assert account["unreadable_lines"] == [5001]
    assert account["ok"] + account["duplicates"] + sum(account["refused"].values()) == account["pages"] > 2000
    assert account["pages"] + sum(account["no_pages"].values()) + account["unreadable"] == 5001


def test_a_replay_that_is_run_again_doubles_nothing(installation: Installation, replays: list[dict[str, Any]]) -> None:
    assert replays[0] == replays[1]
    assert installation.count("site = 'replayed'") == replays[0]["ok"]
    assert installation.count("site = 'replayed' AND TIME_IN_INTERVAL(__time, '2015-05-17/2015-05-21')") == replays[0]["ok"]


def test_the_bots_of_a_replay_are_those_that_crawler_user_agents_names(installation: Installation, replays: list[dict[str, Any]]) -> None:
    ids, named = LineIds(), {}
    for line in gzip.decompress(LOG.read_bytes()).splitlines():
        request = parse_line(line.decode())
        if request is not None and skip_reason(request) is None:
            named[ids.next_id(line)] = bool(request.user_agent and crawleruseragents.is_crawler(request.user_agent))
    rows = installation.sql("SELECT event_id, is_bot FROM clickstream WHERE site = 'replayed'")
    assert {row["event_id"]: bool(row["is_bot"]) for row in rows} == named
    assert 100 < sum(named.values()) < len(named)


def test_the_reason_against_a_start_is_reported_in_a_line(installation: Installation, tmp_path: Path) -> None:
    up = ("up", "--no-dashboards", "--no-visits")
    assert "already up" in run_command(*up, "--state", installation.state, status=2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = run_command(*up, "--state", tmp_path / "a", "--sql-port", str(taken.getsockname()[1]), status=2)
    assert "--sql-port" in said
    port = free_ports(1)[0]
    assert "is selected twice" in run_command(
        *up, "--state", tmp_path / "a", "--sql-port", str(port), "--collector-port", str(port), status=2
    )
    (tmp_path / "b").write_text("")
    assert "is a file" in run_command(*up, "--state", tmp_path / "b", status=2)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "run.json").write_text("{")
    assert "is damaged" in run_command(*up, "--state", tmp_path / "c", status=2)
    assert "nothing was started" in run_command("status", "--state", tmp_path / "d", status=2)


def test_down_stops_everything_and_a_second_start_has_all_events(tmp_path: Path) -> None:
    first = Installation.start(tmp_path, "--no-dashboards", "--no-visits")
    with httpx.Client(trust_env=False) as client:
        assert send(client, f"http://127.0.0.1:{first.collector_port}", a_batch(an_event())).status_code == 200
    assert "headrace is down" in run_command("down", "--state", tmp_path)
    assert first.process.wait(10) == 0
    second = Installation.start(tmp_path, "--no-dashboards", "--no-visits", ports=first.ports)
    assert second.count() == 1
    assert second.stop() == 0


def test_a_replay_shows_a_person_what_became_of_each_line(installation: Installation, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b"".join(gzip.decompress(LOG.read_bytes()).splitlines(keepends=True)[:40]) + b"no line\n")
    said = run_command("replay", log, "--state", installation.state, "--site", "shown")
    assert "every line is accounted for" in said
    assert "lines [41]" in said
    assert "does not exist" in run_command("replay", tmp_path / "none.log", "--state", installation.state, status=2)
    assert "'common' is not a known format" in run_command("replay", log, "--format", "common", status=2)


def test_a_tail_for_a_person_names_the_rejection_in_its_line(installation: Installation, tmp_path: Path) -> None:
    said = tailed(installation, "shown")
    assert "invalid_event_id" in said
    assert "shown" in said
    assert "there is no topic" in run_command("tail", "--state", tmp_path, status=2)


def test_a_mapping_is_checked_and_tried_without_a_running_headrace(tmp_path: Path) -> None:
    mapping = ROOT / "mapping" / "clickstream.py"
    assert "fits" in run_command("mapping", "check", mapping)
    faulty = tmp_path / "mapping.py"
    faulty.write_text("from mapping import event_id, map_\nmap_(event_id()).onto('evnt_id')\n")
    said = run_command("mapping", "check", faulty, status=2)
    assert "mapping.py:2: the schema has no field 'evnt_id'; did you mean 'event_id'?" in said
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(an_event("0" * 32)) + "\n" + json.dumps(an_event("forged")) + "\n")
    record, rejection = map(json.loads, run_command("mapping", "test", mapping, events).splitlines())
    assert (record["event_id"], record["page_path"], record["utm_source"]) == ("0" * 32, "/products/1", "letter")
    assert (rejection["line"], rejection["reason"]) == (2, "invalid_event_id")
    assert "did you mean 'event_id'?" in run_command("mapping", "test", faulty, events, status=2)
    events.write_text("https://collect.example/csc-event?" + a_query())
    assert json.loads(run_command("mapping", "test", "--kind", "divolte_tag", mapping, events))["party_id"] == PARTY
    assert "does not exist" in run_command("mapping", "test", mapping, tmp_path / "none", status=2)


def test_a_mapping_of_divolte_is_translated_and_what_cannot_be_is_reported(tmp_path: Path) -> None:
    script, output = tmp_path / "mapping.groovy", tmp_path / "mapping.py"
    script.write_text("mapping {\n  map eventId() onto 'id'\n}\n")
    python = 'from mapping import event_id, map_\n\nmap_(event_id()).onto("id")\n'
    assert run_command("mapping", "migrate", script) == python
    run_command("mapping", "migrate", script, "--output", output)
    assert output.read_text() == python
    script.write_text("mapping {\n  map eventIdd() onto 'id'\n}\n")
    said = run_command("mapping", "migrate", script, "--output", output, status=2)
    assert "mapping.groovy:2: unknown function 'eventIdd'; did you mean 'eventId'?" in said
    assert output.read_text() == "# not translated (line 2): map eventIdd() onto 'id'\n"
    assert "No such file" in run_command("mapping", "migrate", tmp_path / "none", status=2)
    script.write_bytes(b"\xff")
    assert "not valid UTF-8" in run_command("mapping", "migrate", script, status=2)


def test_the_version_is_that_of_the_project() -> None:
    assert run_command("--version").strip() == version("headrace")

"""The output of `headrace up`."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from headrace.local.plan import Plan
from headrace.local.up import _try_to_write_run, print_summary
from headrace.processes.installation import StateFolder
from headrace.processes.supervisor import Supervisor

PORTS = {"collector": 8290, "internal": 8291, "sql": 8888, "dashboards": 8088, "shop": 8000}


def printed_lines(tmp_path: Path, *, dashboards: bool) -> list[str]:
    state = StateFolder(tmp_path)
    state.prepare()
    out = StringIO()
    print_summary(Plan(state, "127.0.0.1", PORTS, dashboards=dashboards, visits=False, visits_per_minute=1), Console(file=out, width=40))
    return out.getvalue().splitlines()


def test_text_to_copy_is_on_one_line_in_a_narrow_terminal(tmp_path: Path) -> None:
    lines = printed_lines(tmp_path, dashboards=True)
    assert '  tracker      <script async src="http://127.0.0.1:8290/headrace.js" data-site="shop"></script>' in lines
    assert "  dashboards   http://127.0.0.1:8088/superset/dashboard/clickstream/" in lines


def test_the_password_is_shown_with_the_dashboards_and_only_then(tmp_path: Path) -> None:
    lines = printed_lines(tmp_path, dashboards=True)
    assert f"               user admin, password {StateFolder(tmp_path).secret('dashboards-password')}" in lines
    assert "dashboard" not in "\n".join(printed_lines(tmp_path, dashboards=False))


def test_a_disk_without_room_for_the_list_of_what_runs_ends_nothing(tmp_path: Path) -> None:
    plan = Plan(StateFolder(tmp_path / "full"), "127.0.0.1", PORTS, dashboards=False, visits=False, visits_per_minute=1)
    assert not _try_to_write_run(plan, Supervisor(tmp_path))
    plan.state.prepare()
    assert _try_to_write_run(plan, Supervisor(tmp_path))

"""A whole headrace on this machine, started as a user starts it, in a folder and on ports of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from support.ports import free_ports
from support.waiting import wait_until

HEADRACE = Path(sys.executable).with_name("headrace")


def run_command(*arguments: str | Path, status: int = 0, timeout: float = 60) -> str:
    """Run `headrace` with arguments, check its exit status, and return its output."""
    done = subprocess.run(
        (HEADRACE, *arguments), capture_output=True, text=True, timeout=timeout, check=False, env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "leaked" not in done.stderr
    return done.stdout + done.stderr if status else done.stdout


@dataclass
class Installation:
    """The processes of `headrace up` on one state folder."""

    state: Path
    collector_port: int
    sql_port: int
    dashboards_port: int
    shop_port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, state: Path, *options: str, within_seconds: float = 60, ports: list[int] | None = None) -> Self:
        """Start it and wait until it reports that it is ready."""
        collector, sql, dashboards, shop = ports or free_ports(4, in_a_row=4)
        command: tuple[str | Path, ...] = (HEADRACE, "up", "--state", state, "--collector-port", str(collector), "--sql-port", str(sql))
        command += ("--dashboards-port", str(dashboards), "--shop-port", str(shop), *options)
        state.mkdir(parents=True, exist_ok=True)
        with (state / "up.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        installation = cls(state, collector, sql, dashboards, shop, process)
        wait_until(installation.is_ready_or_gone, within_seconds=within_seconds, every_seconds=0.2)
        assert process.poll() is None, (state / "up.log").read_text()
        return installation

    @property
    def ports(self) -> list[int]:
        return [self.collector_port, self.sql_port, self.dashboards_port, self.shop_port]

    def status(self) -> dict[str, Any]:
        """Ask `headrace status --json`."""
        done = subprocess.run((HEADRACE, "status", "--state", self.state, "--json"), capture_output=True, text=True, check=False)
        content: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {"ready": False, "processes": {}}
        return content

    def is_ready_or_gone(self) -> bool:
        return bool(
            self.process.poll() is not None or (b"headrace is up" in (self.state / "up.log").read_bytes() and self.status()["ready"])
        )

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Ask minidruid."""
        url = f"http://127.0.0.1:{self.sql_port}/druid/v2/sql"
        answer = httpx.post(url, json={"query": statement}, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def has_table(self) -> bool:
        """Whether the engine knows the table, which Druid does from its first row on."""
        url = f"http://127.0.0.1:{self.sql_port}/druid/v2/sql"
        return httpx.post(url, json={"query": "SELECT 1 FROM clickstream LIMIT 1"}, timeout=30, trust_env=False).status_code == 200

    def count(self, where: str = "1 = 1") -> int:
        """Count the rows that fit."""
        return int(self.sql(f"SELECT COUNT(*) AS n FROM clickstream WHERE {where}")[0]["n"])

    def ledger(self) -> dict[str, int]:
        """Ask the collector for the total of its ledger."""
        answer = httpx.get(f"http://127.0.0.1:{self.collector_port + 1}/ledger", timeout=10, trust_env=False)
        total: dict[str, int] = answer.raise_for_status().json()["total"]
        return total

    def kill(self, name: str) -> None:
        """Kill a process with all its children, as the kernel does when memory runs out: it is not asked."""
        run = json.loads((self.state / "run.json").read_text())
        victim = psutil.Process(run["processes"][name]["pid"])
        for process in (*victim.children(recursive=True), victim):
            process.kill()

    def stop(self, within_seconds: float = 60) -> int:
        """Press Ctrl-C and wait; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(within_seconds)
        for log in (self.state / "up.log", *self.state.glob("logs/*.log")):
            assert "leaked" not in log.read_text("utf-8", "replace"), f"{log.name} ends in a report of leaks"
        return status

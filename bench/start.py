"""The startup time of headrace until the dashboard shows figures, at the first and a later startup, and its memory.

`python -m bench.start`. It compares with Superset alone. The environments must exist (`make install`). The first startup has an empty
state folder and sends two weeks of past visits.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.headrace.installation import Installation
from support.ports import free_ports
from support.superset import Dashboards, superset_running
from support.waiting import wait_until


def start(state: Path) -> tuple[Installation, float, float]:
    """Start headrace and wait for the first figure of a chart; return the seconds until ready and until the figure."""
    began = time.perf_counter()
    installation = Installation.start(state, within_seconds=180)
    ready = time.perf_counter() - began
    dashboards = Dashboards(
        f"http://127.0.0.1:{installation.dashboards_port}", (state / "secrets" / "dashboards-password").read_text().strip()
    )
    wait_until(lambda: dashboards.figure("page_views") > 0, within_seconds=60)
    dashboards.close()
    return installation, ready, time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with superset_running(Path(folder) / "alone", "druid://127.0.0.1:1/druid/v2/sql", free_ports(1)[0]):
            alone = time.perf_counter() - began
        print(f"Superset alone, first start: {alone:.1f} s")
        state = Path(folder) / "state"
        for name in ("first", "second"):
            installation, ready, figure = start(state)
            memory = {process: content["rss_mb"] for process, content in installation.status()["processes"].items()}
            print(f"{name} start: ready {ready:.1f} s, figure of a chart {figure:.1f} s ({figure / alone:.1f} of Superset alone)")
            print(f"  resident: {sum(memory.values())} MB = {memory}")
            installation.stop()


if __name__ == "__main__":
    main()

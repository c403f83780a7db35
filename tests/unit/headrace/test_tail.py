"""`headrace tail` on a topic that several workers write to."""

import io
import json
import threading
from itertools import count
from pathlib import Path

from rich.console import Console
from support.topics.in_memory import a_rejection, fill
from support.waiting import wait_until

from headrace.processes.installation import StateFolder
from headrace.tail import follow
from topics.local.spools import spool_path


def test_events_of_each_worker_are_shown_also_of_one_that_starts_later(tmp_path: Path) -> None:
    state, out, numbers = StateFolder(tmp_path), io.StringIO(), count()
    state.topic.mkdir(parents=True)
    showing = threading.Thread(target=follow, args=(state, Console(file=out)), kwargs={"as_json": True, "count": 2})
    showing.start()

    def is_shown() -> bool:
        fill(spool_path(state.topic, next(numbers)), [a_rejection("invalid_json")])
        return not showing.is_alive()

    wait_until(is_shown, every_seconds=0.1)
    assert [json.loads(line)["result"] for line in out.getvalue().splitlines()] == ["invalid_json"] * 2

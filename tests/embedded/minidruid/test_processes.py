"""The store in processes that are killed or run out of disk, and pydruid against a served one."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydruid.db
import pytest
from support.minidruid.tables import RunningMinidruid, an_event, open_store, serve, write_events
from support.waiting import wait_until

ROOT = Path(__file__).parents[3]
BATCH_ROWS = 50

WRITER = """
import resource, signal, sys
from pathlib import Path
from startup.logs import configure
from support.minidruid.tables import an_event, clickstream_rows, open_store
from minidruid.storage import seen_keys
from minidruid.errors import StoreFailed
from topics.accounts import Account
from streams.sink import Batch

configure(sys.stderr)
path, rows, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
seen_keys.RUN_KEYS = 8  # so that ids are sorted into a run after every eight batches
store = open_store(path)
sample = list(clickstream_rows(rows))
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
number = store.position("t")
while True:
    number += 1
    event = an_event(number)
    assert not store.known_events([event.key])
    batch = Batch("t", number, rows=sample, events=[event], ledger={(0, "browser"): Account(stored=rows)})
    try:
        store.commit(batch)
    except StoreFailed as error:
        print(error, flush=True)
        sys.exit(3)
    print(number, flush=True)
"""


def a_writer(path: Path, rows: int = BATCH_ROWS, limit: int = 0) -> subprocess.Popen[str]:
    """A process that commits one batch after the other and prints the position of each."""
    arguments = [sys.executable, "-c", WRITER, str(path), str(rows), str(limit)]
    return subprocess.Popen(arguments, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}, stdout=subprocess.PIPE, text=True)


def check_whole(path: Path, acknowledged: int, rows: int) -> None:
    """Fail unless the file holds whole batches, all that were acknowledged, and a memory that fits."""
    store = open_store(path)
    position = store.position("t")
    cursor = store.cursor()
    ((stored,),) = cursor.execute("SELECT count(*) FROM druid.clickstream").fetchall()
    cursor.close()
    known = store.known_events([an_event(number).key for number in range(1, position + 2)])
    accounts = store.ledger(0)
    store.close()
    assert position >= acknowledged
    assert stored == position * rows
    assert len(known) == position
    assert sum(account.stored for account in accounts.values()) == stored


def test_a_killed_store_has_whole_batches_and_all_that_were_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    dice = random.Random(5)
    acknowledged = 0
    for _ in range(5):
        writer = a_writer(path)
        assert writer.stdout
        for _ in range(dice.randrange(1, 30)):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate(timeout=30)[0].split()
        acknowledged = max([acknowledged, *map(int, rest)])
        check_whole(path, acknowledged, BATCH_ROWS)


def test_a_full_disk_ends_the_writer_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    writer = a_writer(path, rows=2000, limit=5_000_000)
    *acknowledged, message = writer.communicate(timeout=60)[0].strip().split("\n")
    assert writer.returncode == 3
    assert "2000 rows could not be committed" in message
    assert "free space" in message
    check_whole(path, int(acknowledged[-1]), 2000)


def test_a_second_process_fails_because_the_store_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    store = open_store(path)
    second = subprocess.run(
        [sys.executable, "-c", WRITER, str(path), "1", "0"],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    store.close()
    assert second.returncode == 1
    assert "cannot be opened" in second.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMinidruid]:
    path = tmp_path_factory.mktemp("pydruid") / "events.duckdb"
    write_events(path)
    store = open_store(path)
    with serve(store) as server:
        yield server
    store.close()


def cursor_of(server: RunningMinidruid, *, header: bool = False) -> pydruid.db.api.Cursor:
    return pydruid.db.connect(host="127.0.0.1", port=server.port, path="/druid/v2/sql", header=header).cursor()


def test_pydruid_reads_rows_and_fills_in_parameters(server: RunningMinidruid) -> None:
    cursor = cursor_of(server)
    cursor.execute("SELECT country, COUNT(*) AS n FROM events WHERE country = %(country)s GROUP BY 1", {"country": "Japan"})
    assert [tuple(row) for row in cursor] == [("Japan", 1056)]


def test_pydruid_keeps_rows_after_a_trailing_backslash(server: RunningMinidruid) -> None:
    cursor = cursor_of(server)
    cursor.execute("SELECT 'a\\' AS x, 1 AS n UNION ALL SELECT '\"', 2")
    assert sorted(tuple(row) for row in cursor) == [('"', 2), ("a\\", 1)]


def test_pydruid_reads_every_column_of_many_rows(server: RunningMinidruid) -> None:
    cursor = cursor_of(server)
    cursor.execute("SELECT * FROM events LIMIT 3000")
    rows = cursor.fetchall()
    assert len(rows) == 3000
    assert {len(row) for row in rows} == {19}


def test_pydruid_knows_the_columns_of_an_empty_answer(server: RunningMinidruid) -> None:
    cursor = cursor_of(server, header=True)
    cursor.execute("SELECT country, load_time FROM events WHERE 1 = 0")
    assert cursor.fetchall() == []
    assert [column[0] for column in cursor.description] == ["country", "load_time"]


def test_pydruid_raises_what_minidruid_refuses(server: RunningMinidruid) -> None:
    with pytest.raises(pydruid.db.exceptions.ProgrammingError, match="No match found for function signature NOPE"):
        cursor_of(server).execute("SELECT NOPE(1)")


def test_a_server_answers_while_another_query_runs(server: RunningMinidruid) -> None:
    slow = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import httpx; httpx.post({server.url!r}, json={{'query': 'SELECT COUNT(*) FROM events a, events b'}}, timeout=60)",
        ]
    )
    cursor = cursor_of(server)

    def one_answer() -> bool:
        cursor.execute("SELECT COUNT(*) AS n FROM events")
        return [tuple(row) for row in cursor] == [(18896,)]

    wait_until(one_answer, within_seconds=10)
    assert slow.wait(60) == 0


SQLALCHEMY = """
import json, sys
import sqlalchemy as sa

engine = sa.create_engine(f"druid://127.0.0.1:{sys.argv[1]}/druid/v2/sql")
inspector = sa.inspect(engine)
events = sa.Table("events", sa.MetaData(), autoload_with=engine)
counted = sa.select([events.c.country, sa.func.count()]).where(events.c.country.in_(["Japan", "it's"])).group_by(events.c.country)
with engine.connect() as connection:
    rows = [list(row) for row in connection.execute(counted)]
print(json.dumps([inspector.get_table_names(schema="druid"), inspector.has_table("events"), str(events.c["__time"].type), rows]))
"""


def test_superset_s_sqlalchemy_reflects_and_counts(server: RunningMinidruid) -> None:
    python = ROOT / ".venv-superset" / "bin" / "python"  # pydruid's dialect needs SQLAlchemy 1, which only Superset's environment has
    output = subprocess.run([python, "-c", SQLALCHEMY, str(server.port)], capture_output=True, text=True, timeout=60, check=True).stdout
    assert json.loads(output) == [["clickstream", "events", "nested"], True, "TIMESTAMP", [["Japan", 1056]]]

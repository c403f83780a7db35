"""An installation of 0.3.0, killed while its topic held unconverted messages, continues with the current release.

`tests/data/state-0.3.0.tar.gz` is its state folder. Events 1 to 12 were converted, with a retry of three of them, a conflict for event 4, a
duplicate within a batch and two rejections; event 11 is the first page of a session with consent. Then the store was suspended, events 21
to 25 and a retry of event 1 were accepted, and all processes were killed.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation, run_command
from support.waiting import wait_until

from minidruid.storage.store import Store
from schemas.contract import columns, load_schema
from streams.sink import Session
from topics.accounts import Account
from topics.ledger import load
from topics.local.reader import LocalReader

STATE = Path(__file__).parents[2] / "data" / "state-0.3.0.tar.gz"
CREATED_AT = 1_796_022_905_000
CONVERTED, WAITING = range(1, 13), range(21, 26)
TOPIC = "clickstream-avro"


def event_id(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Unpack the state folder."""
    with tarfile.open(STATE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def upgraded(state: Path) -> Iterator[Installation]:
    """Start the current release on the state folder."""
    run_command("status", "--state", state, status=1)  # the run file names processes that are gone
    installation = Installation.start(state, "--no-dashboards", "--no-visits")
    yield installation
    installation.stop()


def send_again(installation: Installation, number: int) -> None:
    event = an_event(event_id(number), page_view_id=event_id(number), created_at=CREATED_AT)
    with httpx.Client(trust_env=False) as client:
        answer = send(client, f"http://127.0.0.1:{installation.collector_port}", a_batch(event, sent_at=CREATED_AT))
    assert answer.json() == {"results": ["ok"]}


def send_second_page(installation: Installation) -> None:
    event = an_event(event_id(30), party_id="c" * 32, session_id="d" * 32)
    with httpx.Client(trust_env=False) as client:
        send(client, f"http://127.0.0.1:{installation.collector_port}", a_batch(event)).raise_for_status()


def test_each_event_of_an_older_release_is_one_row_and_no_count_is_lost(state: Path, upgraded: Installation) -> None:
    key = (state / "secrets" / "partition-key").read_bytes()
    wait_until(lambda: upgraded.count() == len(CONVERTED) + len(WAITING), within_seconds=30)
    send_again(upgraded, 2)
    send_second_page(upgraded)
    wait_until(lambda: upgraded.count(f"event_id = '{event_id(30)}'") == 1, within_seconds=30)
    rows = upgraded.sql("SELECT event_id, session_page_number FROM clickstream")
    assert sorted(row["event_id"] for row in rows) == [event_id(number) for number in (*CONVERTED, *WAITING, 30)]
    assert {row["event_id"]: row["session_page_number"] for row in rows}[event_id(30)] == 2, "the session continues"
    (letter,) = map(json.loads, run_command("dead-letters", "--state", state, "--json").splitlines())
    assert (letter["reason"], letter["event_id"]) == ("id_conflict", event_id(4))
    assert json.loads((state / "run.json").read_text())["supervisor"]["pid"] == upgraded.process.pid
    assert upgraded.stop() == 0
    assert (state / "secrets" / "partition-key").read_bytes() == key
    for salt in json.loads((state / "secrets" / "salts.json").read_text()).values():
        assert salt.keys() == {"secret", "made_at"}
    check_accounts(state)


def check_accounts(state: Path) -> None:
    """Check that topic and store account for every message of both releases."""
    topic = state / "topics" / TOPIC
    ledger, position = load(topic / "ledger.json") or pytest.fail("the ledger of the topic cannot be read")
    (received,) = ledger.totals.values()
    assert (received.received, received.rejected) == (27, {"duplicate": 1, "invalid_event_id": 1, "invalid_event_type": 1})
    assert LocalReader.open(topic, "converter").position == position
    store = Store.open(state / "store" / "clickstream.duckdb", columns(load_schema()), session=Session, account=Account)
    assert store.position(TOPIC) == position
    accounts = store.ledger(0).values()
    store.close()
    assert sum(account.stored for account in accounts) == len(CONVERTED) + len(WAITING) + 1
    assert (sum(account.duplicates for account in accounts), sum(account.rejected for account in accounts)) == (6, 2)
    assert sum(account.dead_letters for account in accounts) == 1

"""The whole path on one running headrace: the stored data of a visitor, the reported errors, a disk that is full for a while."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.collector.events import a_batch, an_event, send
from support.headrace.installation import Installation, run_command
from support.ports import free_ports
from support.waiting import wait_until

from schemas.codec import Decoder
from schemas.contract import load_schema

CLIENT_IP, CUT = "203.0.113.77", "203.0.113.0"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
SECRETS = ("tok-5ecret", "jo.doe", "frag-5ecret", "pass-5ecret", "search-5ecret", "click-5ecret", "key-5ecret", "body-5ecret", CLIENT_IP)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def urls(installation: Installation) -> tuple[str, str]:
    return f"http://127.0.0.1:{installation.collector_port}", f"http://127.0.0.1:{installation.shop_port}"


def is_balanced(installation: Installation) -> bool:
    return installation.ledger()["difference"] == 0


def test_every_way_an_event_can_end_is_in_the_ledger_which_balances_within_a_second(
    installation: Installation, client: httpx.Client
) -> None:
    collector, _ = urls(installation)
    before = installation.ledger()
    event = an_event()
    send(client, collector, a_batch(event, event, an_event("forged")))
    send(client, collector, a_batch(event))
    send(client, collector, a_batch(event | {"title": "another"}))
    send(client, collector, b"no JSON")
    wait_until(lambda: is_balanced(installation), within_seconds=2)
    after = installation.ledger()
    difference = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert difference == {"received": 6, "stored": 1, "duplicates": 2, "dead_letters": 1, "rejected": 2}
    installation.kill("store")
    wait_until(lambda: installation.status()["ready"], within_seconds=30)
    wait_until(lambda: is_balanced(installation), within_seconds=2)
    assert installation.ledger() == after


def test_dead_letters_are_listed_and_given_whole(installation: Installation, client: httpx.Client) -> None:
    collector, _ = urls(installation)
    event = an_event()
    send(client, collector, a_batch(event))
    send(client, collector, a_batch(event | {"title": "told otherwise"}))
    wait_until(lambda: event["id"] in run_command("dead-letters", "--state", installation.state))
    newest = json.loads(run_command("dead-letters", "--state", installation.state, "--limit", "1", "--json"))
    record = Decoder([load_schema()]).decode(base64.b64decode(newest.pop("content_base64")))
    assert (newest["reason"], newest["stage"], newest["event_id"], newest["source"]) == ("id_conflict", "identify", event["id"], "browser")
    assert (record["event_id"], record["page_title"]) == (event["id"], "told otherwise")
    answer = client.get(f"http://127.0.0.1:{installation.sql_port}/dead-letters", params={"limit": "all"})
    assert (answer.status_code, answer.json()) == (400, {"message": "limit must be a number from 1 to 100"})


def test_without_a_store_dead_letters_say_what_is_wrong(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    (tmp_path / "run.json").write_text(
        json.dumps({"supervisor": {"pid": 1, "created": 0}, "host": "127.0.0.1", "ports": {"sql": port}, "processes": {}})
    )
    assert "does not respond" in run_command("dead-letters", "--state", tmp_path, status=2)


def test_while_the_store_has_no_disk_events_are_taken_and_are_rows_once_it_has(installation: Installation, client: httpx.Client) -> None:
    collector, _ = urls(installation)
    run = json.loads((installation.state / "run.json").read_text())
    store = psutil.Process(run["processes"]["store"]["pid"])
    store.rlimit(psutil.RLIMIT_FSIZE, (1, 1))
    events = [an_event(type="fullDisk") for _ in range(20)]
    for event in events:
        assert send(client, collector, a_batch(event)).status_code == 200
    wait_until(lambda: not store.is_running(), within_seconds=20)
    assert send(client, collector, a_batch(an_event(type="fullDisk"))).status_code == 200
    wait_until(lambda: installation.status()["ready"] and installation.count("event_type = 'fullDisk'") == 21, within_seconds=30)
    wait_until(lambda: is_balanced(installation), within_seconds=2)
    assert "store exited and was restarted" in (installation.state / "up.log").read_text()


@pytest.mark.parametrize("header", ["sec-gpc", "dnt"])
def test_a_browsers_wish_not_to_be_followed_passes_the_shops_proxy(installation: Installation, client: httpx.Client, header: str) -> None:
    _, shop = urls(installation)
    event = an_event(party_id="1" * 32, session_id="2" * 32, is_new_party=False, is_first_in_session=False)
    assert send(client, shop, a_batch(event), **{header: "1"}).json() == {"results": ["ok"]}
    wait_until(lambda: installation.count(f"event_id = '{event['id']}'"))
    (row,) = installation.sql(f"SELECT * FROM clickstream WHERE event_id = '{event['id']}'")
    assert row["party_kind"] == "none"
    assert {name for name in row if name.startswith(("party_id", "session_"))} > {"party_id", "session_id", "session_page_number"}
    assert {row[name] for name in row if name.startswith(("party_id", "session_"))} == {None}
    assert (row["is_new_party"], row["is_first_in_session"], row["is_session_start"]) == (None, None, 0)


def test_nothing_that_must_not_be_kept_is_found_in_any_file(installation: Installation, client: httpx.Client) -> None:
    """The last test of this file: it stops headrace, so that everything is in its place."""
    event = an_event(
        type="searched",
        url="https://jo.doe:pass-5ecret@shop.example/u/jo.doe@mail.example/x%2Fjo.doe%40mail.example?token=tok-5ecret&utm_source=kept-letter#frag-5ecret",
        referrer="https://search.example/jo.doe%40mail.example?q=search-5ecret#frag-5ecret",
        target="https://jo.doe@other.example/?token=click-5ecret&utm_campaign=jo.doe@mail.example",
        unheard_of="key-5ecret",
        address=CLIENT_IP,
    )
    headers = {"X-Forwarded-For": CLIENT_IP, "User-Agent": AGENT}
    for url in urls(installation):
        send(client, url, a_batch(event), **headers)
        send(client, url, a_batch(event | {"id": "body-5ecret", "viewport_width": "body-5ecret"}, an_event()), **headers)
        send(client, url, b'{"version":1,"site":"shop","body-5ecret' + CLIENT_IP.encode(), **headers)
        send(client, url, a_batch(event | {"title": "conflict"}), **headers)
        client.get(f"{url}/headrace.js?token=tok-5ecret", headers=headers)
        client.get(f"{url}/nothing?token=tok-5ecret", headers=headers)
    wait_until(lambda: installation.count("event_type = 'searched'") == 1 and is_balanced(installation))
    internal = f"http://127.0.0.1:{installation.collector_port + 1}"
    paths = (f"{internal}/metrics", f"{internal}/ledger", f"http://127.0.0.1:{installation.sql_port}/metrics")
    rows = json.dumps(installation.sql("SELECT * FROM clickstream"))
    responses = [rows, *(client.get(path).text for path in paths)]
    while_running = contents(installation.state)
    assert installation.stop() == 0
    everything = [*(text.encode() for text in responses), *while_running, *contents(installation.state)]
    assert "kept-letter" in rows
    assert any(CUT.encode() in content for content in while_running), "the search finds what is there"
    assert [secret for secret in SECRETS for content in everything if secret.encode() in content] == []
    assert CUT not in rows
    assert "Gecko" not in rows


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]

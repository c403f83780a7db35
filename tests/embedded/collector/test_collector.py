"""The collector as a process: acknowledged events are in its topic, and it starts and stops properly."""

import concurrent.futures
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from support.collector.collectors import DECODER, RunningCollector, a_body, an_event, an_id, milliseconds, start_collector, start_process
from support.topics.in_memory import read_all
from support.waiting import wait_until

from topics.topic import Kind

DEFAULT_MAPPING = Path(__file__).resolve().parents[3] / "mapping" / "clickstream.py"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[RunningCollector]:
    running = start_collector(tmp_path)
    yield running
    running.stop()


def post(url: str, body: bytes) -> httpx.Response:
    return httpx.post(url + "/h", content=body, trust_env=False, timeout=20)


def stored_ids(directory: Path) -> list[str]:
    return [message.event_id for message in read_all(directory) if message.kind is Kind.EVENT]


def test_an_event_with_the_result_ok_is_in_the_topic(collector: RunningCollector) -> None:
    sent = milliseconds()
    assert post(collector.url, a_body(an_event(1, created_at=sent - 500), sent_at=sent)).json() == {"results": ["ok"]}
    (message,) = read_all(collector.topic_directory)
    record = DECODER.decode(message.value)
    assert record["event_id"] == message.event_id == an_id(1)
    assert record["occurred_at"] == record["received_at"] - 500
    assert record["address"] == "127.0.0.0"


def test_it_stops_cleanly_on_a_signal_and_continues_at_the_next_start(tmp_path: Path) -> None:
    first = start_collector(tmp_path)
    post(first.url, a_body(an_event(1)))
    assert first.stop(signal.SIGTERM) == 0
    second = start_collector(tmp_path)
    post(second.url, a_body(an_event(2)))
    ledger = httpx.get(second.internal_url + "/ledger", trust_env=False).json()
    assert second.stop(signal.SIGINT) == 0
    assert stored_ids(second.topic_directory) == [an_id(1), an_id(2)]
    assert ledger["total"]["received"] == 2


def test_damage_that_a_start_finds_is_reported_and_counted(tmp_path: Path) -> None:
    first = start_collector(tmp_path)
    for number in (1, 2, 3):
        post(first.url, a_body(an_event(number)))
    first.stop(signal.SIGKILL)
    (segment,) = first.topic_directory.glob("*.segment")
    content = segment.read_bytes()
    segment.write_bytes(content.replace(an_id(2).encode(), b"?" * 32))
    second = start_collector(tmp_path)
    ledger = httpx.get(second.internal_url + "/ledger", trust_env=False).json()
    second.stop()
    assert {line["source"]: line["received"] for line in ledger["minutes"]} == {"": 1, "browser": 2}
    [warning] = [line for line in second.before_ready if line["event"] == "damaged frames of the topic set aside"]
    assert (warning["level"], warning["count"]) == ("error", 1)


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    running = start_collector(tmp_path)
    acknowledged: list[str] = []

    def send(worker: int) -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            for number in range(1000):
                event_id = 1000 * worker + number
                try:
                    answer = client.post(running.url + "/h", content=a_body(an_event(event_id)))
                except httpx.TransportError:
                    return  # killed
                if answer.json().get("results") == ["ok"]:
                    acknowledged.append(an_id(event_id))

    with concurrent.futures.ThreadPoolExecutor(4) as workers:
        sending = [workers.submit(send, worker) for worker in range(4)]
        wait_until(lambda: len(acknowledged) > 100)
        running.stop(signal.SIGKILL)
        for one in sending:
            one.result()
    assert set(acknowledged) <= set(stored_ids(running.topic_directory))
    restarted = start_collector(tmp_path)
    assert post(restarted.url, a_body(an_event(10_000))).status_code == 200
    assert restarted.stop() == 0
    ids = stored_ids(restarted.topic_directory)
    assert set(acknowledged) <= set(ids)
    assert len(ids) == len(set(ids))


def test_requests_under_way_are_answered_while_it_drains(collector: RunningCollector) -> None:
    body = a_body(an_event(1))
    with socket.create_connection(("127.0.0.1", collector.port)) as connection:
        head = f"POST /h HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body[:10])
        wait_until(lambda: httpx.get(collector.internal_url + "/health/live", trust_env=False).status_code == 200)
        collector.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(collector.port))
        connection.sendall(body[10:])
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    assert collector.stop() == 0
    assert stored_ids(collector.topic_directory) == [an_id(1)]


def test_a_request_on_a_connection_that_was_idle_is_answered_while_it_drains(collector: RunningCollector) -> None:
    with httpx.Client(trust_env=False, timeout=20) as client:
        assert client.post(collector.url + "/h", content=a_body(an_event(1))).status_code == 200
        collector.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(collector.port))
        answer = client.post(collector.url + "/h", content=a_body(an_event(2)))
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert collector.stop() == 0
    assert stored_ids(collector.topic_directory) == [an_id(1), an_id(2)]


def test_it_does_not_wait_long_for_a_connection_that_stays_idle_or_for_a_body_that_does_not_come(tmp_path: Path) -> None:
    running = start_collector(tmp_path, drain_timeout_seconds=2)
    host_and_port = ("127.0.0.1", running.port)
    with socket.create_connection(host_and_port, 20) as idle, socket.create_connection(host_and_port, 20) as slow:
        slow.sendall(b"POST /h HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        assert httpx.get(running.internal_url + "/health/live", trust_env=False).status_code == 200
        assert running.stop() == 0
        assert idle.recv(1) == slow.recv(1) == b""


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_head_request_and_a_broken_one_do_not_disturb_it(collector: RunningCollector) -> None:
    answer = httpx.head(collector.url + "/h", trust_env=False)
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (405, b"", "POST, OPTIONS")
    with socket.create_connection(("127.0.0.1", collector.port)) as connection:
        connection.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert post(collector.url, a_body()).status_code == 200


def test_the_response_to_a_body_of_a_megabyte_has_the_limit(collector: RunningCollector) -> None:
    answer = post(collector.url, b" " * 1_000_000)
    assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")


@pytest.mark.parametrize("begun", [b"", b"{"])
def test_a_body_that_never_comes_is_refused_in_time(tmp_path: Path, begun: bytes) -> None:
    running = start_collector(tmp_path, body_timeout_seconds=0.2)
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        connection.sendall(b"POST /h HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + begun)
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")
    assert post(running.url, a_body()).status_code == 200
    assert running.stop() == 0
    assert [message.kind for message in read_all(running.topic_directory)] == [Kind.REJECTION, Kind.EVENT]


def test_a_body_that_comes_later_than_its_head_is_taken(collector: RunningCollector) -> None:
    body = a_body()
    with socket.create_connection(("127.0.0.1", collector.port), 10) as connection:
        connection.sendall(b"POST /h HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        wait_until(lambda: httpx.get(collector.internal_url + "/health/live", trust_env=False).status_code == 200)
        connection.sendall(body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def outcome(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors.splitlines()


def test_wrong_settings_end_it_with_every_fault(tmp_path: Path) -> None:
    status, lines = outcome(start_process(tmp_path, prt=1, body_timeout_seconds="soon"))
    assert status == 2
    assert [line.split(":")[0] for line in lines] == ["HEADRACE_COLLECTOR_PRT", "HEADRACE_COLLECTOR_BODY_TIMEOUT_SECONDS"]


def test_a_wrong_mapping_ends_it_with_every_fault_before_it_takes_a_port(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.py"
    mapping.write_text("from mapping import *\nmap_(page_title()).onto('page_titel')\nmap_(page_title()).onto('x')\n", "utf-8")
    status, lines = outcome(start_process(tmp_path, mapping_file=mapping))
    assert status == 2
    assert lines[0] == f"{mapping}:2: the schema has no field 'page_titel'; did you mean 'page_title'?"
    assert any("'event_id' must have a value" in line for line in lines) is True
    assert not (tmp_path / "topic").exists()


def test_an_own_mapping_and_schema_replace_the_default(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "Own", "fields": [{"name": "path", "type": "string", "default": "-"}]}
    (tmp_path / "own.avsc").write_bytes(msgspec.json.encode(schema))
    (tmp_path / "own.py").write_text("from mapping import location, map_\nmap_(location().uri().path()).onto('path')\n", "utf-8")
    running = start_collector(tmp_path, schema_file=tmp_path / "own.avsc", mapping_file=tmp_path / "own.py")
    assert post(running.url, a_body()).status_code == 200
    assert running.stop() == 0
    (message,) = read_all(running.topic_directory)
    assert message.value[10:] == b"\x0c/shoes"


def test_a_port_in_use_is_reported(collector: RunningCollector, tmp_path: Path) -> None:
    status, lines = outcome(start_process(tmp_path / "second", port=collector.port))
    assert status == 1
    problem = f"cannot listen on port {collector.port} of 127.0.0.1: Address already in use; is another collector running?"
    assert lines == [f"HEADRACE_COLLECTOR_PORT: {problem}"]


def test_a_host_that_is_none_is_reported(tmp_path: Path) -> None:
    status, lines = outcome(start_process(tmp_path, host="no.such.host.invalid"))
    assert status == 1
    assert "is not an address of this machine" in lines[0]


def test_a_second_collector_on_a_topic_is_refused(collector: RunningCollector, tmp_path: Path) -> None:
    status, lines = outcome(start_process(tmp_path))
    assert status == 1
    assert lines[0].startswith("HEADRACE_COLLECTOR_TOPIC_DIRECTORY: ")


def test_a_key_file_that_holds_no_key_is_reported(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not hexadecimal", "utf-8")
    status, lines = outcome(start_process(tmp_path, key_file=tmp_path / "key"))
    assert status == 1
    assert lines[0].startswith("HEADRACE_COLLECTOR_KEY_FILE: ")


def test_a_disk_that_fails_acknowledges_nothing_and_ends_it(collector: RunningCollector) -> None:
    assert post(collector.url, a_body(an_event(1))).status_code == 200
    resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE, (100, 100))  # the next write to a file fails
    answer = post(collector.url, a_body(an_event(2)))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert collector.process.wait(20) == 1
    assert stored_ids(collector.topic_directory) == [an_id(1)]

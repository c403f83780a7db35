"""Deletion of rows in Druid, with a stand-in and librdkafka's broker: requests to Druid, the ledger, and failures."""

import json
from collections.abc import Iterator

import pytest
from support.headrace.druid_api import DruidStandIn, druid_running
from support.topics.kafka import MockKafka, read_topic, write_topic

from headrace.druid.apply import apply_table
from headrace.errors import CommandError
from headrace.options import console
from headrace.rows.command import Row
from headrace.rows.druid import DruidRows
from topics.kafka.settings import KafkaSettings

MINUTE = 1_767_225_600_000
DAY = "2026-01-01T00:00:00.000Z"
ROWS = [Row("shop", event_id, DAY, MINUTE + 7, "browser") for event_id in ("a", "b", "c")]


@pytest.fixture
def druid(monkeypatch: pytest.MonkeyPatch) -> Iterator[DruidStandIn]:
    monkeypatch.setattr("headrace.rows.druid.POLL_INTERVAL_SECONDS", 0.01)
    with druid_running() as running:
        apply_table(running.url, KafkaSettings(), console)
        running.posts.clear()
        yield running


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    broker = MockKafka()
    broker.make_topics(partitions=2)
    yield broker
    broker.close()


def account(kafka: MockKafka, kind: str, spool: str, minute: int, counts: dict[str, int], partition: int = 0) -> None:
    key = json.dumps([kind, spool, minute, "browser"], separators=(",", ":")).encode()
    write_topic(kafka.settings, "ledger", key, json.dumps(counts).encode(), partition=partition)


def deleted_by_spool(kafka: MockKafka) -> dict[tuple[int | None, str], int]:
    """The deleted rows in the ledger, by partition and spool."""
    found = {(message.partition(), *json.loads(message.key() or b"")): message.value() for message in read_topic(kafka.settings, "ledger")}
    return {
        (partition, spool): json.loads(value or b"")["deleted"]
        for (partition, kind, spool, *_), value in found.items()
        if kind == "deleted"
    }


def rows_in(druid: DruidStandIn, settings: KafkaSettings) -> DruidRows:
    return DruidRows(druid.url, druid.url, "clickstream", settings)


def test_deleted_rows_are_counted_for_spools_that_stored_some(druid: DruidStandIn, kafka: MockKafka) -> None:
    account(kafka, "account", "s1", MINUTE, {"stored": 3, "duplicates": 1})
    account(kafka, "deleted", "s1", MINUTE, {"deleted": 1})
    account(kafka, "account", "s2", MINUTE, {"stored": 9}, partition=1)
    account(kafka, "account", "s3", MINUTE + 60_000, {"stored": 9})
    account(kafka, "position", "s1", MINUTE, {})
    write_topic(kafka.settings, "ledger", b'["position","s1"]', b"7")
    assert rows_in(druid, kafka.settings).delete(ROWS) == 3
    assert deleted_by_spool(kafka) == {(0, "s1"): 3, (1, "s2"): 1}
    assert rows_in(druid, kafka.settings).delete(ROWS) == 3
    assert deleted_by_spool(kafka) == {(0, "s1"): 3, (1, "s2"): 4}


def test_rows_of_minutes_that_the_ledger_no_longer_has_are_deleted_all_the_same(druid: DruidStandIn, kafka: MockKafka) -> None:
    assert rows_in(druid, kafka.settings).delete(ROWS) == 3
    assert deleted_by_spool(kafka) == {}
    (task,) = druid.rewritten
    assert (task["ioConfig"]["inputSpec"]["interval"], task["context"]) == ("2026-01-01/2026-01-02", {"useConcurrentLocks": True})
    assert task["transformSpec"]["filter"]["type"] == "not"


def test_rows_in_tasks_are_published_first_and_the_command_waits(druid: DruidStandIn, kafka: MockKafka) -> None:
    druid.has_unpublished, druid.left = True, [3, 1]
    rows_in(druid, kafka.settings).delete(ROWS)
    assert druid.posts == ["/druid/indexer/v1/supervisor/clickstream/taskGroups/handoff"]
    assert druid.left == []
    rows_in(druid, kafka.settings).delete(ROWS)
    assert (druid.handoffs, len(druid.rewritten)) == (1, 2)


def test_a_suspended_supervisor_has_nothing_to_publish(druid: DruidStandIn, kafka: MockKafka) -> None:
    druid.has_unpublished = True
    druid.add_supervisor(druid.newest() | {"suspended": True})
    rows_in(druid, kafka.settings).delete(ROWS)
    assert druid.handoffs == 0


def test_a_task_that_fails_is_reported_with_its_reason_and_accounts_for_nothing(druid: DruidStandIn, kafka: MockKafka) -> None:
    account(kafka, "account", "s1", MINUTE, {"stored": 3})
    druid.task_failure = "no place on a worker"
    with pytest.raises(CommandError, match="Druid's task compact_1 failed: no place on a worker"):
        rows_in(druid, kafka.settings).delete(ROWS)
    assert deleted_by_spool(kafka) == {}


def test_a_start_that_takes_too_long_is_given_up_with_a_message(
    druid: DruidStandIn, kafka: MockKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.rows.druid.WAIT_SECONDS", -1.0)
    with pytest.raises(CommandError, match="Druid's task compact_1 is still running after"):
        rows_in(druid, kafka.settings).delete(ROWS)
    druid.left = [2]
    with pytest.raises(CommandError, match="2 of the rows are still in results"):
        rows_in(druid, kafka.settings).delete(ROWS)


def test_rows_that_are_gone_without_an_account_are_owned_up_to(druid: DruidStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topics.kafka.deletions.METADATA_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(CommandError, match="3 rows are deleted, but not recorded in the ledger on Kafka"):
        rows_in(druid, KafkaSettings(bootstrap_servers="127.0.0.1:1")).delete(ROWS)

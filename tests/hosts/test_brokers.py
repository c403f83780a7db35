"""Brokers are updated one at a time."""

import json

import pytest
from support.hosts.events import check_one_row_each, load
from support.hosts.testbed import Testbed

pytestmark = pytest.mark.whole


def newest_task(testbed: Testbed, broker: int) -> tuple[str, str]:
    """Return when the newest task of a broker was created, and when it ran."""
    find = f"docker inspect $(docker service ps --quiet headrace_kafka-{broker} | head -1)"
    [task] = json.loads(testbed.hosts[0].run("sh", "-c", find))
    assert task["Status"]["State"] == "running"
    return task["CreatedAt"], task["Status"]["Timestamp"]


def test_an_update_of_kafka_restarts_a_broker_when_the_one_before_it_runs(deployed: Testbed, findings: list[str]) -> None:
    deployed.images.derive("apache/kafka", "other")
    with load(deployed, rate=60) as sent:
        deployed.ansible.succeed("site.yml", "--tags", "stack", "--extra-vars", '{"headrace_image_tags": {"apache/kafka": "other"}}')
        sent.wait_for_events(60)
    findings.append(f"update of three brokers: {sent.describe()}")
    (_, first), (second, second_ran), (third, _) = (newest_task(deployed, broker) for broker in (1, 2, 3))
    assert first < second
    assert second_ran < third
    check_one_row_each(deployed, sent)

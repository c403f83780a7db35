"""The converter on a real Kafka: the rows of one machine, event for event, through restarts, rebalances and two converters."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from rich.console import Console
from support.headrace.engines import RunningEngines
from support.streams.in_memory import NOON, Clock, Converting, a_message
from support.streams.on_kafka import KafkaConverting
from support.streams.visits import Visits
from support.waiting import wait_until

from enrichment.bots import find_bot_reasons
from enrichment.channels import find_channel
from enrichment.device import find_device
from headrace.kafka import apply_topics
from streams.conversion.enricher import Lookups
from streams.kafka.partition import HOUR_MS
from topics.kafka.settings import KafkaSettings

PARTITIONS = 4
REAL_LOOKUPS = Lookups(lambda _: None, find_device, find_bot_reasons, find_channel)


@pytest.fixture(autouse=True)
def only_warnings() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    yield
    structlog.reset_defaults()


@pytest.fixture
def converting(kafka: RunningEngines, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[KafkaConverting]:
    """A converter with its own topics; its clock is fixed, so that salts and hours stay the same."""
    settings = KafkaSettings(bootstrap_servers=kafka.kafka, prefix=request.node.name.replace("[", "-").replace("]", ""))
    apply_topics(settings, Console())
    with ExitStack() as stack:
        converting = KafkaConverting(settings, tmp_path)
        stack.callback(converting.stop)
        yield converting


def without_ids_of_parties(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by event id. A private party's id depends on a salt, and the place database is another."""
    return {row["event_id"]: {name: value for name, value in row.items() if name not in ("party_id", "ingested_at")} for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_sessions_are_those_of_one_machine_event_for_event(seed: int, converting: KafkaConverting, tmp_path: Path) -> None:
    chance = random.Random(seed)
    records = Visits(seed, sessions=100).records
    keys = {record["event_id"]: (record["site"], record["party_id"] or record["user_agent"]) for record in reversed(records)}
    partition = {key: chance.randrange(PARTITIONS) for key in keys.values()}
    converting.start("first")
    for start in range(0, len(records), 40):
        match chance.randrange(6):
            case 0:
                converting.stop("first")
                converting.start("first")
            case 1 if "second" in converting.workers:
                converting.stop("second")
            case 2 if "second" not in converting.workers:
                converting.start("second")
        for record in records[start : start + 40]:
            converting.forward(a_message(record), partition=partition[keys[record["event_id"]]])
    local = Converting(tmp_path / "local", clock=Clock(), lookups=REAL_LOOKUPS)
    expected = local.take(*map(a_message, records))
    rows = converting.wait_for_rows(len(expected))
    assert without_ids_of_parties(rows) == without_ids_of_parties(expected)
    parties = {row["event_id"]: row["party_id"] for row in expected}
    pairs = {(row["party_id"], parties[row["event_id"]]) for row in rows}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}), "one party, one party id"
    wait_until(lambda: len(converting.read("dead-letters")) == len(local.sink.dead_letters))


def test_converters_share_the_salt_of_a_day_and_it_is_gone_after_48_hours(converting: KafkaConverting) -> None:
    clock = converting.clock = Clock()
    converting.start("first")
    converting.start("second")
    visits = [a_message(address="192.0.2.0", site=site) for site in ("shop", "blog") for _ in range(2)]
    for number, message in enumerate(visits):
        converting.forward(message, partition=number)
    rows = converting.wait_for_rows(4)
    assert {(row["site"], row["party_id"]) for row in rows} == {(row["site"], row["party_id"]) for row in rows[:1] + rows[-1:]}
    clock.now = NOON + 49 * HOUR_MS
    converting.forward(a_message(address="192.0.2.0", site="shop", at=NOON))
    parties = {row["party_id"] for row in converting.wait_for_rows(5) if row["site"] == "shop"}
    assert len(parties) == 2

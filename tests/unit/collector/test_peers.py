"""The exchange between workers, and the joined results."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec
from support.topics.in_memory import MINUTE, fill, messages

from collector.ledger import LedgerParts, decode, encode, join
from collector.metrics import Metrics, merge
from collector.peers import LEDGER, METRICS, NOT_READY_REASON, NoPeers, WorkerPeers
from topics.ledger import Received
from topics.local.spools import spool_path

KEY = (MINUTE, "browser")
PARTS = LedgerParts({KEY: Received(3, {"invalid_time": 1})}, {"kafka": {KEY: {"stored": 2}}})


def answers(not_ready_reason: str = "") -> Mapping[str, Callable[[], bytes]]:
    return {
        NOT_READY_REASON: lambda: msgspec.json.encode(not_ready_reason),
        METRICS: lambda: msgspec.json.encode("metrics"),
        LEDGER: lambda: encode(PARTS),
    }


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_parts_sent_to_another_worker_are_the_same_there() -> None:
    assert decode(encode(PARTS)) == PARTS


def test_parts_are_added_up_minute_by_minute_and_reader_by_reader() -> None:
    other = LedgerParts({KEY: Received(1), (MINUTE, "json"): Received(1)}, {"kafka": {KEY: {"stored": 1, "rejected": 1}}, "converter": {}})
    joined = join((PARTS, other))
    assert joined.received == {KEY: Received(4, {"invalid_time": 1}), (MINUTE, "json"): Received(1)}
    assert joined.accounts == {"kafka": {KEY: {"stored": 3, "rejected": 1}}, "converter": {}}
    assert PARTS.received[KEY].received == 3


def test_workers_ask_each_other(tmp_path: Path) -> None:
    async def work() -> None:
        first, second = WorkerPeers(tmp_path, "0", None), WorkerPeers(tmp_path, "1", None)
        async with first.answering(answers()), second.answering(answers("the topic is full")):
            assert await first.not_ready_reasons() == {"1": "the topic is full"}
            assert await second.not_ready_reasons() == {"0": ""}
            assert await first.metrics() == {"1": "metrics"}
            assert list(await first.ledger_parts()) == [PARTS]
        assert await first.not_ready_reasons() == {}

    run(work)


def test_a_worker_that_has_died_is_none_and_its_number_is_free(tmp_path: Path) -> None:
    async def work() -> None:
        peers = WorkerPeers(tmp_path, "0", None)
        server = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), tmp_path / "1")
        assert await peers.not_ready_reasons() == {}  # it ended during its response
        server.close()
        assert await peers.not_ready_reasons() == {}
        async with WorkerPeers(tmp_path, "1", None).answering(answers()):
            assert await peers.not_ready_reasons() == {"1": ""}

    run(work)


def test_a_worker_that_does_not_answer_in_time_is_named_and_its_spool_is_read_from_its_files(tmp_path: Path) -> None:
    topic, folder = tmp_path / "topic", tmp_path / "workers"
    folder.mkdir()
    for number in range(3):
        fill(spool_path(topic, number), messages(number + 1))

    async def work() -> None:
        peers = WorkerPeers(folder, "0", topic, timeout_seconds=0.05)
        asked = asyncio.Event()

        async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            await asked.wait()
            writer.close()

        server = await asyncio.start_unix_server(be_silent, folder / "1")
        async with WorkerPeers(folder, "2", topic).answering(answers()):
            assert await peers.not_ready_reasons() == {"1": "it does not respond", "2": ""}
            assert await peers.metrics() == {"1": "", "2": "metrics"}
            assert list(await peers.ledger_parts()) == [PARTS, LedgerParts({}, {}), LedgerParts({KEY: Received(2)}, {})]
        asked.set()
        server.close()

    run(work)


def test_the_only_one_counts_what_workers_have_left_behind(tmp_path: Path) -> None:
    fill(tmp_path, messages(1))
    fill(spool_path(tmp_path, 4), messages(2))

    async def work() -> None:
        alone = NoPeers(tmp_path)
        assert list(await alone.ledger_parts()) == [LedgerParts({KEY: Received(2)}, {})]
        assert (alone.name, await alone.not_ready_reasons(), await alone.metrics(), await NoPeers().ledger_parts()) == ("", {}, {}, [])

    run(work)


def test_metrics_of_workers_stand_side_by_side() -> None:
    metrics = Metrics(lambda: 7)
    metrics.count_durable("browser", ["ok", "ok"], 0.002)
    text = metrics.text().decode()
    lines = merge({"0": text, "1": text, "2": ""}).decode().splitlines()
    assert [line for line in lines if line.startswith("clickstream_collector_events_total")] == [
        'clickstream_collector_events_total{result="ok",source="browser",worker="0"} 2.0',
        'clickstream_collector_events_total{result="ok",source="browser",worker="1"} 2.0',
    ]
    up = [line.rpartition("{")[2] for line in lines if line.startswith("clickstream_collector_worker_answers")]
    assert up == ['worker="0"} 1.0', 'worker="1"} 1.0', 'worker="2"} 0.0']
    assert sum(line.startswith("# TYPE clickstream_collector_durable_seconds ") for line in lines) == 1
    assert 'clickstream_collector_durable_seconds_bucket{le="0.0025",worker="1"} 1.0' in lines

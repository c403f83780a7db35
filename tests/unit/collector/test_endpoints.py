"""The responses of the collector's paths, its start and its metrics."""

import asyncio
import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import structlog
import structlog.testing
from starlette.applications import Starlette
from support.collector.collectors import NOW, LocalCollector, a_body, an_event

from collector.endpoints.internal import Internal
from collector.ledger import LedgerParts
from collector.metrics import Metrics
from collector.peers import UNRESPONSIVE, NoPeers
from collector.processes.spools import log_recovery
from collector.requests.readiness import STOPPING, Readiness
from collector.settings import Settings
from collector.sources import Source
from mapping.avro import BoundedCache, Instants, varint
from startup import logs
from topics.ledger import Minute
from topics.local.recovery import Recovered
from topics.topic import TopicFailed

MINUTE = NOW - NOW % 60_000


def test_an_answer_can_be_read_by_any_page_and_gives_nothing_else_away() -> None:
    answer = LocalCollector().send(a_body())
    assert answer.headers == {
        "content-type": "application/json",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "Retry-After",
    }


def test_a_preflight_is_answered() -> None:
    answer = LocalCollector().send(method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"


def test_a_full_topic_sends_pages_away_for_a_while_and_turns_readiness_red() -> None:
    collector = LocalCollector()
    collector.topic.is_full = True
    answer = collector.send(a_body())
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 7
    assert answer.headers["access-control-expose-headers"] == "Retry-After"
    assert collector.send(method="GET", path="/health/ready", internal=True).status == 503
    collector.topic.is_full = False
    assert collector.send(a_body()).status == 200
    assert collector.send(method="GET", path="/health/ready", internal=True).status == 200


def test_a_collector_that_stops_takes_nothing_more_and_is_not_ready() -> None:
    collector = LocalCollector()
    collector.app.readiness.close("the collector is stopping")
    collector.app.readiness.close("something later")
    answer = collector.send(a_body())
    assert (answer.status, answer.json["message"]) == (503, "the collector is stopping; send the same batch again later")
    assert collector.topic.messages == []
    assert collector.send(method="GET", path="/health/ready", internal=True).json["message"] == "the collector is stopping"
    assert collector.send(method="GET", path="/health/live", internal=True).status == 200


def test_a_topic_that_fails_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = LocalCollector()

    def append(_: object) -> object:
        raise TopicFailed("the disk is gone")

    monkeypatch.setattr(collector.topic, "append", append)
    assert collector.send(a_body()).status == 503


def test_forwarded_headers_that_come_apart_are_one_list() -> None:
    collector = LocalCollector()
    headers = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "127.0.0.2")]
    collector.send(a_body(), headers=headers, client=("127.0.0.1", 1))
    collector.send(a_body(), client=None)
    assert [record["address"] for record in collector.records] == ["203.0.113.0", None]


def test_internal_paths_are_not_public() -> None:
    for path in ("/ledger", "/metrics", "/health/live", "/health/ready", "/", "/h/"):
        assert LocalCollector().send(method="GET", path=path).status == 404


def test_metrics_count_what_was_taken_and_refused() -> None:
    collector = LocalCollector()
    collector.send(a_body(an_event(1), an_event(1), an_event(id="x")))
    collector.send(b"no JSON")
    text = collector.send(method="GET", path="/metrics", internal=True).body.decode()
    for line in (
        'clickstream_collector_events_total{result="ok",source="browser"} 1.0',
        'clickstream_collector_events_total{result="duplicate",source="browser"} 1.0',
        'clickstream_collector_events_total{result="invalid_event_id",source="browser"} 1.0',
        'clickstream_collector_refused_requests_total{reason="invalid_json"} 1.0',
        'clickstream_collector_answers_total{status="200"} 1.0',
        'clickstream_collector_answers_total{status="400"} 1.0',
        "clickstream_collector_durable_seconds_count 2.0",
    ):
        assert line in text.splitlines()


def test_the_ledger_joins_what_came_with_what_became_of_it() -> None:
    accounts: Mapping[str, Mapping[Minute, Mapping[str, int]]] = {
        "converter": {(MINUTE, "browser"): {"stored": 2, "duplicates": 1, "rejected": 1, "dead_letters": 1}, (0, "browser"): {"stored": 9}}
    }
    collector = LocalCollector(accounts=accounts)
    collector.send(a_body(*[an_event(number) for number in range(5)], an_event(id="x")))
    collector.send(a_body(), internal=True)
    ledger = collector.send(method="GET", path="/ledger", internal=True).json
    counts = {"received": 6, "stored": 2, "duplicates": 1, "dead_letters": 1, "rejected": 1, "deleted": 0, "difference": 1}
    assert ledger["minutes"] == [
        {"minute": "2026-01-01T00:00:00Z", "source": "browser", "reasons": {"invalid_event_id": 1}} | counts,
        {"minute": "2026-01-01T00:00:00Z", "source": "replay", "reasons": {}} | dict.fromkeys(counts, 0) | {"received": 1, "difference": 1},
    ]
    assert ledger["total"] == counts | {"received": 7, "difference": 2}


def test_the_ledger_counts_what_only_one_half_has_and_an_event_sent_twice_in_a_batch_as_a_duplicate() -> None:
    counts = {"stored": 1, "duplicates": 1, "rejected": 0, "dead_letters": 0}
    damage = {"stored": 0, "duplicates": 0, "rejected": 0, "dead_letters": 1}
    collector = LocalCollector(accounts={"converter": {(MINUTE, "browser"): counts, (MINUTE + 60_000, ""): damage}})
    collector.send(a_body(an_event(1), an_event(1)))
    collector.topic.damage(MINUTE)
    ledger = collector.send(method="GET", path="/ledger", internal=True).json
    assert [(line["source"], line["difference"], line["reasons"]) for line in ledger["minutes"]] == [
        ("", 1, {}),
        ("browser", 0, {}),
        ("", -1, {}),
    ]
    assert ledger["total"]["difference"] == 0


def test_the_ledger_is_there_before_any_reader() -> None:
    assert LocalCollector().send(method="GET", path="/ledger", internal=True).json["total"]["difference"] == 0


def test_repairs_at_the_start_are_logged(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        log_recovery(Recovered(), tmp_path)
        log_recovery(Recovered(torn_bytes=3, damaged=2, damaged_bytes=90, is_ledger_lost=True), tmp_path)
    assert [(line["log_level"], line.get("count"), line.get("bytes")) for line in lines] == [
        ("warning", None, 3),
        ("error", 2, 90),
        ("warning", None, None),
    ]


def test_paths_are_settings() -> None:
    collector = LocalCollector(sources=[Source(name="a", kind="tracker", event_path="/e/v", script_path="/s.js")])
    assert collector.send(a_body(), path="/e/v").status == 200
    assert collector.send(method="GET", path="/s.js").status == 200
    assert collector.send(a_body(), path="/h").status == 404


def test_settings_are_read_as_their_types(tmp_path: Path) -> None:
    variables = {
        "PORT": "1",
        "TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
        "QUERY_PARAMETERS": "page,tab",
        "SCHEMA_FILE": str(tmp_path / "s"),
    }
    settings = Settings.read({f"HEADRACE_COLLECTOR_{name}": value for name, value in variables.items()})
    assert settings.port == 1
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert settings.query_parameters == ("page", "tab")
    assert settings.schema_file == tmp_path / "s"


def test_a_log_line_is_one_json_object() -> None:
    out = io.StringIO()
    logs.configure(out)
    structlog.get_logger("collector").info("started", port=5)
    logging.getLogger("uvicorn.error").warning("Invalid\r\n%s", "\x1b[31m")
    logging.getLogger("uvicorn.error").info("not worth a line")
    first, second = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (first["event"], first["level"], first["port"]) == ("started", "info", 5)
    assert (second["event"], second["level"], second["text"]) == ("server", "warning", "Invalid\r\n\x1b[31m")


def test_a_terminal_gets_plain_text() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    logs.configure(out)
    structlog.get_logger("collector").info("started", port=5)
    assert not out.getvalue().startswith("{")


def test_the_cache_of_results_is_bounded_in_bytes() -> None:
    cache = BoundedCache[str, bytes](lambda key: key.encode(), max_bytes=100_000)
    kept = []
    for number in range(10_000):
        assert cache.compute(f"text {number}") == b"text %d" % number
        kept.append(len(cache.entries))
    assert max(kept) <= 100_000 / 200, "each text is more than 200 bytes with all that belongs to it"
    assert min(kept[1000:]) > max(kept) / 2, "only the oldest go"
    assert f"text {number}" in cache.entries
    assert "text 0" not in cache.entries
    assert cache.compute("x" * 5000) == b"x" * 5000
    assert "x" * 5000 not in cache.entries


def test_instants_of_any_time_are_encoded_as_longs() -> None:
    instants = Instants()
    for number in (-1, 0, 1, 8191, 8192, 2**40, *range(0, 2**41, 2**28)):
        assert instants.encode(number) == varint(number)


class Neighbours(NoPeers):
    """Peers with these not-ready reasons."""

    def __init__(self, *reasons: str) -> None:
        super().__init__()
        self._reasons = reasons

    async def not_ready_reasons(self) -> Mapping[str, str]:
        return {str(number): reason for number, reason in enumerate(self._reasons, 1)}


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        (("", ""), 200),
        (("the topic is full", ""), 503),
        (("", "the topic is full"), 503),
        (("", "the disk is almost full"), 503),
        ((STOPPING, ""), 200),
        (("", STOPPING), 200),
        (("", UNRESPONSIVE), 200),
        ((STOPPING, STOPPING), 503),
        ((STOPPING, UNRESPONSIVE), 503),
        ((STOPPING, "", "the topic is full"), 503),
    ],
)
def test_workers_are_ready_while_all_that_get_connections_take_events(reasons: tuple[str, ...], status: int) -> None:
    metrics, parts = Metrics(lambda: 0), LedgerParts({}, {})
    internal = Internal(
        metrics, Neighbours(*reasons[1:]), reason=lambda: reasons[0], ledger_parts=lambda: parts, now=lambda: 0.0, warnings=()
    )
    transport = httpx.ASGITransport(Starlette(routes=internal.routes()))

    async def ask() -> int:
        async with httpx.AsyncClient(transport=transport) as client:
            return (await client.get("http://collector/health/ready")).status_code

    assert asyncio.run(ask()) == status


def test_every_reason_to_reject_events_makes_the_collector_not_ready_until_it_is_over() -> None:
    reasons = {"disk": "", "connections": ""}
    readiness = Readiness([lambda: reasons["disk"], lambda: reasons["connections"]])
    assert readiness.not_ready_reason() == ""
    reasons["connections"] = "there are too many connections"
    assert readiness.not_ready_reason() == "there are too many connections"
    reasons["connections"] = ""
    readiness.begin_stop()
    assert readiness.not_ready_reason() == STOPPING
    readiness.close("the topic has failed")
    assert readiness.not_ready_reason() == "the topic has failed"

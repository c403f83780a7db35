"""Whatever is killed on the production path, and with Kafka away for a minute: each acknowledged event is exactly one row in Druid."""

import time
from collections.abc import Callable

import pytest
from support.collector.sender import Senders, an_event_of_many_parties, new_ids
from support.headrace.stack import Stack
from support.waiting import wait_until

SITE = "kill"
AWAY_SECONDS = 60
SENDING_SECONDS = 100  # about as long as the plan takes
MAX_PER_SECOND = 3000  # the capacity of two cores that also run Kafka and Druid
AWAY = "kafka away"

# What happens once this share of the events is acknowledged.
PLAN = (
    (0.03, "forwarder"),
    (0.05, "converter"),
    (0.08, AWAY),
    (0.74, "indexer"),
    (0.77, "collector"),
    (0.80, "kafka"),
    (0.84, "converter"),
    (0.87, "forwarder"),
    (0.89, "collector"),
    (0.92, "kafka"),
    (0.95, "indexer"),
)


class Disaster:
    """Follows the plan, with the senders ahead of it by no more than a step: nothing is killed after the load."""

    def __init__(self, stack: Stack, senders: Callable[[], int], events: int) -> None:
        self._stack, self._acknowledged, self._events = stack, senders, events
        self._began_at = time.monotonic()
        self._rate = min(events / SENDING_SECONDS, MAX_PER_SECOND)
        self._next = 0
        self.kills: list[str] = []
        self.ended: list[str] = []  # by themselves, as a converter does whose client is stuck
        self.away_from = self.away_until = self.drained_at = 0.0

    def may_send(self, share: float) -> bool:
        """Whether it is time for the step after this share of the events."""
        bound = PLAN[self._next + 1][0] if self._next + 1 < len(PLAN) else 2
        return share < bound and (time.monotonic() - self._began_at) * self._rate >= share * self._events

    def follow(self) -> None:
        """Run the plan."""
        for number, (share, name) in enumerate(PLAN):
            self._next = number
            self._wait_until(lambda share=share: self._acknowledged() >= share * self._events, within_seconds=900)  # type: ignore[misc]
            if name == AWAY:
                self._take_kafka_away()
            else:
                self._kill(name)
        self._next = len(PLAN)

    def _kill(self, name: str, *, wait: bool = True) -> None:
        self.kills.append(name)
        self._stack.restart(name, wait=wait)

    def _take_kafka_away(self) -> None:
        self.away_from = time.monotonic()
        self._stack.engines.pause("kafka")
        self._wait_until(lambda: time.monotonic() >= self.away_from + AWAY_SECONDS / 2, within_seconds=AWAY_SECONDS)
        self._kill("forwarder", wait=False)  # starts while nobody answers
        self._wait_until(lambda: time.monotonic() >= self.away_from + AWAY_SECONDS, within_seconds=AWAY_SECONDS)
        self._stack.engines.resume("kafka")
        self.away_until, waiting = time.monotonic(), self._acknowledged()
        self._wait_until(lambda: self._stack.count(SITE) >= waiting, within_seconds=300)
        self.drained_at = time.monotonic()

    def _wait_until(self, condition: Callable[[], bool], *, within_seconds: float) -> None:
        """Wait as an installation does: crashed processes are restarted."""

        def is_met() -> bool:
            self.ended += self._stack.engines.supervisor.restart_dead()
            return condition()

        try:
            wait_until(is_met, within_seconds=within_seconds, every_seconds=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._stack.diagnosis()}") from error


@pytest.mark.timeout(3600)
def test_each_acknowledged_event_is_exactly_one_row_after_kills_of_everything_and_an_outage(
    stack: Stack, findings: list[str], request: pytest.FixtureRequest
) -> None:
    events = request.config.getoption("--events")
    ids = new_ids(events)
    began_at = time.monotonic()
    disaster = Disaster(stack, lambda: senders.acknowledged, events)
    senders = Senders(ids, [stack.url], disaster.may_send, event=an_event_of_many_parties, site=SITE)
    senders.start()
    disaster.follow()
    senders.finish()
    sent_at = time.monotonic()
    stack.wait_for_rows(ids, SITE, within_seconds=300)
    done_at = time.monotonic()

    away_seconds, drain_seconds = disaster.away_until - disaster.away_from, disaster.drained_at - disaster.away_until
    findings.append(
        f"{events:,} events, {len(disaster.kills)} kills: sent in {sent_at - began_at:.0f} s, "
        f"all rows {done_at - sent_at:.0f} s later; {len(senders.failed_at)} requests sent again; "
        f"Kafka away {away_seconds:.0f} s, what had waited drained in {drain_seconds:.1f} s; "
        f"ended by themselves and started again: {', '.join(disaster.ended) or 'none'}"
    )
    assert senders.acknowledged == events
    assert len(disaster.kills) >= 10
    assert stack.sql(f"SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids FROM \"{stack.name}\" WHERE site = '{SITE}'") == [
        {"n": events, "ids": events}
    ]
    assert senders.failed_at, "no kill hit a request: the test has shown nothing"
    assert [at for at in senders.failed_at if disaster.away_from <= at <= disaster.away_until] == []
    assert drain_seconds < away_seconds

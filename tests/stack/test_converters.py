"""Several converters share the partitions, come, go and hang while events arrive: each event is exactly one row in Druid."""

import time
from collections.abc import Iterator

import pytest
from support.collector.sender import Senders, an_event_of_many_parties, new_ids
from support.headrace.stack import Stack, pass_by
from support.waiting import wait_until

EVENTS = 20_000
PER_SECOND = 400
LONGER_THAN_A_SESSION_SECONDS = 15


@pytest.fixture
def senders(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Senders]:
    """Senders that have begun, with a site of the test's name."""
    began_at = time.monotonic()

    def may_send(share: float) -> bool:
        return (time.monotonic() - began_at) * PER_SECOND >= share * EVENTS

    sending = Senders(new_ids(EVENTS), [stack.url], may_send, event=an_event_of_many_parties, site=request.node.name[:60])
    sending.start()
    yield sending
    sending.finish()
    stack.stop_services("second-converter")


def wait_for_share(senders: Senders, share: float) -> None:
    wait_until(lambda: senders.acknowledged >= share * EVENTS, within_seconds=120)


@pytest.mark.timeout(300)
def test_a_converter_that_hung_adds_nothing_when_it_continues(stack: Stack, senders: Senders) -> None:
    stack.start_services("second-converter")
    wait_for_share(senders, 0.2)
    stack.engines.pause("converter")
    pass_by(LONGER_THAN_A_SESSION_SECONDS)
    waiting = senders.acknowledged
    wait_until(lambda: stack.count(senders.site) >= waiting, within_seconds=60, every_seconds=0.5)  # the second has taken over all
    assert waiting < EVENTS
    stack.engines.resume("converter")
    senders.finish()
    stack.wait_for_rows(senders.ids, senders.site)


@pytest.mark.timeout(300)
def test_converters_come_and_go_while_events_arrive(stack: Stack, senders: Senders) -> None:
    for share in (0.1, 0.4):
        wait_for_share(senders, share)
        stack.start_services("second-converter")
        wait_for_share(senders, share + 0.15)
        stack.stop_services("second-converter")
    wait_for_share(senders, 0.7)
    stack.start_services("second-converter")
    wait_for_share(senders, 0.8)
    stack.restart("converter")
    senders.finish()
    stack.wait_for_rows(senders.ids, senders.site)

import pytest
from support.simulator import StandIn

from simulator.errors import CollectorUnavailable
from simulator.trusted_source import MAX_BACKOFF_SECONDS, MAX_TRIES, TrustedSource, backoff_seconds, is_retryable


def test_a_busy_collector_is_asked_again_when_it_says_so(collector: StandIn) -> None:
    pauses: list[float] = []
    collector.answers = [(503, {"Retry-After": "7"}, b""), (429, {}, b"")]
    with TrustedSource(collector.url, "example", pause=pauses.append) as source:
        assert source.send([{"id": "a"}]) == ["ok"]
    assert pauses == [7, 1]
    assert len({request.envelope["events"][0]["id"] for request in collector.requests}) == 1


def test_a_collector_that_stays_away_is_reported_after_bounded_tries() -> None:
    pauses: list[float] = []
    with (
        TrustedSource("http://127.0.0.1:1", "example", pause=pauses.append) as source,
        pytest.raises(CollectorUnavailable, match="8 tries"),
    ):
        source.send([{"id": "a"}])
    assert len(pauses) == MAX_TRIES - 1
    assert max(pauses) == MAX_BACKOFF_SECONDS


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_these_may_be_taken_later(status: int) -> None:
    assert is_retryable(status)


@pytest.mark.parametrize("status", [200, 400, 403, 413, 422])
def test_these_are_final(status: int) -> None:
    assert not is_retryable(status)


def test_an_odd_retry_after_is_not_a_reason_to_wait_long() -> None:
    assert backoff_seconds(1, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}) == 0.5
    assert backoff_seconds(1, {"Retry-After": "99999"}) == MAX_BACKOFF_SECONDS

"""A client for the collector's internal port that sends batches as a trusted source and retries with the same ids."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from simulator.errors import CollectorUnavailable

BATCH_EVENTS = 50  # the collector's limit
BATCH_BYTES = 192 * 1024  # below the collector's limit on a body, with room for the envelope
MAX_TRIES = 8
MAX_BACKOFF_SECONDS = 15.0

Event = dict[str, Any]


class TrustedSource:
    """A client of the internal port."""

    def __init__(self, collector_internal_url: str, site: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = httpx.Client(base_url=collector_internal_url, timeout=30, trust_env=False)
        self._site = site
        self._pause = pause

    def __enter__(self) -> "TrustedSource":
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def send(self, events: Sequence[Event]) -> list[str]:
        """Send a batch and return one result per event: ok, duplicate or the rejection reason."""
        body = encode_batch(self._site, events)
        if len(body) > BATCH_BYTES and len(events) > 1:
            middle = len(events) // 2
            return self.send(events[:middle]) + self.send(events[middle:])
        return self._results(self._post(body), len(events))

    def _post(self, body: bytes) -> httpx.Response:
        for number in range(1, MAX_TRIES + 1):
            try:
                response = self._client.post("/h", content=body, headers={"Content-Type": "text/plain"})
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
                wait = backoff_seconds(number, {})
            else:
                if not is_retryable(response.status_code):
                    return response
                problem = f"status {response.status_code}"
                wait = backoff_seconds(number, response.headers)
            if number < MAX_TRIES:
                self._pause(wait)
        raise CollectorUnavailable(f"{self._client.base_url}: no answer after {MAX_TRIES} tries ({problem}); is the collector running?")

    @staticmethod
    def _results(response: httpx.Response, count: int) -> list[str]:
        answer = _answer(response.content)
        results = answer.get("results")
        if isinstance(results, list) and len(results) == count:
            return [str(result) for result in results]
        return [str(answer.get("reason") or f"status_{response.status_code}")] * count


def encode_batch(site: str, events: Sequence[Event]) -> bytes:
    """Return the body of a request with events, sent now, in the tracker's format."""
    return msgspec.json.encode({"version": 1, "site": site, "sent_at": time.time_ns() // 1_000_000, "events": events})


def is_retryable(status: int) -> bool:
    """Whether the same batch may be accepted later: 408, 429 and every 5xx."""
    return status in (408, 429) or status >= 500


def backoff_seconds(number: int, headers: Mapping[str, str]) -> float:
    """Return the seconds before the next try: Retry-After, or exponential backoff from half a second; at most 15 s."""
    asked = headers.get("Retry-After", "")
    wait = float(asked) if asked.isdecimal() else 0.5 * 2 ** (number - 1)
    return min(wait, MAX_BACKOFF_SECONDS)


def _answer(content: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}

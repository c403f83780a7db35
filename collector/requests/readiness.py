"""Readiness: whether the collector accepts events, and the reason if it does not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

STOPPING: Final = "the collector is stopping"  # requests on open connections are still handled, but new ones should go elsewhere


@dataclass(slots=True)
class Readiness:
    """Open from the start; closed for good when the collector has stopped or its topic has failed.

    `conditions` return the reasons why events currently get a 503, by the same rules as those responses, so that both always agree.
    """

    conditions: list[Callable[[], str]] = field(default_factory=list)
    closed_because: str = ""
    is_stopping: bool = False

    def close(self, reason: str) -> None:
        """Accept no more events; the first reason stays."""
        self.closed_because = self.closed_because or reason

    def begin_stop(self) -> None:
        """Report not ready from now on, but keep accepting events."""
        self.is_stopping = True

    def not_ready_reason(self) -> str:
        """Return the reason why no events should be sent here; empty when ready."""
        return (
            self.closed_because
            or next(filter(None, (reason() for reason in self.conditions)), "")
            or (STOPPING if self.is_stopping else "")
        )

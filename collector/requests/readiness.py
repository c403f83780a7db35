"""Whether events are taken at the moment, and why not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

LEAVING: Final = "the collector is stopping"  # what still comes is taken, but nothing more should be sent here


@dataclass(slots=True)
class Readiness:
    """Open from the start; closed for good when the collector has stopped or its topic fails.

    `conditions` give the reasons for which events are answered 503, each by the same rule as the answer: health never says otherwise.
    """

    conditions: list[Callable[[], str]] = field(default_factory=list)
    closed_because: str = ""
    is_leaving: bool = False

    def close(self, reason: str) -> None:
        """Take no more events; the first reason stays."""
        self.closed_because = self.closed_because or reason

    def leave(self) -> None:
        """Be not ready any more, and take what comes all the same."""
        self.is_leaving = True

    def not_ready_reason(self) -> str:
        """The reason why events should not be sent here; empty when they should."""
        return (
            self.closed_because or next(filter(None, (reason() for reason in self.conditions)), "") or (LEAVING if self.is_leaving else "")
        )

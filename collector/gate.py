"""Whether events are taken at the moment, and why not."""

from dataclasses import dataclass


@dataclass(slots=True)
class Gate:
    """Open from the start; closed for good when the collector has stopped or its topic fails."""

    closed_because: str = ""
    leaving_because: str = ""  # what still comes is taken, but nothing more should be sent here

    def close(self, reason: str) -> None:
        """Take no more events; the first reason stays."""
        self.closed_because = self.closed_because or reason

    def leave(self, reason: str) -> None:
        """Be not ready any more, and take what comes all the same."""
        self.leaving_because = reason

    def trouble(self) -> str:
        """Say why events should not be sent here, or nothing."""
        return self.closed_because or self.leaving_because

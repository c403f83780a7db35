"""Whether events are taken at the moment, and why not."""

from dataclasses import dataclass


@dataclass(slots=True)
class Gate:
    """Open from the start; closed for good when the collector stops or its topic fails."""

    closed_because: str = ""

    def close(self, reason: str) -> None:
        """Take no more events; the first reason stays."""
        self.closed_because = self.closed_because or reason

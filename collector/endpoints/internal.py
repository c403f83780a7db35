"""The paths for operators on the internal port: health, metrics, ledger, warnings."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.ledger import LedgerParts, join, ledger
from collector.metrics import Metrics, merge
from collector.peers import UNRESPONSIVE, Peers
from collector.requests.readiness import STOPPING


class Internal:
    """The paths of the internal port; any worker responds for all of them."""

    def __init__(
        self,
        metrics: Metrics,
        peers: Peers,
        *,
        reason: Callable[[], str],
        ledger_parts: Callable[[], LedgerParts],
        now: Callable[[], float],
        warnings: Sequence[str],
    ) -> None:
        self._warnings = warnings
        self._metrics, self._peers, self._reason, self._ledger_parts, self._now = metrics, peers, reason, ledger_parts, now

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/metrics", self.metrics),
            Route("/ledger", self.ledger),
            Route("/warnings", self.warnings),
        ]

    async def live(self, _: Request) -> Response:
        """Report that the process runs."""
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Report whether events are accepted: by every worker, except those that stop or do not respond while others do."""
        reasons = {self._peers.name: self._reason(), **await self._peers.not_ready_reasons()}
        message = "; ".join(f"worker {name}: {text}" if name else text for name, text in reasons.items() if text)
        if all(reasons.values()) or not {"", STOPPING, UNRESPONSIVE}.issuperset(reasons.values()):
            return JSONResponse({"status": "not ready", "message": message}, 503)
        return JSONResponse({"status": "ready", "message": message} if message else {"status": "ready"})

    async def metrics(self, _: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        text = self._metrics.text()
        if self._peers.name:
            text = merge({self._peers.name: text.decode(), **await self._peers.metrics()})
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def warnings(self, _: Request) -> Response:
        """Return the warnings about the settings."""
        return JSONResponse({"warnings": list(self._warnings)})

    async def ledger(self, _: Request) -> Response:
        """Return the ledger of the last 24 hours."""
        parts = join((self._ledger_parts(), *await self._peers.ledger_parts()))
        return JSONResponse(ledger(*parts, int(self._now() * 1000)))

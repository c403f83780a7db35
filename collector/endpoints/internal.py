"""What only the operator sees: health, metrics, the ledger."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collector.gate import Gate
from collector.metrics import Metrics


class Internal:
    """The paths of the internal port."""

    def __init__(self, gate: Gate, metrics: Metrics, trouble: Callable[[], str], ledger: Callable[[], dict[str, object]]) -> None:
        self._gate, self._metrics, self._trouble, self._ledger = gate, metrics, trouble, ledger

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/metrics", self.metrics),
            Route("/ledger", self.ledger),
        ]

    async def live(self, _: Request) -> Response:
        """Say that the process runs."""
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Say whether events are taken."""
        reason = self._gate.closed_because or self._trouble()
        return JSONResponse({"status": "not ready", "message": reason}, 503) if reason else JSONResponse({"status": "ready"})

    async def metrics(self, _: Request) -> Response:
        """Give Prometheus' text."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def ledger(self, _: Request) -> Response:
        """Give the ledger of the last 24 hours."""
        return JSONResponse(self._ledger())

"""`python -m simulator.shop`: read the settings and serve the shop."""

import os
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn

from simulator.settings import ShopSettings
from simulator.shop.app import create_app
from startup.atomic_files import keep_private
from startup.logs import configure
from startup.settings import SettingsError

log = structlog.get_logger()


def main() -> int:
    """Serve the shop until SIGTERM or Ctrl-C; return 2 for an invalid setting, 1 if the port is not available."""
    try:
        settings = ShopSettings.read(os.environ)
        listener = _listen(settings.host, settings.port)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, for the operator
        return 2
    except OSError as error:
        print(f"HEADRACE_SHOP_PORT: cannot listen on {settings.host}:{settings.port}: {os.strerror(error.errno or 0)}", file=sys.stderr)  # noqa: T201
        return 1
    keep_private()
    configure()
    # Keep the peer IP of the socket; the collector evaluates X-Forwarded-For.
    config = uvicorn.Config(create_app(settings), proxy_headers=False, access_log=False, log_level="error", timeout_graceful_shutdown=10)
    server = uvicorn.Server(config)
    _end_on_signals(server)
    log.info("shop started", port=listener.getsockname()[1])
    server.run(sockets=[listener])
    log.info("shop stopped")
    return 0


def _end_on_signals(server: uvicorn.Server) -> None:
    """Exit normally on a signal: uvicorn raises it again after it has stopped, and ignores it before it starts."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _listen(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


if __name__ == "__main__":
    sys.exit(main())

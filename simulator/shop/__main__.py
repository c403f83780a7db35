"""`python -m simulator.shop`: settings in, shop up, nothing else."""

import os
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn

from simulator.settings import ShopSettings
from simulator.shop.app import create_app
from startup.files import keep_private
from startup.logs import configure
from startup.settings import SettingsError

log = structlog.get_logger()


def main() -> int:
    """Serve the shop until SIGTERM or Ctrl-C; 2 when a setting is wrong, 1 when the port cannot be had."""
    try:
        settings = ShopSettings.read(os.environ)
        listener = _listen(settings.host, settings.port)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, to whoever starts it
        return 2
    except OSError as error:
        print(f"HEADRACE_SHOP_PORT: cannot listen on {settings.host}:{settings.port}: {os.strerror(error.errno or 0)}", file=sys.stderr)  # noqa: T201
        return 1
    keep_private()
    configure()
    # The peer's address as the socket tells it; what browsers claim in X-Forwarded-For is the collector's to judge.
    config = uvicorn.Config(create_app(settings), proxy_headers=False, access_log=False, log_level="error", timeout_graceful_shutdown=10)
    server = uvicorn.Server(config)
    _end_on_signals(server)
    log.info("shop started", port=listener.getsockname()[1])
    server.run(sockets=[listener])
    log.info("shop stopped")
    return 0


def _end_on_signals(server: uvicorn.Server) -> None:
    """Make a signal an ordinary end: uvicorn raises it again when it has stopped, and has no ears for it before it starts."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _listen(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m simulator.shop`: settings in, shop up, nothing else."""

import os
import signal
import sys
from types import FrameType

import uvicorn

from simulator.errors import SettingsError
from simulator.settings import ShopSettings, read_settings
from simulator.shop.app import create_app


def main() -> int:
    """Serve the shop until SIGTERM or Ctrl-C; 2 when a setting is wrong."""
    try:
        settings = read_settings(ShopSettings, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - one line for each fault, to whoever starts it
        return 2
    # uvicorn ends its work on the signal and then raises it again: that too is an ordinary end.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    # The peer's address as the socket tells it; what browsers claim in X-Forwarded-For is the collector's to judge.
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, proxy_headers=False, access_log=False, log_level="warning")
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())

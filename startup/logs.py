"""Logs: one JSON object a line on stdout, plain text on a terminal; never an address, an identifier or a full URL."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict

from startup.visible import visible


class _ServerLog(logging.Handler):
    """Passes what the HTTP server and the Kafka client say on to our log."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            structlog.get_logger("server").log(
                record.levelno, "server", name=record.name, text=record.getMessage()[:256], exc_info=record.exc_info
            )


def _make_visible(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Show what would act on the terminal; JSON has escapes for it."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in event.items()}


def configure(stream: TextIO | None = None) -> None:
    """Set up structlog, and the standard library's log behind it."""
    out = stream or sys.stdout
    is_terminal = out.isatty()
    renderer = structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([_make_visible] if is_terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(out),  # a line in one write: processes may share where it goes
    )
    logging.basicConfig(handlers=[_ServerLog()], level=logging.WARNING, force=True)

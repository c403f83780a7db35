"""Logs on stdout: one JSON object per line, plain text on a terminal; never a client IP, an identifier or a full URL."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict

from startup.visible import visible


class _ServerLog(logging.Handler):
    """A handler that passes warnings of the HTTP server and the Kafka client to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            structlog.get_logger("server").log(
                record.levelno, "server", name=record.name, text=record.getMessage()[:256], exc_info=record.exc_info
            )


def _make_visible(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape characters that act on the terminal; JSON escapes them anyway."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in event.items()}


def configure(stream: TextIO | None = None) -> None:
    """Configure structlog, and route the standard library's logging through it."""
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
        logger_factory=structlog.WriteLoggerFactory(out),  # one write per line, because processes may share the output
    )
    logging.basicConfig(handlers=[_ServerLog()], level=logging.WARNING, force=True)

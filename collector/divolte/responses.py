"""Divolte's response to a method that a path does not accept."""

from collector.events.event import RejectReason
from collector.requests.http_types import Outcome, Response

TEXT = (b"content-type", b"text/plain; charset=utf-8")


def method_not_allowed(method: str, allowed: bytes) -> Outcome:
    """Reject a method; nothing is stored."""
    body = b"" if method == "HEAD" else f"HTTP method {method} not allowed.".encode()
    return Outcome(Response(405, ((b"allow", allowed), TEXT), body), (), error_reason=RejectReason.METHOD_NOT_ALLOWED)

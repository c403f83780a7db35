"""Requests to the store's internal paths."""

from typing import Final

from starlette.requests import Request

MAX_BODY_BYTES: Final = 4 << 20  # 20,000 rows by site and event id are 2 MB


async def read_body(request: Request) -> bytes:
    """Return the body of a request; raises ValueError if it is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"the body has more than {MAX_BODY_BYTES} bytes")
    return body

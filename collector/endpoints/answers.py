"""Answers as raw ASGI messages: Starlette's objects cost ten times what an event does."""

from typing import Any, TypeAlias

from starlette.types import Send

Header: TypeAlias = tuple[bytes, bytes]

# Any page may send, none can read more than the result of its own events; Retry-After is not on the list that scripts may read by default.
CORS: list[Header] = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"Retry-After")]


def start(status: int, body: bytes, *more: Header) -> dict[str, Any]:
    """Give the message that begins an answer with a JSON body."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *CORS, *more]
    return {"type": "http.response.start", "status": status, "headers": headers}


def rest(body: bytes) -> dict[str, Any]:
    """Give the message that ends an answer."""
    return {"type": "http.response.body", "body": body}


async def send_preflight(send: Send) -> None:
    """Allow what a page may send (Fetch Standard, CORS-preflight)."""
    headers = [
        *CORS,
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"Content-Type"),
        (b"access-control-max-age", b"86400"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send(rest(b""))

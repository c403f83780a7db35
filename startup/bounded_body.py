"""The body of a request, up to a maximum size."""

from collections.abc import AsyncIterable


async def read_bounded(parts: AsyncIterable[bytes], max_bytes: int) -> bytes | None:
    """Return the body that arrives in parts; None as soon as it exceeds the maximum."""
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > max_bytes:
            return None
    return bytes(body)

"""The body of a request, as far as it is not too large."""

from collections.abc import AsyncIterable


async def read_bounded(parts: AsyncIterable[bytes], max_bytes: int) -> bytes | None:
    """Return the body that comes in parts; None as soon as it is larger than the maximum."""
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > max_bytes:
            return None
    return bytes(body)

"""The store's internal paths: the bodies of their requests, and their client."""

from typing import Any, Final, TypeVar

import httpx
import msgspec
from starlette.requests import Request

from headrace.errors import CommandError
from startup.bounded_body import read_bounded

MAX_BODY_BYTES: Final = 4 << 20  # 20,000 rows by site and event id are 2 MB

Body = TypeVar("Body")


async def decode_body(request: Request, body_type: type[Body]) -> Body:
    """Return the object in the body of a request; raises ValueError if it is too large or not valid."""
    body = await read_bounded(request.stream(), MAX_BODY_BYTES)
    if body is None:
        raise ValueError(f"the body has more than {MAX_BODY_BYTES} bytes")
    return msgspec.json.decode(body, type=body_type)  # msgspec's errors are ValueErrors


class StoreClient:
    """The store at a URL; its token is empty if it needs none."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, method: str, path: str, timeout_seconds: float, **request: Any) -> dict[str, Any]:
        """Send a request and return the JSON of its response; raises CommandError if the store does not respond with 200."""
        try:
            response = httpx.request(method, self._url + path, headers=self._headers, timeout=timeout_seconds, trust_env=False, **request)
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise CommandError(f"the store at {self._url} does not respond ({error}); `headrace status` shows what runs") from error
        content: dict[str, Any] = response.json()
        return content

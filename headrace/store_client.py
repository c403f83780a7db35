"""Client of the store's internal paths."""

from typing import Any

import httpx

from headrace.errors import CommandError


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

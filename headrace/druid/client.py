"""Client of Druid's HTTP API for the supervisor, rules, compaction and tasks of a datasource."""

from types import TracebackType
from typing import Any, Final, Self

import httpx

from headrace.errors import CommandError

TIMEOUT_SECONDS: Final = 180  # Druid responds to a new spec when the old supervisor has stopped, which takes long while Kafka is down
SUPERVISORS: Final = "/druid/indexer/v1/supervisor"
COMPACTION: Final = "/druid/coordinator/v1/config/compaction"
RULES: Final = "/druid/coordinator/v1/rules"
TASKS: Final = "/druid/indexer/v1/tasks"
TASK: Final = "/druid/indexer/v1/task"


class Druid:
    """Coordinator and overlord at one URL: one process, or a router with its management proxy."""

    def __init__(self, url: str) -> None:
        self.url = url if "//" in url else f"http://{url}"
        self._client = httpx.Client(
            base_url=self.url,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=True,  # a process that is not the leader redirects to the leader
            headers={"X-Druid-Author": "headrace"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        """Return the content at a path; None for 404."""
        response = self._send("GET", path, params=parameters)
        return None if response.status_code == httpx.codes.NOT_FOUND else self._content(response)

    def post(self, path: str, content: Any = None) -> Any:
        """Send an object and return the response; raises CommandError with Druid's reason if Druid rejects it."""
        return self._content(self._send("POST", path, json=content))

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise CommandError(
                f"Druid does not respond at {self.url} ({error}); set the URL of its coordinator and overlord with --url"
            ) from error

    def _content(self, response: httpx.Response) -> Any:
        if response.is_success and response.content and "json" in response.headers.get("content-type", ""):
            return response.json()
        if response.is_success:
            return None
        raise CommandError(
            f"Druid responds to {response.request.method} {response.url.path} with {response.status_code}: {_reason(response)}"
        )


def _reason(response: httpx.Response) -> str:
    try:
        content = response.json()
        return str(content.get("errorMessage") or content["error"])
    except (ValueError, KeyError, AttributeError):
        return response.text.strip() or response.reason_phrase

"""Druid's HTTP API, as far as a datasource's supervisor, rules and compaction go."""

from types import TracebackType
from typing import Any, Final, Self

import httpx

from headrace.errors import CommandError

TIMEOUT_SECONDS: Final = 180  # a new spec is answered once the old supervisor has stopped, which can take long while Kafka is away
SUPERVISORS: Final = "/druid/indexer/v1/supervisor"
COMPACTION: Final = "/druid/coordinator/v1/config/compaction"
RULES: Final = "/druid/coordinator/v1/rules"
TASKS: Final = "/druid/indexer/v1/tasks"
TASK: Final = "/druid/indexer/v1/task"


class Druid:
    """Coordinator and overlord at one address: one process, or a router with its management proxy."""

    def __init__(self, url: str) -> None:
        self.url = url if "//" in url else f"http://{url}"
        self._client = httpx.Client(
            base_url=self.url,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=True,  # whoever does not lead sends on to who does
            headers={"X-Druid-Author": "headrace"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        """Give what is there, or None if nothing is."""
        answer = self._ask("GET", path, params=parameters)
        return None if answer.status_code == httpx.codes.NOT_FOUND else self._content(answer)

    def post(self, path: str, content: Any = None) -> Any:
        """Send an object; raises CommandError with Druid's own reason if it is refused."""
        return self._content(self._ask("POST", path, json=content))

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise CommandError(
                f"no Druid answers at {self.url} ({error}); give the address of its coordinator and overlord with --url"
            ) from error

    def _content(self, answer: httpx.Response) -> Any:
        if answer.is_success and answer.content and "json" in answer.headers.get("content-type", ""):
            return answer.json()
        if answer.is_success:
            return None
        raise CommandError(f"Druid refuses {answer.request.method} {answer.url.path} with {answer.status_code}: {_reason(answer)}")


def _reason(answer: httpx.Response) -> str:
    try:
        content = answer.json()
        return str(content.get("errorMessage") or content["error"])
    except (ValueError, KeyError, AttributeError):
        return answer.text.strip() or answer.reason_phrase

"""Requests to DigitalOcean's API, version 2, with the retries that are safe."""

import ipaddress
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

TIMEOUT_SECONDS = 30
MAX_RETRIES = 6
BACKOFF_SECONDS = 0.5
MAX_RETRY_AFTER_SECONDS = 120
PER_PAGE = 200


class ApiError(Exception):
    """The API rejected a request or did not answer; the text contains no header, so no token."""


class NoAnswer(ApiError):
    """No response arrived; the API may have carried the request out."""


class _BearerToken(AuthBase):
    """Sets the token; unlike a header of the session, `.netrc` does not replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _SafeRetry(Retry):
    """Retries each request that was rejected by the rate limit, and otherwise only those that may be sent twice."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code == HTTPStatus.TOO_MANY_REQUESTS or super().is_retry(method, status_code, has_retry_after)


class Api:
    """DigitalOcean's API at a base URL."""

    def __init__(self, base_url: str, token: str) -> None:
        _check_base_url(base_url)
        if not token:
            raise ApiError("the environment has no DO_API_TOKEN: create a token with the scopes in docs/deploy.md, then export it")
        self._url = f"{base_url.rstrip('/')}/v2"
        self._session = requests.Session()
        self._session.trust_env = not _is_loopback(urlsplit(base_url).hostname or "")
        self._session.auth = _BearerToken(token)
        retries = _SafeRetry(
            total=MAX_RETRIES,
            backoff_factor=BACKOFF_SECONDS,
            backoff_max=MAX_RETRY_AFTER_SECONDS,
            retry_after_max=MAX_RETRY_AFTER_SECONDS,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=("GET", "PUT", "DELETE"),
            raise_on_status=False,
        )
        self._session.mount(self._url, HTTPAdapter(max_retries=retries))

    def get(self, path: str, key: str) -> dict[str, Any] | None:
        """Return an object, or None if it does not exist."""
        response = self._request("GET", path, allowed=(HTTPStatus.NOT_FOUND,))
        return None if response.status_code == HTTPStatus.NOT_FOUND else _object(response, key)

    def list(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of all pages."""
        page = 1
        while True:
            body = self._request("GET", path, params={"page": page, "per_page": PER_PAGE}).json()
            yield from body[key]
            if "next" not in body.get("links", {}).get("pages", {}):
                return
            page += 1

    def put(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace an object."""
        return _object(self._request("PUT", path, json=body), key)

    def delete(self, path: str, allowed: tuple[int, ...] = ()) -> int:
        """Delete an object and return the status; one that another attempt deleted is not an error."""
        return self._request("DELETE", path, allowed=(HTTPStatus.NOT_FOUND, *allowed)).status_code

    def create(self, path: str, key: str, body: dict[str, Any], find: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        """Create an object exactly once.

        A POST that fails with 5xx or gets no answer may have created the object, so it is looked up before the POST is sent again.
        """
        error = ""
        for attempt in range(MAX_RETRIES):
            try:
                response = self._request("POST", path, json=body, allowed=range(500, 600))
            except NoAnswer as no_answer:
                error = str(no_answer)
            else:
                if response.ok:
                    return _object(response, key)
                error = _describe("POST", path, response)
            # The API may still be busy with the object, and shows it later. urllib3's Retry cannot look it up between two attempts.
            time.sleep(BACKOFF_SECONDS * 2**attempt)
            if found := find():
                return found
        raise ApiError(error)

    def _request(self, method: str, path: str, *, allowed: Any = (), **options: Any) -> requests.Response:
        try:
            response = self._session.request(method, f"{self._url}/{path}", timeout=TIMEOUT_SECONDS, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise NoAnswer(f"{method} {path}: no answer ({type(error).__name__}). Check the network and headrace_droplets_api") from None
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES and response.status_code not in allowed:
            raise ApiError(_describe(method, path, response))
        return response


def _object(response: requests.Response, key: str) -> dict[str, Any]:
    found: dict[str, Any] = response.json()[key]
    return found


def _describe(method: str, path: str, response: requests.Response) -> str:
    remedies: dict[int, str] = {
        HTTPStatus.UNAUTHORIZED: "Check DO_API_TOKEN",
        HTTPStatus.FORBIDDEN: "The token lacks a scope, or the object is in use",
        HTTPStatus.TOO_MANY_REQUESTS: "The limit is 5,000 requests an hour: run the playbook again later",
    }
    try:
        message = str(response.json()["message"])
    except (requests.JSONDecodeError, KeyError, TypeError):
        message = response.reason
    return f"{method} {path}: {response.status_code}, {message.rstrip('.')}. {remedies.get(response.status_code, '')}".rstrip()


def _check_base_url(base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ApiError(f"{base_url} is not a valid headrace_droplets_api: it must begin with https://, because requests carry the token")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

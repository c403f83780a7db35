"""A client of a schema registry with Confluent's REST interface, which Apicurio, Karapace and Redpanda have too."""

import base64
import json
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from startup.secret_file import CREDENTIALS, SecretError, read_secret
from startup.settings import SettingsError
from topics.kafka.settings import PREFIX, KafkaSettings
from topics.topic import TopicError

TIMEOUT_SECONDS: Final = 2.0  # short, because a stop waits for it
MAX_RESPONSE_BYTES: Final = 4 << 20
CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class RegistryError(TopicError):
    """The registry is down, is not a registry, or returns an error; a retry may help."""


class Registry:
    """A client of one registry; it ignores the proxies that the environment names."""

    def __init__(self, url: str, credentials: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": CONTENT_TYPE, "Content-Type": CONTENT_TYPE}
        if credentials is not None:
            self._headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self._opener = build_opener(ProxyHandler({}))

    def check(self, subject: str) -> None:
        """Check that the registry responds, whether or not it knows the subject. Raises RegistryError."""
        self._request(f"/subjects/{quote(subject, safe='')}/versions")

    def id_of(self, subject: str, schema: str) -> int:
        """Return the id of a schema, and register it under the subject if necessary. Raises RegistryError."""
        path, content = f"/subjects/{quote(subject, safe='')}", {"schema": schema}
        found = self._request(path, content) or self._request(f"{path}/versions", content)
        number = found.get("id") if found else None
        if not isinstance(number, int) or not 0 < number < 1 << 32:
            raise RegistryError(f"the registry {self._url} returned no id of the schema for {subject}")
        return number

    def schema_of(self, number: int) -> dict[str, Any] | None:
        """Return the schema with an id; None if there is none or it is not Avro. Raises RegistryError."""
        found = self._request(f"/schemas/ids/{number}")
        if found is None or found.get("schemaType", "AVRO") != "AVRO":
            return None
        try:
            schema = json.loads(found["schema"])
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(f"the registry {self._url} returned no schema for the id {number}: {error!r}") from error
        return schema if isinstance(schema, dict) else None

    def _request(self, path: str, content: object = None) -> dict[str, Any] | None:
        """Return the registry's response; None if it has no such subject, schema or id."""
        data = None if content is None else json.dumps(content).encode()
        # The scheme is http or https: the setting allows no other.
        request = Request(self._url + path, data, self._headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return _object(response.read(MAX_RESPONSE_BYTES))
        except HTTPError as error:
            body = _error_body(error)
            if error.code == 404 and "error_code" in body:
                return None
            text = body.get("message") or error.reason
            raise RegistryError(f"the registry {self._url} rejects {path}: {error.code} {text}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise RegistryError(f"no schema registry responds at {self._url}: {error}") from error


def registry(settings: KafkaSettings) -> Registry | None:
    """Return the client of the registry in the settings; raises SettingsError if its credentials cannot be read."""
    if settings.schema_registry is None:
        return None
    path = settings.schema_registry_auth_file
    return Registry(settings.schema_registry, _credentials(path) if path else None)


def _credentials(path: Path) -> str:
    try:
        return read_secret(path, CREDENTIALS)
    except SecretError as error:
        raise SettingsError([f"{PREFIX}SCHEMA_REGISTRY_AUTH_FILE: {error}"]) from error


def _error_body(error: HTTPError) -> dict[str, Any]:
    """Return the body of an error response if it is a JSON object, as registries send it."""
    try:
        with error:
            return _object(error.read(MAX_RESPONSE_BYTES))
    except (OSError, HTTPException, ValueError):
        return {}


def _object(body: bytes) -> dict[str, Any]:
    """Parse a body; a list of versions counts as an empty object."""
    found = json.loads(body)
    return found if isinstance(found, dict) else {}

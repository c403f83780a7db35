"""A registry of schemas: Confluent's REST interface, which Apicurio, Karapace and Redpanda speak too."""

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

ANSWER_SECONDS: Final = 2.0  # so long one question may take; who stops need not wait longer
MOST_BYTES: Final = 4 << 20  # of an answer
CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class RegistryError(TopicError):
    """The registry is away, is none, or refuses: asking again may help."""


class Registry:
    """Asks one registry; it is asked directly, whatever proxies the environment names."""

    def __init__(self, url: str, credentials: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": CONTENT_TYPE, "Content-Type": CONTENT_TYPE}
        if credentials is not None:
            self._headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self._opener = build_opener(ProxyHandler({}))

    def reach(self, subject: str) -> None:
        """See that a registry answers; whether it knows the subject does not matter. Raises RegistryError."""
        self._ask(f"/subjects/{quote(subject, safe='')}/versions")

    def id_of(self, subject: str, schema: str) -> int:
        """Give the id of a schema, which is registered under the subject if it is not. Raises RegistryError."""
        path, asked = f"/subjects/{quote(subject, safe='')}", {"schema": schema}
        found = self._ask(path, asked) or self._ask(f"{path}/versions", asked)
        number = found.get("id") if found else None
        if not isinstance(number, int) or not 0 < number < 1 << 32:
            raise RegistryError(f"the registry {self._url} gives no id of the schema for {subject}")
        return number

    def schema_of(self, number: int) -> dict[str, Any] | None:
        """Give the schema of an id, None if there is none or it is not Avro. Raises RegistryError."""
        found = self._ask(f"/schemas/ids/{number}")
        if found is None or found.get("schemaType", "AVRO") != "AVRO":
            return None
        try:
            schema = json.loads(found["schema"])
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(f"the registry {self._url} gives no schema for the id {number}: {error!r}") from error
        return schema if isinstance(schema, dict) else None

    def _ask(self, path: str, content: object = None) -> dict[str, Any] | None:
        """Give what the registry answers; None where it says that there is no such thing."""
        body = None if content is None else json.dumps(content).encode()
        # The scheme is http or https: the setting allows no other.
        request = Request(self._url + path, body, self._headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return _object(answer.read(MOST_BYTES))
        except HTTPError as refusal:
            told = _told(refusal)
            if refusal.code == 404 and "error_code" in told:
                return None
            text = told.get("message") or refusal.reason
            raise RegistryError(f"the registry {self._url} refuses {path}: {refusal.code} {text}") from refusal
        except (OSError, HTTPException, ValueError) as error:
            raise RegistryError(f"no registry of schemas answers at {self._url}: {error}") from error


def registry(settings: KafkaSettings) -> Registry | None:
    """Give the registry that the settings name; raises SettingsError if its credentials cannot be read."""
    if settings.schema_registry is None:
        return None
    path = settings.schema_registry_auth_file
    return Registry(settings.schema_registry, _credentials(path) if path else None)


def _credentials(path: Path) -> str:
    try:
        return read_secret(path, CREDENTIALS)
    except SecretError as error:
        raise SettingsError([f"{PREFIX}SCHEMA_REGISTRY_AUTH_FILE: {error}"]) from error


def _told(refusal: HTTPError) -> dict[str, Any]:
    """Give what a refusal says, if it speaks as registries do."""
    try:
        with refusal:
            return _object(refusal.read(MOST_BYTES))
    except (OSError, HTTPException, ValueError):
        return {}


def _object(body: bytes) -> dict[str, Any]:
    """Read an answer: an object, or a list of what there is."""
    found = json.loads(body)
    return found if isinstance(found, dict) else {}

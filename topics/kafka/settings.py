"""All HEADRACE_KAFKA_* variables, and the client options that the operator must not change."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from schemas.contract import SCHEMA_PATH
from startup.settings import ServiceSettings, SettingsError

PREFIX = "HEADRACE_KAFKA_"

MessageFormat: TypeAlias = Literal["single-object", "confluent", "naked"]

CLIENT_LOG: Final = logging.getLogger("kafka")  # instead of stderr
# Messages that are discarded on purpose leave a gap, which the client reports as fatal.
CLIENT_LOG.addFilter(lambda record: "Purged in flight" not in record.getMessage())

# The guarantees depend on these. The operator's file may set all other options of librdkafka (TLS, SASL, buffers).
OURS: Final = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "group.id",
        "isolation.level",
        "message.send.max.retries",
        "message.timeout.ms",
        "partitioner",
        "request.required.acks",
        "retries",
        "transactional.id",
    }
)

# Defaults that the operator's file may change.
CLIENT: Final = {
    "client.id": "headrace",
    "log_level": "3",  # errors only: our own log reports the rest
    "message.max.bytes": "33554432",  # as `max.message.bytes` in topics.toml, more than a frame of a local topic can hold
    "reconnect.backoff.max.ms": "1000",
    "socket.keepalive.enable": "true",
}


class KafkaSettings(ServiceSettings):
    """The connection to Kafka, the names of the topics, and the format of messages."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    bootstrap_servers: Annotated[str, Field(min_length=1, description="Bootstrap brokers, host:port, separated by commas.")] = (
        "127.0.0.1:9092"
    )
    client_file: Annotated[
        Path | None, Field(description="File of librdkafka options, one name=value per line: security.protocol, sasl.*, ssl.*; mode 0600.")
    ] = None
    prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="Prefix of the topic names.")] = "clickstream"
    message_format: Annotated[
        MessageFormat,
        Field(description="What precedes the Avro bytes: the schema's fingerprint, a schema id in Confluent's format, or nothing."),
    ] = "single-object"
    schema_id: Annotated[
        int | None, Field(ge=1, lt=1 << 31, description="With confluent: the schema id, if there is one schema and no registry.")
    ] = None
    schema_registry: Annotated[
        str | None,
        Field(pattern=r"^https?://[^\s@?#]+$", description="With confluent: URL of the schema registry."),
    ] = None
    schema_registry_auth_file: Annotated[Path | None, Field(description="File with user:password for the schema registry; mode 0600.")] = (
        None
    )
    schema_directory: Annotated[Path, Field(description="Folder of the schemas to look up in the registry, searched recursively.")] = (
        SCHEMA_PATH.parent
    )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables; raises SettingsError, also for contradicting values."""
        settings = super().read(environment)
        if faults := list(settings._contradictions()):
            raise SettingsError(faults)
        return settings

    def _contradictions(self) -> Iterator[str]:
        given = [name for name in ("schema_id", "schema_registry") if getattr(self, name) is not None]
        if self.message_format == "confluent" and not given:
            yield f"{PREFIX}MESSAGE_FORMAT: confluent needs a schema id: set {PREFIX}SCHEMA_ID, or {PREFIX}SCHEMA_REGISTRY to look it up"
        if len(given) == 2:
            yield f"{PREFIX}SCHEMA_ID: the id is either fixed or looked up in {PREFIX}SCHEMA_REGISTRY; unset one of them"
        if self.schema_registry_auth_file and not self.schema_registry:
            yield f"{PREFIX}SCHEMA_REGISTRY_AUTH_FILE: it needs {PREFIX}SCHEMA_REGISTRY, which is not set"

    def topic(self, name: str) -> str:
        """Return the full name of one of our topics: avro, json, dead-letters, ledger, salts."""
        return f"{self.prefix}-{name}"

    def client(self) -> dict[str, str]:
        """Return the options of every librdkafka client; raises SettingsError with all errors of the client file."""
        return {"bootstrap.servers": self.bootstrap_servers, **CLIENT, **self._from_file()}

    def _from_file(self) -> Mapping[str, str]:
        if self.client_file is None:
            return {}
        variable = f"{PREFIX}CLIENT_FILE"
        try:
            lines = self.client_file.read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise SettingsError([f"{variable}: {self.client_file} cannot be read: {error}"]) from error
        found, faults = {}, []
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line or line.startswith("#"):
                continue
            name, equals, value = map(str.strip, line.partition("="))
            if not equals or not name:
                faults.append(f"{variable}: {self.client_file}, line {number}: expected name=value")
            elif name in OURS:
                faults.append(f"{variable}: {self.client_file}, line {number}: {name} is set by headrace; its guarantees depend on it")
            else:
                found[name] = value
        if faults:
            raise SettingsError(faults)
        return found

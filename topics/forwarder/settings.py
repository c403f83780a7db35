"""All HEADRACE_FORWARDER_* variables: type, default, meaning."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from startup.hosts import ALLOWED_HOSTS, AllowedHosts
from startup.settings import ServiceSettings

PREFIX = "HEADRACE_FORWARDER_"


class ForwarderSettings(ServiceSettings):
    """The settings of the forwarder."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    topic_directory: Path = Field(default=Path("var/topics/clickstream-avro"), description="Directory of the collector's local topic.")
    topic: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9._-]{1,249}$",
        description="Full name of the topic on Kafka, if no converter reads it; unset: the topic of the records.",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address of the port for health and metrics; never public.")
    port: int = Field(default=8292, ge=0, le=65535, description="Port for health and metrics.")
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    window: int = Field(default=4000, ge=1, le=50_000, description="Maximum messages in flight to Kafka.")

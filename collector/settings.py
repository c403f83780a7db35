"""Every HEADRACE_COLLECTOR_* variable: its type, its default, what it means."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

import schemas
from collector.addresses import Network
from collector.sources import FILE, SiteName
from startup.hosts import ALLOWED_HOSTS, AllowedHosts
from startup.settings import ServiceSettings

PREFIX = "HEADRACE_COLLECTOR_"
_SCHEMAS = Path(schemas.__file__).parent


class Settings(ServiceSettings):
    """The collector's settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    host: str = Field(default="127.0.0.1", min_length=1, description="Address that the public port listens on.")
    port: int = Field(default=8290, ge=0, le=65535, description="Public port: events and scripts.")
    internal_host: str = Field(default="127.0.0.1", min_length=1, description="Address that the internal port listens on; never public.")
    internal_port: int = Field(
        default=8291, ge=0, le=65535, description="Internal port: health, metrics, ledger, and events of trusted sources."
    )
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    sources_file: Path = Field(default=FILE, description="The sources of events, in TOML: their paths, mappings, topics, scripts.")
    sites: Annotated[tuple[SiteName, ...], NoDecode] = Field(
        default=(), description="Sites whose events the tracker's sources take, separated by commas; none named: any, with a warning."
    )
    max_event_age_days: float = Field(
        default=14, gt=0, le=36_525, description="Age of the oldest event that is taken from a page; trusted sources may send older ones."
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Processes that take events, each with a spool of its own; 1 is a collector without a parent."
    )
    ack: Literal["spool", "broker", "both"] = Field(
        default="spool", description="What an answer waits for: the local topic (spool), Kafka without one (broker), or both."
    )
    topic_directory: Path = Field(
        default=Path("var/topics/clickstream-avro"), description="Directory of the local topic; one collector writes to it."
    )
    max_unread_bytes: int = Field(
        default=2 << 30, ge=1 << 20, description="Bytes that may wait for a reader; beyond that pages are told to come later."
    )
    disk_reserve_bytes: int | None = Field(
        default=None,
        ge=0,
        description="Free bytes of the topic's disk below which pages are told to come later; "
        "None: the larger of 1 GiB and 5 % of the disk, 0: no reserve.",
    )
    duplicate_memory: int = Field(
        default=1_000_000, ge=1, le=1 << 28, description="Events that are remembered to flag repeats of Divolte's, 8 bytes each."
    )
    key_file: Path = Field(
        default=Path("var/secrets/partition-key"), description="File of the secret behind partition keys; made at the first start."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=("127.0.0.0/8", "::1/128"),
        validate_default=True,
        description="Networks whose X-Forwarded-For is believed, separated by commas.",
    )
    query_parameters: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Query parameters of pages that are kept besides utm_* and click ids, separated by commas."
    )
    mask_titles: bool = Field(default=True, description="Put (email) in the place of e-mail addresses in titles of pages.")
    mask_parameters: bool = Field(
        default=True, description="Put (email) in the place of e-mail addresses in event parameters and product ids."
    )
    schema_file: Path = Field(default=_SCHEMAS / "clickstream.avsc", description="Avro schema of the records.")
    mapping_file: Path = Field(default=_SCHEMAS / "clickstream_mapping.py", description="Mapping from events to records, in Python.")
    places: Path | None = Field(default=None, description="Place database (.mmdb) for mappings that ask where an address is.")
    max_url_bytes: int = Field(default=32768, ge=256, le=1 << 20, description="Longest address of a request.")
    max_header_bytes: int = Field(default=16384, ge=256, le=1 << 20, description="Largest header of a request.")
    max_headers: int = Field(default=64, ge=1, le=4096, description="Most lines of a request's header.")
    max_body_bytes: int = Field(default=256 * 1024, ge=1024, le=16 << 20, description="Largest body of a request.")
    max_connections: int = Field(default=2048, ge=1, le=1 << 20, description="Connections that each port of a process has open at most.")
    max_connections_per_client: int = Field(
        default=256, ge=1, le=1 << 20, description="Connections that one address has open at most, unless it is a trusted proxy."
    )
    rate_per_second: float = Field(
        default=20,
        ge=0,
        description="Requests a second that one network (/24 of IPv4, /64 of IPv6) may send in the long run, unless it is a trusted proxy; "
        "0: any number.",
    )
    rate_burst: int = Field(default=200, ge=1, description="Requests that it may send at once after a silence.")
    bytes_per_minute: int = Field(
        default=8 << 20,
        ge=0,
        description="Bytes a minute that one network may have stored, rejections included, unless it is a trusted proxy; 0: any number.",
    )
    header_timeout_seconds: float = Field(
        default=5, gt=0, le=600, description="Time within which a header must have come whole, from its first byte."
    )
    body_timeout_seconds: float = Field(default=10, gt=0, le=600, description="Time within which a body must have come whole.")
    idle_timeout_seconds: float = Field(default=15, gt=0, le=3600, description="Time after which a connection without a request is closed.")
    drain_timeout_seconds: int = Field(default=10, gt=0, le=600, description="Time that open requests get to end when the collector stops.")

    @field_validator("trusted_proxies", "query_parameters", "sites", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

"""The settings of the collector, HEADRACE_COLLECTOR_*: type, default and meaning."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

import mapping
from collector.requests.client_ip import Network
from collector.sources import FILE, SiteName
from schemas.contract import SCHEMA_PATH
from startup.hosts import ALLOWED_HOSTS, AllowedHosts
from startup.settings import ServiceSettings

PREFIX = "HEADRACE_COLLECTOR_"


class Settings(ServiceSettings):
    """The collector's settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    host: str = Field(default="127.0.0.1", min_length=1, description="Address of the public port.")
    port: int = Field(default=8290, ge=0, le=65535, description="Public port: events and scripts.")
    internal_host: str = Field(default="127.0.0.1", min_length=1, description="Address of the internal port; never public.")
    internal_port: int = Field(
        default=8291, ge=0, le=65535, description="Internal port: health, metrics, ledger, and events of trusted sources."
    )
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    sources_file: Path = Field(default=FILE, description="Sources of events, in TOML: their paths, mappings, topics and scripts.")
    sites: Annotated[tuple[SiteName, ...], NoDecode] = Field(
        default=(), description="Sites that the tracker's sources accept, separated by commas; empty: any site, with a warning."
    )
    max_event_age_days: float = Field(
        default=14, gt=0, le=36_525, description="Maximum age of an event from a page; trusted sources may send older ones."
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Worker processes, each with its own spool; 1 runs the collector without a parent process."
    )
    ack: Literal["spool", "broker", "both"] = Field(
        default="spool", description="What a response waits for: the local topic (spool), Kafka without a local topic (broker), or both."
    )
    topic_directory: Path = Field(
        default=Path("var/topics/clickstream-avro"), description="Directory of the local topic; one collector writes to it."
    )
    max_unread_bytes: int = Field(
        default=2 << 30, ge=1 << 20, description="Maximum bytes that wait for a consumer; beyond it, events get 503."
    )
    disk_reserve_bytes: int | None = Field(
        default=None,
        ge=0,
        description="Free bytes on the topic's disk below which events get 503; "
        "None: the larger of 1 GiB and 5 % of the disk, 0: no reserve.",
    )
    duplicate_memory: int = Field(
        default=1_000_000, ge=1, le=1 << 28, description="Events remembered to flag duplicates from Divolte's sources, 8 bytes each."
    )
    key_file: Path = Field(
        default=Path("var/secrets/partition-key"), description="File of the secret for partition keys; created at the first start."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=("127.0.0.0/8", "::1/128"),
        validate_default=True,
        description="Networks whose X-Forwarded-For is trusted, separated by commas.",
    )
    query_parameters: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Query parameters of page URLs to keep besides utm_* and click ids, separated by commas."
    )
    mask_titles: bool = Field(default=True, description="Replace e-mail addresses in page titles with (email).")
    mask_parameters: bool = Field(default=True, description="Replace e-mail addresses in event parameters and product ids with (email).")
    schema_file: Path = Field(default=SCHEMA_PATH, description="Avro schema of the records.")
    mapping_file: Path = Field(
        default=Path(mapping.__file__).with_name("clickstream.py"), description="Mapping from events to records, in Python."
    )
    places: Path | None = Field(default=None, description="Place database (.mmdb) for mappings that look up a client IP.")
    max_url_bytes: int = Field(default=32768, ge=256, le=1 << 20, description="Maximum length of a request URL.")
    max_header_bytes: int = Field(default=16384, ge=256, le=1 << 20, description="Maximum size of a request's header.")
    max_headers: int = Field(default=64, ge=1, le=4096, description="Maximum number of header lines of a request.")
    max_body_bytes: int = Field(default=256 * 1024, ge=1024, le=16 << 20, description="Maximum size of a request body.")
    max_connections: int = Field(default=2048, ge=1, le=1 << 20, description="Maximum open connections for each port of a process.")
    max_connections_per_client: int = Field(
        default=256, ge=1, le=1 << 20, description="Maximum open connections of one client IP; trusted proxies are exempt."
    )
    rate_per_second: float = Field(
        default=20,
        ge=0,
        description="Sustained requests per second of one network (/24 of IPv4, /64 of IPv6); trusted proxies are exempt; 0: no limit.",
    )
    rate_burst: int = Field(default=200, ge=1, description="Burst of requests of one network after a silence.")
    bytes_per_minute: int = Field(
        default=8 << 20,
        ge=0,
        description="Bytes per minute stored for one network, rejections included; trusted proxies are exempt; 0: no limit.",
    )
    header_timeout_seconds: float = Field(default=5, gt=0, le=600, description="Time to receive a whole header, from its first byte.")
    body_timeout_seconds: float = Field(default=10, gt=0, le=600, description="Time to receive a whole body.")
    idle_timeout_seconds: float = Field(default=15, gt=0, le=3600, description="Time after which an idle connection is closed.")
    drain_timeout_seconds: int = Field(default=10, gt=0, le=600, description="Time for open requests to finish when the collector stops.")

    @field_validator("trusted_proxies", "query_parameters", "sites", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

"""All HEADRACE_STREAMS_* variables: type, default, meaning."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from schemas.contract import SCHEMA_PATH
from startup.hosts import ALLOWED_HOSTS, AllowedHosts
from startup.settings import ServiceSettings

PREFIX = "HEADRACE_STREAMS_"

PlaceDetail = Literal["city", "country", "off"]


class Settings(ServiceSettings):
    """The settings of the converter."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    topic: Annotated[str, Field(min_length=1, description="Name of the topic to read; the position is stored under this name.")] = (
        "clickstream-avro"
    )
    schema_path: Annotated[Path, Field(description="Avro schema that defines the columns of a row.")] = SCHEMA_PATH
    salts: Annotated[Path, Field(description="File of the daily salts, mode 0600; never back it up.")] = Path("var/secrets/salts.json")
    places: Annotated[
        Path, Field(description="Place database (mmdb), reloaded when it changes; if it is missing, rows have no places.")
    ] = Path("var/places.mmdb")
    place_detail: Annotated[PlaceDetail, Field(description="Detail of places in a row: city, country or off.")] = "city"
    session_timeout_seconds: Annotated[int, Field(gt=0, description="Inactivity that ends a session.")] = 1800
    late_after_days: Annotated[int, Field(gt=0, description="An event that arrives later than this is flagged is_late.")] = 7
    batch_messages: Annotated[int, Field(gt=0, le=100_000, description="Maximum messages per commit.")] = 8000
    idle_milliseconds: Annotated[int, Field(gt=0, le=1000, description="Maximum pause between two polls of an idle topic.")] = 20
    window_hours: Annotated[int, Field(ge=24, le=24 * 30, description="On Kafka: how long event ids and sessions are remembered.")] = 24
    memory_bytes: Annotated[
        int | None,
        Field(
            ge=1 << 20,
            description="On Kafka: maximum memory for event ids and sessions; None: half of the memory of the machine or container.",
        ),
    ] = None
    instance: Annotated[
        str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="On Kafka: name of this converter in its group, kept across restarts.")
    ] = "converter"
    host: Annotated[str, Field(min_length=1, description="On Kafka: address of the port for health and metrics.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="On Kafka: port for health and metrics; 0 picks a free one.")] = 8292
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    remembered_sessions: Annotated[int, Field(gt=0, description="Sessions kept in memory; others are read from the sink.")] = 50_000

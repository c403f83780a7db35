"""Every HEADRACE_STREAMS_* variable: type, default, meaning."""

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
    """What the operator may decide about the converter."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    topic: Annotated[str, Field(min_length=1, description="Name of the topic that is read; the position is kept under it.")] = (
        "clickstream-avro"
    )
    schema_path: Annotated[Path, Field(description="Avro schema that the columns of a row follow.")] = SCHEMA_PATH
    salts: Annotated[Path, Field(description="File of the daily salts, mode 0600; never to be backed up.")] = Path("var/secrets/salts.json")
    places: Annotated[Path, Field(description="Place database (mmdb); read again when it changes, absent: no places.")] = Path(
        "var/places.mmdb"
    )
    place_detail: Annotated[PlaceDetail, Field(description="How much of a place a row keeps: city, country or off.")] = "city"
    session_timeout_seconds: Annotated[int, Field(gt=0, description="Silence that ends a session.")] = 1800
    late_after_days: Annotated[int, Field(gt=0, description="An event that arrives later than this is flagged is_late.")] = 7
    batch_messages: Annotated[int, Field(gt=0, le=100_000, description="Most messages of one commit.")] = 8000
    idle_milliseconds: Annotated[int, Field(gt=0, le=1000, description="Longest pause between two looks at an idle topic.")] = 20
    window_hours: Annotated[int, Field(ge=24, le=24 * 30, description="On Kafka: how long event ids and sessions are remembered.")] = 24
    memory_bytes: Annotated[
        int | None,
        Field(
            ge=1 << 20,
            description="On Kafka: bytes that remembered event ids and sessions may take; "
            "None: half of what the machine or the container has.",
        ),
    ] = None
    instance: Annotated[
        str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$", description="On Kafka: name of this converter in its group; a restart keeps it.")
    ] = "converter"
    host: Annotated[str, Field(min_length=1, description="On Kafka: address of health and metrics.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="On Kafka: port of health and metrics; 0 takes a free one.")] = 8292
    allowed_hosts: AllowedHosts = Field(default=(), description=ALLOWED_HOSTS)
    remembered_sessions: Annotated[int, Field(gt=0, description="Sessions kept in memory; others are asked of the sink.")] = 50_000

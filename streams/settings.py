"""Every HEADRACE_STREAMS_* variable: type, default, meaning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.contract import SCHEMA_PATH
from streams.errors import SettingsError

PREFIX = "HEADRACE_STREAMS_"

PlaceDetail = Literal["city", "country", "off"]


class Settings(BaseSettings):
    """What the operator may decide about the converter."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

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
    batch_messages: Annotated[int, Field(gt=0, le=100_000, description="Most messages of one commit.")] = 4000
    idle_milliseconds: Annotated[int, Field(gt=0, le=1000, description="Longest pause between two looks at an idle topic.")] = 20
    remembered_sessions: Annotated[int, Field(gt=0, description="Sessions kept in memory; others are asked of the sink.")] = 50_000


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables; raises SettingsError with all problems, one line each."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    problems = [f"{name}: there is no such setting; known are {', '.join(sorted(known))}" for name in sorted(given.keys() - known.keys())]
    try:
        settings = Settings.model_validate({known[name]: value for name, value in given.items() if name in known})
    except ValidationError as error:
        problems += [f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}, not {fault['input']!r}" for fault in error.errors()]
    if problems:
        raise SettingsError("\n".join(problems))
    return settings

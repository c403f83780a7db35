"""Settings of the simulator's two programs, each read once from its environment variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from simulator.errors import SettingsError

PLACES_PATH = Path(__file__).parents[1] / "enrichment" / "data" / "places.csv"


class _Settings(BaseSettings):
    """Settings that are handed in: the environment is read once, in __main__."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is handed in and nothing else."""
        return (init_settings,)


class ShopSettings(_Settings):
    """Settings of the demo shop."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_SHOP_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    collector_url: str = Field(
        "http://127.0.0.1:8290", pattern=r"^https?://", description="Public port of the collector that the shop fronts."
    )


class VisitsSettings(_Settings):
    """Settings of the simulated visits."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_VISITS_", frozen=True, extra="forbid")

    shop_url: str = Field("http://127.0.0.1:8000", pattern=r"^https?://", description="The shop that is visited.")
    rate: float = Field(12, gt=0, le=60_000, description="Visits that begin in a minute.")
    seed: str = Field("headrace", description="What the visits are drawn from: the same seed gives the same visits.")
    pace: float = Field(1, ge=0, description="Factor on the time between two pages; 0 does not wait.")
    count: int = Field(0, ge=0, description="Number of visits after which the program ends; 0 for no end.")
    duration_seconds: float = Field(0, ge=0, description="Time after which no visit begins any more; 0 for no end.")
    max_concurrent: int = Field(200, gt=0, description="Visits that may go on at the same time.")
    site: str = Field("shop", description="Name of the site in the events.")
    places: Path = Field(PLACES_PATH, description="CSV of networks with their places, from which visits come.")
    backfill_days: int = Field(0, ge=0, le=90, description="Days of past visits to send before the first one; 0 for none.")
    backfill_visits: int = Field(400, gt=0, le=100_000, description="Visits of a past day.")
    collector_internal_url: str = Field(
        "http://127.0.0.1:8291", pattern=r"^https?://", description="Internal port of the collector, for past visits only."
    )


S = TypeVar("S", bound=_Settings)


def read_settings(settings: type[S], environment: Mapping[str, str]) -> S:
    """Read settings; raises SettingsError with one line for each thing that is wrong."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    given: dict[str, Any] = {name[len(prefix) :].lower(): value for name, value in environment.items() if name.startswith(prefix)}
    try:
        return settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(prefix, fault) for fault in error.errors())) from None


def _line(prefix: str, fault: Any) -> str:
    variable = prefix + str(fault["loc"][0]).upper()
    if fault["type"] == "extra_forbidden":
        return f"{variable}: there is no such setting"
    return f"{variable}: {fault['msg']}, not {str(fault['input'])[:80]!r}"

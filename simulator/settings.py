"""Settings of the simulator's two programs, each read once from its environment variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from startup.settings import ServiceSettings

PLACES_PATH = Path(__file__).parents[1] / "enrichment" / "data" / "places.csv"


class ShopSettings(ServiceSettings):
    """Settings of the demo shop."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_SHOP_")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    collector_url: str = Field(
        "http://127.0.0.1:8290", pattern=r"^https?://", description="Public port of the collector that the shop fronts."
    )


class VisitsSettings(ServiceSettings):
    """Settings of the simulated visits."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_VISITS_")

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

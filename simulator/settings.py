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
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    collector_url: str = Field("http://127.0.0.1:8290", pattern=r"^https?://", description="Public port of the collector behind the shop.")


class VisitsSettings(ServiceSettings):
    """Settings of the simulated visits."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_VISITS_")

    shop_url: str = Field("http://127.0.0.1:8000", pattern=r"^https?://", description="URL of the shop to visit.")
    rate: float = Field(12, gt=0, le=60_000, description="Visits that start per minute.")
    seed: str = Field("headrace", description="Seed of the visits: the same seed gives the same visits.")
    pace: float = Field(1, ge=0, description="Factor for the time between two pages; 0 does not wait.")
    count: int = Field(0, ge=0, description="Number of visits after which the program exits; 0 for no limit.")
    duration_seconds: float = Field(0, ge=0, description="Time after which no new visit starts; 0 for no limit.")
    max_concurrent: int = Field(200, gt=0, description="Maximum concurrent visits.")
    site: str = Field("shop", description="Name of the site in the events.")
    places: Path = Field(PLACES_PATH, description="CSV of networks and their places that visits come from.")
    backfill_days: int = Field(0, ge=0, le=90, description="Days of past visits to send first; 0 for none.")
    backfill_visits: int = Field(400, gt=0, le=100_000, description="Visits per past day.")
    collector_internal_url: str = Field(
        "http://127.0.0.1:8291", pattern=r"^https?://", description="Internal port of the collector; used for past visits only."
    )

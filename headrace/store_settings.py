"""The HEADRACE_STORE_* variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from startup.settings import ServiceSettings


class StoreSettings(ServiceSettings):
    """Settings of the store itself; the converter and minidruid in it have their own."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_STORE_")

    topics: Path = Field(default=Path("var/topics"), description="Directory of the local topics.")

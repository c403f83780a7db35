"""The settings of a source of events on the public port: one table of the sources file."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

FILE: Final = Path(__file__).with_name("sources.toml")
MAX_COOKIE_SECONDS: Final = 395 * 86_400  # 13 months
TRUSTED: Final = "replay"  # the name of the source of the internal port

HttpPath = Annotated[str, Field(pattern=r"^/([A-Za-z0-9_./-]*[A-Za-z0-9_-])?$")]
TopicName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
CookieName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
SiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.-]+(:\d+)?)$")]


class Copy(BaseModel):
    """A second topic for the events of a source, with its own mapping and schema, for existing consumers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: TopicName
    mapping_file: Path
    schema_file: Path


class Source(BaseModel):
    """A source: its kind, paths, mapping, topic and limits, and the settings of its script."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str  # its name in collector/source_registry.py
    event_path: HttpPath
    site: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]{0,63})?$")
    sites: tuple[SiteName, ...] = ()
    mapping_file: Path | None = None
    schema_file: Path | None = None
    topic: TopicName | None = None
    copy_to: Copy | None = Field(default=None, alias="copy")
    compatibility: Literal["corrected", "strict"] = "corrected"
    drop_corrupted: bool = False
    drop_duplicates: bool = False
    event_prefix: str = Field(default="", pattern=r"^([A-Za-z][A-Za-z0-9_.:/-]{0,31})?$")
    allowed_origins: tuple[Origin, ...] = Field(default=("*",), min_length=1)
    rate_per_second: float | None = Field(default=None, ge=0)
    bytes_per_minute: int | None = Field(default=None, ge=0)
    script_path: HttpPath | None = None
    full_script: bool = False
    custom_script: Path | None = None
    party_cookie: CookieName = "_dvp"
    party_timeout_seconds: int = Field(default=730 * 86_400, gt=0, le=2**31 - 1)
    session_cookie: CookieName = "_dvs"
    session_timeout_seconds: int = Field(default=1800, gt=0, le=2**31 - 1)
    cookie_domain: str = Field(default="", pattern=r"^[A-Za-z0-9.-]*$")
    server_cookie: CookieName | None = None
    auto_page_view: bool = True
    party_parameter: str = Field(default="p", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    max_body_bytes: int = Field(default=4096, ge=1, le=16 << 20)

    @property
    def is_strict(self) -> bool:
        """Whether the source does exactly as Divolte does."""
        return self.compatibility == "strict"

    @field_validator("server_cookie")
    @classmethod
    def _check_server_cookie(cls, value: str | None, info: Any) -> str | None:
        if value is None:
            return value
        if info.data.get("compatibility") == "strict":
            raise ValueError("a strict source ignores GPC, and would set a cookie against it; leave out compatibility")
        if "*" in info.data.get("allowed_origins", "*"):
            raise ValueError("a source that sets a cookie lists its origins in allowed_origins; browsers send no cookie to '*'")
        if value.lower().startswith("__host-") and info.data.get("cookie_domain"):
            raise ValueError("a cookie of this name has no domain; use __Secure-, or leave out cookie_domain")
        return value

    @field_validator("copy_to")
    @classmethod
    def _check_copy(cls, value: Copy | None, info: Any) -> Copy | None:
        if value is not None and value.topic == info.data.get("topic"):
            raise ValueError("a copy goes to another topic than the source's own")
        return value

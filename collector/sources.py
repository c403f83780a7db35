"""The sources of events on the public port, as a TOML file describes them: a table each."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from startup.settings import SettingsError

FILE = Path(__file__).with_name("sources.toml")
MAX_COOKIE_SECONDS = 395 * 86_400  # 13 months

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_RESERVED = "replay"  # the source of what comes over the internal port

HttpPath = Annotated[str, Field(pattern=r"^/([A-Za-z0-9_./-]*[A-Za-z0-9_-])?$")]
TopicName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
CookieName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
SiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.-]+(:\d+)?)$")]


_FORMER_KINDS = {"browser": "divolte_tag", "json": "divolte_json"}


def current_kind(word: Any) -> Any:
    """Return the name of a source kind, from its present or former name."""
    return _FORMER_KINDS.get(word, word) if isinstance(word, str) else word


class Copy(BaseModel):
    """The same events once more, for consumers that are there already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: TopicName
    mapping_file: Path
    schema_file: Path


class Source(BaseModel):
    """One source: where its events come in, what becomes of them, and what its script is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Annotated[Literal["tracker", "divolte_tag", "divolte_json"], BeforeValidator(current_kind)]
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
    def event_paths(self) -> tuple[str, ...]:
        """Give the paths of its events: Divolte takes a slash at the end as well."""
        return (self.event_path,) if self.kind == "tracker" else (self.event_path, self.event_path.rstrip("/") + "/")

    @property
    def is_strict(self) -> bool:
        """Whether it does as Divolte does, to the letter."""
        return self.compatibility == "strict"

    @field_validator("sites")
    @classmethod
    def _are_named_by_its_events(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        if value and info.data.get("kind") != "tracker":
            raise ValueError("only events of kind tracker name a site; those of the other kinds are of the one that the key site names")
        return value

    @field_validator("server_cookie")
    @classmethod
    def _can_be_set(cls, value: str | None, info: Any) -> str | None:
        known = info.data
        if value is None:
            return value
        if known.get("kind") == "divolte_json":
            raise ValueError("a server has no cookies; sources of kind tracker and divolte_tag can set one")
        if known.get("compatibility") == "strict":
            raise ValueError("a strict source hears no GPC, and would set it against a visitor's word; leave out compatibility")
        if "*" in known.get("allowed_origins", "*"):
            raise ValueError("a source that sets a cookie lists the origins it is for in allowed_origins; browsers send none to '*'")
        if value.lower().startswith("__host-") and known.get("cookie_domain"):
            raise ValueError("a cookie of this name has no domain; take __Secure-, or leave out cookie_domain")
        if known.get("kind") == "divolte_tag" and value in (known.get("party_cookie"), known.get("session_cookie")):
            raise ValueError("the script keeps its own cookie of this name, and could not write one of the server's; take another")
        return value

    @field_validator("copy_to")
    @classmethod
    def _is_elsewhere(cls, value: Copy | None, info: Any) -> Copy | None:
        if value is not None and value.topic == info.data.get("topic"):
            raise ValueError("a copy goes to another topic than the source's own")
        return value


def warnings(sources: Sequence[Source], sites: Sequence[str]) -> list[str]:
    """Return what an operator should know of the sources; `sites` are those of a source that names none."""
    remedy = "list them in HEADRACE_COLLECTOR_SITES, or in the source's table as sites"
    unbound = [source.name for source in sources if source.kind == "tracker" and not (source.sites or sites)]
    return [f"source {name} takes events of any site; {remedy}" for name in unbound]


def load_sources(path: Path = FILE) -> tuple[Source, ...]:
    """Read the sources; raises SettingsError with all that is wrong, a line each. Paths are relative to the file."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError([f"{path}: {error}"]) from error
    found: list[Source] = []
    faults: list[str] = []
    for name, table in tables.items():
        try:
            found.append(_source(path, name, table))
        except SettingsError as error:
            faults += error.faults
    faults += [f"{path}: {fault}" for fault in _shared(found)]
    if faults:
        raise SettingsError(faults)
    return tuple(found)


def _source(path: Path, name: str, table: object) -> Source:
    where = f"{path}, [{name}]"
    if not isinstance(table, Mapping):
        raise SettingsError([f"{path}: {name} stands outside of a table; a source is [name] with its keys"])
    if not _NAME.fullmatch(name) or name == _RESERVED:
        raise SettingsError([f"{where}: a source's name is 1 to 32 of a-z, 0-9, _ and -, and not {_RESERVED!r}"])
    try:
        source = Source.model_validate({**table, "name": name})
    except ValidationError as error:
        raise SettingsError([f"{where}: {_told(fault)}" for fault in error.errors()]) from error
    return _located(source, path.parent)


def _told(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = Copy.model_fields if "copy" in fault["loc"][:-1] else [*Source.model_fields, "copy"]
        near = get_close_matches(key.rpartition(".")[2], known, n=1)
        return f"there is no key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if fault["type"] == "missing":
        return f"{key} is missing"
    return f"{key}: {fault['msg']}, not {str(fault['input'])[:80]!r}"


def _located(source: Source, folder: Path) -> Source:
    copy = source.copy_to
    return source.model_copy(
        update={
            "site": source.site or source.name,
            "mapping_file": source.mapping_file and folder / source.mapping_file,
            "schema_file": source.schema_file and folder / source.schema_file,
            "custom_script": source.custom_script and folder / source.custom_script,
            "copy_to": copy
            and copy.model_copy(update={"mapping_file": folder / copy.mapping_file, "schema_file": folder / copy.schema_file}),
        }
    )


def _shared(sources: Sequence[Source]) -> Iterator[str]:
    """Tell which paths two sources want."""
    paths = Counter(path for source in sources for path in (source.event_path, source.script_path) if path)
    for path, count in paths.items():
        if count > 1:
            owners = ", ".join(f"[{source.name}]" for source in sources if path in (source.event_path, source.script_path))
            yield f"{owners}: {path} is wanted more than once; each source has paths of its own"

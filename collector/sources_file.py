"""The sources file: one TOML table per source."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from collector.source_kind import SourceKind
from collector.source_registry import SOURCE_KINDS, find_kind
from collector.sources import FILE, TRUSTED, Copy, Source
from startup.settings import SettingsError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def warnings(sources: Sequence[Source], sites: Sequence[str]) -> list[str]:
    """Return what an operator should know about the sources; `sites` are those of sources that list none."""
    remedy = "list them in HEADRACE_COLLECTOR_SITES, or in the source's table as sites"
    unbound = [source.name for source in sources if SOURCE_KINDS[source.kind].names_site and not (source.sites or sites)]
    return [f"source {name} takes events of any site; {remedy}" for name in unbound]


def load_sources(path: Path = FILE) -> tuple[Source, ...]:
    """Read the sources; raises SettingsError with all faults, one line each. Paths are relative to the file."""
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
    faults += [f"{path}: {fault}" for fault in _path_faults(found)]
    if faults:
        raise SettingsError(faults)
    return tuple(found)


def _source(path: Path, name: str, table: object) -> Source:
    where = f"{path}, [{name}]"
    if not isinstance(table, Mapping):
        raise SettingsError([f"{path}: {name} is outside of a table; a source is a table [name] with its keys"])
    if not _NAME.fullmatch(name) or name == TRUSTED:
        raise SettingsError([f"{where}: the name of a source is 1 to 32 of a-z, 0-9, _ and -, and not {TRUSTED!r}"])
    keys = {**table, "name": name}
    faults: list[str] = []
    kind = None
    if isinstance(keys.get("kind"), str):
        kind = find_kind(keys["kind"])
        if kind is None:
            faults.append(f"kind: must be one of {', '.join(SOURCE_KINDS)}, not {keys['kind'][:80]!r}")
        else:
            keys["kind"] = kind.name
            faults += _key_faults(keys, kind)
    source = None
    try:
        source = Source.model_validate(keys)
    except ValidationError as error:
        faults += map(_describe, error.errors())
    if source is None or kind is None or faults:
        raise SettingsError([f"{where}: {fault}" for fault in faults])
    if source.server_cookie and source.server_cookie in [getattr(source, key) for key in kind.script_cookies]:
        raise SettingsError([f"{where}: server_cookie: the script has its own cookie of this name; choose another name"])
    return _with_absolute_paths(source, path.parent)


def _key_faults(keys: dict[str, Any], kind: SourceKind) -> Iterator[str]:
    """Remove the keys that a source of this kind does not have, and describe each."""
    if not kind.is_browser and keys.pop("server_cookie", None):
        kinds = " and ".join(one.name for one in SOURCE_KINDS.values() if one.is_browser)
        yield f"server_cookie: a server has no cookies; only sources of kind {kinds} can set one"
    if not kind.names_site and isinstance(keys.get("sites"), list) and keys.pop("sites"):
        kinds = " and ".join(one.name for one in SOURCE_KINDS.values() if one.names_site)
        yield f"sites: only events of kind {kinds} name a site; events of this source have the site of the key site"


def _describe(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = Copy.model_fields if "copy" in fault["loc"][:-1] else [*Source.model_fields, "copy"]
        near = get_close_matches(key.rpartition(".")[2], known, n=1)
        return f"there is no key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if fault["type"] == "missing":
        return f"{key} is missing"
    return f"{key}: {fault['msg']}, not {str(fault['input'])[:80]!r}"


def _with_absolute_paths(source: Source, folder: Path) -> Source:
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


def _path_faults(sources: Sequence[Source]) -> Iterator[str]:
    """Describe the paths that more than one source has."""
    paths = Counter(path for source in sources for path in (source.event_path, source.script_path) if path)
    for path, count in paths.items():
        if count > 1:
            owners = ", ".join(f"[{source.name}]" for source in sources if path in (source.event_path, source.script_path))
            yield f"{owners}: {path} is used more than once; each source has its own paths"

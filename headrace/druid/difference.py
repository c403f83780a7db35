"""Differences between a spec and the one that Druid returns, which has defaults filled in and durations in another form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_SECRET = re.compile(r"password|secret|jaas|key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs in Druid, by its path; None if there is no value."""

    path: str
    old: Any
    new: Any

    def shown(self) -> dict[str, Any]:
        """Return path, old and new value for display, with secrets masked."""
        is_secret = "/consumerProperties/" in self.path and _SECRET.search(self.path)
        return {"path": self.path, "old": "***" if is_secret and self.old else self.old, "new": "***" if is_secret else self.new}


def differences(old: Any, new: Any, path: str) -> Iterator[Difference]:
    """Compare each value in `new`; values that are only in `old` are Druid's defaults."""
    if isinstance(new, Mapping) and new and (old is None or isinstance(old, Mapping)):
        for key, value in new.items():
            yield from differences((old or {}).get(key), value, f"{path}/{key}")
    elif _is_named(new) and _is_named(old):
        before = _by_name(old)
        for name, item in _by_name(new).items():
            yield from differences(before[name], item, f"{path}/{name}") if name in before else (Difference(f"{path}/{name}", None, item),)
    elif _is_list(new) and _is_list(old) and len(new) == len(old):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{path}/{number}")
    elif not _is_same(old, new):
        yield Difference(path, old, new)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_named(value: Any) -> bool:
    return _is_list(value) and bool(value) and all(isinstance(item, Mapping) and "name" in item for item in value)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {item["name"]: item for item in items}


def _is_same(old: Any, new: Any) -> bool:
    if isinstance(old, str) and isinstance(new, str):
        return old == new or ((seconds := _seconds(old)) is not None and seconds == _seconds(new))
    if isinstance(old, Mapping) and isinstance(new, str):
        return dict(old) == {"type": new.lower()}  # "NONE" comes back as {"type": "none"}
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _seconds(text: str) -> float | None:
    """Return the length of an ISO 8601 duration, or None for other texts: Druid returns PT1H as PT3600S."""
    if (found := _DURATION.fullmatch(text)) is None or text[-1] in "PT":
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

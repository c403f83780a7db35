"""The parts of a user agent: the names are those of Divolte's mappings, the data is the converter's."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from enrichment.bots import find_bot_reasons
from enrichment.device import Device, find_device

_CATEGORIES: Final = MappingProxyType(
    {"mobile": "Smartphone", "tablet": "Tablet", "desktop": "Personal computer", "tv": "Smart TV", "bot": "Other"}
)
_TYPES: Final = MappingProxyType(
    {"mobile": "Mobile Browser", "tablet": "Mobile Browser", "desktop": "Browser", "tv": "Browser", "bot": "Robot"}
)
_BOT_TYPES: Final = MappingProxyType({"http_library": "Library", "feed_reader": "Feed Reader"})
_VENDORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Chrome": "Google Inc.",
        "Edge": "Microsoft Corporation.",
        "IE": "Microsoft Corporation.",
        "Firefox": "Mozilla Foundation",
        "Safari": "Apple Inc.",
        "Opera": "Opera Software ASA.",
        "Samsung Internet": "Samsung",
    }
)
_SYSTEM_VENDORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Mac OS X": "Apple Computer, Inc.",
        "iOS": "Apple Inc.",
        "Windows": "Microsoft Corporation.",
        "Android": "Google, Inc.",
        "Chrome OS": "Google Inc.",
    }
)
_UNKNOWN: Final = "unknown"


def part(user_agent: str, name: str, *, is_strict: bool) -> str | None:
    """Return one part of a user agent. For a part that it does not know, Divolte returns unknown or an empty text."""
    device = find_device(user_agent)
    found = _PARTS[name](device, user_agent)
    if found is None and is_strict:
        return _UNKNOWN if name in ("name", "family") else ""
    return found


def _browser(device: Device, _user_agent: str) -> str | None:
    return device.browser


def _type(device: Device, user_agent: str) -> str | None:
    if device.device_type != "bot":
        return _TYPES.get(device.device_type)
    return next((_BOT_TYPES[reason] for reason in find_bot_reasons(user_agent) if reason in _BOT_TYPES), "Robot")


def _vendor(device: Device, _user_agent: str) -> str | None:
    name = (device.browser or "").removeprefix("Mobile ").removeprefix("Headless").removesuffix(" Mobile WebView").removesuffix(" Mobile")
    return _VENDORS.get(name)


_PARTS: Final[Mapping[str, Callable[[Device, str], str | None]]] = {
    "name": _browser,
    "family": _browser,
    "vendor": _vendor,
    "type": _type,
    "version": lambda device, _: device.browser_version,
    "device_category": lambda device, _: _CATEGORIES.get(device.device_type),
    "os_family": lambda device, _: device.os,
    "os_version": lambda device, _: device.os_version,
    "os_vendor": lambda device, _: _SYSTEM_VENDORS.get(device.os or ""),
}

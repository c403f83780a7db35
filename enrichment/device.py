"""Device, browser and operating system of a user agent, from one parse with uap-core's patterns."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from ua_parser import Parser, Result
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver
from user_agents.parsers import (  # type: ignore[import-untyped]  # the package carries no types
    UserAgent,
    parse_browser,
    parse_device,
    parse_operating_system,
)

from enrichment.bots import MAX_AGENT_LENGTH, find_bot_reasons

CACHED_AGENTS = 8_192

TV = re.compile(
    r"Smart-?TV|Google ?TV|Apple ?TV|Android TV|HbbTV|NetCast|Web0S|webOS\.TV|Tizen.{1,100}\bTV\b"
    r"|BRAVIA|Roku/|\bAFT[A-Z]\w*|CrKey|VIDAA"
    # Consoles are connected to a television, and no other device type fits them.
    r"|Xbox|PlayStation [3-9]|Nintendo (?:Wii|Switch)",
    re.IGNORECASE,
)
TABLET = re.compile(r"\bTablet\b(?! PC)|\biPad\b")
# Without "Mobile Safari", user-agents reports a tablet, but a phone may name another browser between the two words.
PHONE = re.compile(r"Android.*\bMobile\b(?! Safari)")
NO_NAME = frozenset({"Other", "Generic", "Generic_Android", "Generic_Android_Tablet", "Generic_Inettv", "Spider"})
# What Chrome has sent instead of the model since version 110, and the placeholders of patterns without a model.
NO_MODEL = frozenset({"K", "Smartphone", "Feature Phone", "Tablet", "Inettv"})


@dataclass(frozen=True, slots=True)
class Device:
    """The device and the browser that an agent describes; None for each part that it does not state."""

    device_type: str  # desktop, mobile, tablet, tv, bot or unknown
    device_brand: str | None = None
    device_model: str | None = None
    browser: str | None = None
    browser_version: str | None = None  # major
    os: str | None = None
    os_version: str | None = None  # major and minor


UNKNOWN = Device("unknown")


def find_device(user_agent: str | None) -> Device:
    """Return the device of an agent. The type is `bot` exactly where `find_bot_reasons` returns a reason."""
    return _find_device(user_agent and user_agent[:MAX_AGENT_LENGTH])


@lru_cache(maxsize=CACHED_AGENTS)
def _find_device(user_agent: str | None) -> Device:
    if not user_agent:
        return UNKNOWN
    parsed = _parser().parse(user_agent)
    brand, model = _brand_and_model(parsed)
    browser, system = parsed.user_agent, parsed.os
    return Device(
        device_type=_device_type(user_agent, parsed),
        device_brand=brand,
        device_model=model,
        browser=browser.family if browser else None,
        browser_version=browser.major if browser else None,
        os=system.family if system else None,
        os_version=".".join(part for part in (system.major, system.minor) if part) or None if system else None,
    )


@cache
def _parser() -> Parser:
    return Parser(Resolver(load_lazy_builtins()))


class _Classes(UserAgent):  # type: ignore[misc]  # untyped base
    """The device classes of user-agents, computed from an existing parse."""

    def __init__(self, user_agent: str, parsed: Result) -> None:
        known = parsed.with_defaults()
        system, browser, device = known.os, known.user_agent, known.device
        self.ua_string = user_agent
        self.os = parse_operating_system(system.family, system.major, system.minor, system.patch, system.patch_minor)
        self.browser = parse_browser(browser.family, browser.major, browser.minor, browser.patch, browser.patch_minor)
        self.device = parse_device(device.family, device.brand, device.model)


def _device_type(user_agent: str, parsed: Result) -> str:
    if find_bot_reasons(user_agent):
        return "bot"
    if TV.search(user_agent):
        return "tv"
    classes = _Classes(user_agent, parsed)
    is_phone = PHONE.search(user_agent) is not None
    if TABLET.search(user_agent) or (classes.is_tablet and not is_phone):
        return "tablet"
    if classes.is_mobile or is_phone:
        return "mobile"
    return "desktop" if classes.is_pc or "X11;" in user_agent else "unknown"


def _brand_and_model(parsed: Result) -> tuple[str | None, str | None]:
    device = parsed.device
    if device is None or device.brand is None or device.brand in NO_NAME:
        return None, None
    return device.brand, None if device.model in NO_MODEL else device.model

"""Devices: the six types, and the browser, system and model of an agent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.bots import find_bot_reasons
from enrichment.device import Device, find_device

ANDROID = "Mozilla/5.0 (Linux; Android 14; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 {}Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 Version/17.2 Mobile/15E148 Safari/604.1"
IPAD = IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS")
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (WINDOWS, Device("desktop", None, None, "Chrome", "140", "Windows", "10")),
        (WINDOWS + " Edg/140.0.0.0", Device("desktop", None, None, "Edge", "140", "Windows", "10")),
        (MAC, Device("desktop", "Apple", "Mac", "Safari", "18", "Mac OS X", "10.15")),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            Device("desktop", None, None, "Firefox", "140", "Ubuntu", None),
        ),
        (IPHONE, Device("mobile", "Apple", "iPhone", "Mobile Safari", "17", "iOS", "17.2")),
        (IPAD, Device("tablet", "Apple", "iPad", "Mobile Safari", "17", "iOS", "17.2")),
        (ANDROID.format("Pixel 8", "Mobile "), Device("mobile", "Google", "Pixel 8", "Chrome Mobile", "140", "Android", "14")),
    ],
)
def test_a_device_is_read_whole(agent: str, device: Device) -> None:
    assert find_device(agent) == device


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (ANDROID.format("SM-X910", ""), "tablet"),
        ("Mozilla/5.0 (Android 15; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0", "tablet"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "mobile"),
        (ANDROID.format("K", "Mobile DuckDuckGo/5 "), "mobile"),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en) Presto/2.5.25 Version/10.54", "mobile"),
        ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)", "desktop"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "desktop"),
        ("Mozilla/5.0 (X11; FreeBSD amd64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "desktop"),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36",
            "tv",
        ),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1", "tv"),
        ("Roku/DVP-9.10 (519.10E04111A)", "tv"),
        (ANDROID.format("AFTMM Build/PS7242", ""), "tv"),
        (ANDROID.format("BRAVIA 4K UR2", ""), "tv"),
        ("Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15", "tv"),
        (WINDOWS.replace("x64)", "x64; Xbox; Xbox Series X)"), "tv"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        (WINDOWS.replace("Chrome/", "HeadlessChrome/"), "bot"),
        ("Something/1.0", "unknown"),
    ],
)
def test_a_device_is_one_of_six_kinds(agent: str, kind: str) -> None:
    assert find_device(agent).device_type == kind


@pytest.mark.parametrize("agent", [None, ""])
def test_without_an_agent_nothing_is_known(agent: str | None) -> None:
    assert find_device(agent) == Device("unknown")


def test_a_placeholder_for_a_model_is_not_a_model() -> None:
    device = find_device(ANDROID.replace("Android 14", "Android 10").format("K", "Mobile "))
    assert (device.device_type, device.device_brand, device.device_model) == ("mobile", None, None)


def test_a_bot_has_no_maker() -> None:
    device = find_device("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    assert (device.device_brand, device.device_model, device.browser) == (None, None, "Googlebot")


@given(st.text(max_size=300))
def test_any_text_is_a_device_and_a_bot_exactly_where_there_are_reasons(agent: str) -> None:
    device = find_device(agent)
    assert device.device_type in {"desktop", "mobile", "tablet", "tv", "bot", "unknown"}
    assert (device.device_type == "bot") == bool(find_bot_reasons(agent))

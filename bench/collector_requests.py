"""The requests of `bench.collector`, as raw bytes separated by NUL."""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mmh3
import msgspec

from mapping.operations.base36 import text36

DISTINCT, AGENTS, BATCH, JSON_BATCH = 200, 25, 50, 100
UNESCAPED = "!'()*-._~"  # left by encodeURIComponent, besides letters and digits
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_"
BROWSERS = (
    "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 Safari/537.36",
    "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{0} Safari/605.1.15",
    "(iPhone; CPU iPhone OS 17_{0} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
    "(X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/115.0",
    "(Linux; Android 14; SM-S91{0}B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
)
PARAMETERS: tuple[Mapping[str, Any], ...] = (
    {"sku": "B-4711", "qty": 2, "price": 19.99, "options": {"size": "M", "gift": False, "engraving": None}, "bundle": ["A-1", "A-2"]},
    {"query": "größe 42 ✓", "results": 117, "filters": ["brand:acme", "colour:red"]},
    {"percent": 80},
    {"products": [{"sku": f"P-{number}", "pos": number, "price": 5.5 + number} for number in range(4)]},
    {"step": 2, "total": 123.45, "currency": "EUR", "coupon": None},
)


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    length = {"Content-Length": str(len(body))} if body else {}
    fields = {"Host": "127.0.0.1", "Connection": "keep-alive", **headers, **length}
    return f"{method} {target} HTTP/1.1\r\n".encode() + "".join(f"{n}: {v}\r\n" for n, v in fields.items()).encode() + b"\r\n" + body


def agent(number: int) -> str:
    return "Mozilla/5.0 " + BROWSERS[number % len(BROWSERS)].format(number % AGENTS // len(BROWSERS) + 1)


def an_id(chance: random.Random) -> str:
    return "".join(chance.choices(LETTERS, k=32))


def mincode(value: Any, key: str | None = None) -> str:
    """Encode a value as Divolte's tracker does."""
    name = "" if key is None else key.replace("~", "~~").replace("!", "~!") + "!"
    match value:
        case True | False | None:
            return {True: "t", False: "f", None: "n"}[value] + name
        case int():
            return f"d{name}{text36(value)}!"
        case float():
            return f"j{name}{value!r}!"
        case str():
            return f"s{name}" + value.replace("~", "~~").replace("!", "~!") + "!"
        case list():
            return f"a{name}" + "".join(map(mincode, value)) + "."
    return f"({name}" + "".join(mincode(inner, inner_name) for inner_name, inner in value.items()) + ")"


def divolte_get(number: int, chance: random.Random) -> bytes:
    """One event of Divolte's tracker: about 400 bytes of query, about 900 in total."""
    created_at = time.time_ns() // 1_000_000 - number
    party = f"0:{text36(created_at - chance.randrange(10**10))}:{an_id(chance)}"
    session = f"0:{text36(created_at - chance.randrange(10**6))}:{an_id(chance)}"
    page_view = f"0:{an_id(chance)}"
    parameters = {
        "p": party,
        "s": session,
        "v": page_view,
        "e": f"{page_view}{number % 20:x}",
        "c": text36(created_at),
        "n": "f" if number % 3 else "t",
        "f": "f" if number % 4 else "t",
        "l": f"https://shop.example/c/shoes?sort=price&page={number}&utm_source=newsletter&utm_campaign=w{number % 52}",
        "r": "https://www.google.com/",
        "i": text36(1920),
        "j": text36(1040),
        "k": "1",
        "w": text36(1905),
        "h": text36(940 - number % 140),
        "t": "addToBasket" if number % 2 else "pageView",
    }
    if number % 2:
        parameters["u"] = mincode({**PARAMETERS[number // 2 % len(PARAMETERS)], "nth": number})
    signed = "".join(f"{name}={parameters[name]},;" for name in sorted(parameters))
    parameters["x"] = text36(mmh3.hash(signed, signed=True))
    query = "&".join(f"{name}={quote(value, safe=UNESCAPED)}" for name, value in parameters.items())
    headers = {
        "User-Agent": agent(number),
        "Accept": "image/avif,image/webp,*/*",
        "Accept-Language": "de,en-US;q=0.7,en;q=0.3",
        "Accept-Encoding": "gzip, deflate, br",
        "Referer": "https://shop.example/",
        "Cookie": f"_dvp={party}; _dvs={session}",
    }
    return request("GET", f"/csc-event?{query}", headers)


def tracker_event(number: int, chance: random.Random) -> dict[str, Any]:
    """Make an event as the tracker sends it."""
    made = {
        "id": f"{chance.getrandbits(128):032x}",
        "type": "pageView" if number % 4 else "pageLeave",
        "created_at": time.time_ns() // 1_000_000 - number,
        "viewport_width": 1200 + number,
        "viewport_height": 720,
        "screen_width": 1920,
        "screen_height": 1080,
        "device_pixel_ratio": 1.5,
        "language": "en-GB",
        "time_zone": "Europe/London",
        "page_view_id": f"{chance.getrandbits(128):032x}",
        "referrer": f"https://search.example/results?q={number}",
        "url": f"https://shop.example/shoes/model-{number}?utm_source=letter&utm_medium=email&utm_campaign=week-{number}&size=9",
        "title": f"Model {number} - Shoes - The Shop",
    }
    return made | ({"parameters": {"sku": f"m-{number}", "price": number + 0.99, "in_stock": True}} if number % 2 else {})


def tracker_post(number: int, chance: random.Random, events: int = 1) -> bytes:
    """One beacon of the tracker, about 1,000 bytes with one event."""
    batch = [tracker_event((number + more) % DISTINCT, chance) for more in range(events)]
    body = msgspec.json.encode({"version": 1, "site": "shop", "sent_at": time.time_ns() // 1_000_000, "events": batch})
    headers = {
        "User-Agent": f"Mozilla/5.0 (X11; Linux x86_64; build {number}) AppleWebKit/537.36 Chrome/{100 + number % 30}.0.0.0 Safari/537.36",
        "Content-Type": "text/plain;charset=UTF-8",
        "Accept": "*/*",
        "Accept-Language": "en-GB,en;q=0.5",
        "Accept-Encoding": "gzip, deflate",
        "Origin": "https://shop.example",
        "Referer": "https://shop.example/",
        "Sec-Fetch-Mode": "cors",
    }
    return request("POST", "/h", headers, body)


def tracker_batch(number: int, chance: random.Random) -> bytes:
    return tracker_post(number, chance, BATCH)


def json_batch(number: int, chance: random.Random) -> bytes:
    """A batch of server-side events in Divolte's JSON format."""
    created_at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{number:03d}Z"
    batch = [
        {
            "party_id": f"0:{text36(created)}:{an_id(chance)}",
            "session_id": f"0:{text36(created)}:{an_id(chance)}",
            "event_id": an_id(chance),
            "is_new_party": False,
            "is_new_session": not more % 4,
            "client_timestamp_iso": created_at,
            "event_type": "addToBasket",
            "parameters": {**PARAMETERS[more % len(PARAMETERS)], "url": f"https://shop.example/p/{more}/men-running-shoe"},
        }
        for more in range(JSON_BATCH)
        for created in [time.time_ns() // 1_000_000 - more]
    ]
    return request("POST", "/json", {"User-Agent": "shop/1.0", "Content-Type": "application/json"}, msgspec.json.encode(batch))


def write_requests(path: Path, make: Callable[[int, random.Random], bytes], distinct: int = DISTINCT) -> Path:
    """Write distinct requests to a file."""
    chance = random.Random(1)
    path.write_bytes(b"\0".join(make(number, chance) for number in range(distinct)))
    return path

"""Events as the tracker sends them, with good defaults."""

import json
import random
import time
from typing import Any

import httpx


def an_event(event_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """Build a page view."""
    event = {
        "id": event_id or f"{random.getrandbits(128):032x}",
        "type": "pageView",
        "created_at": int(time.time() * 1000),
        "page_view_id": f"{random.getrandbits(128):032x}",
        "url": "https://shop.example/products/1?utm_source=letter",
        "title": "Product 1",
        "viewport_width": 1280,
        "viewport_height": 720,
        "language": "en-GB",
        "time_zone": "Europe/London",
    }
    return {name: value for name, value in (event | changes).items() if value is not None}


def a_batch(*events: dict[str, Any], **changes: Any) -> bytes:
    """Build the body of a request."""
    return json.dumps({"version": 1, "site": "shop", "sent_at": int(time.time() * 1000), "events": list(events)} | changes).encode()


def send(client: httpx.Client, url: str, body: bytes, **headers: str) -> httpx.Response:
    """Send a body as the tracker does."""
    return client.post(f"{url}/h", content=body, headers={"content-type": "text/plain;charset=UTF-8", **headers})

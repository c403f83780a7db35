"""Lets a mapping that knows events of the tracker encode those of Divolte's sources."""

from typing import Any

from collector.divolte import mincode
from collector.divolte.json_body import JsonEvent
from collector.divolte.numbers import INT32, number36
from collector.event import Event
from collector.mapping.compile import Encoder

_UNKNOWN = "unknown"  # what the original's own schema says of events without a type


def adapted(encode: Encoder, kind: str) -> Encoder:
    """Give an encoder for events of this kind of source."""
    if kind == "tracker":
        return encode
    make = _of_browser if kind == "browser" else _of_server

    def encode_as_tracker(event: Any, *facts: Any) -> bytes:
        *known, parameters, text, event_key, remote_host, headers, is_corrupt, is_duplicate = facts
        made = make(event, event_key)
        if kind == "browser" and event.get("u") is not None:
            parameters = mincode.decode(event["u"], False)
            text = None if parameters is None else mincode.json_text(parameters)
        made.parameters = parameters
        return encode(made, *known, parameters, text, event_key, remote_host, headers, is_corrupt, is_duplicate)

    return encode_as_tracker


def _of_browser(event: dict[str, str], event_key: str) -> Event:
    return Event(
        id=event_key,
        type=event.get("t") or _UNKNOWN,
        page_view_id=event["v"],
        is_new_party=_flag(event.get("n")),
        is_first_in_session=_flag(event.get("f")),
        url=event.get("l"),
        referrer=event.get("r"),
        viewport_width=number36(event.get("w"), INT32),
        viewport_height=number36(event.get("h"), INT32),
        screen_width=number36(event.get("i"), INT32),
        screen_height=number36(event.get("j"), INT32),
        device_pixel_ratio=_ratio(event.get("k")),
    )


def _of_server(event: JsonEvent, event_key: str) -> Event:
    return Event(
        id=event_key,
        type=event.event_type or _UNKNOWN,
        is_new_party=event.is_new_party if isinstance(event.is_new_party, bool) else None,
        is_first_in_session=event.is_new_session if isinstance(event.is_new_session, bool) else None,
    )


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "t"


def _ratio(text: str | None) -> float | None:
    """Read a number in base 36 that may have a fraction."""
    whole, _, fraction = (text or "").partition(".")
    numerator = number36(whole + fraction[:8])
    return None if numerator is None else numerator / 36 ** len(fraction[:8])

"""The facts of an event that a mapping can draw on, and where the generated code finds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from collector.mapping.expressions import Type

# The arguments of the generated function, in order; `event` is a collector.event.Event.
ARGUMENTS = (
    "event",
    "site",
    "source",
    "received_at",
    "occurred_at",
    "created_at",
    "party_kind",
    "party_id",
    "session_id",
    "address",
    "user_agent",
    "is_skewed",
    "is_cleaned",
    "parameters",
    "parameters_text",
    "event_key",
    "remote_host",
    "headers",
    "is_corrupt",
    "is_duplicate",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One input: the Python expression for it, and whether its texts repeat so that what follows from them is worth remembering."""

    code: str
    type: Type
    is_always: bool = False
    is_repeated: bool = False


def _facts() -> Mapping[str, Fact]:
    text, flag, int32, int64, fp64 = Type.TEXT, Type.BOOLEAN, Type.INT32, Type.INT64, Type.FP64
    return {
        "event_id": Fact("event_key", text, is_always=True),
        "event_type": Fact("event.type", text, is_always=True, is_repeated=True),
        "source": Fact("source", text, is_always=True, is_repeated=True),
        "site": Fact("site", text, is_always=True, is_repeated=True),
        "occurred_at": Fact("occurred_at", int64, is_always=True),
        "received_at": Fact("received_at", int64, is_always=True),
        "created_at": Fact("created_at", int64),
        "party_id": Fact("party_id", text),
        "session_id": Fact("session_id", text),
        "page_view_id": Fact("event.page_view_id", text),
        "party_kind": Fact("party_kind", text, is_always=True, is_repeated=True),
        "is_new_party": Fact("event.is_new_party", flag),
        "is_first_in_session": Fact("event.is_first_in_session", flag),
        "is_duplicate": Fact("is_duplicate", flag, is_always=True),
        "is_corrupt": Fact("is_corrupt", flag, is_always=True),
        "is_skewed": Fact("is_skewed", flag, is_always=True),
        "is_cleaned": Fact("is_cleaned", flag, is_always=True),
        "url": Fact("event.url", text, is_repeated=True),
        "title": Fact("event.title", text, is_repeated=True),
        "referrer": Fact("event.referrer", text, is_repeated=True),
        "viewport_width": Fact("event.viewport_width", int32),
        "viewport_height": Fact("event.viewport_height", int32),
        "screen_width": Fact("event.screen_width", int32),
        "screen_height": Fact("event.screen_height", int32),
        "device_pixel_ratio": Fact("event.device_pixel_ratio", fp64),
        "language": Fact("event.language", text, is_repeated=True),
        "time_zone": Fact("event.time_zone", text, is_repeated=True),
        "engagement_ms": Fact("event.engagement_ms", int64),
        "scroll_percent": Fact("event.scroll_percent", int32),
        "target": Fact("event.target", text, is_repeated=True),
        "x": Fact("event.x", int32),
        "y": Fact("event.y", int32),
        "revenue": Fact("event.revenue", fp64),
        "currency": Fact("event.currency", text, is_repeated=True),
        "product_id": Fact("event.product_id", text, is_repeated=True),
        "quantity": Fact("event.quantity", int32),
        "address": Fact("address", text, is_repeated=True),
        "user_agent": Fact("user_agent", text, is_repeated=True),
        "parameters": Fact("event.parameters", Type.JSON),
        "parameters_text": Fact("parameters_text", Type.JSON),
    }


FACTS: Mapping[str, Fact] = MappingProxyType(_facts())

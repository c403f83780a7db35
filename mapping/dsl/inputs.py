"""The facts of an event that a mapping can draw on, and where the generated code finds them: a table for each kind of source."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from mapping.dsl.expressions import Call, Expression, Type

# The arguments of the generated function, in order. `event` is a collector.events.event.Event of the tracker, the first value of each query
# parameter of a browser, or a collector.divolte.json_body.JsonEvent.
ARGUMENTS: Final = (
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


def _typed(names: str, kind: Type) -> dict[str, Type]:
    return dict.fromkeys(names.split(), kind)


TYPES: Final[Mapping[str, Type]] = MappingProxyType(
    _typed(
        "event_key event_id event_type source site party_id session_id page_view_id party_kind url title referrer language time_zone "
        "target currency product_id address remote_host user_agent",
        Type.TEXT,
    )
    | _typed("is_new_party is_first_in_session is_duplicate is_corrupt is_skewed is_cleaned is_implausible", Type.BOOLEAN)
    | _typed("viewport_width viewport_height screen_width screen_height whole_device_pixel_ratio scroll_percent x y quantity", Type.INT32)
    | _typed("occurred_at received_at created_at engagement_ms", Type.INT64)
    | _typed("device_pixel_ratio revenue", Type.FP64)
    | {"parameters": Type.JSON, "parameters_text": Type.JSON, "headers": Type.HEADERS}
)


INSTANTS: Final = frozenset({"occurred_at", "received_at", "created_at"})  # milliseconds since 1970


class Range(NamedTuple):
    """The numbers from `low` to `high`, both among them."""

    low: int | float
    high: int | float


_LENGTH: Final = Range(0, 32_767)
_POSITION: Final = Range(-1_000_000, 1_000_000)

# What a page, or a server, can mean by each number; any other is absent, and the event is flagged. The reasons are in the README.
RANGES: Final[Mapping[str, Range]] = MappingProxyType(
    dict.fromkeys(("viewport_width", "viewport_height", "screen_width", "screen_height"), _LENGTH)
    | dict.fromkeys(("x", "y"), _POSITION)
    | dict.fromkeys(("device_pixel_ratio", "whole_device_pixel_ratio"), Range(0.1, 25))
    | {
        "scroll_percent": Range(0, 100),
        "engagement_ms": Range(0, 86_400_000),
        "revenue": Range(-10_000_000_000, 10_000_000_000),
        "quantity": Range(-1_000_000, 1_000_000),
    }
)


def plausible(number: Expression, name: str, *, is_whole: bool = False) -> Call:
    """Hold a number to the range of the input of that name; `is_whole` cuts off its fraction."""
    return Call("plausible", (number, *RANGES[name], name, is_whole), number.type)


@dataclass(frozen=True, slots=True)
class Fact:
    """One input: where it stands, what makes a value of it, and whether it repeats so that what follows from it is worth remembering."""

    place: str
    is_always: bool = False
    is_repeated: bool = False
    made_by: str = ""  # a function of the generated code's

    def code(self, place: str = "") -> str:
        """Give the Python expression for the value."""
        return f"{self.made_by}({place or self.place})" if self.made_by else place or self.place


def _of_event(form: str, names: Mapping[str, str], *, repeated: str = "", always: str = "", made_by: str = "") -> dict[str, Fact]:
    return {
        name: Fact(form.format(key), is_always=name in always.split(), is_repeated=name in repeated.split(), made_by=made_by)
        for name, key in names.items()
    }


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


_COMMON: Final[dict[str, Fact]] = {
    name: Fact(name, is_always=True) for name in ("event_key", "occurred_at", "received_at", "is_duplicate", "is_corrupt")
} | {
    "source": Fact("source", is_always=True, is_repeated=True),
    "site": Fact("site", is_always=True, is_repeated=True),
    "created_at": Fact("created_at"),
    "party_id": Fact("party_id"),
    "session_id": Fact("session_id"),
    "party_kind": Fact("party_kind", is_always=True, is_repeated=True),
    "is_skewed": Fact("is_skewed", is_always=True),
    "is_cleaned": Fact("is_cleaned", is_always=True),
    "is_implausible": Fact("is_implausible", is_always=True),  # a variable of the generated code: what it has found so far
    "address": Fact("address", is_repeated=True),
    "remote_host": Fact("remote_host", is_repeated=True),
    "user_agent": Fact("user_agent", is_repeated=True),
    "headers": Fact("headers", is_always=True),
}

_TRACKER: Final = _of_event(
    "event.{}",
    _same("page_view_id is_new_party is_first_in_session url title referrer viewport_width viewport_height screen_width screen_height")
    | _same("device_pixel_ratio language time_zone engagement_ms scroll_percent target x y revenue currency product_id quantity")
    | {"event_id": "id", "event_type": "type"},
    repeated="event_type url title referrer language time_zone target currency product_id",
    always="event_id event_type",
) | {
    "whole_device_pixel_ratio": Fact("event.device_pixel_ratio", made_by="whole_ratio"),
    "parameters": Fact("parameters"),
    "parameters_text": Fact("parameters_text"),
}

_DIVOLTE_TAG: Final = {
    **_of_event('event["{}"]', {"event_id": "e", "page_view_id": "v"}, always="event_id page_view_id"),
    **_of_event('event.get("{}")', {"event_type": "t", "url": "l", "referrer": "r"}, repeated="event_type url referrer"),
    **_of_event('event.get("{}")', {"is_new_party": "n", "is_first_in_session": "f"}, made_by="flag"),
    **_of_event(
        'event.get("{}")',
        {"viewport_width": "w", "viewport_height": "h", "screen_width": "i", "screen_height": "j", "whole_device_pixel_ratio": "k"},
        repeated="viewport_width viewport_height screen_width screen_height whole_device_pixel_ratio",
        made_by="number36",
    ),
    "device_pixel_ratio": Fact('event.get("k")', is_repeated=True, made_by="ratio36"),
    "parameters": Fact('event.get("u")', is_repeated=True, made_by="mincode_value"),
}

_DIVOLTE_JSON: Final = {
    **_of_event("event.{}", {"event_id": "event_id", "event_type": "event_type"}, repeated="event_type", always="event_id"),
    **_of_event("event.{}", {"is_new_party": "is_new_party", "is_first_in_session": "is_new_session"}),
    "parameters": Fact("parameters", made_by="json_parameters"),
    "parameters_text": Fact("parameters_text"),
}

FACTS: Final[Mapping[str, Mapping[str, Fact]]] = MappingProxyType(
    {
        "tracker": _COMMON | _TRACKER,
        "divolte_tag": _COMMON | _DIVOLTE_TAG,
        # A server's events come from the server, whose address and agent are told as Divolte tells them.
        "divolte_json": _COMMON | _DIVOLTE_JSON,
    }
)

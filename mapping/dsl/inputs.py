"""The inputs of a mapping, one definition each: name, description, and the code that reads it from each kind of event.

mapping/README.md has the same table. To add an input, add its definition here and its line there.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mapping.dsl.expressions import Type
from mapping.dsl.input_specs import (
    EVENT_KINDS,
    INPUTS,
    Access,
    InputSpec,
    Range,
    argument,
    by_kind,
    define,
    field,
    flag,
    instant,
    number,
    query,
    required_query,
    text,
    whole,
)
from mapping.dsl.values import Json, Number, Text, Value
from mapping.operations import divolte_query

_MAX_TITLE, _MAX_TEXT = 512, 255

# The numbers that a page or a server can mean. Any other is absent, and its event is flagged. collector/README.md has the reasons.
_LENGTH: Final = Range(0, 32_767)
_POSITION: Final = Range(-1_000_000, 1_000_000)
_RATIO: Final = Range(0.1, 25)
_PERCENT: Final = Range(0, 100)
_DAY_MS: Final = Range(0, 86_400_000)
_MONEY: Final = Range(-10_000_000_000, 10_000_000_000)
_QUANTITY: Final = Range(-1_000_000, 1_000_000)


def _length(function: str, doc: str, parameter: str) -> Callable[[], Number]:
    """Define a length in CSS pixels, with its query parameter of Divolte's tag."""
    accesses = by_kind(tracker=field(function), divolte_tag=query(parameter, is_cached=True, decoder="number36"))
    return whole(function, doc, accesses, _LENGTH)


def _masked_text(function: str, doc: str) -> Callable[[], Text]:
    """Define a short text of the tracker, without e-mail addresses."""
    accesses = by_kind(tracker=field(function, is_cached=True))
    return text(function, doc, accesses, operation="masked_text", max_length=_MAX_TEXT)


# Event

event_key = text("event_key", "Key of the event: 32 hexadecimal digits, shared by its duplicates.", argument("event_key", never_null=True))
event_id = text(
    "event_id",
    "Id of the event, as its source assigned it.",
    by_kind(
        tracker=field("id", never_null=True),
        divolte_tag=required_query(divolte_query.EVENT_ID),
        divolte_json=field("event_id", never_null=True),
    ),
)
event_type = text(
    "event_type",
    "Type of the event.",
    by_kind(
        tracker=field("type", never_null=True, is_cached=True),
        divolte_tag=query(divolte_query.EVENT_TYPE, is_cached=True),
        divolte_json=field("event_type", is_cached=True),
    ),
)
source = text("source", "Source that the event came from.", argument("source", never_null=True, is_cached=True))
site = text("site", "Site that the event belongs to.", argument("site", never_null=True, is_cached=True))
is_duplicate = flag(
    "is_duplicate",
    "Whether the collector saw the event recently; false for sources that leave duplicates to the converter.",
    argument("is_duplicate", never_null=True),
)
is_corrupt = flag(
    "is_corrupt", "Whether the checksum does not match; false for sources without checksums.", argument("is_corrupt", never_null=True)
)
is_skewed = flag("is_skewed", "Whether the page's clock was more than 24 hours off.", argument("is_skewed", never_null=True))
is_cleaned = flag(
    "is_cleaned", "Whether control or invisible characters were removed from a text.", argument("is_cleaned", never_null=True)
)
is_implausible = flag(
    "is_implausible", "Whether a number was out of its range in the rules so far; map it last.", argument("is_implausible", never_null=True)
)

# Time

occurred_at = instant("occurred_at", "Time of the event by the server's clock.", argument("occurred_at", never_null=True))
received_at = instant("received_at", "Time at which the collector received the event.", argument("received_at", never_null=True))
created_at = instant("created_at", "Time of the event by the page's clock.", argument("created_at"))

# Party and session

party_id = text("party_id", "Party id of the page; only with consent.", argument("party_id"))
session_id = text("session_id", "Session id of the page; only with consent.", argument("session_id"))
page_view_id = text(
    "page_view_id",
    "Id of the page view that reported the event.",
    by_kind(tracker=field("page_view_id"), divolte_tag=required_query(divolte_query.PAGE_VIEW_ID)),
)
party_kind = text(
    "party_kind", "How the party may be known: private, consented or none.", argument("party_kind", never_null=True, is_cached=True)
)
is_new_party = flag(
    "is_new_party",
    "Whether the party is new, as reported by the page.",
    by_kind(
        tracker=field("is_new_party"), divolte_tag=query(divolte_query.IS_NEW_PARTY, decoder="flag"), divolte_json=field("is_new_party")
    ),
)
is_first_in_session = flag(
    "is_first_in_session",
    "Whether the event is the first of its session, as reported by the page.",
    by_kind(
        tracker=field("is_first_in_session"),
        divolte_tag=query(divolte_query.IS_FIRST_IN_SESSION, decoder="flag"),
        divolte_json=field("is_new_session"),
    ),
)

# Page

raw_location = text(
    "raw_location",
    "URL of the page as the browser sent it: personal data; `location()` is its clean form.",
    by_kind(tracker=field("url", is_cached=True), divolte_tag=query(divolte_query.URL, is_cached=True)),
    name="url",
)
raw_referrer = text(
    "raw_referrer",
    "URL of the referring page as the browser sent it: personal data; `referrer()` is its clean form.",
    by_kind(tracker=field("referrer", is_cached=True), divolte_tag=query(divolte_query.REFERRER, is_cached=True)),
    name="referrer",
)
page_title = text(
    "page_title",
    "Title of the page, without e-mail addresses.",
    by_kind(tracker=field("title", is_cached=True)),
    name="title",
    operation="masked_title",
    max_length=_MAX_TITLE,
)
target = text(
    "target",
    "URL that a click led to, cleaned like `location()`.",
    by_kind(tracker=field("target", is_cached=True)),
    operation="page_address",
)

# Device

viewport_width = _length("viewport_width", "Width of the viewport, CSS pixels.", divolte_query.VIEWPORT_WIDTH)
viewport_height = _length("viewport_height", "Height of the viewport, CSS pixels.", divolte_query.VIEWPORT_HEIGHT)
screen_width = _length("screen_width", "Width of the screen, CSS pixels.", divolte_query.SCREEN_WIDTH)
screen_height = _length("screen_height", "Height of the screen, CSS pixels.", divolte_query.SCREEN_HEIGHT)
device_pixel_ratio = number(
    "device_pixel_ratio",
    "Device pixels per CSS pixel.",
    by_kind(tracker=field("device_pixel_ratio"), divolte_tag=query(divolte_query.DEVICE_PIXEL_RATIO, is_cached=True, decoder="ratio36")),
    _RATIO,
    Type.FP64,
)
whole_device_pixel_ratio = number(
    "whole_device_pixel_ratio",
    "Device pixels per CSS pixel as a whole number; absent if it has a fraction.",
    by_kind(
        tracker=field("device_pixel_ratio", decoder="whole_ratio"),
        divolte_tag=query(divolte_query.DEVICE_PIXEL_RATIO, is_cached=True, decoder="number36"),
    ),
    _RATIO,
    Type.INT32,
)
language = _masked_text("language", "Preferred language of the browser.")
time_zone = _masked_text("time_zone", "Time zone of the browser.")
user_agent_string = text(
    "user_agent_string", "User-Agent header of the browser, not cut.", argument("user_agent", is_cached=True), name="user_agent"
)
address = text("address", "Client IP, truncated.", argument("address", is_cached=True))
remote_host = text(
    "remote_host", "Client IP, not truncated: personal data; `address()` is its truncated form.", argument("remote_host", is_cached=True)
)
request_headers = define(InputSpec("headers", Type.HEADERS, "", "", argument("headers", never_null=True)), Value)

# Action

engagement_ms = whole(
    "engagement_ms",
    "Engaged time since the last report of the page view, in milliseconds.",
    by_kind(tracker=field("engagement_ms")),
    _DAY_MS,
    Type.INT64,
)
scroll_percent = whole(
    "scroll_percent", "Deepest part of the page seen, in percent of its height.", by_kind(tracker=field("scroll_percent")), _PERCENT
)
x = whole("x", "Horizontal position of a click, CSS pixels.", by_kind(tracker=field("x")), _POSITION)
y = whole("y", "Vertical position of a click, CSS pixels.", by_kind(tracker=field("y")), _POSITION)
revenue = number("revenue", "Revenue of a purchase.", by_kind(tracker=field("revenue")), _MONEY, Type.FP64)
currency = _masked_text("currency", "Currency of the revenue.")
product_id = _masked_text("product_id", "Product of the event, without e-mail addresses.")
quantity = whole("quantity", "Quantity of the product.", by_kind(tracker=field("quantity")), _QUANTITY)
event_parameters = define(
    InputSpec(
        "parameters",
        Type.JSON,
        "event_parameters",
        "The page's own event parameters.",
        by_kind(
            tracker=Access("parameters"),
            divolte_tag=query(divolte_query.PARAMETERS, is_cached=True, decoder="mincode_value"),
            divolte_json=Access("parameters", decoder="json_parameters"),
        ),
    ),
    Json,
)
define(
    InputSpec("parameters_text", Type.JSON, "", "", by_kind(tracker=Access("parameters_text"), divolte_json=Access("parameters_text"))),
    Json,
)

FUNCTIONS: Final = tuple(spec.function for spec in INPUTS.values() if spec.function)
if not TYPE_CHECKING:  # type checkers would take a computed list for an empty one
    __all__ = list(FUNCTIONS)

ACCESSES: Final[Mapping[str, Mapping[str, Access]]] = MappingProxyType(
    {kind: {name: spec.accesses[kind] for name, spec in INPUTS.items() if kind in spec.accesses} for kind in EVENT_KINDS}
)
RANGES: Final[Mapping[str, Range]] = MappingProxyType({name: spec.range for name, spec in INPUTS.items() if spec.range is not None})
INSTANTS: Final = frozenset(name for name, spec in INPUTS.items() if spec.is_instant)

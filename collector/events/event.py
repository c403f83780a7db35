"""Events and batches as they arrive, and the reasons to reject them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Raw, Struct

from cleaning.texts import MAX_TEXT
from topics import accounts

MAX_EVENTS = 50
LATEST = 253_402_300_799_999  # the last millisecond of the year 9999

Text: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT)] | None
Number: TypeAlias = int | float | None  # of any size: the mapping limits it to the range of its input


class RejectReason(StrEnum):
    """The reason to reject an event or a whole batch."""

    # the batch as a whole
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    TOO_MANY_EVENTS = "too_many_events"
    NO_EVENTS = "no_events"
    INVALID_ENCODING = "invalid_encoding"
    INVALID_JSON = "invalid_json"
    INVALID_BATCH = "invalid_batch"
    UNKNOWN_VERSION = "unknown_version"
    INVALID_SITE = "invalid_site"
    SITE_NOT_ALLOWED = "site_not_allowed"
    INVALID_CONTENT_ENCODING = "invalid_content_encoding"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_BYTES = "too_many_bytes"
    # an event, or every event of a batch
    INVALID_TIME = "invalid_time"
    EVENT_TOO_OLD = "event_too_old"
    INVALID_EVENT = "invalid_event"
    INVALID_EVENT_ID = "invalid_event_id"
    INVALID_EVENT_TYPE = "invalid_event_type"
    INVALID_IDENTIFIER = "invalid_identifier"
    INVALID_FIELD = "invalid_field"
    INVALID_TEXT = "invalid_text"
    INVALID_PARAMETERS = "invalid_parameters"
    # an event in one of Divolte's formats
    INVALID_CONTENT_TYPE = "invalid_content_type"
    MISSING_PARTY = "missing_party"
    INVALID_PARTY = "invalid_party"
    MISSING_SESSION = "missing_session"
    INVALID_SESSION = "invalid_session"
    MISSING_PAGE_VIEW = "missing_page_view"
    MISSING_EVENT_ID = "missing_event_id"
    INVALID_CLIENT_TIME = "invalid_client_time"
    MISSING_FLAG = "missing_flag"
    CORRUPT = "corrupt"
    DUPLICATE = accounts.DUPLICATE


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected event, or batch; the message says what would be valid and never contains what a visitor sent."""

    reason: RejectReason
    message: str
    event_id: str = ""


class Event(Struct, forbid_unknown_fields=True, gc=False):
    """One event of the tracker. Mandatory fields have a default, so that each gets its own reject reason when it is missing."""

    id: str = ""
    type: str = ""
    created_at: int | float | None = None
    page_view_id: str | None = None
    party_id: str | None = None
    session_id: str | None = None
    is_new_party: bool | None = None
    is_first_in_session: bool | None = None
    is_private: bool | None = None
    url: Text = None
    title: Text = None
    referrer: Text = None
    viewport_width: Number = None
    viewport_height: Number = None
    screen_width: Number = None
    screen_height: Number = None
    device_pixel_ratio: Number = None
    language: Text = None
    time_zone: Text = None
    engagement_ms: Number = None
    scroll_percent: Number = None
    target: Text = None
    x: Number = None
    y: Number = None
    revenue: Number = None
    currency: Text = None
    product_id: Text = None
    quantity: Number = None
    parameters: object = None  # an object; any value from our script in place of Divolte's


class TrustedEvent(Event, forbid_unknown_fields=True, gc=False):
    """One event of a trusted source, which may set its time, client IP and user agent."""

    occurred_at: int | float | None = None
    address: Text = None
    user_agent: Text = None


# The keys that hold texts of visitors, which are checked and cleaned.
TEXTS: Final = ("type", *(name for name, annotation in Event.__annotations__.items() if annotation == Text))
TRUSTED_TEXTS: Final = (*TEXTS, *(name for name, annotation in TrustedEvent.__annotations__.items() if annotation == Text))


class LenientEvent(Event, forbid_unknown_fields=False, gc=False):
    """An event with keys that are unknown to this version."""


class LenientTrustedEvent(TrustedEvent, forbid_unknown_fields=False, gc=False):
    """An event of a trusted source with keys that are unknown to this version."""


class Batch(Struct, forbid_unknown_fields=True, gc=False):
    """A batch whose events are all well-formed, without unknown keys: the usual case."""

    events: Annotated[list[Event], Meta(min_length=1, max_length=MAX_EVENTS)]
    version: int = 0
    site: str = ""
    sent_at: int | float | None = None


class TrustedBatch(Struct, forbid_unknown_fields=True, gc=False):
    """A batch of a trusted source whose events are all well-formed."""

    events: Annotated[list[TrustedEvent], Meta(min_length=1, max_length=MAX_EVENTS)]
    version: int = 0
    site: str = ""
    sent_at: int | float | None = None


class Envelope(Struct, gc=False):
    """A batch whose events are not decoded, to parse them one by one."""

    events: list[Raw]
    version: int = 0
    site: str = ""
    sent_at: int | float | None = None

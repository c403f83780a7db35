"""The rules from event to the record of clickstream.avsc. They are evaluated once, when the collector starts. Later rules win."""

from mapping import (
    CLICK_IDS,
    CLICK_MARKS,
    address,
    created_at,
    currency,
    device_pixel_ratio,
    engagement_ms,
    event_key,
    event_parameters,
    event_type,
    is_cleaned,
    is_corrupt,
    is_duplicate,
    is_first_in_session,
    is_implausible,
    is_new_party,
    is_skewed,
    language,
    location,
    map_,
    occurred_at,
    page_title,
    page_view_id,
    party_id,
    party_kind,
    product_id,
    quantity,
    received_at,
    referrer,
    revenue,
    screen_height,
    screen_width,
    scroll_percent,
    session_id,
    site,
    source,
    target,
    time_zone,
    user_agent,
    viewport_height,
    viewport_width,
    x,
    y,
)

# Event
map_(event_key()).onto("event_id")
map_("unknown").onto("event_type")
map_(event_type()).onto("event_type")
map_(source()).onto("source")
map_(site()).onto("site")
map_(occurred_at()).onto("occurred_at")
map_(received_at()).onto("received_at")
map_(created_at()).onto("created_at")

# Party and session
map_(party_id()).onto("party_id")
map_(session_id()).onto("session_id")
map_(page_view_id()).onto("page_view_id")
map_(party_kind()).onto("party_kind")
map_(is_new_party()).onto("is_new_party")
map_(is_first_in_session()).onto("is_first_in_session")

# Flags
map_(is_duplicate()).onto("is_duplicate")
map_(is_corrupt()).onto("is_corrupt")
map_(is_skewed()).onto("is_skewed")
map_(is_cleaned()).onto("is_cleaned")

# Page
map_(location()).onto("page_url")
map_(location().uri().host()).onto("page_host")
map_(location().uri().path()).onto("page_path")
map_(page_title()).onto("page_title")
map_(referrer()).onto("referrer")
map_(referrer().uri().host()).onto("referrer_host")
for name in ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"):
    map_(location().uri().query().value(name)).onto(name)
for names in (CLICK_MARKS, CLICK_IDS):
    map_(location().uri().query().first_of(*names)).onto("click_id")

# Device
map_(viewport_width()).onto("viewport_width")
map_(viewport_height()).onto("viewport_height")
map_(screen_width()).onto("screen_width")
map_(screen_height()).onto("screen_height")
map_(device_pixel_ratio()).onto("device_pixel_ratio")
map_(language()).onto("language")
map_(time_zone()).onto("time_zone")
map_(address()).onto("address")
map_(user_agent()).onto("user_agent")

# Action
map_(engagement_ms()).onto("engagement_ms")
map_(scroll_percent()).onto("scroll_percent")
map_(target()).onto("target")
map_(x()).onto("x")
map_(y()).onto("y")

# Purchase: from the event, or else from its parameters
for name, value in {"revenue": revenue(), "currency": currency(), "product_id": product_id(), "quantity": quantity()}.items():
    map_(event_parameters().path(f"$.{name}")).onto(name)
    map_(value).onto(name)
map_(event_parameters()).onto("parameters")

# A number above was out of its range
map_(is_implausible()).onto("is_implausible")

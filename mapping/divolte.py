"""The rules from event to the record of DefaultEventRecord.avsc, the same as Divolte's built-in mapping."""

from mapping import (
    created_at,
    event_type,
    is_corrupt,
    is_duplicate,
    is_first_in_session,
    map_,
    page_view_id,
    party_id,
    raw_location,
    raw_referrer,
    received_at,
    remote_host,
    screen_height,
    screen_width,
    session_id,
    user_agent,
    user_agent_string,
    viewport_height,
    viewport_width,
)

# Fields without a default in the schema, which events may lack here: an event of a visitor who opted out has no session.
map_(False).onto("firstInSession")
map_(received_at()).onto("clientTimestamp")
map_("").onto("remoteHost")

map_(is_duplicate()).onto("detectedDuplicate")
map_(is_corrupt()).onto("detectedCorruption")
map_(is_first_in_session()).onto("firstInSession")
map_(received_at()).onto("timestamp")
map_(created_at()).onto("clientTimestamp")
map_(remote_host()).onto("remoteHost")

map_(raw_referrer()).onto("referer")
map_(raw_location()).onto("location")
map_(viewport_width()).onto("viewportPixelWidth")
map_(viewport_height()).onto("viewportPixelHeight")
map_(screen_width()).onto("screenPixelWidth")
map_(screen_height()).onto("screenPixelHeight")

map_(party_id()).onto("partyId")
map_(session_id()).onto("sessionId")
map_(page_view_id()).onto("pageViewId")
map_(event_type()).onto("eventType")

map_(user_agent_string()).onto("userAgentString")
map_(user_agent().name()).onto("userAgentName")
map_(user_agent().family()).onto("userAgentFamily")
map_(user_agent().vendor()).onto("userAgentVendor")
map_(user_agent().type()).onto("userAgentType")
map_(user_agent().version()).onto("userAgentVersion")
map_(user_agent().device_category()).onto("userAgentDeviceCategory")
map_(user_agent().os_family()).onto("userAgentOsFamily")
map_(user_agent().os_version()).onto("userAgentOsVersion")
map_(user_agent().os_vendor()).onto("userAgentOsVendor")

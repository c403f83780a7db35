"""Events of each kind of source that mappings are tried on."""

from typing import Any

from support.collector.divolte import PAGE_VIEW, PARTY, SESSION, mincode_of
from support.mapping.mappings import ID

from collector.divolte.json_body import JsonEvent
from collector.events.event import Event

AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/38.0.2125.122 Safari/537.36"
PAGE = "https://Shop.example:8443/a%20b/%2F?q=x+y&q=2&=e&n=#/c/d?k=v%20w"
BROWSER = {
    "p": PARTY,
    "s": SESSION,
    "v": PAGE_VIEW,
    "e": PAGE_VIEW + "0",
    "n": "t",
    "f": "f",
    "l": PAGE,
    "r": "https://search.example/?q=secret",
    "i": "1hc",
    "j": "sw",
    "k": "2",
    "w": "140",
    "h": "p0",
    "t": "pageView",
    "u": mincode_of({"a": "text", "n": 7, "list": [1, 2], "deep": {"er": [{"x": "y"}, {"x": "z"}]}, "null": None}),
}
SERVER = JsonEvent(event_id="e-1", event_type="order", is_new_party=True, is_new_session=False, parameters={"a": "text"})
PARAMETERS: dict[str, object] = {
    "a": "text",
    "n": 7,
    "half": 0.5,
    "list": [1, 2],
    "yes": True,
    "null": None,
    "empty": "",
    "items": [{"sku": "s1", "price": 5}, {"sku": "s2", "price": 15, "x y": None}, {"price": 25}],
}
PAGED = Event(id=ID, type="a", title="a title", parameters=PARAMETERS)
INPUTS: dict[str, Any] = {"party_id": PARTY, "session_id": SESSION, "address": "192.0.2.0", "remote_host": "192.0.2.7", "user_agent": AGENT}

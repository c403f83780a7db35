"""The names that a mapping can use for the facts of an event."""

from mapping.dsl.expressions import Call, Type
from mapping.dsl.inputs import plausible
from mapping.dsl.values import Boolean, Digest, Header, Json, Match, Number, Parsed, Text, Value, name_of, text_of, value_of
from mapping.operations import digests

MAX_TITLE, MAX_TEXT, MAX_AGENT = 512, 255, 512


def _text(name: str) -> Text:
    return Text(value_of(name).expression)


def _number(name: str) -> Number:
    return Number(value_of(name).expression)


def _plausible(name: str) -> Number:
    """Return a number held to its range."""
    return Number(plausible(value_of(name).expression, name))


def _whole(name: str) -> Number:
    """Return a number held to its range, without the fraction that pages may report."""
    return Number(plausible(value_of(name).expression, name, is_whole=True))


def _flag(name: str) -> Boolean:
    return Boolean(value_of(name).expression)


def event_key() -> Text:
    """32 hexadecimal digits that tell the event from all others, whatever its source: repeats have the same."""
    return _text("event_key")


def event_id() -> Text:
    """The event's own id, as its source gave it."""
    return _text("event_id")


def event_type() -> Text:
    """What kind of event it is."""
    return _text("event_type")


def source() -> Text:
    """Where the event came from."""
    return _text("source")


def site() -> Text:
    """The site it belongs to."""
    return _text("site")


def occurred_at() -> Number:
    """When it happened, by the server's clock."""
    return _number("occurred_at")


def received_at() -> Number:
    """When the collector received it."""
    return _number("received_at")


def created_at() -> Number:
    """When it happened, by the page's clock."""
    return _number("created_at")


def party_id() -> Text:
    """The party as the page knows it; only with consent."""
    return _text("party_id")


def session_id() -> Text:
    """The session as the page knows it; only with consent."""
    return _text("session_id")


def page_view_id() -> Text:
    """The page view it was reported from."""
    return _text("page_view_id")


def party_kind() -> Text:
    """How the party may be known: private, consented or none."""
    return _text("party_kind")


def is_new_party() -> Boolean:
    """The page's word that the party is new."""
    return _flag("is_new_party")


def is_first_in_session() -> Boolean:
    """The page's word that the session begins here."""
    return _flag("is_first_in_session")


def is_duplicate() -> Boolean:
    """Whether the collector saw the event a moment ago; false from sources whose repeats the converter removes exactly."""
    return _flag("is_duplicate")


def is_corrupt() -> Boolean:
    """Whether the checksum does not match; false from sources that have none."""
    return _flag("is_corrupt")


def is_skewed() -> Boolean:
    """Whether the page's clock was more than 24 hours off."""
    return _flag("is_skewed")


def is_cleaned() -> Boolean:
    """Whether control characters, or characters that nobody sees, were removed from a text."""
    return _flag("is_cleaned")


def is_implausible() -> Boolean:
    """Whether a number was out of its range, in the rules so far: map it last."""
    return _flag("is_implausible")


def location() -> Text:
    """Address of the page, reduced to what may be kept."""
    return Text(Call("page_address", (value_of("url").expression,), Type.TEXT))


def raw_location() -> Text:
    """Address of the page as the browser told it, with all it holds; location() has what may be kept."""
    return _text("url")


def page_title() -> Text:
    """Title of the page, without e-mail addresses."""
    return text_of("title", MAX_TITLE, "masked_title")


def referrer() -> Text:
    """Address of the referring page, reduced to origin and path."""
    return Text(Call("referrer_address", (value_of("referrer").expression,), Type.TEXT))


def raw_referrer() -> Text:
    """Address of the referring page as the browser told it; referrer() has what may be kept."""
    return _text("referrer")


def viewport_width() -> Number:
    """Width of the viewport."""
    return _whole("viewport_width")


def viewport_height() -> Number:
    """Height of the viewport."""
    return _whole("viewport_height")


def screen_width() -> Number:
    """Width of the screen."""
    return _whole("screen_width")


def screen_height() -> Number:
    """Height of the screen."""
    return _whole("screen_height")


def device_pixel_ratio() -> Number:
    """Device pixels per CSS pixel."""
    return _plausible("device_pixel_ratio")


def whole_device_pixel_ratio() -> Number:
    """Device pixels per CSS pixel as a whole number; absent if it has a fraction."""
    return _plausible("whole_device_pixel_ratio")


def language() -> Text:
    """Preferred language of the browser."""
    return text_of("language", MAX_TEXT, "masked_text")


def time_zone() -> Text:
    """Time zone of the browser."""
    return text_of("time_zone", MAX_TEXT, "masked_text")


def engagement_ms() -> Number:
    """Engaged time since the last report of the page view."""
    return _whole("engagement_ms")


def scroll_percent() -> Number:
    """Deepest part of the page seen."""
    return _whole("scroll_percent")


def target() -> Text:
    """Address that a click led to, reduced as the page's own."""
    return Text(Call("page_address", (value_of("target").expression,), Type.TEXT))


def x() -> Number:
    """Horizontal position of a click."""
    return _whole("x")


def y() -> Number:
    """Vertical position of a click."""
    return _whole("y")


def revenue() -> Number:
    """Money of a purchase."""
    return _plausible("revenue")


def currency() -> Text:
    """Currency of the revenue."""
    return text_of("currency", MAX_TEXT, "masked_text")


def product_id() -> Text:
    """Product that the event is about, without e-mail addresses."""
    return text_of("product_id", MAX_TEXT, "masked_text")


def quantity() -> Number:
    """How many of the product."""
    return _whole("quantity")


def address() -> Text:
    """Network address of the browser, cut."""
    return _text("address")


def remote_host() -> Text:
    """Network address of the browser, whole; address() is cut."""
    return _text("remote_host")


class Agent(Text):
    """The browser's User-Agent, and what it tells of machine and program."""

    __slots__ = ()

    def name(self) -> Text:
        """Name of the browser."""
        return self._text("agent_part", "name")

    def family(self) -> Text:
        """Name of the browser."""
        return self._text("agent_part", "family")

    def vendor(self) -> Text:
        """Maker of the browser."""
        return self._text("agent_part", "vendor")

    def type(self) -> Text:
        """Browser, Mobile Browser, Robot, Library or Feed Reader."""
        return self._text("agent_part", "type")

    def version(self) -> Text:
        """Major version of the browser."""
        return self._text("agent_part", "version")

    def device_category(self) -> Text:
        """Personal computer, Smartphone, Tablet, Smart TV or Other."""
        return self._text("agent_part", "device_category")

    def os_family(self) -> Text:
        """Name of the operating system."""
        return self._text("agent_part", "os_family")

    def os_version(self) -> Text:
        """Version of the operating system, major and minor."""
        return self._text("agent_part", "os_version")

    def os_vendor(self) -> Text:
        """Maker of the operating system."""
        return self._text("agent_part", "os_vendor")


def user_agent() -> Agent:
    """The browser's User-Agent, cut to 512 characters; what follows from it is what the converter finds."""
    return Agent(text_of("user_agent", MAX_AGENT).expression)


def user_agent_string() -> Text:
    """The browser's User-Agent, whole."""
    return _text("user_agent")


def cookie(name: str) -> Text:
    """The value of a cookie."""
    return Text(Call("cookie", (value_of("headers").expression, name_of(name)), Type.TEXT))


def header(name: str) -> Header:
    """The values of a header."""
    return Header(Call("header", (value_of("headers").expression, name_of(name).lower()), Type.TEXTS))


def event_parameters() -> Json:
    """The page's own parameters of the event, whole."""
    return Json(value_of("parameters").expression)


def event_parameter(name: str) -> Text:
    """The text of one parameter."""
    return event_parameters().value(name)


def parse(value: Value) -> Parsed:
    """Begin to read a text as a type, which .to_int32() and its like say."""
    return Parsed(value)


def match(pattern: str) -> Match:
    """Begin to compare a text with a regular expression, which must match it whole; .against(...) says which."""
    return Match(pattern)


def digest(algorithm: str, seed: str | None = None) -> Digest:
    """Begin a digest; with a seed, one that only who knows the seed can make."""
    return Digest(digests.check(algorithm, seed))

"""The functions of the language that derive more than one value from an input, or take an argument."""

from mapping.dsl.expressions import Call, Type
from mapping.dsl.inputs import event_parameters, raw_location, raw_referrer, request_headers, user_agent_string
from mapping.dsl.values import Digest, Header, Match, Parsed, Text, Value, name_of
from mapping.operations import digests

__all__ = ["cookie", "digest", "event_parameter", "header", "location", "match", "parse", "referrer", "user_agent"]

_MAX_USER_AGENT = 512


def location() -> Text:
    """Return the URL of the page, without the parts that must not be kept."""
    return Text(Call("page_address", (raw_location().expression,), Type.TEXT))


def referrer() -> Text:
    """Return the URL of the referring page, origin and path only."""
    return Text(Call("referrer_address", (raw_referrer().expression,), Type.TEXT))


class Agent(Text):
    """The User-Agent header, and what it reveals about device and browser."""

    __slots__ = ()

    def name(self) -> Text:
        """Return the name of the browser."""
        return self._text("agent_part", "name")

    def family(self) -> Text:
        """Return the name of the browser."""
        return self._text("agent_part", "family")

    def vendor(self) -> Text:
        """Return the maker of the browser."""
        return self._text("agent_part", "vendor")

    def type(self) -> Text:
        """Return the type: Browser, Mobile Browser, Robot, Library or Feed Reader."""
        return self._text("agent_part", "type")

    def version(self) -> Text:
        """Return the major version of the browser."""
        return self._text("agent_part", "version")

    def device_category(self) -> Text:
        """Return the category: Personal computer, Smartphone, Tablet, Smart TV or Other."""
        return self._text("agent_part", "device_category")

    def os_family(self) -> Text:
        """Return the name of the operating system."""
        return self._text("agent_part", "os_family")

    def os_version(self) -> Text:
        """Return the version of the operating system, major and minor."""
        return self._text("agent_part", "os_version")

    def os_vendor(self) -> Text:
        """Return the maker of the operating system."""
        return self._text("agent_part", "os_vendor")


def user_agent() -> Agent:
    """Return the User-Agent header, cut to 512 characters; its parts are those that the converter finds."""
    return Agent(Call("cut", (user_agent_string().expression, _MAX_USER_AGENT), Type.TEXT))


def cookie(name: str) -> Text:
    """Return the value of a cookie."""
    return Text(Call("cookie", (request_headers().expression, name_of(name)), Type.TEXT))


def header(name: str) -> Header:
    """Return the values of a header."""
    return Header(Call("header", (request_headers().expression, name_of(name).lower()), Type.TEXTS))


def event_parameter(name: str) -> Text:
    """Return the text of one event parameter."""
    return event_parameters().value(name)


def parse(value: Value) -> Parsed:
    """Parse a text; `.to_int32()` and the other methods of the result select the type."""
    return Parsed(value)


def match(pattern: str) -> Match:
    """Match a whole text against a regular expression; `.against(...)` takes the text."""
    return Match(pattern)


def digest(algorithm: str, seed: str | None = None) -> Digest:
    """Begin a digest. With a seed, only those that know the seed can compute it."""
    return Digest(digests.check(algorithm, seed))

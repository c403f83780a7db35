"""What Divolte's words are called here, and what each gives."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Kind(StrEnum):
    """What an expression gives, in words for a message."""

    TEXT = "a text of the event"
    NUMBER = "a number of the event"
    BOOLEAN = "a condition"
    LIST = "a list of texts of the event"
    HEADER = "a header"
    JSON = "a JSON value"
    URI = "an address"
    QUERY = "a query"
    MATCHER = "a matcher"
    AGENT = "a user agent"
    PLACE = "a place"
    DIGEST = "a digest that is not finished"
    BYTES = "the bytes of a digest"
    PARSE = "parse without a type"
    MATCH = "match without a value"
    WORD = "a constant text"
    COUNT = "a constant whole number"
    REAL = "a constant number"
    FLAG = "a constant"
    ITEMS = "a constant list"
    ENTRIES = "a constant map"
    MIXED = "one of several kinds"
    NOTHING = "null"
    FAILED = "what is not understood"


UNMAPPABLE = frozenset(
    {Kind.URI, Kind.MATCHER, Kind.AGENT, Kind.PLACE, Kind.DIGEST, Kind.PARSE, Kind.MATCH, Kind.ITEMS, Kind.ENTRIES, Kind.NOTHING}
)


@dataclass(frozen=True, slots=True)
class Word:
    """A function or method: its name in Python, what it gives, how many arguments it takes."""

    name: str
    kind: Kind
    fewest: int = 0
    most: int = 0


def snake(name: str) -> str:
    """Give a name in the case of Python."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _words(kind: Kind, names: str, arguments: int = 0) -> dict[str, Word]:
    """Make words of names, given as theirs=ours where ours is not just theirs in snake case."""
    pairs = (name.partition("=") for name in names.split())
    return {theirs: Word(ours or snake(theirs), kind, arguments, arguments) for theirs, _, ours in pairs}


FUNCTIONS = {
    **_words(
        Kind.TEXT, "location=raw_location referer=raw_referrer eventType remoteHost partyId sessionId pageViewId eventId userAgentString"
    ),
    **_words(Kind.BOOLEAN, "firstInSession=is_first_in_session corrupt=is_corrupt duplicate=is_duplicate"),
    **_words(Kind.NUMBER, "timestamp=received_at clientTimestamp=created_at devicePixelRatio=whole_device_pixel_ratio"),
    **_words(Kind.NUMBER, "viewportPixelWidth=viewport_width viewportPixelHeight=viewport_height"),
    **_words(Kind.NUMBER, "screenPixelWidth=screen_width screenPixelHeight=screen_height"),
    **_words(Kind.TEXT, "cookie eventParameter", 1),
    **_words(Kind.HEADER, "header", 1),
    **_words(Kind.JSON, "eventParameters"),
    **_words(Kind.AGENT, "userAgent"),
    "ip2geo": Word("ip2geo", Kind.PLACE, 0, 1),
    "digest": Word("digest", Kind.DIGEST, 1, 2),
    "not": Word("not_", Kind.BOOLEAN, 1, 1),
    "parse": Word("parse", Kind.PARSE, 1, 1),
    "match": Word("match", Kind.MATCH, 1, 1),
}

WHOLE_ADDRESSES = {"raw_location": "location", "raw_referrer": "referrer", "remote_host": "address"}

TYPES = {
    "int32": Word("to_int32", Kind.NUMBER),
    "int64": Word("to_int64", Kind.NUMBER),
    "fp32": Word("to_fp32", Kind.NUMBER),
    "fp64": Word("to_fp64", Kind.NUMBER),
    "bool": Word("to_bool", Kind.BOOLEAN),
    "uri": Word("to_uri", Kind.URI),
}

_VALUE = {**_words(Kind.BOOLEAN, "isPresent isAbsent"), **_words(Kind.BOOLEAN, "equalTo", 1)}

METHODS: dict[Kind, dict[str, Word]] = {
    Kind.TEXT: _VALUE,
    Kind.NUMBER: _VALUE,
    Kind.LIST: _VALUE,
    Kind.BOOLEAN: {**_VALUE, **_words(Kind.BOOLEAN, "and=and_ or=or_", 1), **_words(Kind.BOOLEAN, "negate")},
    Kind.HEADER: {**_VALUE, **_words(Kind.TEXT, "first last commaSeparated"), **_words(Kind.TEXT, "get", 1)},
    Kind.JSON: {**_VALUE, **_words(Kind.TEXT, "value", 1), **_words(Kind.JSON, "path", 1)},
    Kind.URI: {
        **_VALUE,
        **_words(Kind.TEXT, "scheme host path rawPath rawQueryString decodedQueryString rawFragment decodedFragment"),
        **_words(Kind.NUMBER, "port"),
        **_words(Kind.QUERY, "query"),
    },
    Kind.QUERY: {**_VALUE, **_words(Kind.TEXT, "value", 1), **_words(Kind.LIST, "valueList", 1)},
    Kind.MATCH: _words(Kind.MATCHER, "against", 1),
    Kind.MATCHER: {**_VALUE, **_words(Kind.BOOLEAN, "matches"), **_words(Kind.TEXT, "group", 1)},
    Kind.AGENT: {
        **_VALUE,
        **_words(Kind.TEXT, "name family vendor type version deviceCategory osFamily osVersion osVendor"),
    },
    Kind.PLACE: {
        **_VALUE,
        **_words(Kind.NUMBER, "cityId continentId countryId metroCode mostSpecificSubdivisionId registeredCountryId representedCountryId"),
        **_words(Kind.NUMBER, "autonomousSystemNumber latitude longitude"),
        **_words(Kind.BOOLEAN, "anonymousProxy satelliteProvider"),
        **_words(Kind.LIST, "subdivisionIds subdivisionCodes subdivisionNames"),
        **_words(Kind.TEXT, "cityName continentCode continentName countryCode countryName timeZone postalCode domain isp organisation"),
        **_words(Kind.TEXT, "mostSpecificSubdivisionCode mostSpecificSubdivisionName autonomousSystemOrganization"),
        **_words(Kind.TEXT, "registeredCountryCode registeredCountryName representedCountryCode representedCountryName"),
    },
    Kind.DIGEST: {**_words(Kind.DIGEST, "add", 1), **_words(Kind.BYTES, "result")},
    Kind.BYTES: {**_VALUE, **_words(Kind.TEXT, "toHexLower toHexUpper toBase64")},
    Kind.WORD: _words(Kind.WORD, "toLowerCase=lower toUpperCase=upper"),
}


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Give the end of a message: the known name that is most like this one."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else otherwise and f"; {otherwise}"

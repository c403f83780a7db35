"""The functions and methods of Divolte's mappings, with their names here and the kind of their result."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Kind(StrEnum):
    """The kind of an expression, as error messages name it."""

    TEXT = "a text of the event"
    NUMBER = "a number of the event"
    BOOLEAN = "a condition"
    LIST = "a list of texts of the event"
    HEADER = "a header"
    JSON = "a JSON value"
    URI = "a URL"
    QUERY = "a query"
    MATCHER = "a matcher"
    AGENT = "a user agent"
    PLACE = "a place"
    DIGEST = "an unfinished digest"
    BYTES = "the bytes of a digest"
    PARSE = "parse without a type"
    MATCH = "match without a value"
    WORD = "a constant text"
    COUNT = "a constant whole number"
    REAL = "a constant number"
    FLAG = "a constant boolean"
    ITEMS = "a constant list"
    ENTRIES = "a constant map"
    MIXED = "a value of several kinds"
    NOTHING = "null"
    FAILED = "an expression with a fault"


UNMAPPABLE = frozenset(
    {Kind.URI, Kind.MATCHER, Kind.AGENT, Kind.PLACE, Kind.DIGEST, Kind.PARSE, Kind.MATCH, Kind.ITEMS, Kind.ENTRIES, Kind.NOTHING}
)


@dataclass(frozen=True, slots=True)
class Signature:
    """A function or method: its name in Python, the kind of its result, and its number of arguments."""

    name: str
    kind: Kind
    min_arguments: int = 0
    max_arguments: int = 0


def snake(name: str) -> str:
    """Convert a name to snake case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _signatures(kind: Kind, names: str, arguments: int = 0) -> dict[str, Signature]:
    """Return signatures by Divolte's name. A name is written as theirs=ours if ours is not theirs in snake case."""
    pairs = (name.partition("=") for name in names.split())
    return {theirs: Signature(ours or snake(theirs), kind, arguments, arguments) for theirs, _, ours in pairs}


FUNCTIONS = {
    **_signatures(
        Kind.TEXT, "location=raw_location referer=raw_referrer eventType remoteHost partyId sessionId pageViewId eventId userAgentString"
    ),
    **_signatures(Kind.BOOLEAN, "firstInSession=is_first_in_session corrupt=is_corrupt duplicate=is_duplicate"),
    **_signatures(Kind.NUMBER, "timestamp=received_at clientTimestamp=created_at devicePixelRatio=whole_device_pixel_ratio"),
    **_signatures(Kind.NUMBER, "viewportPixelWidth=viewport_width viewportPixelHeight=viewport_height"),
    **_signatures(Kind.NUMBER, "screenPixelWidth=screen_width screenPixelHeight=screen_height"),
    **_signatures(Kind.TEXT, "cookie eventParameter", 1),
    **_signatures(Kind.HEADER, "header", 1),
    **_signatures(Kind.JSON, "eventParameters"),
    **_signatures(Kind.AGENT, "userAgent"),
    "ip2geo": Signature("ip2geo", Kind.PLACE, 0, 1),
    "digest": Signature("digest", Kind.DIGEST, 1, 2),
    "not": Signature("not_", Kind.BOOLEAN, 1, 1),
    "parse": Signature("parse", Kind.PARSE, 1, 1),
    "match": Signature("match", Kind.MATCH, 1, 1),
}

# Inputs with personal data, and the inputs with the parts that may be kept.
CLEAN_INPUTS = {"raw_location": "location", "raw_referrer": "referrer", "remote_host": "address"}

TYPES = {
    "int32": Signature("to_int32", Kind.NUMBER),
    "int64": Signature("to_int64", Kind.NUMBER),
    "fp32": Signature("to_fp32", Kind.NUMBER),
    "fp64": Signature("to_fp64", Kind.NUMBER),
    "bool": Signature("to_bool", Kind.BOOLEAN),
    "uri": Signature("to_uri", Kind.URI),
}

_VALUE = {**_signatures(Kind.BOOLEAN, "isPresent isAbsent"), **_signatures(Kind.BOOLEAN, "equalTo", 1)}

METHODS: dict[Kind, dict[str, Signature]] = {
    Kind.TEXT: _VALUE,
    Kind.NUMBER: _VALUE,
    Kind.LIST: _VALUE,
    Kind.BOOLEAN: {**_VALUE, **_signatures(Kind.BOOLEAN, "and=and_ or=or_", 1), **_signatures(Kind.BOOLEAN, "negate")},
    Kind.HEADER: {**_VALUE, **_signatures(Kind.TEXT, "first last commaSeparated"), **_signatures(Kind.TEXT, "get", 1)},
    Kind.JSON: {**_VALUE, **_signatures(Kind.TEXT, "value", 1), **_signatures(Kind.JSON, "path", 1)},
    Kind.URI: {
        **_VALUE,
        **_signatures(Kind.TEXT, "scheme host path rawPath rawQueryString decodedQueryString rawFragment decodedFragment"),
        **_signatures(Kind.NUMBER, "port"),
        **_signatures(Kind.QUERY, "query"),
    },
    Kind.QUERY: {**_VALUE, **_signatures(Kind.TEXT, "value", 1), **_signatures(Kind.LIST, "valueList", 1)},
    Kind.MATCH: _signatures(Kind.MATCHER, "against", 1),
    Kind.MATCHER: {**_VALUE, **_signatures(Kind.BOOLEAN, "matches"), **_signatures(Kind.TEXT, "group", 1)},
    Kind.AGENT: {
        **_VALUE,
        **_signatures(Kind.TEXT, "name family vendor type version deviceCategory osFamily osVersion osVendor"),
    },
    Kind.PLACE: {
        **_VALUE,
        **_signatures(
            Kind.NUMBER, "cityId continentId countryId metroCode mostSpecificSubdivisionId registeredCountryId representedCountryId"
        ),
        **_signatures(Kind.NUMBER, "autonomousSystemNumber latitude longitude"),
        **_signatures(Kind.BOOLEAN, "anonymousProxy satelliteProvider"),
        **_signatures(Kind.LIST, "subdivisionIds subdivisionCodes subdivisionNames"),
        **_signatures(
            Kind.TEXT, "cityName continentCode continentName countryCode countryName timeZone postalCode domain isp organisation"
        ),
        **_signatures(Kind.TEXT, "mostSpecificSubdivisionCode mostSpecificSubdivisionName autonomousSystemOrganization"),
        **_signatures(Kind.TEXT, "registeredCountryCode registeredCountryName representedCountryCode representedCountryName"),
    },
    Kind.DIGEST: {**_signatures(Kind.DIGEST, "add", 1), **_signatures(Kind.BYTES, "result")},
    Kind.BYTES: {**_VALUE, **_signatures(Kind.TEXT, "toHexLower toHexUpper toBase64")},
    Kind.WORD: _signatures(Kind.WORD, "toLowerCase=lower toUpperCase=upper"),
}


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the end of a message: the known name that is closest to this one."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else otherwise and f"; {otherwise}"
